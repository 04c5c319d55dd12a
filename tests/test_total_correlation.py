"""beta-TCVAE: the estimate of total correlation, its weight, its record."""

import numpy as np
import pytest
import scipy.stats
import torch

from skae import BetaTCVAE, Dense, VariationalAutoencoder
from skae.autoencoders.total_correlation import total_correlation
from skae.data.batch import Batch

SHARED = dict(max_epochs=15, early_stopping=False, random_state=0)


def _posteriors(rng, n, k):
    codes, mean, log_variance = rng.normal(size=(3, n, k))
    return [torch.from_numpy(values) for values in (codes, mean, 0.3 * log_variance)]


def test_of_all_rows_it_is_exact(rng):
    """q(z) is then the mean of the posteriors of all rows."""
    codes, mean, log_variance = _posteriors(rng, 7, 3)
    normal = torch.distributions.Normal(mean, torch.exp(0.5 * log_variance))
    densities = torch.exp(normal.log_prob(codes.unsqueeze(1)))
    joint = densities.prod(2).mean(1).log()
    units = densities.mean(1).log().sum(1)
    found = total_correlation(codes, mean, log_variance, n_rows=7)
    np.testing.assert_allclose(found, joint - units, rtol=1e-9)


def test_of_a_batch_a_row_counts_as_one_and_the_rest_for_all_others(rng):
    codes, mean, log_variance = _posteriors(rng, 5, 3)
    found = total_correlation(codes, mean, log_variance, n_rows=50)
    std = np.exp(0.5 * log_variance.numpy())
    densities = scipy.stats.norm.pdf(codes[:, None].numpy(), mean.numpy(), std)
    for row in range(5):
        shares = np.full(5, 49 / 50 / 4)
        shares[row] = 1 / 50
        joint = np.log(shares @ densities[row].prod(axis=1))
        units = np.log(shares @ densities[row]).sum()
        assert found[row].item() == pytest.approx(joint - units)


def test_gradients_by_finite_differences(rng):
    parts = [part.requires_grad_() for part in _posteriors(rng, 5, 2)]
    assert torch.autograd.gradcheck(lambda *p: total_correlation(*p, 50), parts)


def test_units_that_depend_on_each_other_have_more(rng):
    z = torch.from_numpy(rng.normal(size=(500, 1)))
    other = torch.from_numpy(rng.normal(size=(500, 1)))
    found = []
    for codes in (torch.cat([z, other], 1), torch.cat([z, z], 1)):
        small = torch.full_like(codes, -2.0)
        drawn = codes + torch.exp(0.5 * small) * torch.from_numpy(
            rng.normal(size=codes.shape)
        )
        found.append(total_correlation(drawn, codes, small, 500).mean().item())
    # Of two normal units with correlation r: -log(1 - r ** 2) / 2.
    r = 1 / (1 + np.exp(-2.0))
    assert found[0] == pytest.approx(0.0, abs=0.06)
    assert found[1] == pytest.approx(-np.log(1 - r**2) / 2, abs=0.12)


def test_with_weight_one_it_is_the_variational_autoencoder(small):
    plain = VariationalAutoencoder(2, **SHARED).fit(small)
    model = BetaTCVAE(2, beta=1.0, **SHARED).fit(small)
    np.testing.assert_allclose(
        model.transform(small), plain.transform(small), rtol=1e-3, atol=1e-4
    )


def test_what_is_minimised_is_of_the_terms_recorded(small):
    for warm_up, shares in ((0, [1] * 15), (5, [e / 5 for e in range(5)] + [1] * 10)):
        model = BetaTCVAE(3, beta=4.0, kl_warm_up=warm_up, **SHARED).fit(small)
        for epoch, share in zip(model.history_, shares, strict=True):
            terms = epoch["train_kl"] + 3 * epoch["train_total_correlation"]
            assert epoch["train_loss"] == pytest.approx(
                epoch["train_reconstruction"] + share * terms, rel=1e-4, abs=1e-4
            )


@pytest.mark.slow
def test_a_larger_weight_makes_units_independent(digits):
    found = []
    for beta in (1.0, 10.0):
        model = BetaTCVAE(
            6, beta=beta, architecture=Dense((32,)), **{**SHARED, "max_epochs": 40}
        ).fit(digits)
        mean, std = model.posterior(digits)
        noise = np.random.default_rng(0).normal(size=mean.shape)
        parts = (mean + std * noise, mean, 2 * np.log(std))
        parts = [torch.from_numpy(part) for part in parts]
        found.append(total_correlation(*parts, len(digits)).mean().item())
    assert found[1] < 0.6 * found[0]


def test_one_row_in_a_batch(small):
    batch = Batch(torch.randn(1, small.shape[1]))
    model = BetaTCVAE(2, **SHARED).fit(small)
    with torch.no_grad():
        cost = model.net_.criterion_(model.net_.module_(batch), batch)
    assert torch.isfinite(cost)


@pytest.mark.parametrize("score", ["reconstruction_probability", "log_likelihood"])
def test_outlier_scores_are_those_of_the_variational_one(score, small):
    by_bound = BetaTCVAE(2, **SHARED).fit(small)
    other = BetaTCVAE(2, outlier_score=score, **SHARED).fit(small)
    assert not np.allclose(other.score_samples(small), by_bound.score_samples(small))
    assert other.score(small) == pytest.approx(by_bound.score(small))


def test_a_negative_weight_is_refused(small):
    with pytest.raises(ValueError, match="The 'beta' parameter of BetaTCVAE"):
        BetaTCVAE(beta=-1.0).fit(small)
