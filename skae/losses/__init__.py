"""Losses: what a reconstruction costs, and the likelihood that this is."""

from sklearn.base import clone

from skae.losses.base import Loss, ScaledLoss
from skae.losses.densities import Gaussian, HuberDensity, Laplace
from skae.losses.discrete import BinaryCrossEntropy, CrossEntropy, Poisson
from skae.losses.errors import AbsoluteError, Huber, SquaredError
from skae.losses.network import NetworkLoss

LOSSES = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "gaussian": Gaussian,
    "laplace": Laplace,
    "binary_cross_entropy": BinaryCrossEntropy,
    "cross_entropy": CrossEntropy,
    "poisson": Poisson,
}

__all__ = [
    "LOSSES",
    "AbsoluteError",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Gaussian",
    "Huber",
    "Laplace",
    "Loss",
    "NetworkLoss",
    "Poisson",
    "ScaledLoss",
    "SquaredError",
    "as_likelihood",
    "make_loss",
]

_LIKELIHOODS = {SquaredError: Gaussian, AbsoluteError: Laplace, Huber: HuberDensity}


def make_loss(loss, default=SquaredError):
    """Return a validated clone of a loss; of a name or of None, its class's object."""
    if loss is None:
        loss = default()
    loss = LOSSES[loss]() if isinstance(loss, str) else clone(loss)
    loss._validate_params()
    loss.check_activation()
    return loss


def as_likelihood(loss):
    """Return the loss, or the likelihood of learned width that an error stands for.

    Raises
    ------
    ValueError
        If there is none.
    """
    if loss.is_likelihood:
        return loss
    if type(loss) in _LIKELIHOODS:
        return _LIKELIHOODS[type(loss)](**loss.get_params())
    raise ValueError(
        f"loss={loss!r} is no likelihood, which a variational estimator needs. Use "
        "Gaussian, Laplace, BinaryCrossEntropy, CrossEntropy or Poisson, or say "
        "is_likelihood = True in its class if it is one."
    )
