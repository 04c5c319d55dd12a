"""Likelihoods: densities against scipy, draws against their moments, learned widths."""

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import torch

from skae import (
    AbsoluteError,
    Autoencoder,
    BinaryCrossEntropy,
    Dense,
    Gaussian,
    Huber,
    Laplace,
    Loss,
    Poisson,
    SquaredError,
    VariationalAutoencoder,
)
from skae.autoencoders.criterion import Criterion
from skae.autoencoders.variational import Bound, VariationalForward
from skae.data.batch import Batch, over_cells
from skae.losses import HuberDensity, as_likelihood

SHAPE = (40_000, 2)


@pytest.fixture
def output(rng):
    return torch.tensor(rng.normal(size=(5, 3)))


@pytest.fixture
def x(rng):
    return torch.tensor(rng.normal(size=(5, 3)))


def _learned(loss, variance, n_features=3):
    return loss.start_dispersion(n_features, variance).double()


@pytest.mark.parametrize("variance", ["learned", "per_feature"])
def test_gaussian_is_the_normal_density(variance, output, x):
    expected = -scipy.stats.norm.logpdf(x, output, np.sqrt(0.3))
    np.testing.assert_allclose(Gaussian(variance=0.3).per_element(output, x), expected)
    loss = Gaussian(variance=variance)
    learned = _learned(loss, 0.3)
    assert learned.shape == (() if variance == "learned" else (3,))
    np.testing.assert_allclose(
        loss.per_element(output, x, learned), expected, rtol=1e-5
    )
    np.testing.assert_allclose(loss.dispersion(learned, 2.0), 1.2, rtol=1e-5)


@pytest.mark.parametrize("scale", ["learned", "per_feature"])
def test_laplace_is_the_laplace_density(scale, output, x):
    expected = -scipy.stats.laplace.logpdf(x, output, 0.3)
    np.testing.assert_allclose(Laplace(scale=0.3).per_element(output, x), expected)
    loss = Laplace(scale=scale)
    learned = _learned(loss, 2 * 0.3**2)
    np.testing.assert_allclose(
        loss.per_element(output, x, learned), expected, rtol=1e-5
    )
    np.testing.assert_allclose(loss.dispersion(learned, 2.0), 0.6, rtol=1e-5)


@pytest.mark.parametrize("delta", [0.2, 1.0, 4.0])
def test_the_density_of_huber_is_one_and_follows_its_loss(delta, output, x):
    loss = HuberDensity(delta=delta)
    learned = _learned(Gaussian(), 0.5)

    def density(value):
        values = torch.full((1, 1), value, dtype=torch.float64)
        zeros = torch.zeros_like(values)
        return float(torch.exp(-loss.per_element(zeros, values, learned)))

    mass = 2 * scipy.integrate.quad(density, 0, 60, points=[delta], limit=200)[0]
    assert mass == pytest.approx(1, rel=1e-6)
    losses = loss.per_element(output, x, learned)
    expected = Huber(delta=delta).per_element(output, x) / 0.5
    torch.testing.assert_close(
        losses - losses[0, 0], expected - expected[0, 0], rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize(
    ("loss", "distribution"),
    [
        (Gaussian(variance=0.49), scipy.stats.norm(1.5, 0.7)),
        (Laplace(scale=0.7), scipy.stats.laplace(1.5, 0.7)),
        (Poisson(output_activation="identity"), scipy.stats.poisson(1.5)),
        (
            BinaryCrossEntropy(),
            scipy.stats.bernoulli(scipy.special.expit(1.5)),
        ),
    ],
)
def test_draws_follow_the_likelihood(loss, distribution):
    output = torch.full(SHAPE, 1.5, dtype=torch.float64)
    draws = loss.draw(output, torch.Generator().manual_seed(0)).numpy().ravel()
    assert draws.mean() == pytest.approx(distribution.mean(), abs=0.02)
    assert draws.std() == pytest.approx(distribution.std(), rel=0.02)
    for share in (0.1, 0.5, 0.9):
        below = np.mean(draws <= distribution.ppf(share))
        assert below == pytest.approx(
            distribution.cdf(distribution.ppf(share)), abs=0.01
        )


@pytest.mark.parametrize("loss", [Gaussian(), Laplace(), HuberDensity(delta=0.5)])
def test_draws_of_learned_width_follow_the_density(loss):
    learned = _learned(loss, 0.8, 2)
    output = torch.zeros(SHAPE, dtype=torch.float64)
    draws = loss.draw(output, torch.Generator().manual_seed(0), learned)
    grid = torch.linspace(-20, 20, 40_001, dtype=torch.float64)[:, None]
    density = torch.exp(-loss.per_element(torch.zeros_like(grid), grid, learned))
    cumulative = density.cumsum(0) / density.sum()
    for share in (0.05, 0.3, 0.6, 0.97):
        point = grid[(cumulative >= share).nonzero()[0, 0]]
        assert (draws <= point).double().mean().item() == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize(
    "loss",
    [
        Gaussian(),
        Gaussian(variance="per_feature"),
        Gaussian(variance=0.5),
        Laplace(),
        Poisson(),
        BinaryCrossEntropy(),
        BinaryCrossEntropy(output_activation="softplus"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_reduced_is_that_of_the_elements(reduction, loss, output, x):
    x = x.abs().clamp(max=1)
    learned = loss.start_dispersion(3, 0.3)
    learned = [] if learned is None else [learned.double()]
    expected = getattr(loss.per_element(output, x, *learned), reduction)()
    found = loss.reduced(output, x, *learned, reduction=reduction)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("kind", [Gaussian, BinaryCrossEntropy])
@pytest.mark.parametrize("objective", [Criterion, Bound])
def test_what_is_trained_on_follows_a_subclass(objective, kind, output, x):
    """A reduction in fewer steps is not that of a subclass with its own elements."""

    class Double(kind):
        def per_element(self, output, x, *learned):
            return 2 * super().per_element(output, x, *learned)

    batch = Batch(x.abs().clamp(max=1))
    code = torch.zeros(5, 1, dtype=torch.float64)
    result = VariationalForward(output, code, None, code, code, 0 * code)
    once, twice = (
        objective(loss=loss, n_columns=3)(result, batch) for loss in (kind(), Double())
    )
    torch.testing.assert_close(twice, 2 * once)


@pytest.mark.parametrize("loss", [Gaussian(), Laplace(), HuberDensity()])
def test_gradients_reach_the_learned_width(loss, output, x):
    learned = _learned(loss, 0.3).requires_grad_()
    variable = output.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda o, w: loss.per_element(o, x, w), (variable, learned)
    )


def test_widths_stay_above_the_floor():
    loss = Gaussian()
    assert loss.dispersion(torch.tensor(-1e3)) == pytest.approx(1e-6)
    assert torch.isfinite(_learned(loss, 0.0))


def test_errors_stand_for_densities():
    assert as_likelihood(SquaredError()).get_params() == Gaussian().get_params()
    sigmoid = AbsoluteError(output_activation="sigmoid")
    assert repr(as_likelihood(sigmoid)) == repr(Laplace(output_activation="sigmoid"))
    assert as_likelihood(Huber(delta=0.3)).delta == 0.3
    own = Poisson()
    assert as_likelihood(own) is own


def test_an_error_of_ones_own_is_no_likelihood(small):
    class Quartic(Loss):
        def per_element(self, output, x):
            return (output - x) ** 4

    with pytest.raises(ValueError, match="is no likelihood"):
        VariationalAutoencoder(2, loss=Quartic()).fit(small)


def test_a_plain_autoencoder_learns_the_variance_too(cancer):
    model = Autoencoder(8, loss=Gaussian(), random_state=0).fit(cancer)
    learned = model.net_.criterion_.dispersion.detach()
    variance = model.loss_.dispersion(learned, model.scale_).item()
    train = np.mean((model.reconstruct(cancer) - cancer) ** 2)
    assert variance == pytest.approx(train, rel=0.5)
    expected = -scipy.stats.norm.logpdf(
        cancer, model.reconstruct(cancer), np.sqrt(variance)
    )
    np.testing.assert_allclose(
        model.reconstruction_error(cancer, per_feature=True),
        expected,
        rtol=1e-4,
        atol=1e-6,
    )
    np.testing.assert_allclose(
        -model.score_samples(cancer), expected.mean(axis=1), rtol=1e-4
    )
    assert 0 < np.mean(model.predict(cancer) == -1) < 0.2


@pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder])
@pytest.mark.filterwarnings("ignore:Posterior collapse")
def test_binarising_draws_each_batch_afresh(kind, rng):
    seen = []

    class Spying(BinaryCrossEntropy):
        def per_element(self, output, x):
            seen.append(x.detach().clone())
            return super().per_element(output, x)

    X = np.full((30, 200), 0.3, dtype=np.float32)
    shared = dict(early_stopping=False, max_epochs=2, batch_size=30, random_state=0)
    shared["architecture"] = Dense((4,))
    kind(2, loss=Spying(), **shared).fit(X)
    assert all((batch == X[0, 0]).all() for batch in seen)
    seen.clear()
    model = kind(2, loss=Spying(binarize=True), **shared).fit(X)
    first, second = [batch for batch in seen if len(batch) == len(X)][:2]
    assert set(first.unique().tolist()) == {0.0, 1.0}
    assert first.mean() == pytest.approx(0.3, abs=0.03)
    assert (first != second).any()
    # Scores are of the rows as they are.
    assert (seen[-1] == X[0, 0]).all()
    again = kind(2, loss=Spying(binarize=True), **shared).fit(X)
    np.testing.assert_array_equal(model.transform(X), again.transform(X))


@pytest.mark.parametrize("kind", [Criterion, Bound])
def test_missing_cells_can_be_left_out(kind):
    """The one reduction of elements to rows knows which elements are observed."""
    criterion = kind(loss=AbsoluteError(), n_columns=4)
    cells = torch.arange(8.0).reshape(2, 4)
    batch = Batch(torch.zeros(2, 4))
    observed = torch.tensor([[True, False, True, False], [True] * 4])
    expected = [1.0, 5.5] if kind is Criterion else [2.0, 22.0]
    assert over_cells(cells, observed, as_sum=kind.as_sum).tolist() == expected
    found = criterion.row_losses(cells, batch._replace(observed=observed))
    assert found.tolist() == expected
    torch.testing.assert_close(
        criterion.row_losses(cells, batch),
        criterion.row_losses(cells, batch._replace(observed=torch.ones(2, 4).bool())),
    )
    none = torch.zeros(2, 4).bool()
    assert over_cells(cells, none, as_sum=kind.as_sum).tolist() == [0.0, 0.0]
    found = criterion.row_losses(cells, batch._replace(observed=none))
    assert found.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (Gaussian(variance=-1.0), "variance"),
        (Gaussian(variance="known"), "variance"),
        (Laplace(scale=0.0), "scale"),
        (BinaryCrossEntropy(binarize="yes"), "binarize"),
    ],
)
def test_bad_parameters_are_named(loss, message, small):
    with pytest.raises(ValueError, match=message):
        VariationalAutoencoder(2, loss=loss).fit(small)
