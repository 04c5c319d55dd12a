"""Densities of codes, which rows are drawn from."""

import pickle
import threading

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import make_moons
from sklearn.metrics import pairwise_distances

from skae import (
    BetaTCVAE,
    ConditionalVariationalAutoencoder,
    VariationalAutoencoder,
    WassersteinAutoencoder,
)
from skae.roles.flow import CodeFlow
from skae.roles.mixture import fitted_mixture

GENERATIVE = (VariationalAutoencoder, BetaTCVAE, WassersteinAutoencoder)

pytestmark = pytest.mark.slow  # densities take seconds to learn


def energy_distance(a, b):
    """Return the energy distance of two samples, 0 on average of one distribution."""
    between = 2 * pairwise_distances(a, b).mean()
    within = (pairwise_distances(x).sum() / (len(x) * (len(x) - 1)) for x in (a, b))
    return between - sum(within)


@pytest.fixture(scope="module", autouse=True)
def narrow():
    """Make networks narrower, which is enough for a few components."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skae.roles.flow._WIDTH", 64)
        yield


@pytest.fixture(scope="module")
def moons():
    """Return codes that are far from normal."""
    return make_moons(1200, noise=0.05, random_state=0)[0] * (2.0, 1.0) + (1.0, 5.0)


@pytest.fixture(scope="module")
def flow(moons):
    return CodeFlow().fit(moons, 0)


@pytest.fixture(scope="module")
def clusters():
    rng = np.random.default_rng(0)
    centres = rng.normal(scale=4, size=(4, 5))
    return centres[rng.integers(4, size=200)] + rng.normal(scale=0.3, size=(200, 5))


@pytest.fixture(scope="module")
def model(clusters):
    return VariationalAutoencoder(2, max_epochs=20, random_state=0).fit(clusters)


def test_a_flow_learns_what_a_normal_distribution_cannot(moons, flow):
    fresh = make_moons(1000, noise=0.05, random_state=1)[0] * (2.0, 1.0) + (1.0, 5.0)
    normal = np.random.default_rng(0).multivariate_normal(
        moons.mean(axis=0), np.cov(moons.T), 1000
    )
    drawn = flow.sample(1000, 0)
    assert energy_distance(drawn, fresh) < 0.4 * energy_distance(normal, fresh)
    # not the codes themselves
    nearest = pairwise_distances(drawn, moons).min(axis=1)
    assert np.median(nearest) > 0.3 * np.median(
        pairwise_distances(fresh, moons).min(axis=1)
    )


def test_normal_codes_stay_normal(rng):
    mixing = rng.normal(size=(3, 3))
    codes = rng.normal(size=(300, 3)) @ mixing + 2.0
    flow = CodeFlow().fit(codes, 0)
    assert flow.weights == {}
    drawn = flow.sample(20_000, 0)
    np.testing.assert_allclose(drawn.mean(axis=0), codes.mean(axis=0), atol=0.1)
    np.testing.assert_allclose(
        np.cov(drawn.T), np.cov(codes.T), atol=0.1 * np.abs(np.cov(codes.T)).max()
    )
    assert fitted_mixture(codes, 0).n_components == 1


def test_a_mixture_has_as_many_components_as_held_out_codes_choose(clusters, moons):
    assert fitted_mixture(clusters, 0).n_components in (3, 10)
    assert fitted_mixture(moons, 0).n_components >= 10


def test_seeds_repeat_and_nothing_global_matters(moons):
    codes = moons[:200]
    torch.manual_seed(7)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    flow = CodeFlow().fit(codes, 0)
    drawn = flow.sample(9, 3)
    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])
    torch.manual_seed(8)
    draws_elsewhere = threading.Event()

    def draw_on():
        while not draws_elsewhere.is_set():
            torch.randn(3)
            np.random.random(3)

    other = threading.Thread(target=draw_on)
    other.start()
    try:
        again = CodeFlow().fit(codes, 0)
    finally:
        draws_elsewhere.set()
        other.join()
    np.testing.assert_array_equal(drawn, again.sample(9, 3))
    assert (drawn != again.sample(9, 4)).any()
    assert (drawn != CodeFlow().fit(codes, 1).sample(9, 3)).any()


def test_modes_of_the_caller_change_nothing(moons):
    drawn = CodeFlow().fit(moons[:200], 0).sample(9, 0)
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad(), torch.autocast("cpu"):
            again = CodeFlow().fit(moons[:200], 0)
            assert again.weights["first.weight"].dtype == np.float32
            np.testing.assert_array_equal(again.sample(9, 0), drawn)
    finally:
        torch.set_default_dtype(torch.float32)


def test_codes_are_given_conditions(rng):
    side = np.repeat([[0.0], [1.0]], 400, axis=0)
    codes = rng.normal(scale=0.3, size=(800, 2)) + 4.0 * side
    flow = CodeFlow().fit(codes, 0, conditions=side)
    for value in (0.0, 1.0):
        drawn = flow.sample(300, 0, np.full((300, 1), value))
        np.testing.assert_allclose(drawn.mean(axis=0), 4.0 * value, atol=0.3)


def test_codes_are_drawn_about_their_means(rng):
    means = np.repeat([[-2.0], [2.0]], 200, axis=0)
    flow = CodeFlow().fit(means, 0, stds=np.full((400, 1), 0.5))
    drawn = flow.sample(2000, 0)[:, 0]
    assert 0.4 < np.abs(drawn).std() < 0.65
    sharp = CodeFlow().fit(means, 0).sample(2000, 0)[:, 0]
    assert np.abs(sharp).std() < 0.3


def test_a_flow_in_a_pickle_is_plain(flow):
    again = pickle.loads(pickle.dumps(flow))
    np.testing.assert_array_equal(flow.sample(50, 0), again.sample(50, 0))
    assert b"torch" not in pickle.dumps(flow)


@pytest.mark.parametrize("n_rows", [1, 2, 5, 25])
def test_few_codes(n_rows, rng):
    codes = rng.normal(size=(n_rows, 4))
    for density in (CodeFlow().fit(codes, 0), fitted_mixture(codes, 0)):
        drawn = (
            density.sample(3) if hasattr(density, "means_") else density.sample(3, 0)
        )
        drawn = drawn[0] if isinstance(drawn, tuple) else drawn
        assert drawn.shape == (3, 4)
        assert np.isfinite(drawn).all()


def test_codes_that_do_not_vary(rng):
    constant = np.full((50, 3), 2.0)
    np.testing.assert_array_equal(CodeFlow().fit(constant, 0).sample(4, 0), 2.0)
    assert np.isfinite(fitted_mixture(constant, 0).sample(4)[0]).all()
    codes = np.column_stack((rng.normal(size=200) ** 3, np.ones(200)))
    drawn = CodeFlow().fit(codes, 0).sample(100, 0)
    np.testing.assert_allclose(drawn[:, 1], 1.0)
    assert drawn[:, 0].std() > 0.5


@pytest.mark.parametrize("kind", GENERATIVE)
def test_each_density_gives_rows_of_its_own(kind, clusters):
    model = kind(2, max_epochs=10, random_state=0).fit(clusters)
    names = ("prior", "mixture", "flow")
    rows = {name: model.sample(200, 0, latent=name) for name in names}
    for a, b in (("prior", "mixture"), ("prior", "flow"), ("mixture", "flow")):
        assert (rows[a] != rows[b]).any()
    np.testing.assert_array_equal(model.sample(200, 0), rows["mixture"])
    np.testing.assert_array_equal(rows["flow"], model.sample(200, 0, latent="flow"))
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(rows["flow"], again.sample(200, 0, latent="flow"))


def test_densities_are_of_the_last_fit(model, clusters):
    again = pickle.loads(pickle.dumps(model))
    before = again.sample(300, 0)
    again.partial_fit(clusters + 20.0)
    assert again._densities == {}
    assert again.sample(300, 0).mean() > before.mean() + 1


def test_more_codes_are_kept_than_losses(rng):
    model = VariationalAutoencoder(2, max_epochs=1, random_state=0)
    model.fit(rng.normal(size=(6000, 3)))
    assert model._codes.shape == (6000, 4)


def test_of_conditions(clusters):
    y = np.arange(len(clusters)) % 2
    model = ConditionalVariationalAutoencoder(2, max_epochs=5, random_state=0)
    model.fit(clusters, y)
    prior = model.sample(20, 0, condition=1)
    np.testing.assert_array_equal(
        prior, model.sample(20, 0, condition=1, latent="prior")
    )
    for latent in ("mixture", "flow"):
        assert (model.sample(20, 0, condition=1, latent=latent) != prior).any()


def test_rows_of_frames_are_nearer_than_those_of_the_prior():
    rng = np.random.default_rng(0)
    kind = rng.integers(3, size=400)
    frame = pd.DataFrame(
        {
            "kind": np.array(["a", "b", "c"])[kind],
            "place": np.array(["x", "y", "z"])[(kind + (rng.random(400) < 0.1)) % 3],
            "size": rng.normal(4.0 * kind, 0.5),
        }
    )
    model = VariationalAutoencoder(2, max_epochs=40, random_state=0).fit(frame)
    pairs = pd.crosstab(frame["kind"], frame["place"], normalize=True)

    def distance(rows):
        drawn = pd.crosstab(rows["kind"], rows["place"], normalize=True)
        return drawn.reindex_like(pairs).fillna(0).sub(pairs).abs().to_numpy().sum()

    prior = distance(model.sample(2000, 0, latent="prior"))
    for latent in ("auto", "flow"):
        assert distance(model.sample(2000, 0, latent=latent)) < prior


@pytest.mark.parametrize("latent", ["flows", None, 3, "posterior"])
def test_what_is_no_density_is_refused_by_name(latent, model):
    with pytest.raises(ValueError, match="latent=.*'auto', 'prior', 'mixture', 'flow'"):
        model.sample(2, 0, latent=latent)
