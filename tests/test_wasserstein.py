"""The Wasserstein autoencoder: discrepancy, start, codes like the prior, samples."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.metrics import pairwise_distances
from sklearn.mixture import GaussianMixture

from skae import Autoencoder, BinaryCrossEntropy, Dense, WassersteinAutoencoder
from skae.autoencoders.wasserstein import discrepancy
from skae.data.batch import Batch

SHARED = dict(max_epochs=15, early_stopping=False, random_state=0)


def test_discrepancy_is_the_estimate_by_definition(rng):
    a, b = rng.normal(size=(2, 5, 3))

    def kernel(x, y):
        square = np.sum((x - y) ** 2)
        scales = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
        return sum(6 * scale / (6 * scale + square) for scale in scales)

    within = sum(
        kernel(x[i], x[j]) for x in (a, b) for i in range(5) for j in range(5) if i != j
    )
    between = sum(kernel(x, y) for x in a for y in b)
    expected = within / 20 - 2 * between / 25
    found = discrepancy(torch.from_numpy(a), torch.from_numpy(b))
    assert float(found) == pytest.approx(expected)


def test_gradient_of_the_discrepancy_by_finite_differences(rng):
    a, b = (torch.from_numpy(rng.normal(size=(6, 2))) for _ in range(2))
    assert torch.autograd.gradcheck(discrepancy, (a.requires_grad_(), b))
    same = torch.ones(4, 2, requires_grad=True)
    discrepancy(same, same.detach()).backward()
    assert torch.isfinite(same.grad).all()


def test_one_row_has_no_discrepancy():
    assert discrepancy(torch.ones(1, 2), torch.zeros(1, 2)) == 0


def test_without_weight_it_is_the_plain_autoencoder(small):
    parts = dict(architecture=Dense((8,), shortcut=None), **SHARED)
    X = np.repeat(small, 2, axis=0)  # not few: those of the plain one are exact
    plain = Autoencoder(2, **parts).fit(X)
    model = WassersteinAutoencoder(2, prior_weight=0.0, **parts).fit(X)
    np.testing.assert_array_equal(model.transform(X), plain.transform(X))


def test_the_penalty_is_part_of_the_loss(small):
    model = WassersteinAutoencoder(2, prior_weight=0.7, **SHARED).fit(small)
    module, batch = model.net_.module_, Batch(torch.randn(9, small.shape[1]))
    module.generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        found = module.penalty(code := module.encode(batch), batch)
    prior = torch.randn(code.shape, generator=torch.Generator().manual_seed(3))
    assert float(found) == pytest.approx(0.7 * float(discrepancy(code, prior)))


def test_the_start_is_pca_with_codes_of_variance_one(digits):
    model = WassersteinAutoencoder(
        6, max_epochs=1, learning_rate=1e-12, random_state=0
    ).fit(digits)
    pca = PCA(6).fit(digits)
    expected = pca.inverse_transform(pca.transform(digits))
    np.testing.assert_allclose(model.reconstruct(digits), expected, atol=0.02)
    np.testing.assert_allclose(model.transform(digits).var(axis=0), 1, atol=1e-2)


@pytest.mark.slow
def test_a_larger_weight_brings_codes_to_the_prior(digits):
    distances, errors = [], []
    rng = np.random.default_rng(1)
    prior = torch.from_numpy(rng.standard_normal((len(digits[1000:]), 4)))
    for weight in (0.0, 0.03, 3.0):
        model = WassersteinAutoencoder(
            4,
            prior_weight=weight,
            architecture=Dense((32,), shortcut=None),
            **{**SHARED, "max_epochs": 40},
        ).fit(digits[:1000])
        codes = torch.from_numpy(model.transform(digits[1000:]))
        distances.append(float(discrepancy(codes, prior)))
        errors.append(-model.score(digits[1000:]))
    assert distances[0] > 3 * distances[1] > 3 * distances[2]
    assert errors[0] < errors[2]


@pytest.mark.slow
def test_samples_are_like_rows(digits):
    X = digits / digits.max()
    model = WassersteinAutoencoder(8, loss=BinaryCrossEntropy(), random_state=0).fit(X)
    made = model.sample(500, random_state=0)
    assert made.shape == (500, 64)
    assert 0 <= made.min() <= made.max() <= 1
    np.testing.assert_array_equal(made, model.sample(500, random_state=0))
    nearest, of_columns = (
        np.median(pairwise_distances(rows, X).min(axis=1))
        for rows in (made, np.random.default_rng(0).permuted(X, axis=0)[:500])
    )
    assert nearest < 0.7 * of_columns
    mixture = model.sample(3, random_state=0, latent="mixture")
    density = GaussianMixture(3, random_state=0).fit(model.transform(X))
    assert mixture.shape == model.sample(3, 0, latent=density).shape == (3, 64)
    with pytest.raises(ValueError, match="latent='posterior' must be"):
        model.sample(latent="posterior")


def test_codes_for_the_mixture_are_of_all_rows_seen(digits):
    model = WassersteinAutoencoder(2, random_state=0)
    for start in (0, 100, 200):
        model.partial_fit(digits[start : start + 100])
    assert len(model._codes) == 300
    assert model.sample(4, 0, latent="mixture").shape == (4, 64)


def test_a_negative_weight_is_refused(small):
    with pytest.raises(ValueError, match="The 'prior_weight' parameter of Wasserstein"):
        WassersteinAutoencoder(prior_weight=-1.0).fit(small)
