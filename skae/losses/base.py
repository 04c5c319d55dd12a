"""The protocol of losses: what a reconstruction costs, read by every method alike."""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from skae._sklearn import BaseEstimator, StrOptions
from skae.activations import (
    ACTIVATION_CHOICES,
    RANGES,
    check_stateless,
    make_activation,
)
from skae.data.batch import described


@cache
def _shared_activation(activation):
    """Return the module of an activation: making one costs as much as a small batch."""
    return make_activation(activation, "output_activation").eval()


class ScaledLoss(NamedTuple):
    """A loss of rows as a network sees them, and what makes it a loss of rows of X."""

    loss: object
    factor: float = 1.0  # of the loss of an element
    shift: float = 0.0  # added to it then


@dataclass(eq=False, repr=False, kw_only=True)
class Loss(BaseEstimator):
    """Base of the losses: what each element of a reconstruction costs.

    A subclass defines :meth:`per_element`, for rows in the units of X, and what sets it
    apart: `natural_activation` is what ``output_activation="auto"`` stands for, `range`
    the closed interval of X on which the loss is defined, `kinds` the kinds of
    :class:`Field` it is for. A negative log-likelihood in nats, with nothing left out,
    says so by ``is_likelihood = True``, and by ``is_density = True`` if X is
    continuous: variational estimators take no other. With :meth:`draw` they draw rows.
    """

    output_activation: str | type = "auto"

    natural_activation = nn.Identity
    range = (-np.inf, np.inf)
    kinds = ("number", "code")
    is_likelihood = False  # in nats: a negative logarithm of a probability or density
    is_density = False  # of a continuous X: the loss may be negative
    scores_classes = False  # the output has one axis more, a score for each class
    given_variance = None  # of a density whose width is not learned

    _parameter_constraints = {
        "output_activation": [StrOptions({"auto"}), *ACTIVATION_CHOICES]
    }

    def activation(self) -> nn.Module:
        """Return the module from the decoder's output to the reconstruction."""
        if self.output_activation == "auto":
            return _shared_activation(self.natural_activation)
        return _shared_activation(self.output_activation)

    def check_activation(self) -> None:
        """Raise ValueError if the output activation is not one for this loss."""
        self._check_declared()
        if self.output_activation == "auto":
            return
        name = getattr(self.output_activation, "__name__", self.output_activation)
        check_stateless(self.activation(), f"output_activation={name}")
        reached = self.activation()(torch.linspace(-50.0, 50.0, 1001).unsqueeze(0))
        if reached.min() < self.range[0] or reached.max() > self.range[1]:
            raise ValueError(
                f"output_activation={name} of {type(self).__name__} leaves "
                f"[{self.range[0]:g}, {self.range[1]:g}], where the loss is defined. "
                'Use "auto", or another loss.'
            )

    def _check_declared(self):
        """Raise TypeError if what a subclass says of itself is of no use."""
        name, bounds = type(self).__name__, self.range
        numbers = isinstance(bounds, tuple | list) and [
            bound for bound in bounds if isinstance(bound, int | float)
        ]
        if not numbers or len(numbers) != 2 or len(bounds) != 2:
            raise TypeError(
                f"range of {name} must be a pair of numbers, the lowest and the "
                f"highest value of X, not {bounds!r}."
            )
        kind = self.natural_activation
        if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
            raise TypeError(
                f"natural_activation of {name} must be a class of torch.nn.Module, not "
                f"{kind!r}."
            )

    def reconstruction(self, output) -> torch.Tensor:
        """Return the rows that the decoder's output stands for."""
        activation = self.activation()
        return output if isinstance(activation, nn.Identity) else activation(output)

    def per_element(self, output, x) -> torch.Tensor:
        """Return the loss of each element.

        Parameters
        ----------
        output : Tensor of shape (..., n_samples, n_features)
            What the decoder gives, before the output activation.
        x : Tensor of the same shape
            The target.

        Returns
        -------
        Tensor of the same shape
        """
        raise NotImplementedError(f"{type(self).__name__} must define per_element.")

    def reduced(self, output, x, *learned, reduction) -> torch.Tensor:
        """Return the "sum" or the "mean" of :meth:`per_element` over all elements.

        What a step trains on; a subclass may take fewer steps to it.
        """
        return getattr(self.per_element(output, x, *learned), reduction)()

    def of_cells(self, values) -> torch.Tensor:
        """Return one value for each cell: each is one, but in frames."""
        return values

    def draw(self, output, generator) -> torch.Tensor:
        """Draw a row for each row of the decoder's output.

        Parameters
        ----------
        output : Tensor of shape (n_samples, n_features)
        generator : torch.Generator

        Returns
        -------
        Tensor of shape (n_samples, n_features)
        """
        raise NotImplementedError(f"{type(self).__name__} must define draw.")

    def prepare(self, x, generator) -> torch.Tensor:
        """Return what training makes of a batch before it is corrupted and compared."""
        return x

    @property
    def prepares(self) -> bool:
        """Whether :meth:`prepare` does anything."""
        return type(self).prepare is not Loss.prepare

    def start_dispersion(self, n_features, variance) -> torch.Tensor | None:
        """Return where the learned width of the likelihood starts, or None for none.

        A loss that learns one takes it as third argument of :meth:`per_element` and
        :meth:`draw`, and defines :meth:`dispersion`.

        Parameters
        ----------
        n_features : int
        variance : float
            Of the residuals at the start.

        Returns
        -------
        Tensor of shape () or (n_features,), or None
        """

    @property
    def target_range(self) -> tuple[float, float]:
        """The values of X that training allows: `range` within what the output reaches.

        A pair (lowest, highest), both allowed.
        """
        reached = RANGES.get(type(self.activation()), (-np.inf, np.inf))
        return max(self.range[0], reached[0]), min(self.range[1], reached[1])

    def for_scale(self, scale) -> ScaledLoss:
        """Return this loss for rows that were centred and divided by `scale`.

        Optional, for a loss that depends on ``output - x`` only: without it, rows are
        brought back to the units of X before each :meth:`per_element`.

        Returns
        -------
        ScaledLoss
        """
        raise NotImplementedError(f"{type(self).__name__} must define for_scale.")


def check_cells(cells, x, loss):
    """Return the loss of each cell, or raise if it is not one for each cell of x."""
    if not isinstance(cells, torch.Tensor) or cells.shape != x.shape:
        raise ValueError(
            f"{type(loss).__name__}.per_element must return a tensor of the shape of "
            f"x, {tuple(x.shape)}: a loss for each element. It returned "
            f"{described(cells)}."
        )
    return cells


def check_drawn(rows, like, loss):
    """Raise TypeError if what a loss drew is not a tensor of rows like others."""
    if not isinstance(rows, torch.Tensor) or rows.shape != like.shape:
        raise TypeError(
            f"{type(loss).__name__}.draw must return a tensor of rows, of shape "
            f"{tuple(like.shape)}. It returned {described(rows)}."
        )
