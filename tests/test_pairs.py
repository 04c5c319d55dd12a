"""Rows of one kind to rows of another: ridge at the start, any architecture, any y."""

import pickle
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, make_regression
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from skae import (
    BinaryCrossEntropy,
    Convolutional,
    Dense,
    EncoderDecoderRegressor,
    GaussianNoise,
    HiddenCells,
    Recurrent,
    Transformer,
    WordDropout,
)
from skae.autoencoders.pairs.start import (
    _STRENGTHS,
    cross_validated,
    moments_of,
    reduced_rank,
)
from skae.data.samples import Samples
from skae.data.scaling import Scaling
from skae.extending import Batch, Loss, Ragged
from tests.discovery import LOSSES, PAIRED, name_of

RNG = np.random.default_rng(0)
N = 45
TABLE = RNG.normal(size=(N, 5))
IMAGES = RNG.uniform(size=(N, 1, 6, 7))
SERIES = [RNG.normal(size=(n, 2)).cumsum(axis=0) for n in RNG.integers(4, 9, N)]
WINDOWS = RNG.normal(size=(N, 8, 2))
TOKENS = [RNG.integers(0, 12, n) for n in RNG.integers(2, 8, N)]
NUMBER = TABLE[:, 0] - TABLE[:, 1]
QUICK = dict(max_epochs=2, batch_size=16, random_state=0)
OF_TOKENS = dict(vocabulary_size=12)

# Encoder and X, decoder and y, of few units.
SIDES = {
    "table": (Dense((6,)), TABLE),
    "images": (Convolutional((4,)), IMAGES),
    "windows": (Recurrent(5), WINDOWS),
    "series": (Recurrent(5), SERIES),
    "attended series": (Transformer(8, n_heads=2), SERIES),
    "tokens": (Recurrent(5, embedding_size=4, **OF_TOKENS), TOKENS),
}
TARGETS = {
    "number": (Dense((6,)), NUMBER**2),
    "columns": (None, TABLE[:, :3] ** 2),
    "images": (Convolutional((4,)), np.repeat(IMAGES, 3, axis=1)),
    "larger images": (Convolutional((4,)), np.kron(IMAGES, np.ones((1, 1, 2, 2)))),
    "windows": (Recurrent(5), WINDOWS[:, :4, :1] ** 2),
    "shorter series": (Recurrent(5), [series[::2] for series in SERIES]),
    "fed series": (Recurrent(5, feedback=True), [series[:3, 0] for series in SERIES]),
    "attended tokens": (Transformer(8, n_heads=2, **OF_TOKENS), TOKENS),
    "fed tokens": (Recurrent(5, feedback=True, **OF_TOKENS), [t[::2] for t in TOKENS]),
}


def _same_form(told, wanted):
    if isinstance(wanted, list):
        assert len(told) == len(wanted)
        assert {np.ndim(row) for row in told} == {np.ndim(row) for row in wanted}
    else:
        assert told.shape == wanted.shape


def _round_trip(x, y):
    (encoder, X), (decoder, Y) = SIDES[x], TARGETS[y]
    shared = dict(encoder=encoder, decoder=decoder, early_stopping=False)
    model = EncoderDecoderRegressor(4, **shared, **QUICK).fit(X, Y)
    assert model.transform(X).shape == (N, 4)
    told = model.predict(X)
    _same_form(told, Y)
    _same_form(model.inverse_transform(model.transform(X)), Y)
    assert np.isfinite(model.score(X, Y))
    again = pickle.loads(pickle.dumps(clone(model).fit(X, Y)))
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    for row, other in zip(again.predict(X), told, strict=True):
        np.testing.assert_array_equal(row, other)
    start = EncoderDecoderRegressor(4, **shared, **{**QUICK, "learning_rate": 1e-12})
    start, moved = start.fit(X, Y).net_.module_, model.net_.module_.state_dict()
    if decoder is not None and encoder is not None:
        for name, weight in start.state_dict().items():
            assert (weight != moved[name]).any(), name
    assert model.history_[1]["train_loss"] < model.history_[0]["train_loss"]


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("images", "shorter series"),
        ("series", "number"),
        ("table", "fed series"),
        ("tokens", "fed tokens"),
        ("attended series", "attended tokens"),
    ],
)
def test_one_kind_becomes_another(x, y):
    _round_trip(x, y)


@pytest.mark.slow
@pytest.mark.parametrize("x", SIDES)
@pytest.mark.parametrize("y", TARGETS)
def test_every_kind_becomes_every_other(x, y):
    _round_trip(x, y)


# -- the start


def _samples(X, y, weight=None):
    y = np.asarray(y).reshape(len(X), -1)
    scaling = Scaling(X.mean(0), 2.0, target=Scaling(y.mean(0), 3.0))
    return Samples(X, target=y, weight=weight), scaling


def _strength(samples, scaling):
    moments = moments_of(samples, scaling)
    x, y = (
        scaling.seen(samples.X, slice(None)),
        scaling.target.seen(samples.target, slice(None)),
    )
    weight = np.ones(len(x)) if samples.weight is None else samples.weight
    return moments, cross_validated(moments, x, y, weight)


@pytest.mark.parametrize("shape", [(60, 8), (20, 50)], ids=["tall", "wide"])
@pytest.mark.parametrize("n_targets", [1, 3])
def test_the_strength_is_that_of_leaving_rows_out(shape, n_targets):
    X, y = make_regression(
        *shape, n_informative=4, n_targets=n_targets, noise=30, random_state=0
    )
    samples, scaling = _samples(X, y)
    moments, strength = _strength(samples, scaling)
    x, y = (X - X.mean(0)) / 2, (samples.target - samples.target.mean(0)) / 3
    grid = _STRENGTHS * moments.squares.mean()
    assert strength == pytest.approx(RidgeCV(grid).fit(x, y).alpha_, rel=1e-9)
    encoding, decoding = reduced_rank(moments, strength, 50)
    np.testing.assert_allclose(
        x @ encoding.T @ decoding, Ridge(strength).fit(x, y).predict(x).reshape(y.shape)
    )


def test_the_rank_is_that_of_the_augmented_fit():
    """The truncated decomposition of the fit of rows and of the penalty's rows."""
    X, y = make_regression(50, 6, n_targets=5, noise=20, random_state=0)
    samples, scaling = _samples(X, y)
    moments = moments_of(samples, scaling)
    x, y = (X - X.mean(0)) / 2, (y - y.mean(0)) / 3
    augmented = np.vstack((x, np.sqrt(7.0) * np.eye(6)))
    coefficients = np.linalg.lstsq(augmented, np.vstack((y, np.zeros((6, 5)))))[0]
    _, _, directions = np.linalg.svd(augmented @ coefficients)
    expected = coefficients @ directions[:2].T @ directions[:2]
    encoding, decoding = reduced_rank(moments, 7.0, 2)
    assert encoding.shape == (2, 6)
    np.testing.assert_allclose(encoding.T @ decoding, expected, atol=1e-10)


def test_a_weight_is_a_number_of_equal_rows_in_the_start(rng):
    X, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    weight = rng.integers(1, 4, 30).astype(float)
    times = weight.astype(int)
    moments, strength = _strength(*_samples(X, y, weight))
    scaling = _samples(X, y)[1]
    repeated = Samples(np.repeat(X, times, 0), target=np.repeat(y, times)[:, None])
    others, other = _strength(repeated, scaling)
    assert strength == pytest.approx(other)
    np.testing.assert_allclose(
        reduced_rank(moments, strength, 1)[0], reduced_rank(others, other, 1)[0]
    )


def _at_start(X, y, **parameters):
    model = EncoderDecoderRegressor(
        max_epochs=1, learning_rate=1e-12, random_state=0, **parameters
    )
    return model.fit(X, y)


def test_training_starts_at_ridge():
    X, y = load_diabetes(return_X_y=True)
    for sides in ({}, {"encoder": Convolutional((4,)), "decoder": Dense(())}):
        model = _at_start(X, y, **sides)
        strength = model.predict(X)
        scale = model.scale_
        grid = _STRENGTHS * np.square((X - X.mean(0)) / scale).sum() / X.shape[1]
        ridge = RidgeCV(grid).fit((X - X.mean(0)) / scale, y)
        expected = ridge.predict((X - X.mean(0)) / scale)
        np.testing.assert_allclose(strength, expected, rtol=1e-4)
        assert model.target_mean_ == pytest.approx(y.mean())


def test_without_rows_to_validate_on_it_stays_at_ridge(rng):
    X = rng.normal(size=(20, 3))
    y = X[:, 0] ** 2
    model = EncoderDecoderRegressor(random_state=0).fit(X, y)
    assert model.n_iter_ == 0
    assert EncoderDecoderRegressor(random_state=0, max_epochs=3).fit(X, y).n_iter_ == 3
    assert EncoderDecoderRegressor(early_stopping=False).fit(X, y).n_iter_ > 0
    assert EncoderDecoderRegressor(encoder=Dense(shortcut=None)).fit(X, y).n_iter_ > 0


def test_where_the_network_does_not_get_there_the_start_is_random(rng):
    X = rng.normal(size=(60, 3))
    y = 5 * X[:, 0]
    assert _at_start(X, y).score(X, y) > 0.99
    assert _at_start(X, y, code_activation="relu").score(X, y) < 0.9


def test_what_is_linear_ends_as_ridge_and_what_is_not_does_not(rng):
    X = rng.normal(size=(300, 5))
    linear = X[:, :1] - X[:, 1:3] + 2 * rng.normal(size=(300, 2))
    bent = np.sin(2 * X[:, 0]) * X[:, 1]
    errors = []
    for y in (linear, bent):
        model = EncoderDecoderRegressor(random_state=0).fit(X[:200], y[:200])
        ridge = RidgeCV(np.logspace(-3, 4, 50)).fit(X[:200], y[:200])
        residuals = [np.square(m.predict(X[200:]) - y[200:]) for m in (model, ridge)]
        errors.append(np.mean(residuals[0]) / np.mean(residuals[1]))
    assert errors[0] < 1.01
    assert errors[1] < 0.5


# -- what is told


def test_lazy_frames_and_lists_are_taken(rng):
    import polars as pl

    frame = pl.DataFrame(TABLE, schema=list("abcde"))
    y = pl.DataFrame({"low": NUMBER})
    told = EncoderDecoderRegressor(**QUICK).fit(frame.lazy(), y.lazy()).predict(frame)
    assert isinstance(told, pl.DataFrame)
    plain = EncoderDecoderRegressor(**QUICK).fit(TABLE.tolist(), NUMBER.tolist())
    np.testing.assert_allclose(told["low"].to_numpy(), plain.predict(TABLE), rtol=1e-5)


def test_predictions_have_the_form_of_y(rng):
    X = pd.DataFrame(TABLE, columns=list("abcde"), index=np.arange(N) + 7)
    y = pd.DataFrame({"low": NUMBER, "high": 2 * NUMBER})
    model = EncoderDecoderRegressor(**QUICK).fit(X, y)
    told = model.predict(X[5:9])
    assert list(told.columns) == ["low", "high"]
    assert list(told.index) == [12, 13, 14, 15]
    assert list(model.get_feature_names_out()[:1]) == ["encoderdecoderregressor0"]
    for y in (NUMBER, list(NUMBER), pd.Series(NUMBER, name="y")):
        assert clone(model).fit(X, y).predict(X).shape == (N,)
    assert clone(model).fit(X, NUMBER[:, None]).predict(X).shape == (N, 1)
    model = clone(model).fit(TABLE.astype(np.float32), NUMBER)
    assert model.predict(TABLE.astype(np.float32)).dtype == np.float32


def test_the_score_is_r2_of_columns_or_of_all_values(rng):
    Y = TABLE[:, :2] * [1, 10] + rng.normal(size=(N, 2))
    weight = rng.uniform(size=N)
    model = EncoderDecoderRegressor(**QUICK).fit(TABLE, Y)
    told = model.predict(TABLE)
    assert model.score(TABLE, Y) == pytest.approx(r2_score(Y, told))
    expected = r2_score(Y, told, sample_weight=weight)
    assert model.score(TABLE, Y, weight) == pytest.approx(expected)
    model = EncoderDecoderRegressor(decoder=Convolutional((2,)), **QUICK)
    told = model.fit(TABLE, IMAGES).predict(TABLE)
    share = np.square(told - IMAGES).sum() / np.square(IMAGES - IMAGES.mean(0)).sum()
    assert model.score(TABLE, IMAGES) == pytest.approx(1 - share)


def test_the_score_of_series_is_over_their_steps():
    model = EncoderDecoderRegressor(decoder=Recurrent(4), **QUICK).fit(TABLE, SERIES)
    lengths = np.array([len(series) for series in SERIES])
    told = model._decode(model.transform(TABLE), lengths).steps
    steps = np.concatenate(SERIES)
    share = np.square(told - steps).sum() / np.square(steps - steps.mean(0)).sum()
    assert model.score(TABLE, SERIES) == pytest.approx(1 - share, rel=1e-6)


def test_the_score_of_texts_is_the_share_of_right_tokens():
    from skae.autoencoders.pairs.scores import share_of_right_tokens

    def ragged(*texts):
        steps = np.concatenate(texts)[:, None].astype(float)
        return Ragged(steps, np.array([len(text) for text in texts]))

    wanted, told = ragged([1, 2, 3], [4]), ragged([1, 5], [4, 4])
    assert share_of_right_tokens(wanted, told) == pytest.approx(2 / 5)
    assert share_of_right_tokens(wanted, told, [0, 1]) == pytest.approx(1 / 2)


@pytest.mark.slow
def test_texts_are_learned(rng):
    """Each token by another, the first ones only."""
    X = [rng.integers(0, 5, n) for n in rng.integers(2, 5, 300)]
    y = [(x[: (len(x) + 1) // 2] + 1) % 5 for x in X]
    model = EncoderDecoderRegressor(
        encoder=Recurrent(32, vocabulary_size=5),
        decoder=Recurrent(32, vocabulary_size=5, feedback=True),
        max_epochs=60,
        learning_rate=0.01,
        random_state=0,
    ).fit(X[:250], y[:250])
    assert model.score(X[250:], y[250:]) > 0.95
    assert all(tokens.dtype == np.int64 for tokens in model.predict(X[:3]))


@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
def test_every_loss_is_of_y(loss, rng):
    X, y = 100 + TABLE, rng.uniform(size=(N, 2))
    model = EncoderDecoderRegressor(
        3, loss=loss(), max_epochs=8, early_stopping=False, random_state=0
    ).fit(X, y)
    losses = [row["train_loss"] for row in model.history_]
    assert losses[-1] < losses[0]
    assert model.predict(X).shape == y.shape


@dataclass(eq=False, repr=False, kw_only=True)
class Quartic(Loss):
    def per_element(self, output, x):
        return (self.reconstruction(output) - x) ** 4


def test_losses_and_architectures_of_ones_own(rng):
    y = 1000 + 5 * TABLE[:, :2] ** 2
    model = EncoderDecoderRegressor(loss=Quartic(), encoder=Own(), **QUICK)
    error = (model.fit(TABLE, y).predict(TABLE) - y) ** 4
    rows = model._first_rows(Samples(TABLE, target=y))
    losses = model.net_.row_losses(rows) * model._network_loss.factor
    np.testing.assert_allclose(losses, error.mean(axis=1), rtol=1e-3)


class Own(Dense):
    """An encoder of a user's own."""


# -- parameters


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_components", 1),
        ("encoder", Dense((3,))),
        ("decoder", Dense((3,))),
        ("corruption", GaussianNoise(0.5)),
        ("loss", "absolute_error"),
        ("code_activation", "tanh"),
        ("l1_penalty", 0.1),
        ("weight_decay", 0.5),
        ("early_stopping", True),
        ("random_state", 1),
    ],
)
def test_parameters_change_what_is_told(name, value):
    shared = dict(max_epochs=6, learning_rate=0.02, random_state=0, batch_size=16)
    shared |= {"encoder": Dense((8,), shortcut="random"), "early_stopping": False}
    told = []
    for parameters in (shared, {**shared, name: value}):
        model = EncoderDecoderRegressor().set_params(**parameters)
        told.append(model.fit(TABLE, NUMBER**2).predict(TABLE))
    assert not np.allclose(*told, rtol=1e-3)


def test_columns_are_those_of_x():
    from skae import Columns

    frame = pd.DataFrame({"size": np.arange(N) % 4, "kind": np.array(list("abc" * 15))})
    y = (frame["kind"] == "b") * 2.0 + frame["size"]
    told = []
    for columns in (None, Columns(categories=["size"])):
        model = EncoderDecoderRegressor(columns=columns, **QUICK).fit(frame, y)
        assert model.score(frame, y) > 0.99
        told.append(model.net_.module_.head.weight.shape)
    assert told[0] != told[1]


def test_auto_is_no_bottleneck(rng):
    for n_features, n_targets, expected in [(5, 1, 32), (90, 70, 70), (600, 700, 512)]:
        X, y = rng.normal(size=(12, n_features)), rng.normal(size=(12, n_targets))
        assert EncoderDecoderRegressor().fit(X, y).n_components_ == expected
    of_series = EncoderDecoderRegressor(encoder=Recurrent(2), max_epochs=1)
    assert of_series.fit(SERIES, NUMBER).n_components_ == 128


def test_words_are_dropped_before_they_are_encoded():
    shared = dict(
        encoder=Recurrent(4, **OF_TOKENS),
        decoder=Recurrent(4, feedback=True, **OF_TOKENS),
        early_stopping=False,
        **QUICK,
    )
    plain = EncoderDecoderRegressor(4, **shared).fit(TOKENS, TOKENS)
    noisy = EncoderDecoderRegressor(4, corruption=WordDropout(0.5), **shared)
    noisy.fit(TOKENS, TOKENS)
    assert not np.allclose(plain.transform(TOKENS), noisy.transform(TOKENS), rtol=1e-3)


def test_ones_are_drawn_of_y_and_not_of_x():
    seen = []

    class Watch(Callback):
        def on_batch_begin(self, net, batch, training, **kwargs):
            seen.append(net.criterion_.prepare(Batch(batch[0], target=batch[1])))

    y = np.full((N, 2), 0.5)
    EncoderDecoderRegressor(
        loss=BinaryCrossEntropy(binarize=True), callbacks=[Watch()], **QUICK
    ).fit(TABLE, y)
    for batch in seen:
        assert set(batch.target.ravel().tolist()) <= {0.0, 1.0}
        assert len(batch.x.unique()) > 2


def test_in_scikit_learn_s_tools():
    X, y = load_diabetes(return_X_y=True)
    pipe = make_pipeline(StandardScaler(), EncoderDecoderRegressor(**QUICK))
    grid = {"encoderdecoderregressor__encoder": [Dense((4,)), Dense((8, 4))]}
    search = GridSearchCV(pipe, grid, cv=2).fit(X, y)
    assert 0.3 < search.best_score_ < 0.7
    logs = TransformedTargetRegressor(pipe, func=np.log, inverse_func=np.exp)
    assert logs.fit(X, y).score(X, y) > 0.4


def test_rows_to_validate_on_weights_and_more_training(rng):
    X, y = TABLE, NUMBER**2
    model = EncoderDecoderRegressor(**QUICK).fit(X, y, X_val=X[:9], y_val=y[:9])
    assert len(model.net_.valid_rows) == 9
    told = model.predict(X)
    model.set_params(warm_start=True, early_stopping=False).fit(X, y)
    assert not np.allclose(model.predict(X), told)
    weight = np.repeat([0.0, 2.0], [25, 20])
    shared = dict(max_epochs=4, random_state=0, early_stopping=False)
    kept = EncoderDecoderRegressor(**shared).fit(X[25:], y[25:])
    weighted = EncoderDecoderRegressor(**shared).fit(X, y, sample_weight=weight)
    assert weighted.n_samples_seen_ == kept.n_samples_seen_ == 20
    stream = EncoderDecoderRegressor(random_state=0)
    for part in np.array_split(np.arange(N), 3):
        stream.partial_fit(X[part], y[part])
    assert stream.n_iter_ == 3
    assert np.isfinite(stream.score(X, y))


def test_missing_cells_of_x(rng):
    X = rng.normal(size=(120, 1)) * np.ones((1, 4)) + 0.1 * rng.normal(size=(120, 4))
    y = X[:, 0].copy()
    X[rng.uniform(size=X.shape) < 0.2] = np.nan
    model = EncoderDecoderRegressor(random_state=0, max_epochs=5).fit(X, y)
    assert model.score(X, y) > 0.9
    hides = EncoderDecoderRegressor(corruption=HiddenCells(0.3), **QUICK).fit(X, y)
    assert hides.score(X, y) > 0.9


def test_series_are_learned_through_convolutions():
    """Convolutions feed a recurrent part: where a bump is, as a series."""
    rng = np.random.default_rng(0)
    centres = rng.uniform(4, 28, 300)
    X = np.exp(-0.5 * (np.arange(32) - centres[:, None]) ** 2)[:, None]
    y = np.sin(centres[:, None, None] / 9 + np.arange(6)[None, :, None])
    model = EncoderDecoderRegressor(
        8,
        encoder=Convolutional((8,), shortcut=None),
        decoder=Recurrent(16),
        max_epochs=15,
        learning_rate=0.01,
        random_state=0,
    ).fit(X[:250], y[:250])
    assert model.score(X[250:], y[250:]) > 0.95


def test_the_batch_says_what_outputs_are_compared_with():
    x, target = torch.zeros(3, 2), torch.ones(3, 4)
    batch = Batch(x, target=target, target_lengths=torch.tensor([1, 2, 2]))
    assert batch.outcome.x is target
    assert batch.outcome.lengths is batch.target_lengths
    assert batch.outcome.target is None
    assert Batch(x).outcome.x is x
    masked = batch._replace(target_observed=torch.zeros(3, 4, dtype=torch.bool))
    both = Batch.joined([batch, masked])
    assert both.target_observed.sum() == 12
    assert both.observed is None


# -- bad input


BAD = {
    "y is None": (dict(), TABLE, None, "requires y to be passed"),
    "length": (dict(), TABLE, NUMBER[:-1], "X has 45 rows and y 44"),
    "NaN": (dict(), TABLE, np.where(NUMBER > 0, np.nan, 1.0), r"Input y contains NaN"),
    "inf": (dict(), TABLE, np.where(NUMBER > 0, np.inf, 1.0), r"y contains infinity"),
    "strings": (dict(), TABLE, ["a"] * N, r"y holds .*'a'.* \(row 0, column 0\)"),
    "dates": (
        dict(),
        TABLE,
        pd.DataFrame({"when": pd.date_range("2020", periods=N)}),
        "Column 'when' of y",
    ),
    "range": (
        dict(loss="binary_cross_entropy"),
        TABLE,
        TABLE[:, :2],
        r"needs y in \[0, 1\], but y holds",
    ),
    "axes": (dict(decoder=Recurrent()), TABLE, IMAGES, "y has 4 axes"),
    "ragged": (dict(), TABLE, SERIES, "rows of y have unequal shapes"),
    "ragged X": (dict(), SERIES, NUMBER, "rows of X have unequal shapes"),
    "no vocabulary": (dict(loss="cross_entropy"), TABLE, NUMBER, "vocabulary_size"),
    "another loss": (
        dict(decoder=Recurrent(**OF_TOKENS), loss="squared_error"),
        TABLE,
        TOKENS,
        "vocabulary_size",
    ),
    "vocabulary": (
        dict(decoder=Recurrent(vocabulary_size=5)),
        TABLE,
        TOKENS,
        r"Row \d+ of y holds the token",
    ),
    "empty text": (
        dict(decoder=Recurrent(**OF_TOKENS)),
        TABLE,
        [[], *TOKENS[1:]],
        "Row 0 of y is empty",
    ),
    "tied": (dict(decoder=Dense((4,), tied=True)), TABLE, NUMBER, "tied=True of decod"),
    "share": (dict(n_components=0.5), TABLE, NUMBER, "n_components"),
    "no architecture": (dict(encoder="dense"), TABLE, NUMBER, "'encoder' parameter"),
    "counted": (
        dict(corruption=HiddenCells(counted="hidden")),
        TABLE,
        NUMBER,
        "out of the loss, which here is of y",
    ),
    "words": (dict(corruption=WordDropout()), TABLE, NUMBER, "is for tokens"),
    "no rows": (dict(), TABLE[:0], NUMBER[:0], "0 sample"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    parameters, X, y, message = BAD[case]
    model = EncoderDecoderRegressor(max_epochs=1).set_params(**parameters)
    before = set(vars(model))
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(X, y)
    assert set(vars(model)) == before


def test_bad_input_later_is_named():
    model = EncoderDecoderRegressor(**QUICK)
    with pytest.raises(ValueError, match="X_val and y_val go together"):
        model.fit(TABLE, NUMBER, X_val=TABLE)
    with pytest.raises(ValueError, match="X_val has 45 rows and y_val 3"):
        model.fit(TABLE, NUMBER, X_val=TABLE, y_val=NUMBER[:3])
    model.fit(TABLE, TABLE[:, :2])
    with pytest.raises(ValueError, match="y has 3 columns, but y had 2 in fit"):
        model.score(TABLE, TABLE[:, :3])
    with pytest.raises(ValueError, match="y has 1 columns, but y had 2 in fit"):
        model.partial_fit(TABLE, NUMBER)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        model.partial_fit(TABLE, np.full((N, 2), np.nan))
    with pytest.raises(ValueError, match="X has 3 features"):
        model.predict(TABLE[:, :3])
    model.set_params(warm_start=True, loss="poisson")
    with pytest.raises(ValueError, match="centre and scale of y"):
        model.fit(TABLE, TABLE[:, :2] ** 2)


@pytest.mark.parametrize("kind", PAIRED, ids=name_of)
def test_documented_attributes_exist_after_fit(kind):
    from numpydoc.docscrape import ClassDoc

    frame = pd.DataFrame(TABLE, columns=list("abcde"))
    model = kind(2, max_epochs=1).fit(frame, NUMBER)
    documented = {
        name
        for entry in ClassDoc(kind)["Attributes"]
        for name in entry.name.split(", ")
    }
    assert [name for name in documented if not hasattr(model, name)] == []
    public = {name for name in vars(model) if name.endswith("_") and name[0] != "_"}
    assert public <= documented
