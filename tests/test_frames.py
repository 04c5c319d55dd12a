"""Frames of numbers and categories: what they become, cost, and give back."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.special import log_softmax, xlogy
from scipy.stats import norm
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skae import (
    Autoencoder,
    Columns,
    ConditionalVariationalAutoencoder,
    Convolutional,
    Dense,
    Gaussian,
    HiddenCells,
    SaltAndPepperNoise,
    StackedAutoencoder,
    SwapNoise,
    VariationalAutoencoder,
    WassersteinAutoencoder,
)
from skae.codecs import MixedCodec
from skae.data.mixed import Mixed
from skae.data.samples import Samples
from tests.discovery import ESTIMATORS, fitted, name_of

SHARED = dict(max_epochs=3, random_state=0)
every_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)


@pytest.fixture
def frame(rng):
    """Eighty rows of three kinds of animals: sizes, colours, islands."""
    kind = rng.integers(3, size=80)
    return pd.DataFrame(
        {
            "length": 10.0 * kind + rng.normal(size=80),
            "colour": np.array(["blue", "green", "red"])[kind],
            "legs": (kind + 2) * 2,
            "island": pd.Categorical(
                np.where(rng.random(80) < 0.3, "north", "south"),
                categories=["east", "north", "south"],
            ),
            "wild": rng.random(80) < 0.1 + 0.4 * kind,
            "weight": (100.0 * kind + rng.normal(size=80)).astype(np.float32),
        },
        index=[f"animal {number}" for number in range(80)],
    )


@pytest.fixture
def gaps(frame, rng):
    """The same with cells missing in every column."""
    frame = frame.astype({"legs": "Int64", "wild": "boolean"})
    for column in frame:
        frame.loc[rng.random(80) < 0.15, column] = None
    return frame


def _polars(frame):
    levels = {"island": pl.Enum(["east", "north", "south"])}
    columns = {name: frame[name].astype(object) for name in frame}
    columns = {n: [None if pd.isna(v) else v for v in c] for n, c in columns.items()}
    return pl.DataFrame(columns, schema_overrides=levels)


def _fit(X, estimator=Autoencoder, **parameters):
    return fitted(estimator(2, **{**SHARED, **parameters}), X)


def _given(model, X):
    takes = isinstance(model, ConditionalVariationalAutoencoder)
    return {"condition": np.arange(len(X)) % 3} if takes else {}


# -- what comes out


@pytest.mark.slow
@every_estimator
@pytest.mark.parametrize("with_gaps", [False, True])
def test_every_estimator_takes_frames_and_gives_them_back(
    estimator, frame, gaps, with_gaps
):
    X = gaps if with_gaps else frame
    model = _fit(X, estimator)
    known = _given(model, X)
    codes = model.transform(X, **known)
    assert codes.shape == (80, 2)
    assert np.isfinite(codes).all()
    for result in (model.reconstruct(X, **known), model.inverse_transform(codes)):
        assert result.dtypes.tolist() == X.dtypes.tolist()
        assert result.columns.tolist() == X.columns.tolist()
        assert not result.isna().any(axis=None)
        assert set(result["colour"]) <= {"blue", "green", "red"}
    assert model.reconstruct(X, **known).index.tolist() == X.index.tolist()
    cells = model.reconstruction_error(X, per_feature=True, **known)
    assert cells.columns.tolist() == X.columns.tolist()
    assert cells.index.tolist() == X.index.tolist()
    np.testing.assert_array_equal(cells.isna(), X.isna())
    total = cells.sum(axis=1)
    if not isinstance(
        model, VariationalAutoencoder | ConditionalVariationalAutoencoder
    ):
        if type(model).__name__ != "BetaTCVAE":
            total /= cells.notna().sum(axis=1)
    np.testing.assert_allclose(model.reconstruction_error(X, **known), total, rtol=1e-6)
    assert np.isfinite(model.score_samples(X, **known)).all()
    if hasattr(model, "sample"):
        drawn = model.sample(7, random_state=0)
        assert drawn.dtypes.tolist() == X.dtypes.tolist()


def test_polars_frames_come_back_as_such(frame, gaps):
    for X in (_polars(frame), _polars(gaps)):
        model = _fit(X, VariationalAutoencoder)
        for result in (model.reconstruct(X), model.sample(5, random_state=0)):
            assert result.schema == X.schema
        cells = model.reconstruction_error(X, per_feature=True)
        assert cells.columns == X.columns


def test_libraries_of_frames_agree(gaps):
    ours = _fit(gaps).transform(gaps)
    np.testing.assert_array_equal(_fit(_polars(gaps)).transform(_polars(gaps)), ours)


def test_paths_are_frames_with_an_index_of_rows_and_steps(frame):
    model = _fit(frame, VariationalAutoencoder)
    path = model.interpolate(frame[:2], frame[2:4], n_steps=4)
    assert path.dtypes.tolist() == frame.dtypes.tolist()
    assert path.index.tolist() == [(row, step) for row in range(2) for step in range(4)]
    first = model.reconstruct(frame[:1])
    pd.testing.assert_frame_equal(
        path[:1].reset_index(drop=True), first.reset_index(drop=True)
    )
    assert len(model.traverse(0, frame[:2])) == 22


def test_a_pipeline_leads_back_to_the_frame(frame):
    pipe = make_pipeline(FunctionTransformer(), Autoencoder(2, **SHARED)).fit(frame)
    back = pipe.inverse_transform(pipe.transform(frame))
    assert back.dtypes.tolist() == frame.dtypes.tolist()


def test_names_and_numbers_of_features_are_those_of_the_frame(frame):
    model = _fit(frame)
    assert model.n_features_in_ == 6
    assert model.feature_names_in_.tolist() == frame.columns.tolist()
    assert model.input_shape_ == (3 + 3 + 3 + 2,)
    assert model.mean_.shape == model.scale_.shape == (11,)


def test_levels_of_the_dtype_that_do_not_occur_are_kept(frame):
    model = _fit(frame)
    assert model.reconstruct(frame)["island"].cat.categories.tolist() == [
        "east",
        "north",
        "south",
    ]
    never = frame.assign(island=pd.Categorical(["east"] * 80, ["east", "north"]))
    assert np.isfinite(model.score_samples(never)).all()


def test_names_that_are_numbers_and_whole_numbers_beyond_a_dtype(frame):
    X = frame.set_axis(range(6), axis=1).astype({2: np.uint8})
    result = _fit(X).reconstruct(X)
    assert result.columns.tolist() == X.columns.tolist()
    assert result[2].dtype == np.uint8
    with pytest.raises(ValueError, match="X has the columns 5, 4, .* but fit had 0, 1"):
        _fit(X).transform(X[X.columns[::-1]])


def test_tokens_that_pickle_and_plain_modules(frame):
    model = _fit(frame, VariationalAutoencoder)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform(frame), model.transform(frame))
    flat = model._samples(frame).X.toarray()
    codes = model.encoder_(torch.from_numpy(flat)).detach()
    np.testing.assert_allclose(codes, model.transform(frame), atol=1e-4)
    shares = model.decoder_(codes).detach()[:, 3:6]
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)


def test_a_search_over_frames(gaps):
    search = GridSearchCV(Autoencoder(**SHARED), {"n_components": [1, 3]}, cv=2)
    assert search.fit(gaps).best_params_ == {"n_components": 3}


# -- rows held as integers


def test_mixed_rows_are_indicators(gaps):
    X = _fit(gaps)._samples(gaps).X
    dense, wanted = (
        X.toarray(),
        pd.get_dummies(gaps["colour"]).to_numpy(float, copy=True),
    )
    wanted[gaps["colour"].isna()] = np.nan
    np.testing.assert_array_equal(dense[:, 3:6], wanted)
    np.testing.assert_array_equal(dense[:, 0], gaps["length"])
    assert isinstance(X, Mixed)
    assert X.codes.dtype == np.int8
    np.testing.assert_array_equal(X.observed(), gaps.notna())
    np.testing.assert_array_equal(X[3:9].toarray(), dense[3:9])
    np.testing.assert_array_equal(X[np.array([5, 1])].toarray(), dense[[5, 1]])
    np.testing.assert_array_equal(Samples(X).n_cells, gaps.notna().sum(axis=1))


@pytest.mark.slow
def test_many_levels_stay_integers(rng):
    X = pd.DataFrame({"a": rng.normal(size=3000), "b": rng.integers(1500, size=3000)})
    X["b"] = X["b"].astype(str)
    model = _fit(X, max_epochs=1)
    assert model.input_shape_[0] > 1000
    assert model._samples(X).X.codes.nbytes == 2 * 3000
    assert model.reconstruct(X).shape == (3000, 2)


# -- what it costs


def test_a_row_that_tells_nothing_costs_one_in_every_column(frame):
    model = _fit(frame)
    loss = model.net_.criterion_.loss
    x = torch.from_numpy(
        model._fields.scaling.seen(model._samples(frame).X, slice(None))
    )
    cells = loss.per_element(torch.zeros_like(x), x)
    np.testing.assert_allclose(cells.mean(0), 1.0, atol=0.02)


def test_cells_are_likelihoods_in_closed_form(frame, rng):
    columns = Columns(counts=["legs"])
    model = _fit(
        frame, VariationalAutoencoder, loss=Gaussian(variance=1.0), columns=columns
    )
    loss, scaling = model.net_.criterion_.loss, model._fields.scaling
    flat = model._samples(frame).X.toarray()
    output = rng.normal(size=flat.shape)
    x = torch.from_numpy((flat - scaling.centre) / scaling.scale)
    cells = loss.per_element(torch.from_numpy(output), x).numpy()
    np.testing.assert_allclose(cells[:, 0], -norm.logpdf(output[:, 0], x[:, 0]))
    shares = (flat[:, 3:6].sum(0) + 1 / 3) / 81
    logits = np.log(shares) + output[:, 3:6]
    wanted = -(log_softmax(logits, 1) * flat[:, 3:6]).sum(1)
    np.testing.assert_allclose(cells[:, 1], wanted)
    log_rate = np.log(frame["legs"].mean()) + output[:, 2]
    n = frame["legs"].to_numpy()
    wanted = (
        np.exp(log_rate) - n * log_rate + torch.lgamma(torch.tensor(n + 1.0)).numpy()
    )
    np.testing.assert_allclose(cells[:, 2], wanted)


def test_counts_of_a_plain_estimator_cost_their_share_of_the_deviance(frame, rng):
    model = _fit(frame, columns=Columns(counts=["legs"]))
    loss, scaling = model.net_.criterion_.loss, model._fields.scaling
    flat = model._samples(frame).X.toarray()
    x = torch.from_numpy((flat - scaling.centre) / scaling.scale)
    n = frame["legs"].to_numpy()
    deviance = xlogy(n, n / n.mean()) - (n - n.mean())
    cells = loss.per_element(torch.zeros_like(x), x).numpy()[:, 2]
    np.testing.assert_allclose(cells, deviance / (0.5 * n.var() / n.mean()), rtol=1e-6)


def test_densities_are_those_of_the_units_of_x(frame):
    model = _fit(frame, VariationalAutoencoder)
    scaled = frame.assign(length=1000 * frame["length"])
    other = _fit(scaled, VariationalAutoencoder)
    np.testing.assert_allclose(
        other.score_samples(scaled),
        model.score_samples(frame) - np.log(1000),
        rtol=1e-4,
    )
    assert other.history_[0]["train_loss"] == pytest.approx(
        model.history_[0]["train_loss"] + np.log(1000), rel=1e-4
    )


def test_units_of_numbers_and_names_of_levels_say_nothing(frame):
    model = _fit(frame)
    other = frame.assign(length=1000 * frame["length"], colour="x" + frame["colour"])
    np.testing.assert_allclose(
        _fit(other).score_samples(other), model.score_samples(frame), rtol=1e-3
    )


def test_each_column_has_a_gradient(gaps):
    model = _fit(gaps, VariationalAutoencoder, columns=Columns(counts=["legs"]))
    criterion, samples = model.net_.criterion_, model._samples(gaps)
    batch = model._fields.scaling.batch(samples, slice(None), np.dtype(np.float32))
    output = torch.zeros_like(batch.x).requires_grad_()
    criterion.cells(output, batch).sum().backward()
    assert (output.grad.abs().sum(0) > 0).all()
    lost = ~batch.observed
    assert (output.grad[lost] == 0).all()


def test_the_loss_of_numbers_is_a_choice(frame):
    plain, huber = _fit(frame), _fit(frame, loss="absolute_error")
    assert not np.allclose(plain.score_samples(frame), huber.score_samples(frame))
    unit = frame.assign(length=frame["length"].rank() / 80).drop(
        columns=["legs", "weight"]
    )
    model = _fit(unit, loss="binary_cross_entropy")
    assert model.reconstruct(unit)["length"].between(0, 1).all()
    with pytest.raises(ValueError, match=r"loss=BinaryCrossEntropy .*column 'legs'"):
        _fit(frame.drop(columns="length"), loss="binary_cross_entropy")


def test_weights_are_numbers_of_equal_rows(frame):
    weight = np.arange(80) % 3
    repeated = frame.loc[frame.index.repeat(weight)]
    kwargs = dict(max_epochs=5, random_state=0, early_stopping=False)
    weighted = Autoencoder(2, **kwargs).fit(frame[:30], sample_weight=weight[:30])
    other = Autoencoder(2, **kwargs).fit(repeated[: weight[:30].sum()])
    np.testing.assert_allclose(
        weighted.transform(frame), other.transform(frame), rtol=1e-4, atol=1e-6
    )


# -- the start


def _mixed_components(frame, k):
    """Return the principal analysis of mixed data by singular values (Pagès 2004)."""
    numbers = frame.select_dtypes("number").astype(float)
    z = [(numbers - numbers.mean()) / numbers.std(ddof=0)]
    for name in frame.columns.difference(numbers.columns, sort=False):
        there = pd.get_dummies(frame[name]).astype(float)
        share = there.mean()
        z.append(((there - share) / np.sqrt(share)).loc[:, share > 0])
    z = pd.concat(z, axis=1).to_numpy()
    _, _, axes = np.linalg.svd(z, full_matrices=False)
    codes = z @ axes[:k].T
    return codes, codes @ axes[:k, : numbers.shape[1]] * numbers.std(
        ddof=0
    ).to_numpy() + (numbers.mean().to_numpy())


def test_the_start_is_the_principal_analysis_of_mixed_data(frame):
    model = Autoencoder(2, max_epochs=1, learning_rate=1e-12, random_state=0).fit(frame)
    codes, numbers = _mixed_components(frame, 2)
    signs = np.sign((codes * model.transform(frame)).sum(axis=0))
    np.testing.assert_allclose(model.transform(frame), codes * signs, atol=1e-3)
    rebuilt = model.reconstruct(frame)[["length", "weight"]].to_numpy()
    np.testing.assert_allclose(rebuilt, numbers[:, [0, 2]], rtol=1e-3, atol=0.02)
    marginal = _fit(frame, architecture=Dense(shortcut=None), learning_rate=1e-12)
    for column, cost in (
        model.reconstruction_error(frame, per_feature=True).mean().items()
    ):
        assert cost < 1.02, column
    assert model.score(frame) > marginal.score(frame)


def test_a_variational_start_is_better_than_none(frame):
    kwargs = dict(max_epochs=1, learning_rate=1e-12)
    start = _fit(frame, VariationalAutoencoder, **kwargs)
    random = _fit(
        frame, VariationalAutoencoder, architecture=Dense(shortcut=None), **kwargs
    )
    assert start.score(frame) > random.score(frame) + 1
    y = np.arange(80) % 2
    for architecture in (Dense(), Dense(tied=True)):
        model = ConditionalVariationalAutoencoder(
            2, architecture=architecture, **kwargs
        )
        assert np.isfinite(model.fit(frame, y).score(frame, y))


def test_defaults_leave_the_start_for_something_better(frame):
    start = Autoencoder(2, max_epochs=1, learning_rate=1e-12, random_state=0)
    trained = Autoencoder(2, random_state=0).fit(frame[:60])
    assert trained.score(frame[60:]) >= start.fit(frame[:60]).score(frame[60:])


def test_auto_counts_directions_and_a_share_the_variance_of_axes(frame):
    model = Autoencoder(**SHARED).fit(frame)
    assert model.n_components_ == (11 - 3) // 2
    assert Autoencoder(0.5, **SHARED).fit(frame).n_components_ < 4


# -- cells are hidden and noisy as a whole


@pytest.mark.parametrize("corruption", [SwapNoise(0.5), HiddenCells(0.5)])
def test_corruptions_take_all_levels_of_a_cell(frame, corruption):
    model = _fit(frame, corruption=corruption)
    module = model.net_.module_.train()
    samples = model._samples(frame)
    batch = model._fields.scaling.batch(samples, slice(None), np.dtype(np.float32))
    module.corrupt.generator = torch.Generator().manual_seed(0)
    corrupted = module.corrupt(batch)
    levels = model._fields.scaling.inverse(corrupted.x.numpy())[:, 3:6]
    if corrupted.observed is None:
        np.testing.assert_allclose(levels.max(axis=1), 1, atol=1e-6)
        np.testing.assert_allclose(levels.sum(axis=1), 1, atol=1e-6)
        assert (corrupted.x != batch.x).any(1).float().mean() > 0.5
    else:
        there = corrupted.observed[:, 3:6]
        assert (there.all(1) | ~there.any(1)).all()
        assert 0.3 < float(there.float().mean()) < 0.7


def test_what_stands_under_a_gap_of_a_category_says_nothing(gaps):
    model = _fit(gaps)
    unknown = gaps.assign(colour=gaps["colour"].fillna("violet"))
    for result in ("transform", "score_samples"):
        np.testing.assert_array_equal(
            getattr(model, result)(unknown), getattr(model, result)(gaps)
        )


# -- why a row is strange


@every_estimator
def test_shares_of_columns_sum_to_the_score(estimator, gaps):
    model = _fit(gaps, estimator)
    known = _given(model, gaps)
    shares, expected = model.explain(gaps, return_expected=True, **known)
    total = shares.sum(axis=1)
    np.testing.assert_allclose(total, -model.score_samples(gaps, **known), rtol=1e-5)
    assert shares.columns.tolist()[:6] == gaps.columns.tolist()
    assert shares.index.tolist() == gaps.index.tolist()
    assert (shares[gaps.columns].to_numpy()[gaps.isna()] == 0).all()
    assert expected.dtypes.tolist() == gaps.dtypes.tolist()


@pytest.mark.slow
def test_a_level_that_does_not_fit_is_found(frame):
    many = pd.concat([frame] * 5, ignore_index=True)
    many["length"] += 0.1 * np.arange(400) % 1
    model = Autoencoder(2, random_state=0).fit(many)
    strange = frame.assign(
        colour=frame["colour"].map(dict(blue="red", green="blue", red="green"))
    )
    first = model.explain(strange).idxmax(axis=1)
    assert (first == "colour").mean() > 0.95


# -- rows that are drawn


@pytest.mark.slow
def test_samples_are_drawn_and_levels_as_frequent_as_they_were(frame):
    X = pd.concat([frame] * 10, ignore_index=True)
    model = VariationalAutoencoder(3, random_state=0).fit(X)
    drawn = model.sample(4000, random_state=0, latent="mixture")
    for name in ("colour", "island", "wild"):
        shares = X[name].value_counts(normalize=True)
        found = drawn[name].value_counts(normalize=True).reindex(shares.index).fillna(0)
        np.testing.assert_allclose(found, shares, atol=0.08)
    again = model.sample(4000, random_state=0, latent="mixture")
    pd.testing.assert_frame_equal(drawn, again)
    means = model.sample(4000, random_state=0, draw=False)
    assert not means.equals(drawn)
    wae = WassersteinAutoencoder(3, max_epochs=30, random_state=0).fit(X)
    assert wae.sample(2000, random_state=0)["island"].nunique() == 2


# -- what there is to say of columns


def test_columns_of_numbers_alone_are_taken_as_they_are(frame):
    numbers = frame[["length", "weight"]]
    assert not isinstance(_fit(numbers)._codec, MixedCodec)
    model = _fit(numbers, columns=Columns())
    assert isinstance(model._codec, MixedCodec)
    assert model.scale_.shape == (2,)


def test_kinds_of_columns_change_the_fit(frame):
    plain = _fit(frame)
    said = {
        "categories": ["legs"],
        "counts": ["legs"],
        "ordinals": ["colour"],
        "transform": "quantile",
    }
    for name, value in said.items():
        model = _fit(frame, columns=Columns(**{name: value}))
        assert not np.allclose(model.transform(frame), plain.transform(frame)), name
        assert model.reconstruct(frame).dtypes.tolist() == frame.dtypes.tolist()
    fractions = _fit(frame, columns=Columns(continuous=["legs"])).reconstruct(frame)
    assert fractions["legs"].dtype == np.float64
    assert (fractions["legs"] % 1 != 0).any()


def test_ordinals_are_places_in_an_order(frame):
    order = ["red", "blue", "green"]
    model = _fit(frame, columns=Columns(ordinals={"colour": order}))
    flat = model._samples(frame).X.toarray()
    np.testing.assert_array_equal(flat[:, 1], [order.index(c) for c in frame["colour"]])
    assert set(model.reconstruct(frame)["colour"]) <= set(order)


@pytest.mark.slow
@pytest.mark.parametrize("transform", ["quantile", "robust", {"length": "robust"}])
def test_transforms_are_undone(frame, transform):
    skewed = frame.assign(length=np.exp(frame["length"] / 3))
    model = Autoencoder(6, columns=Columns(transform=transform), random_state=0)
    model.fit(skewed)
    flat = model._samples(skewed).X.toarray()[:, 0]
    assert np.abs(flat).max() < 6
    back = model._codec.restore_like(model._samples(skewed).X.toarray(), skewed)
    np.testing.assert_allclose(back["length"], skewed["length"], rtol=1e-3)


def test_unknown_levels_are_missing_or_refused(frame):
    new = frame.assign(colour="violet")
    model = _fit(frame)
    missing = frame.assign(colour=None)
    np.testing.assert_array_equal(model.transform(new), model.transform(missing))
    model = _fit(frame, columns=Columns(unknown="error"))
    with pytest.raises(ValueError, match=r"Column 'colour' .*'violet' \(row 0\)"):
        model.transform(new)
    np.testing.assert_array_equal(model.transform(missing).shape, (80, 2))


# -- what is refused, by name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(colour=3.0), "Column 'colour' of X holds numbers, but strings in fit"),
        (dict(length="a"), "Column 'length' of X holds strings, but numbers in fit"),
        (dict(wild="a"), "Column 'wild' of X holds strings, but booleans in fit"),
        (dict(colour=pd.Timestamp("2020")), "Column 'colour' of X .*dates"),
        (dict(length=np.inf), "contains infinity .*column 'length'"),
        (dict(extra=1), "extra"),
    ],
)
def test_columns_that_changed_are_refused(frame, change, message):
    model = _fit(frame)
    with pytest.raises(ValueError, match=message):
        model.transform(frame.assign(**change))


@pytest.mark.parametrize(
    ("change", "parameters", "message"),
    [
        (dict(d=pd.Timestamp("2020")), {}, "Column 'd' of X .*dates.*skrub"),
        (dict(d=pd.Period("2020", "D")), {}, "Column 'd' of X .*dates.*skrub"),
        (dict(d=None), {}, "Column 'd' of X has no value"),
        (dict(d=np.nan), {}, "Column 'd' of X has no value"),
        (
            dict(d=pd.Categorical([None] * 80, ["a"])),
            {},
            "Column 'd' of X has no value",
        ),
        (dict(d=list(map(str, range(80)))), {}, "'d' of X has 80 levels in 80 rows"),
        (dict(d=["a", 1] * 40), {}, "Column 'd' of X holds values of several kinds"),
        (dict(d=[[1, 2]] * 80), {}, "Column 'd' of X holds arrays"),
        (dict(d=[b"a"] * 80), {}, "Column 'd' of X holds bytes"),
        ({}, dict(counts=["x"]), "columns: X has no column 'x'"),
        ({}, dict(counts=["colour"]), "Column 'colour' of X holds strings"),
        ({}, dict(counts=["length"]), "Column 'length' of X holds .* no count"),
        ({}, dict(counts=["legs"], ordinals=["legs"]), "'legs' is in ordinals and"),
        ({}, dict(continuous=["length"]), "Column 'length' of X is continuous"),
        ({}, dict(transform={"x": "robust"}), "columns: X has no column 'x'"),
        ({}, dict(transform={"legs": "log"}), "transform of 'legs' must be"),
        ({}, dict(transform="log"), "'transform' parameter"),
        ({}, dict(max_levels=2), "Column 'colour' of X has 3 levels, more than"),
        ({}, dict(ordinals={"colour": ["a", "a"]}), "ordinals of 'colour' repeat"),
    ],
)
def test_mistakes_in_columns_are_named(frame, change, parameters, message):
    columns = Columns(**parameters) if parameters else None
    model = Autoencoder(2, columns=columns, **SHARED)
    with pytest.raises(ValueError, match=message):
        model.fit(frame.assign(**change))
    assert not hasattr(model, "net_")


def test_more_that_is_refused(frame):
    model = _fit(frame)
    with pytest.raises(ValueError, match="X must be a frame with the columns 'length'"):
        model.transform(frame.to_numpy())
    with pytest.raises(ValueError, match="same order"):
        model.transform(frame[frame.columns[::-1]])
    with pytest.raises(ValueError, match="Column 'wild' of X occurs more than once"):
        _fit(pd.concat((frame, frame[["wild"]]), axis=1))
    with pytest.raises(ValueError, match=r"columns=Columns\(\) is for frames"):
        _fit(np.ones((9, 2)), columns=Columns())
    with pytest.raises(ValueError, match="is for tables"):
        _fit(np.ones((50, 1, 8, 8)), columns=Columns(), architecture=Convolutional())
    with pytest.raises(ValueError, match="SaltAndPepperNoise.* not for categories"):
        _fit(frame, corruption=SaltAndPepperNoise())
    with pytest.raises(ValueError, match="Column 'colour' of X is not numeric"):
        _fit(frame, architecture=Convolutional())


def test_identifiers_are_categories_where_one_insists(frame):
    X = frame.assign(d=list(map(str, range(80))))
    model = _fit(X, columns=Columns(categories=["d"]))
    assert model.input_shape_ == (11 + 80,)


# -- going on


def test_batches_of_a_frame(gaps):
    model = Autoencoder(2, random_state=0)
    for start in range(0, 80, 20):
        model.partial_fit(gaps[start : start + 20])
    assert model.n_samples_seen_ == 80
    assert np.isfinite(model.score(gaps))


def test_a_warm_start_keeps_the_levels(frame):
    model = _fit(frame, warm_start=True)
    other = frame.assign(colour=frame["colour"].replace("red", "violet"))
    assert set(model.fit(other).reconstruct(other)["colour"]) <= {
        "blue",
        "green",
        "red",
    }


def test_stacks_of_a_frame(gaps):
    model = StackedAutoencoder(2, architecture=Dense((8,)), **SHARED).fit(gaps)
    assert model.layers_[0].transform(gaps).shape == (80, 8)
    assert model.reconstruct(gaps).dtypes.tolist() == gaps.dtypes.tolist()
    assert clone(model).fit(gaps).score(gaps) == model.score(gaps)


# -- what readers found


def test_whole_numbers_at_the_end_of_their_type():
    X = pd.DataFrame({"a": np.arange(20), "c": list("uv") * 10})
    model = _fit(X, max_epochs=1)
    far = model.inverse_transform(np.array([[1e20, 1e20], [-1e20, -1e20]]))["a"]
    assert set(np.sign(far)) <= {-1, 1}
    assert len(set(far)) == 2
    assert model.reconstruct(X.head(1).astype({"a": float}).assign(a=1e22)).shape == (
        1,
        2,
    )


def test_objects_that_are_numbers(frame):
    X = frame.assign(legs=frame["legs"].astype(object))
    assert _fit(X).reconstruct(X)["legs"].dtype == np.int64
    X = X.T.T
    assert _fit(X).reconstruct(X).columns.tolist() == frame.columns.tolist()


def test_no_rows_are_refused(frame):
    model = _fit(frame)
    for method in ("transform", "reconstruct", "explain", "score", "partial_fit"):
        with pytest.raises(ValueError, match=r"X has 0 row\(s\)"):
            getattr(clone(model).fit(frame), method)(frame[:0])
    with pytest.raises(ValueError, match=r"X_val has 0 row\(s\)"):
        Autoencoder(2, **SHARED).fit(frame, X_val=frame[:0])


def test_levels_of_another_kind(frame):
    codes = frame.assign(colour=pd.Categorical(frame["legs"]))
    model = _fit(codes)
    with pytest.raises(ValueError, match="'colour' .* strings, but numbers in fit"):
        model.transform(
            codes.assign(colour=codes["colour"].astype(str).astype("category"))
        )
    with pytest.raises(ValueError, match="'colour' .* strings, but numbers in fit"):
        model.transform(codes.assign(colour=codes["colour"].astype(str)))
    with pytest.warns(UserWarning, match="'colour' .* no level that fit has seen"):
        _fit(frame).transform(frame.assign(colour="violet"))


def test_counts_are_whole_numbers(frame):
    model = _fit(frame, columns=Columns(counts=["legs"]))
    for value in (-3, 0.5):
        with pytest.raises(ValueError, match=f"'legs' .* holds {value} .* no count"):
            model.transform(frame.assign(legs=value))
    with pytest.raises(ValueError, match="'weight' .* no count"):
        _fit(frame, columns=Columns(counts=["weight"]))
    for said in (
        dict(ordinals=["legs"]),
        dict(counts=["legs"]),
        dict(categories=["legs"]),
    ):
        columns = Columns(transform={"legs": "quantile"}, **said)
        with pytest.raises(ValueError, match="transform names 'legs', but"):
            _fit(frame, columns=columns)
    with pytest.raises(ValueError, match="transform names 'colour', but .* strings"):
        _fit(frame, columns=Columns(transform={"colour": "robust"}))
