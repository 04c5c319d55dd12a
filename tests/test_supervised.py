"""Labels beside rows: the classifier, the regressor, and what both share."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from numpydoc.docscrape import ClassDoc
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, make_friedman1
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from skae import (
    Autoencoder,
    AutoencoderClassifier,
    AutoencoderRegressor,
    ConditionalVariationalAutoencoder,
    Convolutional,
    DenoisingAutoencoder,
    Dense,
    StackedAutoencoder,
    VariationalAutoencoder,
)
from skae.data.batch import Batch
from skae.data.rows import Rows
from skae.data.samples import Samples
from skae.data.scaling import Scaling
from skae.supervised.batches import LabelledBatches
from skae.supervised.graph import spread
from skae.supervised.network import cross_entropy, squared_error
from skae.supervised.targets import read_classes
from skae.training.seeds import make_generator
from tests.discovery import CONDITIONAL, ESTIMATORS, SUPERVISED, name_of

QUICK = dict(max_epochs=2, random_state=0)
SMALL = Dense((16,))
every_kind = pytest.mark.parametrize("kind", SUPERVISED, ids=name_of)


def _quick_encoder(n_components=2, **parameters):
    return Autoencoder(n_components, architecture=SMALL, **{**QUICK, **parameters})


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def digit_labels():
    return load_digits().target


CHECKS = [
    pytest.param(
        instance,
        check,
        id=f"{name}-{number}-{'default' if kind is None else 'quick'}-{cls.__name__}",
        marks=[pytest.mark.slow],
    )
    for cls in SUPERVISED
    for kind in (None, _quick_encoder(n_components=8))
    for number, (instance, check) in enumerate(
        estimator_checks_generator(cls() if kind is None else cls(kind, max_epochs=10))
    )
    if (name := getattr(check, "func", check).__name__)
]


@pytest.mark.parametrize(("instance", "check"), CHECKS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_check_estimator(instance, check):
    check(instance)


# -- what y may be


@pytest.mark.parametrize(
    ("y", "classes", "numbers"),
    [
        ([-1, 1, 1], [-1, 1], [0, 1, 1]),
        ([-1, 0, 1], [0, 1], [-1, 0, 1]),
        (np.array([-1.0, 2.0, 3.0, np.nan]), [2, 3], [-1, 0, 1, -1]),
        (["a", "b", "a"], ["a", "b"], [0, 1, 0]),
        (np.array(["a", "b", "-1"]), ["a", "b"], [0, 1, -1]),
        (np.array(["a", None, "b", -1], dtype=object), ["a", "b"], [0, -1, 1, -1]),
        (pd.Series(["x", None, "y"], dtype="category"), ["x", "y"], [0, -1, 1]),
        ([True, False, True], [False, True], [1, 0, 1]),
    ],
    ids=repr,
)
def test_labels_that_are_read(y, classes, numbers):
    found, of_rows = read_classes(y, -1)
    assert found.tolist() == classes
    assert of_rows.tolist() == numbers


def test_what_marks_rows_without_a_label():
    assert read_classes([-1, 0, 1], None)[0].tolist() == [-1, 0, 1]
    assert read_classes([9, 0, 1], 9)[1].tolist() == [-1, 0, 1]
    assert read_classes(["?", "a", "b"], "?")[0].tolist() == ["a", "b"]
    assert read_classes([1, 2, 2], "?")[0].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("y", "unlabelled", "message"),
    [
        ([-1, -1, -1], -1, "holds no label: all of its 3 values"),
        ([None, None], "?", "holds no label"),
        ([1, 1, 1], -1, "one class, .*1.*, where at least 2"),
        (["?", "a", "a"], "?", "one class"),
        (np.array(["a", None], dtype=object), None, "missing in row 1"),
        ([0.5, 1.5, 2.0], -1, "continuous"),
        ([0.0, np.inf, 1.0], -1, "infinity"),
        (np.array(["a", 1, "b"], dtype=object), -1, "types int, str"),
    ],
    ids=repr,
)
def test_labels_that_are_refused(y, unlabelled, message):
    with pytest.raises(ValueError, match=message):
        read_classes(y, unlabelled)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y"),
        (np.arange(149), "inconsistent numbers of samples"),
        (np.full(150, np.nan), "NaN|no label"),
        (np.full(150, np.inf), "infinity"),
    ],
    ids=["missing", "shorter", "NaN", "infinite"],
)
@every_kind
def test_bad_targets_are_named(kind, y, message, iris):
    model = kind(_quick_encoder(), **QUICK)
    with pytest.raises(ValueError, match=message):
        model.fit(iris[0], y)
    assert not hasattr(model, "encoder_")


@every_kind
def test_bad_encoders_are_named(kind, iris):
    X, y = iris
    for encoder in (LogisticRegression(), Autoencoder, "plain"):
        with pytest.raises(ValueError, match="'encoder' parameter of"):
            kind(encoder).fit(X, y)
    for held in (Autoencoder(), StandardScaler().fit(X)):
        with pytest.raises(ValueError, match="must hold a fitted autoencoder"):
            kind(FrozenEstimator(held)).fit(X, y)
    with pytest.raises(ValueError, match="needs a condition"):
        kind(ConditionalVariationalAutoencoder()).fit(X, y)
    fitted = _quick_encoder().fit(X[:, :3])
    with pytest.raises(ValueError, match="X has 4 features, but .* 3 features"):
        kind(fitted).fit(X, y)
    with pytest.raises(ValueError, match="hidden_sizes"):
        kind(Autoencoder(architecture=Dense((0,)))).fit(X, y)


def test_a_class_of_one_row_is_learned_and_not_validated_on(digits, digit_labels):
    y = np.where(digit_labels[:300] == 3, 3, 5)
    y[17] = 9
    model = AutoencoderClassifier(_quick_encoder(), **QUICK).fit(digits[:300], y)
    assert model.classes_.tolist() == [3, 5, 9]
    label = np.eye(3)[[0, 0, 1, 1, 2]]
    assert model._spared(label, np.array([0, 2, 4])).tolist() == [0, 2]


# -- the network


def test_losses_of_labels_against_sklearn(rng):
    from sklearn.metrics import log_loss, mean_squared_error

    logits, y = rng.normal(size=(20, 3)), rng.integers(3, size=20)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    found = cross_entropy(torch.tensor(logits), torch.eye(3)[y].double())
    assert found.mean().item() == pytest.approx(log_loss(y, shares))
    found = squared_error(torch.tensor(logits[:, :1]), torch.tensor(logits[:, 1:2]))
    assert found.mean().item() == pytest.approx(
        mean_squared_error(logits[:, 1], logits[:, 0])
    )


def _net_of(model, X, y):
    """Return the net that a model trains, and a batch of the rows."""
    known = model._read(y, None)._asdict()
    model.encoder_ = model._pretrained(X, None, 0)
    samples = model.encoder_._validated(X, known)
    net = model._make_net(model._head_start(samples), 0, False, samples)
    return net, model._rows(samples, None, net).take(slice(0, len(X)))


def test_every_term_has_a_gradient_and_the_sum_is_what_is_said(iris):
    X, y = iris
    parts = {}
    for weight in (0.0, 1.0, 2.0):
        net, batch = _net_of(
            AutoencoderClassifier(
                _quick_encoder(l1_penalty=0.01), reconstruction_weight=weight
            ),
            X,
            y,
        )
        net.module_.train()
        cost = net.criterion_(net.module_(batch), batch)
        cost.backward()
        parts[weight] = cost.item()
        reached = net.module_.autoencoder.decoder.last.weight.grad
        assert (reached is not None and bool(reached.any())) == (weight > 0)
        assert net.module_.head.linear.weight.grad.any()
        assert net.module_.autoencoder.head.weight.grad.any()
    assert parts[2.0] - parts[1.0] == pytest.approx(parts[1.0] - parts[0.0], rel=1e-5)
    by_hand = net.criterion_.reconstruction(net.module_.autoencoder(batch), batch)
    assert parts[1.0] - parts[0.0] == pytest.approx(by_hand.item(), rel=1e-5)


def test_weights_of_labels_act_on_the_labels_alone(iris):
    net, batch = _net_of(AutoencoderClassifier(_quick_encoder()), *iris)
    result, criterion = net.module_.eval()(batch), net.criterion_
    rows = criterion.per_row(result, batch)
    weight = torch.linspace(0, 2, len(rows))
    weighted = criterion(result, batch._replace(label_weight=weight))
    assert weighted.item() == pytest.approx(
        ((rows * weight).sum() / weight.sum()).item(), rel=1e-5
    )


def test_batches_have_labelled_rows_however_few(rng):
    weight = np.zeros(1000)
    weight[:8] = 1
    samples = Samples(np.zeros((1000, 1)), label=weight[:, None], label_weight=weight)
    batches = LabelledBatches(Rows(samples, Scaling()), 32, make_generator(0))
    found = [int(batch.label_weight.sum()) for batch in batches]
    assert found == [8] * len(batches)
    order = batches.order()
    assert len(order) == batches.n_rows
    assert np.bincount(order)[8:].tolist() == [1] * 992
    spread_over = np.bincount(order)[:8]
    assert spread_over.max() - spread_over.min() <= 1
    plain = LabelledBatches(Rows(samples, Scaling()), 32)
    assert torch.cat([batch.label_weight for batch in plain]).tolist() == list(weight)


def test_labels_spread_as_in_closed_form(rng):
    codes = np.vstack((rng.normal(size=(20, 2)), rng.normal(size=(20, 2)) + 6))
    label = np.zeros((40, 2))
    label[0, 0] = label[20, 1] = 1
    found, certainty = spread(
        codes, label, label.sum(axis=1), n_neighbors=5, rng=np.random.default_rng(0)
    )
    assert found.argmax(axis=1).tolist() == [0] * 20 + [1] * 20
    assert (found.sum(axis=1) == 1).all()
    assert ((certainty > 0) & (certainty <= 1)).all()


def test_rows_that_no_label_reaches_have_none():
    codes = np.repeat([[0.0], [50.0], [900.0]], 5, axis=0) + np.arange(15)[:, None] / 99
    label = np.zeros((15, 2))
    label[0, 0] = label[5, 1] = 1
    found, certainty = spread(
        codes, label, label.sum(axis=1), n_neighbors=4, rng=np.random.default_rng(0)
    )
    assert not found[10:].any()
    assert not certainty[10:].any()
    assert found[:10].argmax(axis=1).tolist() == [0] * 5 + [1] * 5


# -- what comes of it


@every_kind
@pytest.mark.parametrize(
    "encoder",
    [
        *(kind for kind in ESTIMATORS if kind not in CONDITIONAL),
        Convolutional,
    ],
    ids=name_of,
)
def test_every_autoencoder_takes_labels(kind, encoder, digits, digit_labels):
    X, y = digits[:120], digit_labels[:120].astype(float)
    y[::3] = np.nan
    if encoder is Convolutional:
        X = X.reshape(-1, 1, 8, 8)
        encoder = Autoencoder(4, architecture=Convolutional((4,)), max_epochs=1)
    else:
        encoder = encoder(4, architecture=SMALL, max_epochs=1)
    model = kind(encoder, **QUICK).fit(X, y)
    assert model.transform(X).shape == (120, 4)
    assert model.reconstruct(X).shape == X.shape
    assert model.inverse_transform(model.transform(X)).shape == X.shape
    assert np.isfinite(model.score(X[1::3], y[1::3]))
    assert model.encoder_ is not encoder
    assert "net_" not in vars(encoder)
    decisions = model.transform(X) @ model.coef_.T + model.intercept_
    if kind is AutoencoderRegressor:
        np.testing.assert_allclose(model.predict(X), decisions, rtol=1e-5)
    else:
        np.testing.assert_allclose(model.decision_function(X), decisions, atol=1e-6)
        np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-6)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


@pytest.mark.slow
def test_the_classifier_learns_digits(digits, digit_labels):
    train, test = slice(0, 1200), slice(1200, None)
    ae = DenoisingAutoencoder(16, max_epochs=20, random_state=0).fit(digits[train])
    model = AutoencoderClassifier(ae, max_epochs=20, random_state=0)
    score = model.fit(digits[train], digit_labels[train]).score(
        digits[test], digit_labels[test]
    )
    linear = LogisticRegression(max_iter=1000)
    codes = ae.transform(digits)
    linear.fit(codes[train], digit_labels[train])
    assert score > 0.92
    assert score > linear.score(codes[test], digit_labels[test]) + 0.01
    assert len(model.history_) == model.n_iter_ > 20
    assert "train_reconstruction" in model.history_[0]
    assert "train_reconstruction" not in model.history_[-1]
    assert ae.score(digits) > -0.1  # which is as it was


@pytest.mark.slow
def test_few_labels_gain_by_rows_without(digits, digit_labels):
    train, test = slice(0, 1200), slice(1200, None)
    few = np.full(1200, -1)
    chosen = np.concatenate(
        [np.flatnonzero(digit_labels[train] == digit)[:3] for digit in range(10)]
    )
    few[chosen] = digit_labels[chosen]
    ae = DenoisingAutoencoder(16, max_epochs=20, random_state=0).fit(digits[train])
    scores = {}
    for weight in (0.0, 1.0):
        model = AutoencoderClassifier(
            ae, spread_weight=weight, max_epochs=10, random_state=0
        ).fit(digits[train], few)
        scores[weight] = model.score(digits[test], digit_labels[test])
    linear = LogisticRegression(max_iter=1000).fit(digits[chosen], few[chosen])
    assert scores[1.0] > scores[0.0] + 0.05
    assert scores[1.0] > linear.score(digits[test], digit_labels[test]) + 0.05


@pytest.mark.slow
def test_the_regressor_learns_what_is_not_linear():
    X, y = make_friedman1(500, random_state=0)
    X_test, y_test = make_friedman1(500, random_state=1)
    model = AutoencoderRegressor(max_epochs=60, random_state=0).fit(X, y)
    frozen = clone(model).set_params(fine_tune=False).fit(X, y)
    assert model.score(X_test, y_test) > 0.9 > 0.8 > frozen.score(X_test, y_test)
    shifted = clone(model).fit(X, 1e4 + 100 * y)
    np.testing.assert_allclose(
        shifted.predict(X_test), 1e4 + 100 * model.predict(X_test), rtol=1e-3
    )


def test_few_numbers_among_many_rows():
    X, y = make_friedman1(600, random_state=0)
    few = np.where(np.arange(600) < 40, y, np.nan)
    model = AutoencoderRegressor(_quick_encoder(), **QUICK).fit(X, few)
    assert np.isfinite(model.predict(X)).all()
    constant = AutoencoderRegressor(_quick_encoder(), **QUICK).fit(X, np.full(600, 7.0))
    np.testing.assert_allclose(constant.predict(X), 7.0, rtol=1e-6)


def test_fine_tune_false_leaves_the_autoencoder_as_it_is(iris):
    X, y = iris
    ae = _quick_encoder().fit(X)
    for encoder in (ae, FrozenEstimator(ae)):
        model = AutoencoderClassifier(encoder, fine_tune=False).fit(X, y)
        np.testing.assert_array_equal(model.transform(X), ae.transform(X))
        assert model.n_iter_ == 0
    codes = ae.transform(X)
    linear = make_pipeline(StandardScaler(), LogisticRegression(tol=1e-8)).fit(codes, y)
    np.testing.assert_allclose(
        model.predict_proba(X), linear.predict_proba(codes), atol=1e-3
    )


def test_a_fitted_encoder_is_where_training_starts_and_survives_clone(iris):
    X, y = iris
    ae = _quick_encoder(max_epochs=5).fit(X)
    before = ae.transform(X)
    model = AutoencoderClassifier(ae, learning_rate=1e-9, early_stopping=False, **QUICK)
    for one in (model, clone(model), clone(clone(model))):
        np.testing.assert_allclose(one.fit(X, y).transform(X), before, atol=1e-4)
    held = AutoencoderClassifier(
        FrozenEstimator(ae), max_epochs=20, early_stopping=False, random_state=0
    )
    assert not np.allclose(clone(held).fit(X, y).transform(X), before, atol=1e-2)
    np.testing.assert_array_equal(ae.transform(X), before)
    assert cross_val_score(held, X, y, cv=3).mean() > 0.8
    # What is not fitted is fitted anew in each clone.
    assert "net_" not in vars(clone(AutoencoderClassifier(_quick_encoder())).encoder)


@pytest.mark.slow
def test_searches_over_the_weight_and_the_nested_autoencoder(iris):
    X, y = iris
    grid = {
        "reconstruction_weight": [0.1, 10.0],
        "encoder__n_components": [1, 3],
        "encoder__architecture__hidden_sizes": [(8,)],
    }
    model = AutoencoderClassifier(_quick_encoder(), **QUICK)
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    kinds = {"encoder": [_quick_encoder(), VariationalAutoencoder(2, max_epochs=1)]}
    GridSearchCV(model, kinds, cv=2).fit(X, y)


def test_results_repeat_and_the_last_digits_follow_the_precision(iris):
    X, y = iris
    first, second = (
        AutoencoderClassifier(_quick_encoder(random_state=None), **QUICK).fit(X, y)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    assert first.predict_proba(X).dtype == np.float64
    assert first.predict_proba(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(
        first.predict_proba(X[:3]), first.predict_proba(X)[:3], rtol=1e-9
    )


@pytest.mark.slow
def test_frames_with_categories_and_gaps():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=200),
            "kind": rng.choice(["a", "b", "c"], size=200),
        }
    )
    y = np.where((frame["kind"] == "a") | (frame["size"] > 1), "yes", "no")
    frame.loc[::7, "size"] = np.nan
    frame.loc[::11, "kind"] = None
    model = AutoencoderClassifier(
        Autoencoder(4, max_epochs=2), max_epochs=20, random_state=0
    ).fit(frame, y)
    assert model.score(frame, y) > 0.85
    assert model.feature_names_in_.tolist() == ["size", "kind"]
    assert list(model.reconstruct(frame).columns) == ["size", "kind"]
    codes = model.set_output(transform="pandas").transform(frame)
    assert codes.columns[0] == "autoencoderclassifier0"


# parameter: (value, the parameters that it is compared under)
CHANGES = {
    "encoder": (_quick_encoder(code_activation="tanh"), {}),
    "fine_tune": (False, {}),
    "reconstruction_weight": (20.0, {}),
    "max_epochs": (3, {}),
    "batch_size": (100, {}),
    "optimizer": ("sgd", {}),
    "learning_rate": (0.02, {}),
    "encoder_learning_rate": (1e-6, {}),
    "weight_decay": (1.0, {"early_stopping": False}),
    "early_stopping": (False, {"learning_rate": 0.03, "max_epochs": 30}),
    "validation_fraction": (0.4, {}),
    "patience": (1, {"max_epochs": 40, "learning_rate": 0.03}),
    "random_state": (1, {}),
    "class_weight": ({0: 5.0, 1: 1.0, 2: 1.0}, {}),
    "unlabelled": (0, {}),
    "spread_weight": (0.1, {}),
    "n_neighbors": (3, {}),
}


def _outcome(kind, iris, **parameters):
    X, y = iris
    y = np.where(np.arange(150) % 4 == 0, -1, y)
    if kind is AutoencoderRegressor:
        y = np.where(y < 0, np.nan, y)
    given = {"encoder": _quick_encoder(), "max_epochs": 6, "random_state": 0}
    model = kind().set_params(**{**given, **parameters}).fit(X, y)
    return np.atleast_2d(model.coef_)


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
@every_kind
def test_every_parameter_changes_the_outcome(kind, name, iris):
    if name not in kind().get_params():
        pytest.skip("the other's")
    value, under = CHANGES[name]
    before = _outcome(kind, iris, **under)
    after = _outcome(kind, iris, **{**under, name: value})
    assert before.shape != after.shape or not np.allclose(before, after, rtol=1e-3)


@every_kind
def test_every_parameter_is_covered(kind, iris, capsys):
    assert set(kind().get_params(deep=False)) <= {*CHANGES, "verbose"}
    kind(_quick_encoder(), verbose=1, **QUICK).fit(*iris)
    assert kind.__name__ in capsys.readouterr().err


@every_kind
def test_documented_attributes_exist_after_fit(kind, iris):
    X = pd.DataFrame(iris[0], columns=list("abcd"))
    model = kind(_quick_encoder(), **QUICK).fit(X, iris[1])
    documented = {
        name
        for entry in ClassDoc(kind)["Attributes"]
        for name in entry.name.split(", ")
    }
    public = {name for name in vars(model) if name.endswith("_") and name[0] != "_"}
    assert public == documented


def test_weights_of_rows_are_numbers_of_rows(iris):
    X, y = iris[0][::6], iris[1][::6]
    weight = np.arange(25) % 2 + 1
    few = dict(encoder=_quick_encoder(), random_state=0, max_epochs=5)
    weighted = AutoencoderClassifier(**few).fit(X, y, sample_weight=weight)
    repeated = AutoencoderClassifier(**few).fit(X.repeat(weight, 0), y.repeat(weight))
    np.testing.assert_allclose(
        weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-7
    )
    with pytest.raises(ValueError, match="class"):
        AutoencoderClassifier(**few).fit(X, y, sample_weight=(y == 0).astype(float))


def test_the_threshold_is_that_of_the_trained_autoencoder(iris):
    X, y = iris
    model = AutoencoderClassifier(
        Autoencoder(2, max_epochs=2, contamination=0.2), max_epochs=30, random_state=0
    ).fit(X, y)
    assert np.mean(model.encoder_.predict(X) == -1) == pytest.approx(0.2, abs=0.03)


def test_layers_of_a_stack_are_trained_first(digits, digit_labels):
    stack = StackedAutoencoder(
        4, architecture=Dense((12,)), max_epochs=1, random_state=0
    )
    model = AutoencoderClassifier(stack, **QUICK).fit(digits[:200], digit_labels[:200])
    assert len(model.encoder_.layers_) == 2


def test_rates_of_parts_are_kept_where_weights_decay(iris):
    model = AutoencoderClassifier(
        _quick_encoder(), encoder_learning_rate=1e-4, weight_decay=0.1
    )
    net, batch = _net_of(model, *iris)
    net.set_rate(0.01)
    rates = {}
    for group in net.optimizer_.param_groups:
        for name, weight in net.module_.named_parameters():
            if any(weight is one for one in group["params"]):
                rates[name] = group["lr"], group["weight_decay"]
    assert rates["head.linear.weight"] == (0.01, 0.1)
    assert rates["head.linear.bias"] == (0.01, 0.0)
    assert rates["autoencoder.head.weight"] == pytest.approx((0.001, 0.1))
    assert rates["autoencoder.head.bias"] == pytest.approx((0.001, 0.0))


def test_batches_carry_labels():
    batch = Batch(torch.zeros(3, 2), label=torch.ones(3, 1), label_weight=torch.ones(3))
    parts = batch.split([1, 2])
    assert parts[1].label.shape == (2, 1)
    assert Batch.joined(parts).label_weight.shape == (3,)
