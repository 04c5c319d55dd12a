"""Errors: what a reconstruction costs, in units of X."""

from dataclasses import dataclass
from numbers import Real

import torch
from sklearn.base import clone
from torch.nn import functional as F

from skae._sklearn import Interval
from skae.losses.base import Loss, ScaledLoss


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

    def per_element(self, output, x) -> torch.Tensor:
        """Return the squared error of each element, in units of x squared."""
        return (self.reconstruction(output) - x).square()

    def reduced(self, output, x, *, reduction) -> torch.Tensor:
        """Return the sum or the mean of all squared errors, in one step."""
        return F.mse_loss(self.reconstruction(output), x, reduction=reduction)

    def for_scale(self, scale) -> ScaledLoss:
        """Return this loss, as a multiple of ``scale ** 2``; see :class:`Loss`."""
        return ScaledLoss(clone(self), scale**2)


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

    def per_element(self, output, x) -> torch.Tensor:
        """Return the absolute error of each element, in units of x."""
        return (self.reconstruction(output) - x).abs()

    def reduced(self, output, x, *, reduction) -> torch.Tensor:
        """Return the sum or the mean of all absolute errors, in one step."""
        return F.l1_loss(self.reconstruction(output), x, reduction=reduction)

    def for_scale(self, scale) -> ScaledLoss:
        """Return this loss, as a multiple of `scale`; see :class:`Loss`."""
        return ScaledLoss(clone(self), scale)


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

    def per_element(self, output, x) -> torch.Tensor:
        """Return Huber's loss of each element, in units of x squared."""
        return F.huber_loss(
            self.reconstruction(output), x, reduction="none", delta=self.delta
        )

    def reduced(self, output, x, *, reduction) -> torch.Tensor:
        """Return the sum or the mean of Huber's loss, in one step."""
        return F.huber_loss(
            self.reconstruction(output), x, reduction=reduction, delta=self.delta
        )

    def for_scale(self, scale) -> ScaledLoss:
        """Return this loss with `delta` divided by `scale`; see :class:`Loss`."""
        scaled = clone(self).set_params(delta=self.delta / scale)
        return ScaledLoss(scaled, scale**2)
