"""The imputer: gaps filled, all else as it was."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from numpydoc.docscrape import ClassDoc
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator

from skae import (
    Autoencoder,
    AutoencoderImputer,
    ConditionalVariationalAutoencoder,
    DenoisingAutoencoder,
    VariationalAutoencoder,
)

QUICK = DenoisingAutoencoder(2, max_epochs=2)
pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:Posterior collapse"
)


def _quick(**kwargs):
    return AutoencoderImputer(
        **{"estimator": QUICK, "n_estimators": 1, "random_state": 0, **kwargs}
    )


@pytest.fixture
def table(rng):
    """Return correlated columns of different units, the same with gaps, and where."""
    X = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 5))
    X = (X + 0.1 * rng.normal(size=X.shape)) * [1, 10, 1e3, 1e-2, 1] + 5
    missing = rng.random(X.shape) < 0.2
    return X, np.where(missing, np.nan, X), missing


CHECKS = [
    pytest.param(instance, check, id=getattr(check, "func", check).__name__)
    for instance, check in estimator_checks_generator(_quick())
]


@pytest.mark.parametrize(("instance", "check"), CHECKS)
def test_check_estimator(instance, check):
    check(instance)


@pytest.mark.slow
def test_the_default_passes_checks_of_fit():
    for instance, check in estimator_checks_generator(AutoencoderImputer()):
        if getattr(check, "func", check).__name__ in (
            "check_fit2d_1sample",
            "check_fit2d_1feature",
            "check_transformer_general",
        ):
            check(instance)


@pytest.mark.slow
def test_gaps_are_filled_and_all_else_stays(table):
    X, gaps, missing = table
    filled = AutoencoderImputer(n_estimators=2, random_state=0).fit_transform(gaps)
    np.testing.assert_array_equal(filled[~missing], X[~missing])
    scale = X.std(axis=0)
    means = SimpleImputer().fit_transform(gaps)
    error, of_means = (
        np.mean(((rows - X) / scale)[missing] ** 2) for rows in (filled, means)
    )
    assert error < 0.3 * of_means


def test_units_do_not_matter(table):
    _, gaps, missing = table
    factor = np.array([1, 2**10, 2**-10, 4, 1])
    one, other = (
        _quick().fit_transform(rows) / units
        for rows, units in ((gaps, 1), (gaps * factor, factor))
    )
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_new_rows_one_at_a_time(table):
    _, gaps, _ = table
    imputer = _quick().fit(gaps[:150])
    together = imputer.transform(gaps[150:])
    alone = np.vstack([imputer.transform(row[None]) for row in gaps[150:]])
    np.testing.assert_allclose(alone, together, rtol=1e-9)
    empty = imputer.transform(np.full((1, 5), np.nan))
    assert np.isfinite(empty).all()


def test_a_strange_cell_takes_no_other_anywhere(table):
    _, gaps, _ = table
    imputer = _quick().fit(gaps)
    row = np.nanmax(gaps, axis=0)[None]
    row[0, 1:3] = 1e9, np.nan
    low, high = np.nanmin(gaps[:, 2]), np.nanmax(gaps[:, 2])
    deviation = np.nanstd(gaps[:, 2])
    filled = imputer.transform(row)[0, 2]
    assert low - deviation <= filled + 1e-3 * deviation
    assert filled <= high + 1.001 * deviation
    unbounded = imputer.estimators_[0].reconstruct(
        np.where(np.isnan(row), np.nan, (row - imputer._centre) / imputer._scale)
    )
    assert abs(unbounded[0, 2]) > 100  # what the estimator alone would say


def test_another_mark_of_missing_cells_and_integers(table):
    X, _, missing = table
    whole = np.rint(X * [10, 1, 1, 1000, 10]).astype(np.int64)
    whole[whole == -1] = 0
    marked = np.where(missing, -1, whole)
    filled = _quick(missing_values=-1).fit_transform(marked)
    assert filled.dtype == np.int64
    np.testing.assert_array_equal(filled[~missing], whole[~missing])
    floats = np.where(missing, np.nan, whole)
    expected = np.rint(_quick().fit_transform(floats))
    np.testing.assert_array_equal(filled, expected)
    with pytest.raises(ValueError, match="NaN"):
        _quick(missing_values=-1).fit(floats)


@pytest.mark.parametrize("keep", [False, True])
def test_empty_columns(keep, table):
    _, gaps, _ = table
    gaps[:, 1] = np.nan
    imputer = _quick(keep_empty_features=keep).fit(gaps)
    filled = imputer.transform(gaps)
    names = list(imputer.get_feature_names_out())
    assert names == [f"x{i}" for i in range(5) if keep or i != 1]
    assert filled.shape[1] == len(names)
    assert np.isfinite(filled).all()
    if keep:
        assert (filled[:, 1] == 0).all()


def test_indicator(table):
    _, gaps, missing = table
    gaps[:, 0] = 1.0
    imputer = _quick(add_indicator=True).fit(gaps)
    filled = imputer.transform(gaps)
    np.testing.assert_array_equal(filled[:, 5:], missing[:, 1:])
    assert list(imputer.get_feature_names_out())[5:] == [
        f"missingindicator_x{i}" for i in range(1, 5)
    ]


def test_frames_keep_their_types(table):
    X, _, missing = table
    frame = pd.DataFrame(X, columns=list("abcde"), index=np.arange(200)[::-1])
    frame = frame.mask(missing)
    frame["b"] = frame["b"].round().astype("Int64")
    frame["c"] = frame["c"].astype("float32")
    frame["e"] = (frame["e"] > 5).astype("boolean").mask(missing[:, 4])
    filled = _quick().fit_transform(frame)
    assert list(filled.dtypes) == list(frame.dtypes)
    assert list(filled.index) == list(frame.index)
    assert not filled.isna().any(axis=None)
    for name in frame:
        seen = frame[name].notna()
        assert (filled[name][seen] == frame[name][seen]).all()
    kinds = {"b": pl.Int64, "c": pl.Float32, "e": pl.Boolean}
    polars = pl.DataFrame(
        {
            name: [None if pd.isna(v) else v for v in frame[name].tolist()]
            for name in frame
        },
        schema_overrides=kinds,
    )
    of_polars = _quick(add_indicator=True).fit_transform(polars)
    assert of_polars.columns == [*"abcde", *(f"missingindicator_{c}" for c in "abcde")]
    assert of_polars.dtypes[:5] == polars.dtypes
    np.testing.assert_allclose(
        of_polars["a"].to_numpy(), filled["a"].to_numpy(), rtol=1e-6
    )
    wrapped = _quick().set_output(transform="polars").fit(frame).transform(frame)
    assert isinstance(wrapped, pl.DataFrame)


def test_in_a_pipeline_pickled_and_cloned(table):
    X, gaps, _ = table
    pipeline = make_pipeline(_quick(), LinearRegression()).fit(gaps, X[:, 0])
    assert np.isfinite(pipeline.predict(gaps)).all()
    imputer = pipeline[0]
    again = pickle.loads(pickle.dumps(imputer))
    np.testing.assert_array_equal(again.transform(gaps), imputer.transform(gaps))
    refitted = clone(imputer).fit(gaps)
    np.testing.assert_array_equal(refitted.transform(gaps), imputer.transform(gaps))


def test_any_estimator_fills(table):
    _, gaps, _ = table
    for estimator in (
        Autoencoder(2, max_epochs=2),
        VariationalAutoencoder(2, max_epochs=2),
    ):
        assert np.isfinite(_quick(estimator=estimator).fit_transform(gaps)).all()
    shares = (gaps - np.nanmin(gaps, axis=0)) / np.ptp(
        np.nan_to_num(gaps), axis=0
    ).clip(1)
    bounded = Autoencoder(2, loss="binary_cross_entropy", max_epochs=2)
    shares = np.clip(shares, 0, 1)
    filled = _quick(estimator=bounded).fit_transform(shares)
    assert filled.min() >= 0
    assert filled.max() <= 1


@pytest.mark.slow
def test_draws_spread_as_far_as_they_are_wrong(table):
    X, gaps, missing = table
    imputer = AutoencoderImputer(sample_posterior=True, random_state=0, n_estimators=1)
    draws = np.stack([imputer.fit(gaps).transform(gaps) for _ in range(1)])
    draws = np.concatenate((draws, [imputer.transform(gaps) for _ in range(29)]))
    assert (draws[:, ~missing] == X[~missing]).all()
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    covered = ((low <= X) & (X <= high))[missing].mean()
    assert 0.7 < covered <= 1
    scale = X.std(axis=0)
    error = np.mean(((draws.mean(axis=0) - X) / scale)[missing] ** 2)
    assert error < 0.6


def test_what_is_refused(table):
    _, gaps, _ = table
    with pytest.raises(ValueError, match="Autoencoder is none"):
        _quick(estimator=Autoencoder(), sample_posterior=True).fit(gaps)
    with pytest.raises(ValueError, match="needs y"):
        _quick(estimator=ConditionalVariationalAutoencoder()).fit(gaps)
    with pytest.raises(TypeError, match="Sparse"):
        _quick().fit(scipy.sparse.csr_matrix(np.eye(5)))


def test_documented_parameters_are_the_signature():
    documented = [entry.name for entry in ClassDoc(AutoencoderImputer)["Parameters"]]
    assert documented == list(AutoencoderImputer().get_params()) or set(
        documented
    ) == set(AutoencoderImputer().get_params())


# -- frames with categories


@pytest.fixture
def mixed(rng):
    kind = rng.integers(3, size=200)
    whole = pd.DataFrame(
        {
            "size": 3.0 * kind + rng.normal(size=200),
            "colour": np.array(["blue", "green", "red"])[kind],
            "legs": 2 * kind + 2,
            "coat": pd.Categorical(np.where(kind > 0, "fur", "scales")),
            "wild": kind == 2,
        },
        index=np.arange(200)[::-1],
    )
    hidden = rng.random(whole.shape) < 0.2
    shown = whole.astype({"legs": "Int64", "wild": "boolean"}).mask(hidden)
    return whole, shown, hidden


@pytest.mark.slow
def test_categories_are_filled_with_categories(mixed):
    whole, shown, hidden = mixed
    imputer = AutoencoderImputer(random_state=0, add_indicator=True).fit(shown[:150])
    filled = imputer.transform(shown[150:])
    assert filled.dtypes.tolist()[:5] == shown.dtypes.tolist()
    assert filled.index.tolist() == shown.index.tolist()[150:]
    assert not filled.isna().any(axis=None)
    assert imputer.get_feature_names_out().tolist() == filled.columns.tolist()
    for number, name in enumerate(whole):
        lost = hidden[150:, number]
        seen = shown[150:][name].notna()
        assert (filled[name][seen] == shown[150:][name][seen]).all()
        if name in ("colour", "coat", "wild"):
            right = filled[name][lost] == whole[150:][name][lost]
            mode = (whole[150:][name][lost] == whole[name].mode()[0]).mean()
            assert right.mean() > mode + 0.15, name
    again = AutoencoderImputer(random_state=0, add_indicator=True).fit(shown[:150])
    pd.testing.assert_frame_equal(again.transform(shown[150:]), filled)
    other = pickle.loads(pickle.dumps(imputer)).transform(shown[150:])
    pd.testing.assert_frame_equal(other, filled)


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [
        dict(sample_posterior=True),
        dict(estimator=VariationalAutoencoder(2, max_epochs=5)),
        dict(estimator=Autoencoder(3, max_epochs=5), n_estimators=2),
    ],
    ids=["draws", "variational", "plain"],
)
def test_any_estimator_fills_frames(mixed, parameters):
    _, shown, _ = mixed
    filled = AutoencoderImputer(random_state=0, **parameters).fit_transform(shown)
    assert filled.dtypes.tolist() == shown.dtypes.tolist()
    assert not filled.isna().any(axis=None)


def test_frames_of_polars_and_columns_without_a_value(mixed):
    _, shown, _ = mixed
    polars = pl.DataFrame(
        {n: [None if pd.isna(v) else v for v in shown[n]] for n in shown}
    )
    filled = _quick().fit_transform(polars)
    assert filled.schema == polars.schema
    assert sum(filled.null_count().row(0)) == 0
    empty = shown.assign(nothing=None)
    assert _quick().fit_transform(empty).columns.tolist() == shown.columns.tolist()
    kept = _quick(keep_empty_features=True).fit_transform(empty)
    assert kept.columns.tolist() == empty.columns.tolist()


def test_levels_of_a_category_that_a_new_frame_lacks(mixed):
    _, shown, _ = mixed
    imputer = _quick().fit(shown)
    few = shown[shown["coat"].eq("fur") | shown["coat"].isna()]
    few = few.assign(coat=few["coat"].cat.remove_unused_categories())
    assert not imputer.transform(few).isna().any(axis=None)


def test_what_imputers_refuse_of_frames(mixed):
    _, shown, _ = mixed
    with pytest.raises(ValueError, match="missing_values=-1 is for tables of numbers"):
        AutoencoderImputer(missing_values=-1).fit(shown)
    imputer = _quick().fit(shown)
    with pytest.raises(ValueError, match="X must be a frame, as in fit"):
        imputer.transform(shown.to_numpy())
    with pytest.raises(ValueError, match="Column 'colour' of X holds numbers"):
        imputer.transform(shown.assign(colour=1.0))
    with pytest.raises(ValueError, match="feature names should match"):
        imputer.transform(shown.drop(columns="legs"))


@pytest.mark.slow
def test_numbers_of_few_values_are_told_as_levels_too(rng):
    year = rng.integers(8, size=400)
    names = np.array(["b", "e", "a", "h", "c", "g", "d", "f"])[year]
    frame = pd.DataFrame({"year": year, "name": names, "size": rng.normal(size=400)})
    hidden = rng.random(400) < 0.3
    shown = frame.assign(name=frame["name"].mask(hidden))
    filled = AutoencoderImputer(random_state=0).fit_transform(shown)
    assert (filled["name"] == frame["name"])[hidden].mean() > 0.95
