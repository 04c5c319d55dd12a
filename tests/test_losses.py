"""Losses against closed forms, gradients by finite differences, ranges, units."""

import numpy as np
import pytest
import scipy.stats
import torch
from sklearn.base import clone

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
)
from skae.autoencoders.criterion import Criterion
from skae.data.batch import Batch
from skae.data.fields import Field, Fields
from skae.data.statistics import describe_columns
from skae.losses import NetworkLoss, ScaledLoss
from tests.discovery import LOSSES, name_of

ACTIVATIONS = ["auto", "identity", "sigmoid", "softplus", "exp", torch.nn.Sigmoid]


@pytest.fixture
def output():
    return torch.linspace(-3, 3, 12, dtype=torch.float64).reshape(3, 4)


@pytest.fixture
def x():
    values = [0.0, 1.0, 0.3, 0.7, 1.0, 0.0, 0.5, 0.25, 0.9, 0.1, 0.0, 1.0]
    return torch.tensor(values, dtype=torch.float64).reshape(3, 4)


def test_squared_absolute_and_huber(output, x):
    r = (output - x).numpy()
    np.testing.assert_allclose(SquaredError().per_element(output, x), r**2)
    np.testing.assert_allclose(AbsoluteError().per_element(output, x), np.abs(r))
    for delta in (0.5, 2.0):
        expected = np.where(
            np.abs(r) <= delta, r**2 / 2, delta * (np.abs(r) - delta / 2)
        )
        np.testing.assert_allclose(Huber(delta=delta).per_element(output, x), expected)


def test_binary_cross_entropy_is_the_bernoulli_likelihood(output, x):
    binary = x.round()
    p = torch.sigmoid(output).numpy()
    np.testing.assert_allclose(
        BinaryCrossEntropy().per_element(output, binary),
        -scipy.stats.bernoulli.logpmf(binary.numpy(), p),
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        BinaryCrossEntropy().per_element(output, x),
        -x.numpy() * np.log(p) - (1 - x.numpy()) * np.log(1 - p),
    )
    halves = BinaryCrossEntropy(output_activation="identity").per_element(
        torch.full_like(x, 0.5), x
    )
    np.testing.assert_allclose(halves, np.log(2), rtol=1e-6)


def test_poisson_is_the_poisson_likelihood(output):
    counts = torch.arange(12.0, dtype=torch.float64).reshape(3, 4)
    np.testing.assert_allclose(
        Poisson().per_element(output, counts),
        -scipy.stats.poisson.logpmf(counts.numpy(), np.exp(output.numpy())),
    )
    np.testing.assert_allclose(
        Poisson(output_activation="softplus").per_element(output, counts),
        -scipy.stats.poisson.logpmf(counts.numpy(), np.log1p(np.exp(output.numpy()))),
        rtol=1e-5,
    )


@pytest.mark.parametrize("kind", LOSSES, ids=name_of)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=name_of)
def test_gradients_by_finite_differences(kind, activation, output, x):
    loss = kind(output_activation=activation)
    if kind is BinaryCrossEntropy and activation not in ("auto", "sigmoid"):
        output = output.sigmoid() * 0.5 + 0.1  # keep clear of the cut at 0 and 1
        output = output if activation != "exp" else output - 1
    if kind is Poisson and activation == "identity":
        output = output.exp()
    variable = (output + 0.01).requires_grad_()
    assert torch.autograd.gradcheck(lambda o: loss.per_element(o, x), variable)
    per_row = Criterion(loss, 4).row_losses(variable, Batch(x))
    torch.testing.assert_close(per_row, loss.per_element(variable, x).mean(1))


@pytest.mark.parametrize("kind", LOSSES, ids=name_of)
def test_loss_is_lowest_at_the_truth(kind):
    x = torch.full((1, 1), 0.4, dtype=torch.float64)
    loss = kind()
    grid = torch.linspace(-4, 4, 2001, dtype=torch.float64)[:, None]
    losses = loss.per_element(grid, x.expand_as(grid))
    best = loss.activation()(grid[losses.argmin()])
    assert best.item() == pytest.approx(0.4, abs=0.01)
    assert loss.is_density or (losses >= 0).all()


@pytest.mark.parametrize(
    ("loss", "bounds"),
    [
        (SquaredError(), (-np.inf, np.inf)),
        (SquaredError(output_activation="tanh"), (-1, 1)),
        (SquaredError(output_activation="relu"), (0, np.inf)),
        (AbsoluteError(output_activation="sigmoid"), (0, 1)),
        (BinaryCrossEntropy(), (0, 1)),
        (BinaryCrossEntropy(output_activation="identity"), (0, 1)),
        (Poisson(), (0, np.inf)),
    ],
    ids=repr,
)
def test_ranges(loss, bounds):
    assert loss.target_range == bounds
    X = np.linspace(0.0, 1.0, 12).reshape(4, 3)
    columns = describe_columns(X, with_covariance=False, check=lambda *_: None)
    fields = Fields((Field("number", slice(0, 3)),)).learned(columns, bounds)
    is_bounded = bounds != (-np.inf, np.inf)
    assert (fields.scaling.centre is None) == is_bounded  # columns stay as they are


@pytest.mark.parametrize("kind", LOSSES, ids=name_of)
def test_units(kind, rng):
    """The loss of scaled rows, times its factor and shifted, is the loss of rows."""
    loss = kind(**{Gaussian: {"variance": 3.0}, Laplace: {"scale": 3.0}}.get(kind, {}))
    if loss.target_range != (-np.inf, np.inf):
        over = NetworkLoss.over(Fields(()), None, loss, as_sum=False)
        assert (over.factor, over.shift) == (1.0, 0.0)
        return
    x, output = torch.tensor(rng.normal(size=(2, 5, 3)) * 7)
    scaled = loss.for_scale(7.0)
    losses = scaled.loss.per_element(output / 7, x / 7) * scaled.factor + scaled.shift
    torch.testing.assert_close(losses, loss.per_element(output, x))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("squared_error", SquaredError),
        ("absolute_error", AbsoluteError),
        ("huber", Huber),
        ("gaussian", Gaussian),
        ("laplace", Laplace),
        ("binary_cross_entropy", BinaryCrossEntropy),
        ("poisson", Poisson),
    ],
)
def test_names(name, kind, rng):
    X = rng.uniform(size=(50, 3))
    named = Autoencoder(2, loss=name, max_epochs=1, random_state=0).fit(X)
    assert type(named.loss_) is kind
    given = Autoencoder(2, loss=kind(), max_epochs=1, random_state=0).fit(X)
    np.testing.assert_array_equal(named.transform(X), given.transform(X))


def test_range_losses_leave_columns_as_they_are(rng):
    X = rng.uniform(size=(50, 3))
    assert Autoencoder(2, loss=BinaryCrossEntropy(), max_epochs=1).fit(X).mean_ is None
    assert Autoencoder(2, max_epochs=1).fit(X).mean_.shape == (3,)


def test_poisson_recovers_rates(rng):
    code = rng.normal(size=(500, 1))
    rates = np.exp(1 + code @ np.array([[0.5, -0.5, 1.0, 0.0]]))
    X = rng.poisson(rates)
    model = Autoencoder(1, loss="poisson", random_state=0).fit(X)
    error = np.abs(np.log(model.reconstruct(X)) - np.log(rates)).mean()
    assert error < 0.6 * np.abs(np.log(X.mean(axis=0)) - np.log(rates)).mean()


class Quartic(Loss):
    def per_element(self, output, x):
        return (output - x) ** 4


class ScaledQuartic(Quartic):
    def for_scale(self, scale):
        return ScaledLoss(clone(self), scale**4)


@pytest.mark.parametrize("kind", [Quartic, ScaledQuartic])
def test_a_users_own_loss(kind, small):
    model = Autoencoder(
        2, loss=kind(), architecture=Dense((8,)), max_epochs=2, random_state=0
    ).fit(small)
    np.testing.assert_allclose(
        model.reconstruction_error(small, per_feature=True),
        (model.reconstruct(small) - small) ** 4,
        rtol=1e-6,
    )
