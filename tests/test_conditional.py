"""The conditional variational autoencoder: labels and numbers beside the rows."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import Columns, ConditionalVariationalAutoencoder, Dense, GaussianNoise
from skae.autoencoders.conditional.encoding import Conditions
from skae.data.batch import Batch

QUICK = dict(max_epochs=3, random_state=0, architecture=Dense((8,)))


@pytest.fixture(scope="module")
def grouped():
    """Rows of three groups about their own centres, and the names of the groups."""
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0, 0, 0], [4, 0, 1, 2], [0, 4, -2, 1]], dtype=float)
    y = rng.integers(3, size=300)
    style = rng.normal(size=(300, 1)) @ np.array([[1.0, 1.0, 0.5, -0.5]])
    X = centres[y] + style + 0.3 * rng.normal(size=(300, 4))
    return X, np.array(["red", "green", "blue"])[y]


@pytest.fixture(scope="module")
def model(grouped):
    return ConditionalVariationalAutoencoder(1, random_state=0).fit(*grouped)


# -- conditions


def test_labels_become_indicators():
    conditions = Conditions(["b", "a", "b", "c"])
    assert conditions.labels == [["a", "b", "c"]]
    assert conditions.names.tolist() == ["a", "b", "c"]
    assert conditions.frequencies.tolist() == [0.25, 0.5, 0.25]
    assert conditions.encode(["c", "a"]).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert conditions.encode("b", 2).tolist() == [[0, 1, 0]] * 2
    assert conditions.encode(np.array("b"), 1).tolist() == [[0, 1, 0]]


@pytest.mark.parametrize(
    "y",
    [[3, 1, 1], [True, False, True], [2.0, 1.0, 2.0], pd.Series(["x", "y", "y"])]
    + [pd.Series(["b", "a", "a"], dtype="category")],
)
def test_labels_of_any_kind(y):
    conditions = Conditions(y)
    assert conditions.n_outputs == 2
    encoded = conditions.encode(y)
    assert encoded.sum(axis=1).tolist() == [1, 1, 1]
    value = np.asarray(y)[0]
    np.testing.assert_array_equal(conditions.encode(value, 1)[0], encoded[0])


def test_fractions_are_continuous():
    y = np.array([0.5, 1.0, 3.0])
    conditions = Conditions(y)
    assert not conditions.are_labels
    encoded = conditions.encode(y)
    np.testing.assert_allclose(encoded[:, 0], (y - y.mean()) / y.std(), rtol=1e-6)
    assert conditions.combinations.tolist() == [[0.0]]
    np.testing.assert_allclose(conditions.names, [1.5])


def test_columns_of_both_kinds():
    frame = pd.DataFrame({"kind": ["a", "b", "a"], "size": [0.5, 1.5, 2.5]})
    for y in (frame, frame.to_numpy()):
        conditions = Conditions(y)
        assert conditions.labels == [["a", "b"], None]
        assert conditions.names.tolist() == [["a", 1.5], ["b", 1.5]]
        np.testing.assert_allclose(
            conditions.encode(["b", 1.5], 2), [[0, 1, 0], [0, 1, 0]]
        )
    np.testing.assert_allclose(conditions.frequencies, [2 / 3, 1 / 3])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a", None], "NaN or None in column 0"),
        (pd.Series(["a", pd.NA], dtype="string"), "NaN or None in column 0"),
        ([1.0, np.nan], "NaN or None"),
        ([1.5, np.inf], "infinity"),
        (["a", 1], "mixes labels of several types"),
        (np.zeros((2, 2, 2)), "one or two dimensions"),
        ([], "y is empty"),
        ([1j, 2j], "Complex data not supported"),
    ],
)
def test_bad_conditions_are_named(y, message):
    y = np.array(y, dtype=object) if "mixes" in message else y
    with pytest.raises(ValueError, match=message):
        Conditions(y)


def test_bad_conditions_to_encode_are_named():
    conditions = Conditions(["a", "b"])
    with pytest.raises(ValueError, match="'z' in column 0, a label that fit has not"):
        conditions.encode(["a", "z"])
    with pytest.raises(ValueError, match="1 conditions for 3 rows"):
        conditions.encode(["a"], 3)
    with pytest.raises(ValueError, match="2 columns, but y had 1"):
        conditions.encode([["a", "b"]], 1)
    with pytest.raises(ValueError, match="Column 0 of condition must be numeric"):
        Conditions([0.5, 1.0]).encode(["big", "small"])


# -- the model


def test_samples_are_of_the_condition_asked_for(model, grouped):
    X, y = grouped
    classifier = LogisticRegression().fit(X, y)
    for label in ("red", "green", "blue"):
        draws = model.sample(300, 0, condition=label, draw=True)
        assert np.mean(classifier.predict(draws) == label) > 0.95
        np.testing.assert_allclose(
            draws.mean(axis=0), X[y == label].mean(axis=0), atol=0.3
        )
    asked = np.repeat(["red", "blue"], 50)
    rows = model.sample(100, 0, condition=asked)
    assert np.mean(classifier.predict(rows) == asked) > 0.95
    unasked = classifier.predict(model.sample(600, 0))
    shares = [np.mean(unasked == label) for label in model.conditions_]
    np.testing.assert_allclose(shares, model.condition_prior_, atol=0.1)


def test_the_condition_posterior_is_bayes_rule(model, grouped):
    X, y = grouped
    found = model.condition_posterior(X)
    bounds = np.stack(
        [model.score_samples(X, condition=label) for label in model.conditions_], axis=1
    )
    weights = np.exp(bounds - bounds.max(axis=1, keepdims=True))
    weights *= model.condition_prior_
    np.testing.assert_allclose(found, weights / weights.sum(axis=1, keepdims=True))
    assert np.mean(model.conditions_[found.argmax(axis=1)] == y) > 0.97


def test_without_a_condition_the_most_probable_is_taken(model, grouped):
    X, y = grouped
    likeliest = model.conditions_[model.condition_posterior(X).argmax(axis=1)]
    for method in ("transform", "score_samples", "reconstruct", "reconstruction_error"):
        np.testing.assert_array_equal(
            getattr(model, method)(X), getattr(model, method)(X, condition=likeliest)
        )
    other = model.transform(X, condition="blue")
    assert (other[y != "blue"] != model.transform(X)[y != "blue"]).any()
    np.testing.assert_array_equal(model.posterior(X)[0], model.transform(X))
    assert model.score(X) == pytest.approx(model.score_samples(X).mean())
    assert model.score(X, y) == pytest.approx(
        model.score_samples(X, condition=y).mean()
    )


def test_codes_leave_the_condition_out(model, grouped):
    X, y = grouped
    codes = model.transform(X, condition=y)
    means = [codes[y == label].mean() for label in model.conditions_]
    assert np.ptp(means) < 0.5
    style = X - np.array([X[y == label].mean(axis=0) for label in y])
    assert abs(np.corrcoef(codes[:, 0], style.sum(axis=1))[0, 1]) > 0.9


def test_fit_transform_is_fit_then_transform(grouped):
    X, y = grouped
    one = ConditionalVariationalAutoencoder(1, **QUICK)
    np.testing.assert_array_equal(one.fit_transform(X, y), one.fit(X, y).transform(X))


def test_style_is_carried_over(model, grouped):
    X, y = grouped
    red = X[y == "red"]
    as_blue = model.reconstruct(red, condition="blue")
    shift = X[y == "blue"].mean(axis=0) - red.mean(axis=0)
    np.testing.assert_allclose(
        as_blue, model.reconstruct(red) + shift, atol=0.8, rtol=0
    )
    np.testing.assert_array_equal(
        model.reconstruct(red, condition="blue", from_condition="red"),
        model.inverse_transform(
            model.transform(red, condition="red"), condition="blue"
        ),
    )


def test_codes_alone_decode_to_the_mean_over_conditions(model):
    codes = np.array([[0.3], [-1.0]])
    expected = sum(
        share * model.inverse_transform(codes, condition=label)
        for label, share in zip(model.conditions_, model.condition_prior_, strict=True)
    )
    np.testing.assert_allclose(model.inverse_transform(codes), expected)


def test_likelihoods_bound_paths_and_traversals(model, grouped):
    X, y = grouped
    bound = model.log_likelihood(X, 200, 0, condition=y)
    assert bound.mean() >= model.score(X, y) - 0.02
    np.testing.assert_array_equal(bound, model.log_likelihood(X, 200, 0, condition=y))
    ends = X[y == "red"][:2], X[y == "blue"][:2]
    paths = model.interpolate(*ends, n_steps=5)
    assert paths.shape == (2, 5, 4)
    np.testing.assert_allclose(paths[:, 0], model.reconstruct(ends[0]), rtol=1e-6)
    np.testing.assert_allclose(paths[:, -1], model.reconstruct(ends[1]), rtol=1e-6)
    kept = model.interpolate(*ends, n_steps=5, condition="green")
    codes = model.transform(ends[0])
    np.testing.assert_allclose(
        kept[:, 0], model.inverse_transform(codes, condition="green"), rtol=1e-6
    )
    rows = model.traverse(0, values=[0.0, 1.0], condition="blue")
    np.testing.assert_allclose(
        rows[0], model.inverse_transform([[0.0], [1.0]], condition="blue")
    )
    assert model.traverse(0, X[:3], condition=y[:3]).shape == (3, 11, 4)
    assert model.traverse(0).shape == (1, 11, 4)


def test_a_continuous_condition(rng):
    size = rng.uniform(0, 10, 400)
    X = np.column_stack((size, -size, rng.normal(size=400))) + 0.2 * rng.normal(
        size=(400, 3)
    )
    model = ConditionalVariationalAutoencoder(1, random_state=0).fit(X, size)
    rows = model.sample(200, 0, condition=np.repeat([2.0, 8.0], 100))
    assert rows[:100, 0].mean() == pytest.approx(2, abs=0.5)
    assert rows[100:, 1].mean() == pytest.approx(-8, abs=0.7)
    assert model.score(X, size) > model.score(X)  # without, at the mean size
    np.testing.assert_allclose(
        model.reconstruct(X, condition=size)[:, 0], X[:, 0], atol=1.5
    )
    later = model.reconstruct(X, condition=size + 1, from_condition=size)
    slope = np.mean(later - model.reconstruct(X, condition=size), axis=0)
    np.testing.assert_allclose(slope[:2], [1, -1], atol=0.2)
    assert model.sample(500, 0)[:, 0].std() == pytest.approx(X[:, 0].std(), rel=0.2)


def test_several_columns(grouped):
    X, y = grouped
    second = np.arange(300) % 2
    labels = pd.DataFrame({"colour": y, "side": second})
    model = ConditionalVariationalAutoencoder(1, **QUICK).fit(
        X + second[:, None], labels
    )
    assert model.conditions_.shape == (6, 2)
    assert model.condition_posterior(X).shape == (300, 6)
    rows = model.sample(4, 0, condition=["red", 1])
    np.testing.assert_array_equal(
        rows, model.sample(4, 0, condition=pd.DataFrame([["red", 1]] * 4))
    )
    shift = rows - model.sample(4, 0, condition=["red", 0])
    np.testing.assert_allclose(shift, 1, atol=0.6)


def test_it_starts_at_a_regression_and_pca_of_the_rest(grouped):
    X, y = grouped
    model = ConditionalVariationalAutoencoder(
        1, learning_rate=1e-12, max_epochs=1, random_state=0
    ).fit(X, y)
    indicators = (y[:, None] == model.conditions_).astype(float)
    expected = LinearRegression().fit(indicators, X).predict(indicators)
    np.testing.assert_allclose(
        model.inverse_transform(np.zeros((300, 1)), condition=y), expected, atol=0.02
    )
    np.testing.assert_allclose(model.transform(X, condition=y).mean(), 0, atol=1e-3)


def test_it_starts_at_the_mean_of_each_label(digits):
    from sklearn.datasets import load_digits

    y = load_digits().target
    model = ConditionalVariationalAutoencoder(
        2, loss="binary_cross_entropy", learning_rate=1e-12, max_epochs=1
    ).fit(digits, y)
    rows = model.sample(10, 0, condition=np.arange(10))
    means = np.array([digits[y == digit].mean(axis=0) for digit in range(10)])
    assert np.abs(rows - means).mean() < 0.05
    assert np.abs(rows - digits.mean(axis=0)).mean() > 0.1


@pytest.mark.filterwarnings("error", "ignore:Posterior collapse")
def test_few_and_constant_rows(grouped):
    X, y = grouped
    for rows in (X[:1], X[:2], np.ones((50, 4))):
        model = ConditionalVariationalAutoencoder(2, **QUICK).fit(rows, y[: len(rows)])
        assert np.isfinite(model.sample(3, 0)).all()
        assert np.isfinite(model.score(rows))


def test_tied_and_corrupted(grouped):
    X, y = grouped
    model = ConditionalVariationalAutoencoder(
        2,
        architecture=Dense((16,), tied=True),
        corruption=GaussianNoise(0.1),
        max_epochs=60,
        random_state=0,
    ).fit(X, y)
    rows = model.sample(100, 0, condition="green")
    truth = X[y == "green"].mean(axis=0)
    assert np.abs(rows.mean(axis=0) - truth).max() < 1


def test_gradients_reach_what_conditions_add(grouped):
    X, y = grouped
    model = ConditionalVariationalAutoencoder(1, **QUICK).fit(X, y)
    module = model.net_.module_.train()
    batch = Batch(
        torch.tensor((X - model.mean_) / model.scale_, dtype=torch.float32),
        condition=torch.tensor(model._conditions.encode(y)),
    )
    weights = [
        module.condition_to_gate.weight,
        module.condition_to_mean.weight,
        module.condition_to_log_variance.weight,
        module.decoder.last.weight,
    ]
    loss = model.net_.criterion_(module(batch), batch)
    for gradient in torch.autograd.grad(loss, weights):
        assert gradient.abs().max() > 0


# -- in scikit-learn


def test_conditions_are_routed(grouped):
    X, y = grouped
    with config_context(enable_metadata_routing=True):
        step = ConditionalVariationalAutoencoder(1, **QUICK)
        step.set_transform_request(condition=True)
        pipe = make_pipeline(StandardScaler(), step).fit(X, y)
        codes = pipe.transform(X, condition=y)
        scaled = pipe[0].transform(X)
        np.testing.assert_array_equal(codes, pipe[1].transform(scaled, condition=y))


def test_in_a_pipeline_before_a_classifier_and_searched(grouped):
    X, y = grouped
    pipe = make_pipeline(
        StandardScaler(),
        ConditionalVariationalAutoencoder(2, max_epochs=10, random_state=0),
        LogisticRegression(),
    )
    assert set(pipe.fit(X, y).predict(X)) <= set(y)
    np.testing.assert_array_equal(
        pipe[:-1].transform(X), pipe[1].transform(pipe[0].transform(X))
    )
    search = GridSearchCV(
        ConditionalVariationalAutoencoder(**QUICK), {"n_components": [1, 2]}, cv=2
    ).fit(X, y)
    assert np.isfinite(search.best_score_)


def test_pickles_and_frames(model, grouped):
    X, y = grouped
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(
        model.sample(5, 0, condition="red"), again.sample(5, 0, condition="red")
    )
    np.testing.assert_array_equal(model.sample(5, 0), again.sample(5, 0))
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    frame = pd.DataFrame(X, columns=list("abcd"))
    fitted = clone(model).set_params(**QUICK).fit(frame, pd.Series(y))
    errors = fitted.reconstruction_error(frame, condition=y, per_feature=True)
    assert list(errors.columns) == list("abcd")
    np.testing.assert_allclose(
        errors.sum(axis=1), fitted.reconstruction_error(frame, condition=y)
    )
    assert fitted.hidden_representation(frame, 0).shape == (300, 8)
    np.testing.assert_array_equal(
        fitted.hidden_representation(frame, -1), fitted.transform(frame)
    )


def test_validation_rows_bring_their_conditions(grouped):
    X, y = grouped
    model = ConditionalVariationalAutoencoder(1, **QUICK)
    model.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    assert len(model.net_.valid_rows) == 100
    with pytest.raises(ValueError, match="X_val and y_val go together"):
        model.fit(X, y, X_val=X)


def test_partial_fit_and_warm_start(grouped):
    X, y = grouped
    model = ConditionalVariationalAutoencoder(1, random_state=0)
    for start in range(0, 300, 100):
        model.partial_fit(X[start : start + 100], y[start : start + 100])
    assert model.n_iter_ == 3
    with pytest.raises(ValueError, match="'black' in column 0"):
        model.partial_fit(X[:2], ["red", "black"])
    assert model.n_iter_ == 3
    warm = ConditionalVariationalAutoencoder(1, warm_start=True, **QUICK).fit(X, y)
    warm.set_params(learning_rate=1e-12).fit(X[y != "red"], y[y != "red"])
    assert warm.conditions_.tolist() == ["blue", "green", "red"]


def test_bad_input_is_named(model, grouped):
    X, y = grouped
    fresh = ConditionalVariationalAutoencoder(1, **QUICK)
    with pytest.raises(ValueError, match="requires y to be passed"):
        fresh.fit(X, None)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fresh.fit(X, y[:-1])
    assert not hasattr(fresh, "net_")
    assert not hasattr(fresh, "conditions_")
    with pytest.raises(NotFittedError):
        fresh.transform(X)
    with pytest.raises(NotFittedError):
        fresh.sample(1)
    for call in (
        lambda: model.transform(X[:1], condition="pink"),
        lambda: model.sample(1, condition="pink"),
        lambda: model.inverse_transform([[0.0]], condition="pink"),
        lambda: model.traverse(0, condition="pink"),
        lambda: model.interpolate(X[:1], X[:1], condition="pink"),
        lambda: model.score(X[:1], ["pink"]),
    ):
        with pytest.raises(ValueError, match="'pink' in column 0"):
            call()
    with pytest.raises(ValueError, match="2 conditions for 3 rows"):
        model.sample(3, condition=["red", "red"])
    with pytest.raises(ValueError, match="n_draws=0"):
        model.log_likelihood(X, 0)
    assert not hasattr(model, "predict")
    assert not hasattr(model, "decision_function")


def test_shares_follow_partial_fit_and_frames_their_names():
    conditions = Conditions(["a", "b", "b", "b"])
    conditions.add(conditions.encode(["a"] * 4), n_seen=4)
    np.testing.assert_allclose(conditions.frequencies, [5 / 8, 3 / 8])
    frame = pd.DataFrame({"x": [0.5, 1.0], "y": [3.5, 2.0]})
    conditions = Conditions(frame)
    with pytest.raises(ValueError, match=r"columns \['y', 'x'\], but y had \['x', 'y'"):
        conditions.encode(frame[["y", "x"]])
    rng = np.random.default_rng(0)
    model = ConditionalVariationalAutoencoder(1, random_state=0)
    model.partial_fit(rng.normal(size=(40, 3)), np.arange(40) % 2)
    model.partial_fit(rng.normal(size=(40, 3)), np.zeros(40, dtype=int))
    np.testing.assert_allclose(model.condition_prior_, [0.75, 0.25])


# -- what is continuous


def test_whole_numbers_may_be_continuous(small):
    """A fold without fractions is read as the others are."""
    y = np.repeat(np.arange(20.0), 3)
    model = ConditionalVariationalAutoencoder(2, continuous=True, max_epochs=1)
    model.fit(small[:30], y[:30])
    assert model._conditions.n_outputs == 1
    assert np.isfinite(model.score(small[30:], y[30:]))
    with pytest.warns(UserWarning, match="20 whole numbers in floats, taken as labels"):
        labels = clone(model).set_params(continuous="auto").fit(small, y)
    assert labels._conditions.n_outputs == 20
    as_labels = clone(model).set_params(continuous=False).fit(small, y)
    assert as_labels._conditions.n_outputs == 20


def test_columns_are_continuous_by_number_or_name(small):
    y = np.column_stack([np.arange(60) % 2, np.arange(60), np.arange(60) % 3])
    frame = pd.DataFrame(y, columns=["a", "b", "c"])
    for given, continuous in ((y, [1]), (frame, ["b"]), (frame, [1])):
        model = ConditionalVariationalAutoencoder(
            2, continuous=continuous, max_epochs=1
        ).fit(small, given)
        assert model._conditions.n_outputs == 2 + 1 + 3
    for given, continuous in ((y, [3]), (frame, ["d"]), (y, ["b"])):
        with pytest.raises(ValueError, match="y has no column"):
            model.set_params(continuous=continuous).fit(small, given)
    words = np.array(["x", "y"] * 30)
    with pytest.raises(ValueError, match="column 0 of y is not numeric"):
        model.set_params(continuous=True).fit(small, words)


def test_minus_one_is_a_label_that_is_told_of(small):
    y = np.arange(60) % 3 - 1
    with pytest.warns(UserWarning, match="holds -1, taken as a label"):
        ConditionalVariationalAutoencoder(2, max_epochs=1).fit(small, y)


def test_the_most_probable_of_many_conditions():
    """Where labels are many, few are compared by the bound: the same are found."""
    X, y = make_blobs(600, 8, centers=30, cluster_std=5.0, random_state=0)
    model = ConditionalVariationalAutoencoder(3, max_epochs=5, random_state=0)
    model.fit(X, y)
    probable = model.conditions_[model.condition_posterior(X).argmax(axis=1)]
    given = model.transform(X, condition=probable)
    assert np.mean(np.all(model.transform(X) == given, axis=1)) > 0.99
    assert np.mean(probable == y) < 0.99  # what is found is not always what is true


def test_dates_are_no_conditions(small):
    y = pd.date_range("2020", periods=60)
    for given in (y, y.to_numpy(), pd.DataFrame({"when": y}), y.astype(object)):
        with pytest.raises(
            ValueError, match="Column ('when'|0) of y holds dates or durations"
        ):
            ConditionalVariationalAutoencoder(2).fit(small, given)


# -- columns of a frame as the condition


@pytest.fixture
def animals(rng):
    kind = rng.integers(3, size=90)
    return pd.DataFrame(
        {
            "size": 5.0 * kind + rng.normal(size=90),
            "kind": pd.Categorical(np.array(["cat", "dog", "fox"])[kind]),
            "wild": rng.random(90) < 0.2 + 0.3 * kind,
            "age": rng.uniform(size=90),
            "legs": np.full(90, 4) - (rng.random(90) < 0.1),
        },
        index=[f"animal {number}" for number in range(90)],
    )


@pytest.mark.parametrize("names", [["kind"], ["wild", "age"], ["legs"]])
def test_columns_of_a_frame_are_the_condition(animals, names):
    model = ConditionalVariationalAutoencoder(
        2, condition=names, max_epochs=5, random_state=0
    )
    model.fit(animals, X_val=animals[:30])
    rest = animals.drop(columns=names)
    beside = ConditionalVariationalAutoencoder(
        2, columns=Columns(), max_epochs=5, random_state=0
    ).fit(rest, animals[names], X_val=rest[:30], y_val=animals[names][:30])
    np.testing.assert_array_equal(
        model.transform(animals), beside.transform(rest, condition=animals[names])
    )
    back = model.reconstruct(animals)
    assert back.dtypes.tolist() == animals.dtypes.tolist()
    assert back.index.tolist() == animals.index.tolist()
    pd.testing.assert_frame_equal(back[names], animals[names], atol=1e-6)
    drawn = model.sample(20, random_state=0)
    assert drawn.dtypes.tolist() == animals.dtypes.tolist()
    assert model.transform(rest).shape == (90, 2)  # the most probable one
    again = pickle.loads(pickle.dumps(model)).sample(20, random_state=0)
    pd.testing.assert_frame_equal(again, drawn)


def test_rows_of_a_label_are_drawn_with_it(animals):
    model = ConditionalVariationalAutoencoder(2, condition=["kind"], random_state=0)
    foxes = model.fit(animals).sample(200, random_state=0, condition="fox")
    assert (foxes["kind"] == "fox").all()
    known = animals[animals["kind"] == "fox"]
    assert foxes["size"].mean() == pytest.approx(known["size"].mean(), abs=0.5)


def test_columns_that_are_no_condition(animals):
    def fit(names, X=animals, y=None):
        ConditionalVariationalAutoencoder(condition=names).fit(X, y)

    with pytest.raises(ValueError, match="condition: X has no column 'colour'"):
        fit(["colour"])
    with pytest.raises(ValueError, match="y is given, and condition="):
        fit(["kind"], y=animals["kind"])
    with pytest.raises(ValueError, match="names columns of a frame"):
        fit(["kind"], animals[["size", "age"]].to_numpy())
    with pytest.raises(ValueError, match="leave others"):
        fit(list(animals))


def test_whole_numbers_as_a_continuous_condition(animals):
    animals["mass"] = (1000 + 100 * animals["size"]).round().astype(int)
    model = ConditionalVariationalAutoencoder(
        2, condition=["mass"], continuous=["mass"], max_epochs=5, random_state=0
    ).fit(animals)
    assert (model.sample(3, condition=1500, random_state=0)["mass"] == 1500).all()
    pd.testing.assert_series_equal(model.reconstruct(animals)["mass"], animals["mass"])


def test_every_frame_that_comes_back_has_the_condition(animals):
    model = ConditionalVariationalAutoencoder(
        2, condition=["kind"], max_epochs=5, random_state=0
    ).fit(animals)
    columns = animals.columns.tolist()
    assert model.inverse_transform(model.transform(animals)).columns.tolist() == columns
    assert model.traverse(0, animals[:2]).columns.tolist() == columns
    path = model.interpolate(animals[:2], animals[2:4], 3)
    assert path["kind"].tolist()[0] == animals["kind"].iloc[0]
    expected = model.explain(animals[:3], return_expected=True)[1]
    pd.testing.assert_series_equal(expected["kind"], animals["kind"][:3])
    gaps = animals.assign(kind=animals["kind"].where(animals["kind"] != "fox"))
    with pytest.raises(ValueError, match="contains NaN or None in column 'kind'"):
        model.transform(gaps)
