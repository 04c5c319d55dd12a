"""Batches, the first pass over X, the budget, the rule for the best epoch."""

import numpy as np
import pytest
import scipy.sparse
import torch
from sklearn.decomposition import PCA

from skae.data.fields import Field, Fields
from skae.data.rows import Batches, Rows
from skae.data.samples import Samples
from skae.data.scaling import Scaling
from skae.data.statistics import describe_columns, principal_axes
from skae.training.budget import (
    Schedule,
    auto_batch_size,
    auto_epochs,
    learning_rate_factor,
)
from skae.training.early_stopping import clearly_better
from skae.training.seeds import draw_seed, make_generator


def _rows(n_rows, n_features=3, **parameters):
    X = np.arange(n_rows * n_features, dtype=np.float32).reshape(n_rows, n_features)
    return Rows(Samples(X), Scaling(), **parameters)


@pytest.mark.parametrize("n_rows", [1, 2, 5, 16, 17, 33, 100])
@pytest.mark.parametrize("batch_size", [1, 2, 16, 1000])
@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("block_bytes", [1, 400, 2**21])
def test_every_row_comes_once(n_rows, batch_size, shuffled, block_bytes, monkeypatch):
    monkeypatch.setattr("skae.data.samples.BLOCK_BYTES", block_bytes)
    rows = _rows(n_rows)
    X = rows.samples.X
    generator = make_generator(0) if shuffled else None
    iterator = Batches(rows, batch_size, generator)
    found = [batch.x for batch in iterator if batch.compared is batch.x]
    assert len(found) == len(iterator)
    sizes = [len(x) for x in found]
    assert max(sizes) <= batch_size + 1
    if n_rows > 1 and batch_size > 1:
        assert min(sizes) > 1  # no tail of one row
    first_column = torch.cat(found)[:, 0].numpy()
    np.testing.assert_array_equal(np.sort(first_column), X[:, 0])
    if not shuffled:
        np.testing.assert_array_equal(first_column, X[:, 0])


def test_order_is_fresh_each_epoch_and_comes_from_the_generator():
    epochs = []
    for _ in range(2):
        iterator = Batches(_rows(50), 10, make_generator(3))
        epochs.append([torch.cat([batch.x for batch in iterator]) for _ in range(2)])
    assert torch.equal(epochs[0][0], epochs[1][0])
    assert torch.equal(epochs[0][1], epochs[1][1])
    assert not torch.equal(epochs[0][0], epochs[0][1])


def test_positions_choose_the_rows():
    rows = _rows(10, positions=np.array([2, 5, 7]))
    assert len(rows) == 3
    X = rows.samples.X
    for kept in (rows, rows.kept()):
        np.testing.assert_array_equal(kept.take(slice(0, 3)).x, X[[2, 5, 7]])
        np.testing.assert_array_equal(kept.take(np.array([2, 0])).x, X[[7, 2]])
        assert torch.equal(kept[1]["x"], torch.from_numpy(X[5]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.int64, bool])
@pytest.mark.parametrize("sparse", [False, True])
def test_scaling_there_and_back(dtype, sparse, rng):
    X = rng.integers(0, 2 if dtype is bool else 100, size=(20, 4)).astype(dtype)
    scaling = Scaling(X.mean(axis=0), 3.0)
    source = scipy.sparse.csr_array(X) if sparse else X
    for out in (np.float32, np.float64):
        scaled = scaling.forward(source, slice(2, 9), out).numpy()
        assert scaled.dtype == out
        np.testing.assert_allclose(scaled, (X[2:9] - X.mean(axis=0)) / 3, atol=1e-5)
        np.testing.assert_allclose(scaling.inverse(scaled), X[2:9], atol=1e-4)


def test_scaling_subtracts_before_the_cast(rng):
    X = 1e6 + 1e-3 * rng.normal(size=(50, 3))
    scaling = Scaling(X.mean(axis=0), 1e-3)
    scaled = scaling.forward(X, slice(None), np.float32).numpy()
    np.testing.assert_allclose(scaled, (X - X.mean(axis=0)) / 1e-3, atol=1e-4)


def _describe(X, **parameters):
    return describe_columns(
        X, with_covariance=True, check=lambda *block: None, **parameters
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sparse", [False, True])
def test_columns_against_numpy(dtype, sparse, rng, monkeypatch):
    monkeypatch.setattr("skae.data.samples.BLOCK_BYTES", 4 * 5 * 30)
    X = (rng.normal(size=(200, 5)) * [1, 2, 3, 4, 0] + [0, 1e3, 0, 5, 7]).astype(dtype)
    columns = _describe(scipy.sparse.csr_array(X) if sparse else X)
    np.testing.assert_allclose(columns.mean, X.mean(axis=0, dtype=float), rtol=1e-6)
    np.testing.assert_allclose(columns.variance, X.var(axis=0, dtype=float), rtol=1e-3)
    np.testing.assert_allclose(
        columns.covariance, np.cov(X.T.astype(float), bias=True), rtol=1e-3, atol=1e-3
    )
    assert columns.variance[4] == 0
    fields = Fields((Field("number", slice(0, 5)),))
    scale = fields.learned(columns, (-np.inf, np.inf)).scaling.scale
    assert scale == pytest.approx(np.sqrt(X.var(axis=0).mean()), rel=1e-3)


@pytest.mark.parametrize("shape", [(300, 6), (20, 6), (6, 40), (40, 41)])
def test_principal_axes_are_those_of_pca(shape, rng):
    X = rng.normal(size=shape) @ np.diag(np.linspace(1, 3, shape[1])) + 5
    k = 4
    axes, variances = principal_axes(Samples(X), _describe(X), limit=k, rng=rng)
    pca = PCA(k).fit(X)
    np.testing.assert_allclose(np.abs(axes @ pca.components_.T), np.eye(k), atol=1e-6)
    np.testing.assert_allclose(
        variances, pca.explained_variance_ * (shape[0] - 1) / shape[0], rtol=1e-6
    )
    assert (axes[np.arange(k), np.abs(axes).argmax(axis=1)] > 0).all()


def test_small_principal_axes_are_kept_of_float32(rng):
    X = rng.normal(size=(4000, 60)).astype(np.float32)
    X *= np.geomspace(1, 3e-3, 60, dtype=np.float32)  # 1e5 between the variances
    axes, variances = principal_axes(Samples(X), _describe(X), limit=None, rng=rng)
    assert len(axes) == 60
    np.testing.assert_allclose(variances, PCA().fit(X).explained_variance_, rtol=2e-3)


def test_principal_axes_stop_at_the_rank(rng):
    X = rng.normal(size=(50, 2)) @ rng.normal(size=(2, 6))
    for dtype in (np.float64, np.float32):
        x = X.astype(dtype)
        axes, _ = principal_axes(Samples(x), _describe(x), limit=None, rng=rng)
        assert axes.shape == (2, 6)
    constant = np.ones((50, 6))
    axes, _ = principal_axes(Samples(constant), _describe(constant), limit=3, rng=rng)
    assert axes.size == 0


def test_budget():
    assert [auto_batch_size(n) for n in (1, 100, 2047, 4096, 10**6)] == [
        32, 32, 32, 64, 256,
    ]  # fmt: skip
    assert auto_epochs(455, 32, True) == 200
    assert auto_epochs(1800, 32, True) == 53
    assert auto_epochs(10**7, 256, True) == 5
    assert auto_epochs(30, 30, False) == 50


def test_schedule():
    factors = [learning_rate_factor(done) for done in np.linspace(0, 0.9999, 200)]
    assert factors[0] == 1
    assert factors[100] == pytest.approx(0.5, abs=0.01)
    assert factors[-1] < 1e-4
    assert (np.diff(factors) < 0).all()


def test_schedules_of_steps():
    rates = {
        name: [schedule.next_rate() for _ in range(4)]
        for name in ("cosine", "constant")
        if (schedule := Schedule(0.1, 4, name))
    }
    assert rates["cosine"] == [0.1 * learning_rate_factor(n / 4) for n in range(4)]
    assert rates["constant"] == [0.1] * 4
    asked = []
    schedule = Schedule(0.1, 4, lambda done: asked.append(done) or np.float32(done))
    asked.clear()
    assert [schedule.next_rate() for _ in range(4)] == [0, 0.025, 0.05, 0.1 * 0.75]
    assert asked == [0, 0.25, 0.5, 0.75]


def test_clearly_better():
    start = np.linspace(1, 2, 50)
    noise = np.random.default_rng(0).normal(size=50)
    assert clearly_better(start - 0.1, start)
    assert not clearly_better(start, start)
    assert not clearly_better(start + 0.1, start)
    assert not clearly_better(start + 0.5 * (noise - noise.mean()), start)
    # One row's huge gain is no evidence, nor are many small ones against a huge loss.
    assert not clearly_better(start - 100.0 * (np.arange(50) == 0), start + 0.0)
    assert not clearly_better(start - 0.1 + 100.0 * (np.arange(50) == 0), start)
    assert clearly_better(np.array([1.0]), np.array([2.0]))


def test_seeds():
    assert draw_seed(5) == 5
    assert draw_seed(np.int64(5)) == 5
    assert draw_seed(None) != draw_seed(None)
    state = np.random.RandomState(0)
    assert draw_seed(state) != draw_seed(state)
