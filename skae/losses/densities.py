"""Densities: losses in nats whose width is learned or given, to draw X from."""

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np
import torch
from sklearn.base import clone
from torch.nn import functional as F

from skae._sklearn import Interval, StrOptions
from skae.losses.base import Loss, ScaledLoss

_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
_NARROWEST = 1e-6  # variance, where that of a typical column is 1
_PACE = 10.0  # of a learned width: it has to follow the network's errors
_WIDTH = [
    StrOptions({"learned", "per_feature"}),
    Interval(Real, 0, None, closed="neither"),
]


class _OfLearnedWidth(Loss):
    """Base of the densities about the output, whose width is learned or given.

    What is learned is a logarithm, shared by all features or of each. Without it, a
    width that would be learned is that of variance 1.
    """

    is_likelihood = True
    is_density = True

    def start_dispersion(self, n_features, variance) -> torch.Tensor | None:
        """Return the logarithm that `variance` has; see :class:`Loss`."""
        if not isinstance(self._width, str):
            return None
        shape = (n_features,) if self._width == "per_feature" else ()
        start = math.log(max(variance - _NARROWEST, _NARROWEST)) / _PACE
        return torch.full(shape, start, dtype=torch.float32)

    def _variance(self, dispersion):
        return _NARROWEST + torch.exp(_PACE * dispersion)

    def _residual(self, output, x):
        return self.reconstruction(output) - x


@dataclass(eq=False, repr=False, kw_only=True)
class Gaussian(_OfLearnedWidth):
    """Gaussian likelihood: squared error whose weight is learned.

    ``(x - m) ** 2 / (2 v) + log(2 pi v) / 2`` per element, in nats, with m the output
    after its activation and v the variance. A learned variance settles at the mean
    squared error, so that error and divergence have the weights of a probability
    whatever the columns' units (Rybkin et al. 2021).

    Parameters
    ----------
    output_activation : str or torch.nn.Module class, default="auto"
        Applied to the decoder's output; "auto" is the identity. With an activation of
        bounded range, such as "sigmoid", X must lie in that range.
    variance : "learned", "per_feature" or float, default="learned"
        One that is learned, one learned for each feature, or a number, in units of X
        squared. Learned ones stay above a millionth of the columns' mean variance.

    References
    ----------
    Rybkin, O., Daniilidis, K. and Levine, S. (2021). Simple and effective VAE training
    with calibrated decoders. International Conference on Machine Learning.

    Examples
    --------
    >>> from skae import Gaussian
    >>> Gaussian(variance="per_feature")
    Gaussian(variance='per_feature')
    """

    variance: float | str = "learned"

    _parameter_constraints = {**Loss._parameter_constraints, "variance": _WIDTH}

    @property
    def _width(self):
        return self.variance

    @property
    def given_variance(self) -> float | None:
        """The variance, if it is not learned."""
        return None if isinstance(self.variance, str) else self.variance

    def dispersion(self, learned, scale=1.0) -> torch.Tensor:
        """Return the variance, in units of X squared."""
        return self._variance(learned) * scale**2

    def per_element(self, output, x, learned=None) -> torch.Tensor:
        """Return the negative log-density of each element, in nats."""
        squares = self._residual(output, x).square()
        if learned is None:
            variance = self.given_variance or 1.0
            return squares * (0.5 / variance) + 0.5 * math.log(2 * math.pi * variance)
        variance = self._variance(learned)
        return squares * (0.5 / variance) + 0.5 * torch.log(2 * math.pi * variance)

    def reduced(self, output, x, *learned, reduction) -> torch.Tensor:
        """Return the sum or the mean; few steps where the variance is shared."""
        if not learned or learned[0].ndim:
            return super().reduced(output, x, *learned, reduction=reduction)
        squares = F.mse_loss(self.reconstruction(output), x, reduction=reduction)
        variance = self._variance(learned[0])
        n = output.numel() if reduction == "sum" else 1
        scaled = squares / variance + n * torch.log(variance)
        return 0.5 * scaled + _HALF_LOG_TWO_PI * n

    def draw(self, output, generator, learned=None) -> torch.Tensor:
        """Draw from the normal distribution about the output."""
        variance = self.given_variance or 1.0
        if learned is not None:
            variance = self._variance(learned)
        noise = torch.empty_like(output).normal_(generator=generator)
        return self.reconstruction(output) + noise * variance**0.5

    def for_scale(self, scale) -> ScaledLoss:
        """Return this density of rows divided by `scale`; see :class:`Loss`."""
        variance = self.variance
        if not isinstance(variance, str):
            variance = variance / scale**2
        return _density(clone(self).set_params(variance=variance), scale)


@dataclass(eq=False, repr=False, kw_only=True)
class Laplace(_OfLearnedWidth):
    """Laplace likelihood: absolute error whose weight is learned.

    ``|x - m| / b + log(2 b)`` per element, in nats, with m the output after its
    activation and b the scale. Heavier tails than the Gaussian's: a few wild values
    weigh less.

    Parameters
    ----------
    output_activation : str or torch.nn.Module class, default="auto"
        Applied to the decoder's output; "auto" is the identity. With an activation of
        bounded range, such as "sigmoid", X must lie in that range.
    scale : "learned", "per_feature" or float, default="learned"
        One that is learned, one learned for each feature, or a number, in units of X.
        Learned ones stay above a 1,400th of the columns' typical standard deviation.

    Examples
    --------
    >>> from skae import Laplace
    >>> Laplace(scale=0.5)
    Laplace(scale=0.5)
    """

    scale: float | str = "learned"

    _parameter_constraints = {**Loss._parameter_constraints, "scale": _WIDTH}

    @property
    def _width(self):
        return self.scale

    @property
    def given_variance(self) -> float | None:
        """The variance, if the scale is not learned."""
        return None if isinstance(self.scale, str) else 2 * self.scale**2

    def dispersion(self, learned, scale=1.0) -> torch.Tensor:
        """Return the scale, in units of X."""
        return self._scale(learned) * scale

    def _scale(self, learned):
        return (0.5 * self._variance(learned)).sqrt()  # the variance is 2 b squared

    def per_element(self, output, x, learned=None) -> torch.Tensor:
        """Return the negative log-density of each element, in nats."""
        errors = self._residual(output, x).abs()
        if learned is None:
            scale = ((self.given_variance or 1.0) / 2) ** 0.5
            return errors / scale + math.log(2 * scale)
        scale = self._scale(learned)
        return errors / scale + torch.log(2 * scale)

    def draw(self, output, generator, learned=None) -> torch.Tensor:
        """Draw from the Laplace distribution about the output."""
        scale = ((self.given_variance or 1.0) / 2) ** 0.5
        if learned is not None:
            scale = self._scale(learned)
        sizes = torch.empty_like(output).exponential_(generator=generator)
        coins = torch.empty_like(output).bernoulli_(0.5, generator=generator)
        return self.reconstruction(output) + scale * sizes * (2 * coins - 1)

    def for_scale(self, scale) -> ScaledLoss:
        """Return this density of rows divided by `scale`; see :class:`Loss`."""
        width = self.scale if isinstance(self.scale, str) else self.scale / scale
        return _density(clone(self).set_params(scale=width), scale)


@dataclass(eq=False, repr=False, kw_only=True)
class HuberDensity(_OfLearnedWidth):
    """The density whose logarithm Huber's loss is: normal, with exponential tails.

    ``h(x - m) / v`` per element, in nats and up to the normalisation, with h Huber's
    loss and v a learned variance: what ``loss=Huber(delta=...)`` stands for in
    variational estimators (Huber 1964).

    Parameters
    ----------
    output_activation : str or torch.nn.Module class, default="auto"
        As of :class:`Huber`.
    delta : float, default=1.0
        The residual from which on the density falls exponentially, in units of X.
    """

    delta: float = 1.0

    _parameter_constraints = {
        **Loss._parameter_constraints,
        "delta": [Interval(Real, 0, None, closed="neither")],
    }

    _width = "learned"

    def start_dispersion(self, n_features, variance) -> torch.Tensor | None:
        """Return the logarithm of the width that suits residuals of this variance."""
        # Where most of them are beyond delta: the tails' scale is width**2 / delta.
        of_tails = self.delta * math.sqrt(variance / 2)
        return super().start_dispersion(n_features, min(variance, of_tails))

    def dispersion(self, learned, scale=1.0) -> torch.Tensor:
        """Return the variance of the middle part, in units of X squared."""
        return self._variance(learned) * scale**2

    def per_element(self, output, x, learned=None) -> torch.Tensor:
        """Return the negative log-density of each element, in nats."""
        width = (
            output.new_ones(()) if learned is None else self._variance(learned).sqrt()
        )
        middle, tails = self._masses(width)
        residual = self._residual(output, x)
        losses = F.huber_loss(
            residual, torch.zeros_like(residual), reduction="none", delta=self.delta
        )
        return losses / width**2 + torch.log(width * (middle + tails))

    def draw(self, output, generator, learned=None) -> torch.Tensor:
        """Draw from the density about the output."""
        width = (
            output.new_ones(()) if learned is None else self._variance(learned).sqrt()
        )
        middle, tails = self._masses(width)
        edge = self.delta / width
        inside, sign, place = (
            torch.empty(3, *output.shape).to(output).uniform_(generator=generator)
        )
        near = math.sqrt(2) * torch.erfinv(place * torch.erf(edge / math.sqrt(2)))
        far = edge - torch.log1p(-place) / edge
        sizes = torch.where(inside * (middle + tails) < middle, near, far)
        return self.reconstruction(output) + width * sizes * (2 * (sign < 0.5) - 1)

    def _middle_width(self, output, learned):
        if learned is None:
            return output.new_ones(())
        return self._variance(learned).sqrt()

    def _masses(self, width):
        """Return the unnormalised masses within and beyond delta, in widths."""
        edge = self.delta / width
        middle = math.sqrt(2 * math.pi) * torch.erf(edge / math.sqrt(2))
        return middle, 2 / edge * torch.exp(-(edge**2) / 2)

    def for_scale(self, scale) -> ScaledLoss:
        """Return this density of rows divided by `scale`; see :class:`Loss`."""
        return _density(clone(self).set_params(delta=self.delta / scale), scale)


def _density(loss, scale):
    """Return a density of rows divided by `scale` as one of rows of X."""
    return ScaledLoss(loss, 1.0, np.log(scale))
