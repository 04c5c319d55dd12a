"""The variational autoencoder: closed forms, bounds in their order, samples, paths."""

import warnings

import numpy as np
import pytest
import scipy.stats
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA, FactorAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity

from skae import (
    BinaryCrossEntropy,
    Dense,
    Gaussian,
    Laplace,
    MaskingNoise,
    Poisson,
    VariationalAutoencoder,
)
from skae.autoencoders.variational.normal import (
    divergence,
    log_ratio,
    squashed,
    surrounding_points,
    unsquashed,
)
from skae.autoencoders.variational.start import calibrate_spectrum
from skae.data.batch import Batch

QUICK = dict(max_epochs=3, random_state=0, architecture=Dense((8,)))


@pytest.fixture(scope="module")
def table():
    """Three hundred rows of five columns: two directions and noise."""
    rng = np.random.default_rng(1)
    axes = rng.normal(size=(2, 5))
    return rng.normal(size=(300, 2)) @ axes + 0.3 * rng.normal(size=(300, 5)) + 4


@pytest.fixture(scope="module")
def linear(table):
    """A linear model that is neither trained to the end nor at its start."""
    return VariationalAutoencoder(
        2,
        architecture=Dense((), shortcut=None),
        max_epochs=30,
        early_stopping=False,
        random_state=0,
    ).fit(table)


def exact_log_density(model, X):
    """Return log p(x) of a model with a linear decoder, in closed form."""
    last = model.net_.module_.decoder.last
    W = last.weight.detach().double().numpy() * model.scale_
    mean = last.bias.detach().double().numpy() * model.scale_ + model.mean_
    covariance = W @ W.T + np.diag(np.broadcast_to(model.dispersion_, len(W)))
    return scipy.stats.multivariate_normal(mean, covariance).logpdf(X)


# -- closed forms


def test_divergence_is_that_of_normal_distributions(rng):
    mean, std = rng.normal(size=4), rng.uniform(0.2, 2, size=4)
    expected = [
        torch.distributions.kl_divergence(
            torch.distributions.Normal(m, s), torch.distributions.Normal(0.0, 1.0)
        )
        for m, s in zip(torch.tensor(mean), torch.tensor(std), strict=True)
    ]
    found = divergence(torch.tensor(mean), torch.tensor(2 * np.log(std)))
    torch.testing.assert_close(found, torch.stack(expected))
    assert divergence(torch.zeros(3), torch.zeros(3)).tolist() == [0, 0, 0]


def test_log_ratio_is_that_of_the_densities_and_averages_to_the_divergence(rng):
    mean, log_variance = torch.tensor(rng.normal(size=(2, 4, 3)))
    noise = torch.tensor(rng.normal(size=(50_000, 4, 3)))
    std = torch.exp(0.5 * log_variance)
    codes = mean + std * noise
    expected = torch.distributions.Normal(mean, std).log_prob(codes).sum(-1)
    expected -= torch.distributions.Normal(0.0, 1.0).log_prob(codes).sum(-1)
    ratio = log_ratio(noise, log_variance, codes)
    torch.testing.assert_close(ratio, expected)
    torch.testing.assert_close(
        ratio.mean(0), divergence(mean, log_variance).sum(1), rtol=0.05, atol=0.05
    )


@pytest.mark.parametrize("n_components", [1, 2, 3, 5, 8])
def test_points_integrate_cubics_exactly(n_components):
    points = surrounding_points(n_components)
    assert 16 <= len(points) <= 30
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(
        points.T @ points / len(points), np.eye(n_components), atol=1e-12
    )
    np.testing.assert_allclose((points**3).mean(axis=0), 0, atol=1e-12)


def test_points_of_many_components_have_unit_variances():
    points = surrounding_points(50)
    assert points.shape == (16, 50)
    np.testing.assert_allclose((points**2).mean(axis=0), 1)


def test_log_variances_are_kept_in_range():
    extreme = torch.tensor([-1e6, 1e6])
    assert squashed(extreme).tolist() == [-15, 15]
    values = torch.linspace(-12, 12, 9, dtype=torch.float64)
    torch.testing.assert_close(squashed(unsquashed(values)), values)
    assert torch.autograd.gradcheck(squashed, values.requires_grad_())


def test_the_score_of_a_linear_model_is_its_bound_in_closed_form(linear, table):
    mean, std = linear.posterior(table)
    last = linear.net_.module_.decoder.last
    W = last.weight.detach().double().numpy() * linear.scale_
    residual = table - linear.reconstruct(table)
    spread = np.sum(residual**2, axis=1) + np.sum(std**2 * np.sum(W**2, axis=0), axis=1)
    variance = linear.dispersion_
    expected = -0.5 * (spread / variance + 5 * np.log(2 * np.pi * variance))
    kl = 0.5 * np.sum(mean**2 + std**2 - 1 - 2 * np.log(std), axis=1)
    assert (kl > 0).all()
    np.testing.assert_allclose(linear.score_samples(table), expected - kl, rtol=1e-6)


def test_bounds_are_in_their_order_below_the_log_likelihood(linear, table):
    exact = exact_log_density(linear, table).mean()
    bounds = [linear.score(table)] + [
        linear.log_likelihood(table, n_draws, random_state=0).mean()
        for n_draws in (2, 5, 50, 5000)
    ]
    assert bounds == sorted(bounds)
    assert bounds[0] < bounds[2] - 0.01
    assert bounds[-1] <= exact + 1e-3
    assert bounds[-1] == pytest.approx(exact, abs=0.05)
    # One draw is the evidence lower bound, on average.
    one = [linear.log_likelihood(table, 1, seed).mean() for seed in range(50)]
    assert np.mean(one) == pytest.approx(bounds[0], abs=4 * np.std(one) / 50**0.5)


def test_it_starts_at_the_likelihood_of_probabilistic_pca(table, monkeypatch):
    start = VariationalAutoencoder(2, learning_rate=1e-12, max_epochs=1, random_state=0)
    pca = PCA(2).fit(table)
    assert start.fit(table).score(table) == pytest.approx(pca.score(table), abs=0.02)
    monkeypatch.setattr(
        VariationalAutoencoder, "_calibration", lambda self, *args: (0.0, 1.0)
    )
    model = start.fit(table)
    np.testing.assert_allclose(
        model.score_samples(table), pca.score_samples(table), atol=0.05
    )
    np.testing.assert_allclose(
        model.log_likelihood(table, 2, 0), model.score_samples(table), atol=1e-3
    )
    assert model.dispersion_ == pytest.approx(pca.noise_variance_, rel=0.02)


def test_a_linear_model_from_a_random_start_reaches_pca(cancer):
    X = cancer[:, :8]
    model = VariationalAutoencoder(
        3,
        architecture=Dense((), shortcut="random"),
        max_epochs=400,
        learning_rate=1e-2,
        batch_size=128,
        early_stopping=False,
        random_state=0,
    ).fit(X)
    expected = PCA(3).fit(X).score(X)
    assert model.score(X) == pytest.approx(expected, abs=0.05)
    assert model.log_likelihood(X, 500, 0).mean() == pytest.approx(expected, abs=0.05)


def test_calibration_helps_unseen_rows(wine):
    train, test = wine[::2], wine[1::2]
    share, factor = calibrate_spectrum(train, 12, 89, np.random.default_rng(0))
    assert 0.01 < share < 0.5
    assert 1 <= factor < 1.5
    rows = np.random.default_rng(0).multivariate_normal(
        np.zeros(4), np.diag([9.0, 4.0, 1.0, 0.1]), size=3000
    )
    share, factor = calibrate_spectrum(rows, 3, 3000, np.random.default_rng(0))
    assert share < 0.01
    assert factor == pytest.approx(1, abs=0.02)
    for n_components in (13, 20):  # nothing is left out
        share, factor = calibrate_spectrum(
            train, n_components, 89, np.random.default_rng(0)
        )
        assert 0.01 < share < 0.5
        assert 1 <= factor < 1.5
    model = VariationalAutoencoder(12, learning_rate=1e-12, max_epochs=1).fit(train)
    assert model.score(test) > PCA(12).fit(train).score(test) + 0.1


def test_a_given_variance_is_used_from_the_start(table):
    model = VariationalAutoencoder(
        2, loss=Gaussian(variance=0.5), learning_rate=1e-12, max_epochs=1
    ).fit(table)
    assert model.dispersion_ is None
    mean, std = model.posterior(table)
    variances = np.linalg.eigvalsh(np.cov(table.T))[:-3:-1]
    np.testing.assert_allclose(std[0] ** 2, 0.5 / variances, rtol=0.05)


def test_the_density_follows_the_unit_of_the_columns(table):
    model = VariationalAutoencoder(2, **QUICK).fit(table)
    for factor in (1e-3, 1e4):
        scaled = VariationalAutoencoder(2, **QUICK).fit(factor * table + 1e3 * factor)
        np.testing.assert_allclose(
            scaled.score_samples(factor * table + 1e3 * factor) + 5 * np.log(factor),
            model.score_samples(table),
            atol=1e-2,
        )
        assert scaled.history_[-1]["train_loss"] == pytest.approx(
            model.history_[-1]["train_loss"] + 5 * np.log(factor), abs=1e-2
        )


# -- training


def _minimised(model, X, **changes):
    """Return what training minimises, in float64, as a function of nothing."""
    module = model.net_.module_for(np.dtype(np.float64))
    criterion = model.net_.criterion_.double().train()
    batch = Batch(torch.tensor((X - model.mean_) / model.scale_))
    for name, value in changes.items():
        setattr(criterion, name, value)

    def compute():
        module.generator = torch.Generator().manual_seed(0)
        return criterion(module(batch), batch)

    return module, criterion, compute


@pytest.mark.parametrize(
    ("n_draws", "changes"),
    [
        (1, {}),
        (1, {"beta": 5.0}),
        (1, {"free_bits": 1.0}),
        (1, {"warm_up": 0.3}),
        (3, {}),
        (3, {"beta": 5.0}),
    ],
)
def test_gradients_by_finite_differences(n_draws, changes, table):
    model = VariationalAutoencoder(2, n_importance_samples=n_draws, **QUICK)
    model.fit(table[:60])
    module, criterion, compute = _minimised(model, table[:20], **changes)
    parameters = [
        module.head.weight, module.log_variance.weight, module.log_variance.bias,
        module.decoder.last.weight, criterion.dispersion,
    ]  # fmt: skip
    gradients = torch.autograd.grad(compute(), parameters)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        flat = parameter.data.view(-1)
        place = int(gradient.abs().argmax())
        found = []
        for step in (1e-5, -1e-5):
            flat[place] += step
            found.append(compute().item())
            flat[place] -= step
        slope = (found[0] - found[1]) / 2e-5
        assert gradient.view(-1)[place].item() == pytest.approx(slope, rel=1e-4)
        assert slope != 0


def test_what_is_minimised_is_the_sum_of_its_terms(table):
    model = VariationalAutoencoder(2, **QUICK).fit(table)
    values = {}
    for beta in (0.0, 1.0, 3.0):
        _, criterion, compute = _minimised(model, table, beta=beta)
        values[beta] = compute().item()
        n_rows = len(table)  # terms are sums over rows
        terms = {name: term.item() / n_rows for name, term in criterion.terms.items()}
        assert values[beta] == pytest.approx(
            terms["reconstruction"] + beta * terms["kl"], rel=1e-9
        )
    assert terms["kl"] > 0
    assert values[3.0] - values[0.0] == pytest.approx(3 * terms["kl"])
    for row in model.history_:
        for rows in ("train", "valid"):
            total = row[f"{rows}_reconstruction"] + row[f"{rows}_kl"]
            assert row[f"{rows}_loss"] == pytest.approx(total, rel=1e-5)


def test_beta_moves_the_terms_in_opposite_directions(digits):
    terms = []
    for beta in (0.2, 1.0, 5.0):
        model = VariationalAutoencoder(
            8, beta=beta, max_epochs=20, early_stopping=False, random_state=0
        ).fit(digits[:500])
        last = model.history_[-1]
        terms.append((last["train_kl"], last["train_reconstruction"]))
    kl, reconstruction = np.array(terms).T
    assert (np.diff(kl) < 0).all()
    assert (np.diff(reconstruction) > 0).all()
    assert kl[-1] > 0


def test_free_bits_are_free(table):
    model = VariationalAutoencoder(2, **QUICK).fit(table)
    _, criterion, compute = _minimised(model, table, free_bits=0.0)
    plain = compute().item()
    _, criterion, compute = _minimised(model, table, free_bits=50.0)
    reconstruction = criterion.terms["reconstruction"].item() / len(table)
    assert compute().item() == pytest.approx(reconstruction + 100)  # two units
    assert compute().item() > plain


def test_free_bits_keep_units_active(digits):
    shared = dict(beta=30.0, max_epochs=15, early_stopping=False, random_state=0)
    shared["architecture"] = Dense((32,), shortcut=None)
    with pytest.warns(UserWarning, match="Posterior collapse"):
        plain = VariationalAutoencoder(6, **shared).fit(digits[:500])
    free = VariationalAutoencoder(6, free_bits=1.0, **shared).fit(digits[:500])
    assert len(free.active_units_) > len(plain.active_units_) == 0
    assert free.history_[-1]["train_kl"] > plain.history_[-1]["train_kl"] + 1


def test_the_divergence_warms_up(table):
    seen = []

    class Spy(VariationalAutoencoder):
        def _callbacks(self):
            from skorch.callbacks import Callback

            class Weight(Callback):
                def on_epoch_end(self, net, **kwargs):
                    seen.append(net.criterion_.warm_up)

            return [*super()._callbacks(), Weight()]

    cold = Spy(2, kl_warm_up=4, random_state=0, max_epochs=6).fit(table)
    assert seen == [0, 0.25, 0.5, 0.75, 1, 1]
    plain = VariationalAutoencoder(2, random_state=0, max_epochs=6).fit(table)
    assert cold.history_[1]["train_loss"] != plain.history_[1]["train_loss"]
    for row in cold.history_:  # validation is at the full weight
        total = row["valid_reconstruction"] + row["valid_kl"]
        assert row["valid_loss"] == pytest.approx(total, rel=1e-5)


def test_importance_samples_tighten_what_is_trained(digits):
    X = digits[:400] > 0.5
    shared = dict(
        loss=BinaryCrossEntropy(), max_epochs=15, early_stopping=False, random_state=0
    )
    one = VariationalAutoencoder(8, **shared).fit(X)
    same = VariationalAutoencoder(8, n_importance_samples=1, **shared).fit(X)
    np.testing.assert_array_equal(one.transform(X), same.transform(X))
    eight = VariationalAutoencoder(8, n_importance_samples=8, **shared).fit(X)
    assert eight.history_[-1]["train_loss"] < one.history_[-1]["train_loss"]
    assert eight.log_likelihood(X, 200, 0).mean() > one.log_likelihood(X, 200, 0).mean()


def test_the_bound_of_draws_is_their_mean(table):
    """Against the formula: minus the logarithm of the mean of the weights."""
    model = VariationalAutoencoder(2, n_importance_samples=4, **QUICK).fit(table)
    module, criterion, compute = _minimised(model, table)
    batch = Batch(torch.tensor((table - model.mean_) / model.scale_))
    module.generator = torch.Generator().manual_seed(0)
    result = module(batch)
    assert result.output.shape == (4, 300, 5)
    losses = torch.stack(
        [criterion.cells(output, batch).sum(1) for output in result.output]
    )
    weights = torch.exp(-losses - result.divergence)
    expected = -torch.log(weights.sum(0) / 4).mean()
    assert compute().item() == pytest.approx(expected.item(), rel=1e-9)


def test_learned_variance_finds_the_noise(table):
    model = VariationalAutoencoder(
        2,
        architecture=Dense((), shortcut="random"),
        max_epochs=200,
        learning_rate=5e-3,
        early_stopping=False,
        random_state=0,
    ).fit(table)
    assert model.dispersion_ == pytest.approx(0.09, rel=0.15)
    model = VariationalAutoencoder(
        2, loss=Laplace(), max_epochs=60, random_state=0
    ).fit(table)
    assert 0.1 < model.dispersion_ < 0.4


def test_a_variance_of_each_feature_makes_a_linear_model_factor_analysis(rng):
    noise = np.array([0.3, 0.5, 0.8, 1.2])
    X = rng.normal(size=(600, 1)) + noise * rng.normal(size=(600, 4))
    model = VariationalAutoencoder(
        1,
        loss=Gaussian(variance="per_feature"),
        architecture=Dense(()),
        learning_rate=5e-3,
        max_epochs=60,
        early_stopping=False,
        random_state=0,
    ).fit(X)
    reference = FactorAnalysis(1, tol=1e-6).fit(X)
    assert model.score(X) == pytest.approx(reference.score(X), abs=0.01)
    assert model.score(X) > PCA(1).fit(X).score(X) + 0.1
    np.testing.assert_allclose(
        model.dispersion_, reference.noise_variance_, rtol=0.1, atol=0.02
    )


def test_unneeded_units_are_not_active(table):
    model = VariationalAutoencoder(4, random_state=0).fit(table)
    variances = model.transform(table).var(axis=0)
    np.testing.assert_array_equal(model.active_units_, np.flatnonzero(variances > 0.01))


def test_collapse_is_named(table):
    with pytest.warns(UserWarning, match="Posterior collapse: none of the 2 units"):
        model = VariationalAutoencoder(
            2, beta=1000.0, architecture=Dense((8,), shortcut=None), random_state=0
        ).fit(table)
    assert len(model.active_units_) == 0


@pytest.mark.parametrize(
    "name", ["beta", "kl_warm_up", "free_bits", "n_importance_samples"]
)
def test_every_parameter_changes_the_codes(name, table):
    value = {"beta": 3.0, "kl_warm_up": 3, "free_bits": 2.0, "n_importance_samples": 5}
    shared = {**QUICK, "early_stopping": False}
    plain = VariationalAutoencoder(2, **shared).fit(table).transform(table)
    changed = VariationalAutoencoder(2, **{name: value[name]}, **shared).fit(table)
    assert not np.allclose(plain, changed.transform(table), rtol=1e-3)


def test_with_a_corruption(digits):
    model = VariationalAutoencoder(
        8, corruption=MaskingNoise(0.3), max_epochs=10, random_state=0
    ).fit(digits[:500])
    rng = np.random.default_rng(0)
    masked = digits[500:] * (rng.uniform(size=digits[500:].shape) > 0.3)
    error = np.mean((model.reconstruct(masked) - digits[500:]) ** 2)
    assert error < np.mean((masked - digits[500:]) ** 2)


def test_partial_fit_and_warm_start(table):
    model = VariationalAutoencoder(2, random_state=0, batch_size=32)
    for _ in range(5):
        model.partial_fit(table[:200])
    assert model.n_iter_ == 5
    assert np.isfinite(model.score(table))
    model.partial_fit(table[:1])
    warm = VariationalAutoencoder(2, warm_start=True, **QUICK).fit(table)
    first = warm.net_.criterion_.dispersion.item()
    warm.set_params(learning_rate=1e-12).fit(table)
    assert warm.net_.criterion_.dispersion.item() == pytest.approx(first)


# -- scores


@pytest.mark.parametrize(
    "outlier_score", ["elbo", "reconstruction_probability", "log_likelihood"]
)
def test_scores_repeat_and_do_not_depend_on_other_rows(outlier_score, table):
    model = VariationalAutoencoder(2, outlier_score=outlier_score, **QUICK).fit(table)
    scores = model.score_samples(table)
    np.testing.assert_array_equal(scores, model.score_samples(table))
    np.testing.assert_allclose(scores[7:9], model.score_samples(table[7:9]), rtol=1e-9)
    np.testing.assert_array_equal(model.transform(table), model.transform(table))
    assert 1 <= np.sum(model.predict(table) == -1) < 30
    far = model.score_samples(table[:5] + 20)
    assert far.max() < scores.min()


def test_outlier_scores_are_in_their_order(linear, table):
    scores = {}
    for name in ("elbo", "reconstruction_probability", "log_likelihood"):
        model = clone(linear).set_params(outlier_score=name).fit(table)
        scores[name] = model.score_samples(table)
    assert (scores["reconstruction_probability"] > scores["elbo"]).all()
    assert scores["log_likelihood"].mean() > scores["elbo"].mean()
    many = linear.log_likelihood(table, 5000, 0)
    assert scores["log_likelihood"].mean() == pytest.approx(many.mean(), abs=0.1)
    assert np.corrcoef(scores["log_likelihood"], many)[0, 1] > 0.999
    assert linear.score(table) == pytest.approx(scores["elbo"].mean())


@pytest.mark.parametrize("n_draws", [1, 2, 7, 4097])
def test_averages_divide_by_the_draws_made(n_draws, table):
    """A decoder that ignores the code makes every draw's weight the likelihood."""
    model = VariationalAutoencoder(2, **QUICK).fit(table)
    module = model.net_.module_
    with torch.no_grad():
        for part in (module.decoder.last, module.head, module.log_variance):
            part.weight.zero_()
            part.bias.zero_()
    model.net_.ready()
    rows = table[:3]
    expected = scipy.stats.norm.logpdf(rows, model.mean_, np.sqrt(model.dispersion_))
    expected = expected.sum(axis=1)
    np.testing.assert_allclose(
        model.log_likelihood(rows, n_draws, 0), expected, rtol=1e-9
    )
    np.testing.assert_allclose(model.score_samples(rows), expected, rtol=1e-9)
    model.set_params(outlier_score="reconstruction_probability")
    np.testing.assert_allclose(model.score_samples(rows), expected, rtol=1e-9)


def test_log_likelihood_repeats_with_its_seed(linear, table):
    one = linear.log_likelihood(table, 10, random_state=3)
    np.testing.assert_array_equal(one, linear.log_likelihood(table, 10, random_state=3))
    assert (one != linear.log_likelihood(table, 10, random_state=4)).any()
    assert (one != linear.log_likelihood(table, 10)).any()
    np.testing.assert_allclose(
        linear.log_likelihood(table.astype(np.float32), 5000, 0),
        linear.log_likelihood(table, 5000, 1),
        atol=0.5,
    )


def test_scores_of_float32_rows_are_those_of_float64(table):
    model = VariationalAutoencoder(2, **QUICK).fit(table)
    single = model.score_samples(table.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, model.score_samples(table), rtol=1e-3)


# -- rows from codes


def test_samples_are_like_the_rows(table):
    model = VariationalAutoencoder(2, random_state=0).fit(table)
    draws = model.sample(5000, random_state=0, draw=True)
    np.testing.assert_allclose(draws.mean(axis=0), table.mean(axis=0), atol=0.2)
    np.testing.assert_allclose(np.cov(draws.T), np.cov(table.T), atol=0.4)
    means = model.sample(5000, random_state=0)
    noise = np.mean((draws - means) ** 2)
    assert noise == pytest.approx(model.dispersion_, rel=0.1)
    np.testing.assert_array_equal(means, model.sample(5000, random_state=0))
    assert (means != model.sample(5000, random_state=1)).any()
    assert model.sample().shape == (1, 5)


def test_samples_from_a_mixture_follow_codes_that_are_not_normal(rng):
    X = np.concatenate([rng.normal(-4, 0.2, (200, 3)), rng.normal(4, 0.2, (200, 3))])
    model = VariationalAutoencoder(1, max_epochs=30, random_state=0).fit(X)
    mixed = model.sample(1000, random_state=0, latent="mixture")
    between = np.mean(np.abs(mixed).max(axis=1) < 2)
    prior = model.sample(1000, 0, latent="prior")
    assert between < np.mean(np.abs(prior).max(axis=1) < 2)
    assert between < 0.1
    np.testing.assert_array_equal(
        mixed, model.sample(1000, random_state=0, latent="mixture")
    )
    for density in (GaussianMixture(2), KernelDensity(bandwidth=0.1)):
        density.fit(model.transform(X))
        before = np.random.get_state()[1].copy()
        rows = model.sample(50, random_state=0, latent=density)
        assert rows.shape == (50, 3)
        np.testing.assert_array_equal(
            rows, model.sample(50, random_state=0, latent=density)
        )
        np.testing.assert_array_equal(before, np.random.get_state()[1])
        assert np.mean(np.abs(rows).max(axis=1) < 2) < 0.2


def test_samples_of_counts_and_of_bits(rng):
    counts = rng.poisson(3.0, size=(80, 4))
    model = VariationalAutoencoder(1, loss=Poisson(), **QUICK).fit(counts)
    assert (model.sample(20, 0, draw=True) % 1 == 0).all()
    assert (model.sample(20, 0) % 1 != 0).any()
    bits = rng.uniform(size=(80, 4)) < 0.5
    model = VariationalAutoencoder(1, loss=BinaryCrossEntropy(), **QUICK).fit(bits)
    assert set(np.unique(model.sample(50, 0, draw=True))) == {0, 1}


def test_paths_lead_from_end_to_end(table):
    model = VariationalAutoencoder(2, **QUICK).fit(table)
    paths = model.interpolate(table[:4], table[4:8], n_steps=7)
    assert paths.shape == (4, 7, 5)
    np.testing.assert_allclose(paths[:, 0], model.reconstruct(table[:4]))
    np.testing.assert_allclose(paths[:, -1], model.reconstruct(table[4:8]))
    middle = (model.transform(table[:4]) + model.transform(table[4:8])) / 2
    np.testing.assert_allclose(paths[:, 3], model.inverse_transform(middle))


def test_a_traversal_changes_one_component(table):
    model = VariationalAutoencoder(2, **QUICK).fit(table)
    values = np.linspace(-3, 3, 11)
    rows = model.traverse(1)
    assert rows.shape == (1, 11, 5)
    codes = np.column_stack((np.zeros(11), values))
    np.testing.assert_allclose(rows[0], model.inverse_transform(codes))
    rows = model.traverse(0, table[:3], values=[-1.0, 2.0])
    codes = model.transform(table[:3])
    codes[:, 0] = 2.0
    np.testing.assert_allclose(rows[:, 1], model.inverse_transform(codes))


def test_posterior_mean_is_the_transform(table):
    model = VariationalAutoencoder(2, **QUICK).fit(table)
    mean, std = model.posterior(table)
    np.testing.assert_array_equal(mean, model.transform(table))
    assert (std > 0).all()
    frame = clone(model).set_output(transform="pandas").fit(table).transform(table)
    assert list(frame.columns) == [f"variationalautoencoder{i}" for i in range(2)]


# -- bad input


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"beta": -1.0}, "beta"),
        ({"kl_warm_up": -1}, "kl_warm_up"),
        ({"free_bits": -0.1}, "free_bits"),
        ({"n_importance_samples": 0}, "n_importance_samples"),
        ({"outlier_score": "likelihood"}, "outlier_score"),
        ({"free_bits": 1.0, "n_importance_samples": 2}, "free_bits"),
        ({"loss": BinaryCrossEntropy()}, r"X in \[0, 1\]"),
        ({"loss": Poisson()}, "X >= 0"),
    ],
)
def test_bad_parameters_are_named(parameters, message, table):
    with pytest.raises(ValueError, match=message):
        VariationalAutoencoder(2, **parameters).fit(table - 4)


def test_bad_calls_are_named(table):
    model = VariationalAutoencoder(2, **QUICK).fit(table)
    for n_draws in (0, -1, 1.5):
        with pytest.raises(ValueError, match="n_draws="):
            model.log_likelihood(table, n_draws)
    for n_samples in (0, 2.0):
        with pytest.raises(ValueError, match="n_samples="):
            model.sample(n_samples)
    with pytest.raises(ValueError, match="latent='posterior'"):
        model.sample(2, latent="posterior")
    narrow = GaussianMixture(1).fit(table[:, :1])
    with pytest.raises(ValueError, match="codes of 1 components"):
        model.sample(2, latent=narrow)
    with pytest.raises(ValueError, match="n_steps="):
        model.interpolate(table[:2], table[:2], n_steps=1)
    with pytest.raises(ValueError, match="X_a has 2 rows and X_b 3"):
        model.interpolate(table[:2], table[:3])
    with pytest.raises(ValueError, match="component=2 does not exist"):
        model.traverse(2)
    with pytest.raises(ValueError, match="NaN"):
        model.traverse(0, values=[np.nan])
    positive = VariationalAutoencoder(1, loss=Poisson(), **QUICK)
    positive.fit(np.abs(table))
    for method in ("score_samples", "log_likelihood", "score"):
        with pytest.raises(ValueError, match="X >= 0"):
            getattr(positive, method)(-np.abs(table))
    for method in ("sample", "traverse"):
        with pytest.raises(NotFittedError):
            getattr(VariationalAutoencoder(), method)(1)


def test_defaults_are_quiet_on_real_tables(wine, cancer):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for X in (wine, cancer):
            VariationalAutoencoder(random_state=0).fit(X)


def test_the_mixture_stands_for_all_rows_seen(rng):
    low, high = rng.normal(-4, 0.3, (200, 3)), rng.normal(4, 0.3, (200, 3))
    model = VariationalAutoencoder(1, random_state=0)
    model.partial_fit(np.concatenate((low, high))).partial_fit(high[:20])
    rows = model.sample(400, 0, latent="mixture")
    assert 0.3 < np.mean(rows.mean(axis=1) < 0) < 0.7
    one = VariationalAutoencoder(1, random_state=0).partial_fit(low[:1])
    assert one.sample(3, 0, latent="mixture").shape == (3, 3)


@pytest.mark.parametrize("factor", [1e-2, 1e3])
def test_huber_starts_at_the_width_of_the_residuals(factor, table):
    model = VariationalAutoencoder(
        2, loss="huber", learning_rate=1e-12, max_epochs=1, random_state=0
    )
    score = model.fit(factor * table).score(factor * table) + 5 * np.log(factor)
    gaussian = VariationalAutoencoder(2, learning_rate=1e-12, max_epochs=1)
    assert score == pytest.approx(gaussian.fit(table).score(table), abs=1.5)
