"""Missing cells: NaN in X is no value, and what stands under it counts nowhere."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import torch
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skae import (
    Autoencoder,
    Convolutional,
    DenoisingAutoencoder,
    Dense,
    HiddenCells,
    Recurrent,
    SlidingWindows,
    Transformer,
    VariationalAutoencoder,
)
from skae.autoencoders.corrupted import Corrupt
from skae.data.batch import Batch
from skae.data.conditional import fitted_conditional
from skae.data.samples import Samples
from skae.data.statistics import ColumnStatistics, describe_columns
from skae.training.seeds import make_generator
from tests.discovery import CONDITIONAL, ESTIMATORS, fitted, name_of

SHARED = dict(max_epochs=3, random_state=0)
every_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)


def _with_gaps(X, rng, share=0.2):
    X = np.array(X, dtype=np.result_type(X, np.float32))
    X[rng.random(X.shape) < share] = np.nan
    return X


def _given(model, n_rows):
    """Return the condition of rows, for those that would infer it."""
    return {"condition": np.arange(n_rows) % 3} if type(model) in CONDITIONAL else {}


# -- what is learned


@every_estimator
def test_every_estimator_takes_gaps(estimator, small, rng):
    X = _with_gaps(small, rng)
    missing = np.isnan(X)
    model = fitted(estimator(2, **SHARED), X)
    assert get_tags(model).input_tags.allow_nan
    known = _given(model, len(X))
    results = [model.transform(X, **known), model.reconstruct(X, **known)]
    errors = model.reconstruction_error(X, **known)
    results += [errors, model.score_samples(X, **known)]
    if hasattr(model, "posterior"):
        results += model.posterior(X, **known)
        results.append(model.log_likelihood(X, 5, 0, **known))
    assert all(np.isfinite(result).all() for result in results)
    cells = model.reconstruction_error(X, per_feature=True, **known)
    np.testing.assert_array_equal(np.isnan(cells), missing)
    is_sum = model.criterion_class.as_sum
    total = np.nansum(cells, axis=1) if is_sum else np.nanmean(cells, axis=1)
    np.testing.assert_allclose(total, errors)
    alone = model.transform(X[:1], **_given(model, 1))
    np.testing.assert_allclose(alone, results[0][:1], atol=1e-12)
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.transform(X, **known), results[0])


@pytest.mark.slow
@every_estimator
def test_rows_without_gaps_are_as_if_there_were_none_elsewhere(estimator, small, rng):
    """A model of whole rows takes rows with gaps, and others stay what they are."""
    model = fitted(estimator(2, **SHARED), small)
    mixed = small.copy()
    mixed[::2, 1] = np.nan
    known = _given(model, len(small))
    for method in ("transform", "score_samples", "reconstruction_error"):
        whole, found = (getattr(model, method)(X, **known) for X in (small, mixed))
        np.testing.assert_array_equal(found[1::2], whole[1::2])
        assert (found[::2] != whole[::2]).any()


@pytest.mark.parametrize("n_features", [5, 40])
def test_statistics_are_of_the_observed_cells(n_features, rng):
    X = _with_gaps(3 + 2 * rng.normal(size=(300, n_features)), rng)
    weight = rng.integers(1, 4, 300).astype(float)
    repeated = np.repeat(X, weight.astype(int), axis=0)
    for data, w in ((X, None), (X, weight)):
        found = describe_columns(
            data, with_covariance=True, check=lambda *_: None, weight=w
        )
        rows = X if w is None else repeated
        np.testing.assert_allclose(found.mean, np.nanmean(rows, axis=0))
        np.testing.assert_allclose(found.variance, np.nanvar(rows, axis=0), rtol=0.02)
        np.testing.assert_array_equal(found.minimum, np.nanmin(X, axis=0))
        np.testing.assert_array_equal(found.maximum, np.nanmax(X, axis=0))
        np.testing.assert_allclose(found.missing, np.isnan(rows).mean(axis=0))
        centred = np.nan_to_num(rows - np.nanmean(rows, axis=0))
        there = (~np.isnan(rows)).astype(float)
        pairs = there.T @ there
        np.testing.assert_allclose(found.covariance, centred.T @ centred / pairs)


def test_the_start_finds_the_axes_through_gaps(rng):
    latent = rng.normal(size=(2000, 2))
    X = latent @ rng.normal(size=(2, 8)) + 0.1 * rng.normal(size=(2000, 8))
    gaps = _with_gaps(X, rng, 0.3)
    model = Autoencoder(2, max_epochs=1, learning_rate=1e-12, random_state=0)
    axes = model.fit(gaps).net_.module_.decoder.last.weight[:, -2:].detach().numpy()
    axes = np.linalg.qr(axes)[0]
    true = PCA(2).fit(X).components_
    assert np.linalg.svd(true @ axes)[1].min() > 0.99


def test_training_learns_what_stands_for_missing_cells(small, rng):
    X = _with_gaps(small, rng)
    module = Autoencoder(2, early_stopping=False, **SHARED).fit(X).net_.module_
    assert (module.missing != 0).all()
    whole = Autoencoder(2, **SHARED).fit(small).net_.module_
    assert whole.missing is None


def test_gaps_are_filled_better_than_by_the_mean(rng):
    latent = rng.normal(size=(600, 2))
    X = np.tanh(latent @ rng.normal(size=(2, 8)))
    gaps = _with_gaps(X, rng, 0.2)
    missing = np.isnan(gaps)
    model = Autoencoder(
        2, corruption=HiddenCells(0.2), max_epochs=60, random_state=0
    ).fit(gaps)
    error = np.mean((model.reconstruct(gaps) - X)[missing] ** 2)
    assert error < 0.5 * np.mean((X - np.nanmean(gaps, axis=0))[missing] ** 2)


# -- forms of X


ARRAYS = {
    "images": (Convolutional((4,)), (40, 1, 8, 8)),
    "patches": (Transformer(8), (40, 1, 8, 8)),
    "flat images": (Dense((8,)), (40, 1, 4, 4)),
    "series": (Recurrent(4), (40, 6, 2)),
    "attention": (Transformer(8), (40, 6, 2)),
}


@pytest.mark.parametrize("case", ARRAYS)
@pytest.mark.parametrize(
    "loss", [None, pytest.param("binary_cross_entropy", marks=pytest.mark.slow)]
)
def test_images_and_series_with_gaps(case, loss, rng):
    architecture, shape = ARRAYS[case]
    X = _with_gaps(rng.random(shape), rng)
    model = Autoencoder(2, architecture=architecture, loss=loss, **SHARED).fit(X)
    assert np.isfinite(model.transform(X)).all()
    assert np.isfinite(model.reconstruct(X)).all()
    cells = model.reconstruction_error(X, per_feature=True)
    np.testing.assert_array_equal(np.isnan(cells), np.isnan(X))


@pytest.mark.parametrize("architecture", [Recurrent(4), Transformer(8)], ids=name_of)
@pytest.mark.parametrize("estimator", [Autoencoder, VariationalAutoencoder])
def test_lists_with_gaps(estimator, architecture, rng):
    X = [_with_gaps(rng.random((n, 2)), rng) for n in rng.integers(3, 9, 40)]
    model = estimator(2, architecture=architecture, **SHARED).fit(X)
    assert np.isfinite(model.transform(X)).all()
    errors = model.reconstruction_error(X)
    cells = model.reconstruction_error(X, per_feature=True)
    for row, of_cells, error in zip(X, cells, errors, strict=True):
        np.testing.assert_array_equal(np.isnan(of_cells), np.isnan(row))
        mean = np.nansum if model.criterion_class.as_sum else np.nanmean
        np.testing.assert_allclose(mean(of_cells), error)


def test_frames_lists_and_sparse_rows_with_gaps(small, rng):
    X = _with_gaps(small, rng)
    names = list("abcde")
    expected = Autoencoder(2, **SHARED).fit(X)
    frame = pd.DataFrame(X, columns=names)
    for given in (
        frame,
        frame.convert_dtypes(),
        pl.DataFrame(X, schema=names).fill_nan(None),
        np.where(np.isnan(X), None, X),
        X.tolist(),
        scipy.sparse.csr_matrix(X),
    ):
        model = Autoencoder(2, **SHARED).fit(given)
        np.testing.assert_array_equal(model.transform(given), expected.transform(X))
    variational = VariationalAutoencoder(2, **SHARED).fit(scipy.sparse.csr_matrix(X))
    assert np.isfinite(variational.score_samples(scipy.sparse.csr_matrix(X))).all()


def test_a_pipeline_and_a_search_with_gaps(small, rng):
    X = _with_gaps(small, rng)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), Autoencoder(**SHARED)),
        {"autoencoder__n_components": [1, 2]},
        error_score="raise",
        cv=2,
    ).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_windows_of_a_series_with_gaps(rng):
    series = rng.normal(size=(60, 2))
    series[10:14, 0] = np.nan
    windows = SlidingWindows(6).fit(series)
    cut = windows.transform(series)
    np.testing.assert_allclose(windows.inverse_transform(cut), series)
    model = Autoencoder(2, **SHARED).fit(cut)
    cells = model.reconstruction_error(cut, per_feature=True)
    means = windows.average(cells)
    np.testing.assert_array_equal(np.isnan(means), np.isnan(series))


def test_weights_count_beside_gaps(small, rng):
    X = _with_gaps(small[:20], rng)
    weight = rng.integers(1, 3, 20)
    model = Autoencoder(2, **SHARED).fit(X, sample_weight=weight)
    repeated = Autoencoder(2, **SHARED).fit(np.repeat(X, weight, axis=0))
    np.testing.assert_allclose(model.transform(X), repeated.transform(X), atol=1e-6)


def test_partial_fit_with_gaps(small, rng):
    X = _with_gaps(small, rng)
    for first, then in ((X, small), (small, X)):
        model = Autoencoder(2, **SHARED).partial_fit(first).partial_fit(then)
        assert np.isfinite(model.transform(X)).all()


# -- what stands in missing cells


def _normal_rows(rng, n_rows=400, n_columns=6):
    X = rng.normal(size=(n_rows, 2)) @ rng.normal(size=(2, n_columns))
    X += 0.3 * rng.normal(size=X.shape)
    return X * np.geomspace(1, 100, n_columns) + 3


def _filled(model, X, rng):
    """Return rows with gaps filled, and the same by the closed form, cell by cell."""
    gaps = _with_gaps(X, rng, 0.4)
    observed = ~np.isnan(gaps)
    filled = model.filled(torch.from_numpy(gaps), torch.from_numpy(observed)).numpy()
    covariance = model.covariance
    if covariance is None:
        covariance = model.loadings @ model.loadings.T + np.diag(model.noise)
    z = (gaps - model.mean) / model.deviation
    expected = z.copy()
    for row, seen in zip(expected, observed, strict=True):
        solved = np.linalg.solve(covariance[np.ix_(seen, seen)], row[seen])
        row[~seen] = covariance[np.ix_(~seen, seen)] @ solved
    return filled, expected * model.deviation + model.mean, observed


@pytest.mark.parametrize("n_columns", [6, 60])
def test_conditional_means_have_their_closed_form(n_columns, rng):
    X = _normal_rows(rng, n_columns=n_columns)
    gaps = _with_gaps(X, rng)
    model = fitted_conditional(
        gaps, np.nanmean(gaps, axis=0), np.nanvar(gaps, axis=0), rng=rng
    )
    filled, expected, observed = _filled(model, X[:30], rng)
    np.testing.assert_allclose(filled, expected, rtol=1e-8, atol=1e-8)
    np.testing.assert_array_equal(filled[observed], X[:30][observed])
    error = ((filled - X[:30]) / X.std(axis=0))[~observed]
    assert np.mean(error**2) < 0.5


def test_em_finds_the_covariance_that_gaps_hide(rng):
    X = _normal_rows(rng, 3000)
    X /= X.std(axis=0)
    # Cells that are seen tell how likely others are to be missing.
    missing = (X[:, :1] > X[:, :1].mean()) & (rng.random(X.shape) < 0.7)
    missing[:, 0] = False
    gaps = np.where(missing, np.nan, X)
    model = fitted_conditional(
        gaps, np.nanmean(gaps, axis=0), np.nanvar(gaps, axis=0), rng=rng
    )
    of_cells = np.abs(np.nanmean(gaps, axis=0) - X.mean(axis=0)).max()
    assert np.abs(model.mean - X.mean(axis=0)).max() < 0.3 * of_cells


def test_what_stands_under_a_gap_has_no_influence(rng):
    X = _normal_rows(rng)
    model = fitted_conditional(X, X.mean(axis=0), X.var(axis=0), rng=rng)
    observed = torch.from_numpy(rng.random(X.shape) < 0.7)
    one, other = (
        model.filled(torch.from_numpy(X).masked_fill(~observed, value), observed)
        for value in (0.0, 1e6)
    )
    assert torch.equal(one, other)


def test_the_identity_starts_at_conditional_means(rng):
    X = _normal_rows(rng)
    gaps = _with_gaps(X, rng)
    model = DenoisingAutoencoder(
        6,
        corruption=HiddenCells((0.1, 0.5)),
        max_epochs=1,
        learning_rate=1e-12,
        random_state=0,
    ).fit(gaps)
    expected = model._fields.scaling.linear_means(gaps)
    np.testing.assert_allclose(
        (model.reconstruct(gaps) - expected) / X.std(axis=0), 0, atol=1e-4
    )


def test_gaps_that_come_later_stand_at_conditional_means(rng):
    X = _normal_rows(rng)
    model = Autoencoder(6, **SHARED).fit(X)
    filled = model._fields.scaling.linear_means(_with_gaps(X, rng))
    error = np.mean(((filled - X) / X.std(axis=0)) ** 2)
    assert error < 0.1  # of 0.2 that means leave


def test_impute_keeps_observed_cells_and_weighs_codes(rng):
    X = _normal_rows(rng)
    gaps = _with_gaps(X, rng)
    missing = np.isnan(gaps)
    model = VariationalAutoencoder(
        2, corruption=HiddenCells(0.3), max_epochs=30, random_state=0
    ).fit(gaps)
    filled = model.impute(gaps, random_state=0)
    np.testing.assert_array_equal(filled[~missing], gaps[~missing])
    scale = X.std(axis=0)
    error = np.mean((((filled - X) / scale)[missing]) ** 2)
    assert error < 0.8 * np.mean(((X.mean(axis=0) - X) / scale)[missing] ** 2)
    draws = [
        model.impute(gaps, sample_posterior=True, random_state=i) for i in range(60)
    ]
    assert (np.std(draws, axis=0)[missing] > 0).all()
    away = (np.mean(draws, axis=0) - filled) / np.std(draws, axis=0)[missing].mean()
    assert np.abs(away[missing].mean()) < 0.1


# -- hidden cells


def _hidden(corruption, batch):
    n_columns = batch.x.shape[1]
    columns = ColumnStatistics(*(torch.full((n_columns,), 7.0) for _ in range(6)))
    return corruption.corrupt_batch(batch, columns, make_generator(0))


def test_hidden_cells_are_neutral_and_not_observed():
    x = torch.arange(4000.0).reshape(1000, 4) + 10
    batch = _hidden(HiddenCells(0.25), Batch(x))
    hidden = ~batch.observed
    assert abs(hidden.float().mean() - 0.25) < 0.03
    assert (batch.x[hidden] == 7).all()
    assert torch.equal(batch.x[~hidden], x[~hidden])
    gaps = torch.rand(x.shape, generator=make_generator(1)) < 0.5
    batch = _hidden(HiddenCells(0.25), Batch(x.masked_fill(gaps, 3.0), ~gaps))
    assert not batch.observed[gaps].any()
    assert (batch.x[gaps] == 3).all()  # what stood there stays


def test_a_share_of_each_row():
    batch = _hidden(HiddenCells((0.1, 0.5)), Batch(torch.ones(500, 400)))
    shares = (~batch.observed).float().mean(1)
    assert abs(shares.mean() - 0.3) < 0.02
    assert shares.min() < 0.15
    assert shares.max() > 0.45
    for rate in ((0.5, 0.1), (0.1,), (0.1, 2.0)):
        with pytest.raises(ValueError, match="a lowest and a highest"):
            Autoencoder(corruption=HiddenCells(rate)).fit(np.eye(6))


def test_hidden_patterns_of_other_rows():
    x = torch.ones(500, 4)
    observed = torch.ones_like(x, dtype=torch.bool)
    observed[:250, 0] = observed[:250, 1] = False  # both, or neither
    batch = _hidden(HiddenCells(1.0, pattern="rows"), Batch(x, observed))
    assert torch.equal(batch.observed[:, 0], batch.observed[:, 1])
    assert batch.observed[:, 2:].all()
    n_lost = (~batch.observed[250:, 0]).sum()
    assert 50 < n_lost < 200
    batch = _hidden(HiddenCells(0.3, pattern="rows"), Batch(x, observed))
    assert (~batch.observed[250:, 0]).sum() < 0.5 * n_lost


def test_hidden_cells_train_what_stands_for_them(small):
    model = Autoencoder(
        2, corruption=HiddenCells(), early_stopping=False, **SHARED
    ).fit(small)
    assert (model.net_.module_.missing != 0).all()


def _remembering(n_patterns):
    """Return what hides cells of ten rows of 30, with a memory."""
    columns = ColumnStatistics(*[np.zeros(30)] * 6)
    corrupt = Corrupt(HiddenCells(0.5, n_patterns=n_patterns), columns)
    corrupt.generator = make_generator(0)
    corrupt.remember(10)
    return corrupt


def _of_epochs(n_epochs, n_patterns):
    """Return what is observed of ten rows in each epoch, each with an order."""
    corrupt = _remembering(n_patterns)
    x, epochs = torch.arange(300.0).reshape(10, 30) + 1, []
    for epoch in range(n_epochs):
        order = torch.randperm(10, generator=make_generator(epoch))
        observed = torch.empty(10, 30, dtype=torch.bool)
        for number in order.split(4):
            batch = corrupt(Batch(x[number], number=number))
            assert torch.equal(batch.x, x[number] * batch.observed)
            observed[number] = batch.observed
        epochs.append(observed)
    return epochs


def test_hidden_cells_of_some_epochs_are_taken_again():
    one, other, *later = _of_epochs(5, n_patterns=2)
    assert not torch.equal(one, other)
    for epoch, expected in zip(later, (one, other, one), strict=True):
        assert torch.equal(epoch, expected)
    corrupt = _remembering(1)
    batch = Batch(torch.ones(10, 30))  # of rows without numbers, as in validation
    assert not torch.equal(corrupt(batch).observed, corrupt(batch).observed)


def test_patterns_as_many_as_epochs_are_patterns_drawn(small):
    def losses(n_patterns):
        corruption = HiddenCells(0.5, n_patterns=n_patterns)
        model = Autoencoder(2, corruption=corruption, random_state=0, max_epochs=4)
        model.set_params(early_stopping=False, batch_size=16).fit(small)
        assert model.net_.module_.corrupt.memory is None
        return [epoch["train_loss"] for epoch in model.history_]

    drawn = losses(None)
    assert losses(4) == drawn
    again = losses(2)
    assert again[:2] == drawn[:2]
    assert again[2:] != drawn[2:]
    with pytest.raises(ValueError, match="n_patterns"):
        losses(0)


# -- what is refused


def test_what_is_refused(small):
    X = small.copy()
    X[3, 2] = np.inf
    with pytest.raises(ValueError, match="infinity .row 3, column 2"):
        Autoencoder().fit(X)
    X[:, 2] = np.nan
    with pytest.raises(ValueError, match="Column 2 of X has no value"):
        Autoencoder().fit(X)
    frame = pd.DataFrame(X, columns=list("abcde"))
    with pytest.raises(ValueError, match="Column 'c' of X has no value"):
        VariationalAutoencoder().fit(frame)
    images = small.reshape(-1, 1, 1, 5).copy()
    images[..., 4] = np.nan
    with pytest.raises(ValueError, match=r"Position \(0, 0, 4\) of X has no value"):
        Autoencoder(architecture=Convolutional((2,))).fit(images)


def test_a_row_without_a_value_costs_nothing(small):
    model = Autoencoder(2, **SHARED).fit(small)
    row = np.full((1, 5), np.nan)
    assert model.reconstruction_error(row) == 0
    assert np.isfinite(model.transform(row)).all()


def test_samples_know_their_cells(small, rng):
    assert Samples(small).n_cells == 5
    X = _with_gaps(small, rng)
    np.testing.assert_array_equal(Samples(X).n_cells, (~np.isnan(X)).sum(axis=1))


def test_hidden_cells_alone_may_count(small):
    def trained(**kwargs):
        corruption = HiddenCells(0.5, **kwargs)
        return Autoencoder(2, corruption=corruption, **SHARED).fit(small)

    every, hidden = trained(), trained(counted="hidden")
    assert every.history_[0]["train_loss"] != hidden.history_[0]["train_loss"]
    module, criterion = hidden.net_.module_, hidden.net_.criterion_
    module.corrupt.generator = make_generator(0)
    batch = Batch(torch.from_numpy(small).float())
    result = module.train()(batch)
    output = result.output.detach().requires_grad_()
    criterion(result._replace(output=output), batch).backward()
    assert ((output.grad != 0) == result.counted).all()
    assert 0.3 < result.counted.float().mean() < 0.7
    bound = VariationalAutoencoder(2, corruption=hidden.corruption)
    with pytest.raises(ValueError, match="leaves cells out of the loss"):
        bound.fit(small)
