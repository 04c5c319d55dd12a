"""Losses: what a reconstruction costs, read by training, scoring and decoding alike."""

from dataclasses import dataclass
from functools import lru_cache
from numbers import Real

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.utils._param_validation import Interval, StrOptions
from torch import nn
from torch.nn import functional as F

from skae.activations import ACTIVATION_CHOICES, RANGES, Exponential, make_activation

_EPSILON = 1e-7  # keeps the logarithm of a rate or a probability finite

# Making a module costs as much as a small batch; output activations hold no state.
_shared_activation = lru_cache(maxsize=None)(make_activation)


@dataclass(eq=False, repr=False, kw_only=True)
class Loss(BaseEstimator):
    """Base of the losses: a negative log-likelihood per element, and its range.

    A subclass defines :meth:`per_element` and what sets it apart: `natural_activation`
    is what ``output_activation="auto"`` stands for, `range` the closed interval of X on
    which the loss is defined.
    """

    output_activation: str | type = "auto"

    natural_activation = nn.Identity
    range = (-np.inf, np.inf)

    _parameter_constraints = {
        "output_activation": [StrOptions({"auto"}), *ACTIVATION_CHOICES]
    }

    def activation(self):
        """Return the module from the decoder's output to the reconstruction."""
        if self.output_activation == "auto":
            return _shared_activation(self.natural_activation)
        return _shared_activation(self.output_activation)

    def per_element(self, output, x):
        """Return the loss of each element.

        Parameters
        ----------
        output : Tensor of shape (n_samples, n_features)
            What the decoder gives, before the output activation.
        x : Tensor of shape (n_samples, n_features)
            The target.

        Returns
        -------
        Tensor of shape (n_samples, n_features)
        """
        raise NotImplementedError(f"{type(self).__name__} must define per_element.")

    def per_row(self, output, x):
        """Return the mean of :meth:`per_element` over each row, shape (n_samples,)."""
        return self.per_element(output, x).flatten(1).mean(1)

    @property
    def target_range(self):
        """The values of X that training allows: `range` within what the output reaches.

        A pair (lowest, highest), both allowed.
        """
        reached = RANGES.get(type(self.activation()), (-np.inf, np.inf))
        return max(self.range[0], reached[0]), min(self.range[1], reached[1])

    @property
    def is_bounded(self):
        """Whether X has a range, so that columns are neither centred nor scaled."""
        return self.target_range != (-np.inf, np.inf)

    def for_unit(self, scale):
        """Return this loss for targets that were divided by `scale`."""
        return clone(self)

    def unit(self, scale):
        """Return what turns the loss of rows divided by `scale` into units of X."""
        return 1.0


class SquaredError(Loss):
    """Squared error: the Gaussian likelihood with one fixed variance.

    ``(x - output_activation(output)) ** 2`` per element, in units of X squared.

    Parameters
    ----------
    output_activation : str or torch.nn.Module class, default="auto"
        Applied to the decoder's output; "auto" is the identity. With an activation of
        bounded range, such as "sigmoid", X must lie in that range.

    Examples
    --------
    >>> from skae import Autoencoder, SquaredError
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data[:100] / 16
    >>> loss = SquaredError(output_activation="sigmoid")
    >>> ae = Autoencoder(8, loss=loss, max_epochs=2, random_state=0).fit(X)
    >>> bool(ae.reconstruct(X).min() >= 0)
    True
    """

    def per_element(self, output, x):
        """Return the squared error of each element, in units of x squared."""
        return (self.activation()(output) - x).square()

    def unit(self, scale):
        """Return ``scale ** 2``."""
        return scale**2


class AbsoluteError(SquaredError):
    """Absolute error: the Laplace likelihood with one fixed scale.

    ``|x - output_activation(output)|`` per element, in units of X.

    Parameters
    ----------
    output_activation : str or torch.nn.Module class, default="auto"
        Applied to the decoder's output; "auto" is the identity. With an activation of
        bounded range, such as "sigmoid", X must lie in that range.

    Examples
    --------
    >>> from skae import AbsoluteError
    >>> AbsoluteError(output_activation="sigmoid")
    AbsoluteError(output_activation='sigmoid')
    """

    def per_element(self, output, x):
        """Return the absolute error of each element, in units of x."""
        return (self.activation()(output) - x).abs()

    def unit(self, scale):
        """Return `scale`."""
        return scale


@dataclass(eq=False, repr=False, kw_only=True)
class Huber(SquaredError):
    """Huber's loss: squared for small residuals r, absolute for large ones.

    ``r ** 2 / 2`` where ``|r| <= delta``, else ``delta * (|r| - delta / 2)``
    (Huber 1964), in units of X squared.

    Parameters
    ----------
    output_activation : str or torch.nn.Module class, default="auto"
        Applied to the decoder's output; "auto" is the identity. With an activation of
        bounded range, such as "sigmoid", X must lie in that range.
    delta : float, default=1.0
        The residual at which the loss turns from squared to absolute, in units of X.

    References
    ----------
    Huber, P. J. (1964). Robust estimation of a location parameter. Annals of
    Mathematical Statistics 35.

    Examples
    --------
    >>> from skae import Huber
    >>> Huber(delta=0.5)
    Huber(delta=0.5)
    """

    delta: float = 1.0

    _parameter_constraints = {
        **Loss._parameter_constraints,
        "delta": [Interval(Real, 0, None, closed="neither")],
    }

    def per_element(self, output, x):
        """Return Huber's loss of each element, in units of x squared."""
        return F.huber_loss(
            self.activation()(output), x, reduction="none", delta=self.delta
        )

    def for_unit(self, scale):
        """Return this loss with `delta` divided by `scale`."""
        return clone(self).set_params(delta=self.delta / scale)


class BinaryCrossEntropy(Loss):
    """Binary cross-entropy: the Bernoulli likelihood, for X in [0, 1].

    ``-x * log(p) - (1 - x) * log(1 - p)`` per element, in nats, with p the output after
    its activation.

    Parameters
    ----------
    output_activation : str or torch.nn.Module class, default="auto"
        Applied to the decoder's output; "auto" is the sigmoid, computed from the
        logits. What any other gives is cut to (0, 1).

    Examples
    --------
    >>> from skae import Autoencoder, BinaryCrossEntropy
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data[:100] > 8
    >>> ae = Autoencoder(8, loss=BinaryCrossEntropy(), max_epochs=2, random_state=0)
    >>> ae.fit(X).transform(X).shape
    (100, 8)
    """

    natural_activation = nn.Sigmoid
    range = (0.0, 1.0)

    def per_element(self, output, x):
        """Return the cross-entropy of each element, in nats."""
        if isinstance(self.activation(), nn.Sigmoid):
            return F.binary_cross_entropy_with_logits(output, x, reduction="none")
        p = self.activation()(output).clamp(_EPSILON, 1 - _EPSILON)
        return -x * torch.log(p) - (1 - x) * torch.log1p(-p)


class Poisson(Loss):
    """Poisson negative log-likelihood, for counts X >= 0.

    ``rate - x * log(rate) + log(x!)`` per element, in nats, with the rate the output
    after its activation.

    Parameters
    ----------
    output_activation : str or torch.nn.Module class, default="auto"
        Applied to the decoder's output; "auto" is the exponential, computed from the
        logarithm of the rate. What any other gives is cut to positive values.

    Examples
    --------
    >>> from skae import Autoencoder, Poisson
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data[:100]
    >>> ae = Autoencoder(8, loss=Poisson(), max_epochs=2, random_state=0).fit(X)
    >>> bool(ae.reconstruct(X).min() > 0)
    True
    """

    natural_activation = Exponential
    range = (0.0, np.inf)

    def per_element(self, output, x):
        """Return the negative log-likelihood of each element, in nats."""
        if isinstance(self.activation(), Exponential):
            rate, log_rate = torch.exp(output), output
        else:
            rate = self.activation()(output).clamp(min=_EPSILON)
            log_rate = torch.log(rate)
        return rate - x * log_rate + torch.lgamma(x + 1)


LOSSES = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "binary_cross_entropy": BinaryCrossEntropy,
    "poisson": Poisson,
}


def make_loss(loss):
    """Return a validated clone of a loss; None is `SquaredError`, a name its class."""
    if loss is None:
        loss = SquaredError()
    loss = LOSSES[loss]() if isinstance(loss, str) else clone(loss)
    loss._validate_params()
    return loss
