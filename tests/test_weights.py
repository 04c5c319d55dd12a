"""A weight is a number of equal rows: in the loss, the start, the threshold."""

import numpy as np
import pytest
import torch
from sklearn import config_context
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import (
    L1,
    Autoencoder,
    BinaryCrossEntropy,
    DenoisingAutoencoder,
    Dense,
    Gaussian,
    KLSparsity,
    Recurrent,
    SparseAutoencoder,
    SquaredError,
    TopK,
    VariationalAutoencoder,
)
from skae.autoencoders.criterion import Criterion
from skae.autoencoders.module import Forward, Lengths
from skae.autoencoders.variational.bound import Bound
from skae.autoencoders.variational.module import VariationalForward
from skae.data.batch import Batch
from skae.data.samples import Samples
from skae.data.statistics import describe, principal_axes
from skae.roles.thresholds import quantile
from skae.training.early_stopping import clearly_better

WEIGHTS = np.array([0, 1, 2, 3, 0, 1, 4, 1, 2, 1, 0, 3])


@pytest.fixture
def rows(rng):
    return rng.normal(size=(12, 5)) @ rng.normal(size=(5, 5)) + 3


def _repeated(rows):
    return rows.repeat(WEIGHTS, axis=0)


@pytest.mark.parametrize("estimator", [Autoencoder, SparseAutoencoder])
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"loss": "absolute_error"},
        {"loss": "huber"},
        {"loss": "gaussian"},
        {"architecture": Dense((8,), tied=True, shortcut="random")},
        {"architecture": Dense((8, 4), activation="tanh", shortcut="random")},
        {"contamination": 0.2},
        {"contamination": None},
    ],
    ids=str,
)
def test_fit_with_weights_is_fit_of_repeated_rows(estimator, parameters, rows):
    shared = {"n_components": 2, "random_state": 0, **parameters}
    weighted = estimator(**shared).fit(rows, sample_weight=WEIGHTS)
    repeated = estimator(**shared).fit(_repeated(rows))
    for method in ("transform", "score_samples", "decision_function", "predict"):
        found, expected = (getattr(m, method)(rows) for m in (weighted, repeated))
        # Adam's first steps make rounding 1e5 times larger, where the start is PCA.
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(
        [epoch["train_loss"] for epoch in weighted.history_],
        [epoch["train_loss"] for epoch in repeated.history_],
        rtol=1e-7,
    )


@pytest.mark.parametrize("sparsity", [L1(0.1), KLSparsity(), TopK(2)], ids=repr)
def test_sparsities_take_weights(sparsity, rows):
    models = [
        SparseAutoencoder(6, sparsity=sparsity, random_state=0).fit(*args, **known)
        for args, known in (
            ((rows,), {"sample_weight": WEIGHTS}),
            ((_repeated(rows),), {}),
        )
    ]
    codes = [model.transform(rows) for model in models]
    np.testing.assert_allclose(*codes, rtol=1e-7, atol=1e-9)
    frequencies = [model.activation_frequency_ for model in models]
    np.testing.assert_allclose(*frequencies)


def test_series_of_unequal_length_take_weights(rng):
    X = [rng.normal(size=(n, 2)) for n in rng.integers(2, 6, 12)]
    repeated = [x for x, n in zip(X, WEIGHTS, strict=True) for _ in range(n)]
    model = Autoencoder(2, architecture=Recurrent(4), random_state=0, max_epochs=10)
    codes = model.fit(X, sample_weight=WEIGHTS).transform(X)
    np.testing.assert_allclose(
        codes, model.fit(repeated).transform(X), rtol=1e-6, atol=1e-9
    )


def test_larger_tables_agree_in_whole_batches(rng):
    X = rng.normal(size=(100, 6)) @ rng.normal(size=(6, 6))
    weights = rng.integers(0, 4, 100)
    shared = dict(max_epochs=20, early_stopping=False, random_state=0, batch_size=1000)
    weighted = Autoencoder(2, **shared).fit(X, sample_weight=weights)
    repeated = Autoencoder(2, **shared).fit(X.repeat(weights, axis=0))
    assert weighted.net_.dtype == "float32"
    np.testing.assert_allclose(
        weighted.reconstruct(X), repeated.reconstruct(X), atol=0.01
    )


def test_only_ratios_of_weights_count_for_the_network(rows):
    model = Autoencoder(2, random_state=0)
    codes = model.fit(rows, sample_weight=WEIGHTS).transform(rows)
    halves = model.fit(rows, sample_weight=WEIGHTS / 2).transform(rows)
    np.testing.assert_allclose(codes, halves, rtol=1e-7)


def test_weights_matter_with_validation_and_batches(rng):
    """One component for two groups of rows goes to the one that counts."""
    X = 0.1 * rng.normal(size=(400, 4))
    first = np.arange(400) < 200
    X[first, 0] += rng.normal(size=200)
    X[~first, 1] += rng.normal(size=200)
    architecture = Dense((), shortcut="random")
    model = Autoencoder(1, architecture=architecture, max_epochs=60, random_state=0)
    model.set_params(learning_rate=0.02)
    for heavy in (first, ~first):
        weights = np.where(heavy, 20.0, 1.0)
        errors = model.fit(X, sample_weight=weights).reconstruction_error(X)
        assert 3 * errors[heavy].mean() < errors[~heavy].mean()


def test_the_start_is_pca_of_the_repeated_rows(rows):
    """Wide and tall: from the covariance, and from products of rows."""
    wide = np.hstack((rows, rows**2, rows**3, np.sin(rows), np.cos(rows), rows**4))
    for X in (rows, wide):
        samples = Samples(X, weight=WEIGHTS).weighted()
        columns = describe(samples, with_covariance=True, check=lambda *block: None)
        repeated = _repeated(X)
        np.testing.assert_allclose(columns.mean, repeated.mean(axis=0))
        np.testing.assert_allclose(columns.variance, repeated.var(axis=0))
        rng = np.random.default_rng(0)
        axes, variances = principal_axes(samples, columns, limit=3, rng=rng)
        pca = PCA(3).fit(repeated)
        np.testing.assert_allclose(
            np.abs(axes @ pca.components_.T), np.eye(3), atol=1e-6
        )
        n = len(repeated)
        np.testing.assert_allclose(
            variances, pca.explained_variance_ * (n - 1) / n, rtol=1e-9
        )


def _batches(rng, **fields):
    """Return a weighted batch, and one of repeated rows."""
    x = torch.from_numpy(rng.normal(size=(12, 4)))
    weighted = Batch(x, weight=torch.from_numpy(WEIGHTS.astype(float)), **fields)
    times = torch.from_numpy(WEIGHTS)
    repeated = weighted.map(lambda t: t.repeat_interleave(times, 0))
    return weighted, repeated._replace(weight=None), times


@pytest.mark.parametrize("loss", [SquaredError(), Gaussian(), BinaryCrossEntropy()])
@pytest.mark.parametrize("masked", [False, True])
def test_both_reductions(loss, masked, rng):
    """A mean over observed cells, and a sum in nats; with gradients."""
    observed = {"observed": torch.from_numpy(rng.random((12, 4)) < 0.7)}
    weighted, repeated, times = _batches(rng, **(observed if masked else {}))
    output = torch.from_numpy(rng.normal(size=(12, 4)))
    kl = torch.from_numpy(rng.random((12, 2)))
    plain = Criterion(loss=loss, n_columns=4).double()
    bounds = [
        Bound(loss=loss, n_columns=4, beta=2.0, free_bits=bits).double()
        for bits in (0.0, 0.6)
    ]
    for criterion in (plain, *bounds):
        found = []
        for batch, n in ((weighted, None), (repeated, times)):
            of = [t if n is None else t.repeat_interleave(n, 0) for t in (output, kl)]
            given = of[0].clone().requires_grad_()
            result = Forward(given, of[1])
            if isinstance(criterion, Bound):
                result = VariationalForward(given, of[1], None, of[1], of[1], of[1])
            value = criterion(result, batch)
            (gradient,) = torch.autograd.grad(value, given)
            found.append((value, criterion.terms, gradient.sum(0)))
        torch.testing.assert_close(found[0], found[1])


def test_penalties_are_weighted_means(rng):
    weighted, repeated, times = _batches(
        rng, lengths=torch.from_numpy(rng.integers(1, 9, 12))
    )
    code = torch.from_numpy(rng.random((12, 3)))
    lengths = Lengths(3, 1.0, 0.5, 9).double()
    again = code.repeat_interleave(times, 0)
    for penalty in (L1(1.0).penalty, KLSparsity(0.2).penalty, lengths.penalty):
        torch.testing.assert_close(penalty(code, weighted), penalty(again, repeated))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.35, 0.5, 1.0])
def test_weighted_quantiles(share, rng):
    values = rng.normal(size=12)
    expected = np.percentile(np.repeat(values, WEIGHTS), 100 * share)
    assert quantile(values, share, WEIGHTS) == pytest.approx(expected)


def test_early_stopping_counts_weights(rng):
    start = rng.random(12) + 1
    better, worse = start - 0.3, start + 0.3
    chosen = np.arange(12) < 6
    mixed = np.where(chosen, better, worse)
    assert clearly_better(mixed, start, np.where(chosen, 50.0, 0.1))
    assert not clearly_better(mixed, start, np.where(chosen, 0.1, 50.0))
    for losses in (better, worse, mixed, start - 0.3 * rng.random(12)):
        assert clearly_better(losses, start, WEIGHTS) == clearly_better(
            losses.repeat(WEIGHTS), start.repeat(WEIGHTS)
        )


def test_weights_are_routed(rows):
    X = np.vstack((rows, rows + 1))
    weights = np.tile(WEIGHTS, 2)
    with config_context(enable_metadata_routing=True):
        pipe = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=True),
            Autoencoder(2, random_state=0).set_fit_request(sample_weight=True),
        ).fit(X, sample_weight=weights)
    scaled = StandardScaler().fit(X, sample_weight=weights).transform(X)
    expected = Autoencoder(2, random_state=0).fit(scaled, sample_weight=weights)
    np.testing.assert_array_equal(pipe.transform(X), expected.transform(scaled))


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (-np.ones(12), "[Nn]egative"),
        (np.zeros(12), "zero|positive"),
        (np.ones(11), "shape|inconsistent"),
        (np.full(12, np.nan), "NaN"),
        (np.ones((12, 2)), "1D"),
    ],
)
def test_bad_weights(weights, said, rows):
    with pytest.raises(ValueError, match=said):
        Autoencoder(2).fit(rows, sample_weight=weights)


@pytest.mark.parametrize("estimator", [DenoisingAutoencoder, VariationalAutoencoder])
def test_where_noise_is_drawn_there_are_no_weights(estimator, rows):
    with pytest.raises(TypeError, match="sample_weight"):
        estimator(2).fit(rows, sample_weight=WEIGHTS)


def test_training_that_only_adds_rounding_is_undone(rng):
    """Rows that PCA reproduces exactly leave nothing to learn."""
    X = rng.normal(size=(10, 3)) @ rng.normal(size=(3, 8))
    model = Autoencoder(4, random_state=0).fit(X)
    assert model.best_epoch_ == 0
    np.testing.assert_allclose(model.reconstruct(X), X, atol=1e-12)
    assert (model.predict(X) == 1).all()


def test_after_few_rows_many_are_trained_on_in_batches(rng):
    model = Autoencoder(2, random_state=0).fit(rng.normal(size=(20, 5)))
    assert (model.net_.dtype, model.batch_size_) == ("float64", 20)
    model.partial_fit(rng.normal(size=(5000, 5)))
    assert model.batch_size_ == 64
