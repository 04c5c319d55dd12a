"""Explanations: shares of columns sum to the score, and find planted faults."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import (
    Autoencoder,
    ConditionalVariationalAutoencoder,
    Convolutional,
    Dense,
    Recurrent,
    Transformer,
    VariationalAutoencoder,
)
from skae.roles.residuals import UsualRows, distances, precision_of
from tests.discovery import CONDITIONAL, DETECTORS, fitted, name_of

SHARED = dict(max_epochs=3, random_state=0)
EXPLAINED = [*DETECTORS, *(kind for kind in CONDITIONAL if kind not in DETECTORS)]
SCORES = ["elbo", "reconstruction_probability", "log_likelihood"]


def _model(kind, **kwargs):
    return kind(2, **SHARED, **kwargs)


def _is_sum(shares, model, X):
    table = np.asarray(shares)
    scores = -model.score_samples(X)
    rtol = 1e-6 if scores.dtype == np.float64 else 2e-5
    assert np.isfinite(table).all()
    np.testing.assert_allclose(table.sum(axis=1), scores, rtol, rtol)


# -- sums


@pytest.mark.parametrize("method", ["auto", "removal", "loss"])
@pytest.mark.parametrize("kind", EXPLAINED, ids=name_of)
def test_shares_sum_to_minus_the_score(kind, method, small, rng):
    rows = np.concatenate((small, small[:20] + 3 * rng.normal(size=(20, 5))))
    gaps = np.where(rng.random(rows.shape) < 0.2, np.nan, rows)
    model = fitted(_model(kind), small)
    for X in (rows, gaps, rows.astype(np.float32), rows[:1], rows[:, ::-1]):
        _is_sum(model.explain(X, method=method), model, X)


@pytest.mark.parametrize("outlier_score", SCORES)
@pytest.mark.parametrize("loss", ["gaussian", "laplace", "binary_cross_entropy"])
def test_every_score_of_a_likelihood(outlier_score, loss, small):
    X = (small - small.min(axis=0)) / np.ptp(small, axis=0)
    model = _model(VariationalAutoencoder, outlier_score=outlier_score, loss=loss)
    model.fit(X)
    for method in ("removal", "loss"):
        shares = model.explain(X, method=method)
        _is_sum(shares, model, X)
        has_code = outlier_score != "reconstruction_probability"
        assert ("(code)" in shares) == has_code
    if outlier_score == "elbo":
        mean, std = model.posterior(X)
        divergence = 0.5 * (mean**2 + std**2 - 1 - 2 * np.log(std)).sum(axis=1)
        np.testing.assert_allclose(shares["(code)"], divergence)


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "poisson"])
def test_losses_in_units_of_x(loss, small):
    X = 100 * (small - small.min())
    model = _model(Autoencoder, loss=loss).fit(X)
    _is_sum(model.explain(X), model, X)
    errors = model.reconstruction_error(X, per_feature=True)
    np.testing.assert_allclose(model.explain(X, method="loss"), errors / 5)


def test_after_weights_and_in_blocks(small, rng, monkeypatch):
    model = _model(Autoencoder).fit(small, sample_weight=rng.uniform(1, 3, 60))
    whole = model.explain(small)
    _is_sum(whole, model, small)
    monkeypatch.setattr("skae.roles.explanations._BLOCK_VALUES", 100)
    pd.testing.assert_frame_equal(model.explain(small), whole)


def test_few_columns_and_none():
    X = np.random.default_rng(0).normal(size=(50, 1))
    model = Autoencoder(1, **SHARED).fit(X)
    _is_sum(model.explain(X), model, X)
    empty = np.full((1, 1), np.nan)
    assert (model.explain(empty) == 0).all(axis=None)


def test_what_overflows_is_infinite(small):
    model = _model(Autoencoder).fit(small)
    X = small[:2].copy()
    X[0, 3] = 1e200
    shares = model.explain(X)
    assert shares.loc[0, "x3"] == np.inf
    assert shares.loc[0].idxmax() == "x3"
    np.testing.assert_allclose(shares.loc[1], model.explain(X[1:]).loc[0])


# -- what they say


def _with_faults(X, rng, size=5.0):
    rows = X[rng.integers(len(X), size=500)].copy()
    column = rng.integers(X.shape[1], size=500)
    rows[np.arange(500), column] += rng.choice([-size, size], 500)
    return rows, column


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder], ids=name_of)
@pytest.mark.parametrize("table", ["wine", "cancer"])
def test_a_planted_fault_comes_first(kind, table, request, rng):
    X = request.getfixturevalue(table)
    is_seen = rng.random(len(X)) < 0.7
    model = kind(random_state=0).fit(X[is_seen])
    rows, column = _with_faults(X[~is_seen], rng)
    first = np.asarray(model.explain(rows))[:, : X.shape[1]].argmax(axis=1)
    assert (first == column).mean() >= 0.95
    cells = np.asarray(model.explain(rows, method="loss"))[:, : X.shape[1]]
    assert (cells.argmax(axis=1) == column).mean() < (first == column).mean() + 0.01


@pytest.mark.slow
def test_two_faults_are_told_from_what_they_spoil(cancer, rng):
    model = Autoencoder(random_state=0).fit(cancer)
    rows, column = _with_faults(cancer, rng)
    other = (column + 11) % cancer.shape[1]
    rows[np.arange(500), other] -= 5
    shares = model.explain(rows).to_numpy()
    top = np.sort(shares.argsort(axis=1)[:, -2:], axis=1)
    true = np.sort(np.column_stack((column, other)), axis=1)
    assert (top == true).all(axis=1).mean() > 0.85


def test_expected_is_what_the_other_columns_tell(cancer, rng):
    model = VariationalAutoencoder(random_state=0).fit(cancer)
    rows, column = _with_faults(cancer, rng)
    each = np.arange(500)
    clean = rows.copy()
    clean[each, column] = np.nan
    _, expected = model.explain(rows, return_expected=True)
    found = expected[each, column]
    assert np.median(np.abs(found - model.reconstruct(clean)[each, column])) < 1e-9
    spoilt = model.reconstruct(rows)[each, column]
    assert np.abs(found).mean() < 0.7 * np.abs(spoilt).mean()
    shares, expected = model.explain(rows, method="loss", return_expected=True)
    np.testing.assert_array_equal(expected, model.reconstruct(rows))


def test_ordinary_rows_lose_one_column_at_most(small):
    model = Autoencoder(2, random_state=0).fit(small)
    scores = model.score_samples(small)
    small = small[scores > np.quantile(scores, 0.5)]
    shares = model.explain(small)
    taken, left = shares.to_numpy(), model.explain(small, method="loss").to_numpy()
    assert (taken != left).any()
    is_one = np.isclose(left, taken).all(axis=1)
    for column in range(5):
        gaps = small.copy()
        gaps[:, column] = np.nan
        rest = model.explain(gaps, method="loss").to_numpy() * 4 / 5
        is_one |= np.isclose(rest, taken).sum(axis=1) >= 4
    assert is_one.mean() > 0.9


# -- forms


def test_frames_keep_their_kind_names_and_index(small):
    names = list("abcde")
    frame = pd.DataFrame(small, columns=names, index=np.arange(60) + 7)
    frames = [frame, pl.DataFrame(small, schema=names)]
    for kind, last in ((Autoencoder, []), (VariationalAutoencoder, ["(code)"])):
        of_arrays = _model(kind).fit(small).explain(small).to_numpy()
        for X in frames:
            model = _model(kind).fit(X)
            shares, expected = model.explain(X, return_expected=True)
            assert isinstance(shares, type(X))
            assert isinstance(expected, type(X))
            assert list(shares.columns) == names + last
            np.testing.assert_allclose(np.asarray(shares)[:, :5], of_arrays[:, :5])
        shares = model.fit(frame).explain(frame)
        assert shares.index.equals(frame.index)


def test_arrays_and_sparse_rows_have_names_as_in_sklearn(small):
    model = _model(Autoencoder).fit(small)
    shares = model.explain(small)
    assert list(shares) == [f"x{n}" for n in range(5)]
    sparse = scipy.sparse.csr_matrix(small)
    pd.testing.assert_frame_equal(model.explain(sparse), shares)
    whole = np.arange(300).reshape(60, 5)
    model = _model(Autoencoder).fit(whole)
    _is_sum(model.explain(whole), model, whole)


@pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder], ids=name_of)
@pytest.mark.parametrize(
    ("architecture", "shape"),
    [(Convolutional((4,)), (40, 1, 8, 8)), (Dense((8,)), (40, 6, 2))],
    ids=["images", "windows"],
)
def test_images_have_maps(kind, architecture, shape, rng):
    X = rng.random(shape)
    X[0, 0, 0] = np.nan
    model = _model(kind, architecture=architecture).fit(X)
    maps, expected = model.explain(X, return_expected=True)
    assert maps.shape == expected.shape == shape
    np.testing.assert_array_equal(maps[0, 0, 0], 0)
    rest = -model.score_samples(X) - maps.reshape(40, -1).sum(axis=1)
    if kind is Autoencoder:
        np.testing.assert_allclose(rest, 0, atol=1e-12)
    else:
        assert (rest > 0).all()  # the divergence


@pytest.mark.parametrize("architecture", [Recurrent(4), Transformer(8)], ids=name_of)
def test_series_have_steps(architecture, rng):
    X = [rng.random((n, 2)) for n in rng.integers(3, 9, 40)]
    model = _model(Autoencoder, architecture=architecture).fit(X)
    shares, expected = model.explain(X, return_expected=True)
    assert [one.shape for one in shares] == [one.shape for one in X]
    assert [one.shape for one in expected] == [one.shape for one in X]
    sums = [one.sum() for one in shares]
    np.testing.assert_allclose(sums, -model.score_samples(X))


def test_tokens_have_positions(rng):
    X = rng.integers(0, 7, (40, 6))
    X[:20, 4:] = 7
    architecture = Transformer(8, vocabulary_size=8, padding_token=7)
    model = _model(VariationalAutoencoder, architecture=architecture).fit(X)
    shares = model.explain(X)
    _is_sum(shares, model, X)
    assert (shares.loc[:19, ["x4", "x5"]] == 0).all(axis=None)


def test_conditions_are_those_given(small):
    y = np.arange(60) % 3
    model = _model(ConditionalVariationalAutoencoder).fit(small, y)
    shares = model.explain(small, condition=y)
    scores = model.score_samples(small, condition=y)
    np.testing.assert_allclose(shares.sum(axis=1), -scores)
    other = model.explain(small, condition=(y + 1) % 3, method="loss")
    assert (other != model.explain(small, condition=y, method="loss")).any(axis=None)


def test_from_the_end_of_a_pipeline(small):
    frame = pd.DataFrame(50 + 9 * small, columns=list("abcde"))
    scaler = StandardScaler().set_output(transform="pandas")
    pipe = make_pipeline(scaler, _model(Autoencoder)).fit(frame)
    strange = frame.iloc[:5].copy()
    strange.loc[3, "d"] = 500.0
    shares, expected = pipe[-1].explain(
        pipe[:-1].transform(strange), return_expected=True
    )
    np.testing.assert_allclose(shares.sum(axis=1), -pipe.score_samples(strange))
    assert shares.loc[3].idxmax() == "d"
    expected = pipe[:-1].inverse_transform(expected)
    assert abs(expected[3, 3] - frame.loc[3, "d"]) < 60


# -- an extension, and what is refused


def test_a_score_of_ones_own_leaves_a_rest(small):
    class Far(Autoencoder):
        def _outlier_losses(self, samples):
            return super()._outlier_losses(samples) + 1

    model = _model(Far).fit(small)
    shares = model.explain(small, method="loss")
    np.testing.assert_allclose(shares["(code)"], 1)
    _is_sum(model.explain(small), model, small)


def test_what_is_refused(small, rng):
    with pytest.raises(NotFittedError):
        Autoencoder().explain(small)
    model = _model(Autoencoder).fit(small)
    with pytest.raises(ValueError, match="method='shap' must be one of"):
        model.explain(small, method="shap")
    with pytest.raises(ValueError, match="X has 4 features"):
        model.explain(small[:, :4])
    far = small.copy()
    far[40, 2] = np.inf
    with pytest.raises(ValueError, match="infinity .row 40, column 2"):
        model.explain(far)
    images = rng.random((40, 1, 4, 4))
    model = _model(Autoencoder, architecture=Convolutional((2,))).fit(images)
    with pytest.raises(ValueError, match="method='removal' takes columns out of a"):
        model.explain(images, method="removal")


def test_losses_are_compared_by_what_residuals_are_usual(rng):
    noise = np.array([0.1, 0.1, 0.1, 1.0, 1.0, 1.0])
    X = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 6))
    X += noise * rng.normal(size=X.shape)
    model = Autoencoder(2, max_epochs=5, random_state=0).fit(X[:300])
    faulty = X[300:].copy()
    faulty[:, 0] += 1
    found = [model.explain(faulty).to_numpy().argmax(axis=1) == 0]
    model._usual = None
    found.append(model.explain(faulty).to_numpy().argmax(axis=1) == 0)
    known, alike = np.mean(found, axis=1)
    assert known > alike + 0.1


def test_as_many_columns_are_taken_out_whatever_the_threshold(small):
    X = np.concatenate((small, small[:5] + 9))
    shares = [
        np.asarray(_model(Autoencoder, contamination=rule).fit(small).explain(X))
        for rule in ("auto", None, 0.3)
    ]
    np.testing.assert_array_equal(shares[0], shares[1])
    np.testing.assert_array_equal(shares[0], shares[2])


def test_codes_count_on_the_scale_of_residuals(rng):
    residuals, codes = rng.normal(size=(100, 3)), rng.normal(5, 2, size=(100, 2))
    usual = UsualRows.of(residuals, codes, is_diagonal=True)
    far = usual.distances(np.zeros((2, 3)), np.array([[5.0, 5.0], [5.0, 15.0]]))
    assert far[0] < 0.1
    assert far[1] == pytest.approx(25 / 1.1, rel=0.3)
    scaled = UsualRows.of(residuals, 7 * codes, is_diagonal=True)
    np.testing.assert_allclose(scaled.precision, usual.precision)


def test_distances_are_those_of_the_observed_cells(rng):
    residuals = rng.normal(size=(50, 4)) @ rng.normal(size=(4, 4))
    precision = precision_of(residuals, is_diagonal=False)
    covariance = np.linalg.inv(precision)
    ridge = 0.1 * np.trace(residuals.T @ residuals) / 4 / 50 * np.eye(4)
    np.testing.assert_allclose(covariance, residuals.T @ residuals / 50 + ridge)
    gaps = np.where(rng.random(residuals.shape) < 0.4, np.nan, residuals)
    for row, square in zip(gaps, distances(gaps, precision), strict=True):
        seen = ~np.isnan(row)
        among = covariance[np.ix_(seen, seen)]
        assert square == pytest.approx(row[seen] @ np.linalg.solve(among, row[seen]))
    alone = precision_of(gaps, is_diagonal=True)
    np.testing.assert_allclose(alone, np.diag(np.diag(alone)))
