"""Losses as a network over scaled rows trains on them, and back to the units of X."""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.base import clone

from skae.data.mixed import Mixed
from skae.data.ragged import Ragged
from skae.losses.base import Loss, ScaledLoss, check_cells, check_drawn
from skae.losses.columns import ColumnLosses

_ROUNDING = 32  # times eps: of residuals, in scales
_PROBES = (-1.3, 0.2, 0.9)  # values that a loss is tried on, in scales


@dataclass(frozen=True)
class NetworkLoss:
    """A loss as a network trains on it, and what makes it one of rows of X.

    Parameters
    ----------
    loss : Loss or UnscaledLoss
        Of rows as the network sees them.
    factor, shift : float
        What the loss of a cell is multiplied by, and what is added to it then: an array
        of shape (n_cells,) where that depends on the column.
    as_sum : bool
        Whether the loss of a row is a sum over its cells, not their mean.
    is_logarithm : bool
        Whether losses of rows are logarithms of densities or probabilities.
    """

    loss: object
    factor: float
    shift: float
    as_sum: bool
    is_logarithm: bool

    @classmethod
    def over(cls, fields, columns, loss, as_sum):
        """Return a :class:`Loss` as a network over scaled rows trains on it."""
        scaling = fields.scaling
        if fields.by_column:
            scaled = _by_column(fields, columns, loss, as_sum)
        elif scaling.centre is None:
            scaled = ScaledLoss(clone(loss))
        elif overridden_together(type(loss), "for_scale", "per_element"):
            scaled = _checked(loss, loss.for_scale(scaling.scale), scaling.scale)
        else:
            try:
                unscaled = UnscaledLoss(loss, scaling.centre, scaling.scale)
            except NotImplementedError:  # says itself whose it is
                raise
            except (RuntimeError, TypeError, AttributeError, IndexError) as error:
                raise ValueError(
                    f"{type(loss).__name__}.per_element failed: {error}"
                ) from error
            scaled = ScaledLoss(unscaled, unscaled.factor)
        if not np.finfo(np.float64).tiny <= abs(scaled.factor) < np.inf:
            raise ValueError(
                f"{type(loss).__name__} of X is beyond what a number can hold: its "
                f"columns vary by {np.max(scaling.scale):g}. Change their unit, as "
                "StandardScaler does."
            )
        return cls(*scaled, as_sum, as_sum or loss.is_density)

    def n_summed(self, samples):
        """Return how many cells the loss of a row sums up; a mean is one."""
        return samples.n_cells if self.as_sum else 1

    def shift_of(self, samples):
        """Return what is added to the losses of rows: the shift of each cell summed."""
        if not np.any(self.shift):
            return 0.0
        if np.ndim(self.shift) == 0:
            return self.shift * self.n_summed(samples)
        observed = self._observed(samples.X)
        if observed is None:
            return self.shift.sum() if self.as_sum else self.shift.mean()
        total = observed @ self.shift
        return total if self.as_sum else total / np.maximum(observed.sum(axis=1), 1)

    def _observed(self, X):
        """Return which cells of a frame are there, or None where all are."""
        if isinstance(X, Mixed):
            return X.observed()
        return ~np.isnan(X[:, self.loss.arrays["first_values"]])

    def rounding(self, dtype):
        """Return a loss that rounding may leave where rows are reproduced exactly."""
        return self.factor * (_ROUNDING * np.finfo(dtype).eps) ** 2

    def of_rows(self, losses, samples):
        """Return the losses of samples, in units of X."""
        losses = self._wide(losses)
        losses *= self.factor
        losses += self.shift_of(samples)
        return of_finite_rows(losses)

    def of_cells(self, losses):
        """Return the losses of cells, an array or a Ragged, in units of X."""
        if isinstance(losses, Ragged):
            return Ragged(self.of_cells(losses.steps), losses.lengths)
        losses = self._wide(losses)
        losses *= self.factor
        losses += self.shift
        return losses

    def _wide(self, losses):
        """Return the losses in a precision that holds them in units of X."""
        held = np.finfo(losses.dtype)
        if held.tiny / held.eps < self.factor < held.max * held.eps:
            return losses
        return losses.astype(np.float64)

    def of_history(self, history, samples, names):
        """Return epochs with the losses of these names in units of X."""
        shift = np.mean(self.shift_of(samples))
        epochs = []
        for row in history:
            epochs.append(dict(row))
            for name in names:
                for key in (f"train_{name}", f"valid_{name}"):
                    if key in row:
                        epochs[-1][key] = row[key] * self.factor + shift
        return epochs


def of_finite_rows(losses):
    """Return losses of rows that are finite: what overflowed on the way is infinite."""
    losses[np.isnan(losses)] = np.inf
    return losses


def _by_column(fields, columns, loss, as_sum):
    """Return the loss of a frame, where that of numbers is of standardised ones."""
    shift = 0.0
    if loss.is_density:
        spread = np.where(fields.of_kind("number"), fields.scaling.scale, 1.0)
        first = [field.columns.start for field in fields.fields]
        shift = np.log(spread[first])
    return ScaledLoss(ColumnLosses(loss, fields, columns, as_sum), 1.0, shift)


def _checked(loss, scaled, scale):
    """Return what a loss gives for a scale, if it says the same of the same rows."""
    name = f"{type(loss).__name__}.for_scale"
    if not isinstance(scaled, ScaledLoss):
        raise TypeError(f"{name} must return a ScaledLoss, not {scaled!r}.")
    if loss.start_dispersion(1, 1.0) is not None:  # of another width
        return scaled
    x = torch.tensor([_PROBES], dtype=torch.float64) * np.mean(scale)
    output = x.flip(1) / 2
    cells = check_cells(loss.per_element(output, x), x, loss)
    seen = scaled.loss.per_element(output / scale, x / scale)
    if not torch.allclose(scaled.factor * seen + scaled.shift, cells, rtol=1e-6):
        raise ValueError(
            f"{name} says another loss than {type(loss).__name__}.per_element: factor "
            "times the loss of rows divided by the scale, plus shift, is the loss."
        )
    return scaled


def overridden_together(kind, shortcut, method):
    """Tell whether a class's `shortcut` was written knowing its `method`.

    It was if no class between overrides the method alone.
    """
    for base in kind.__mro__:
        if base is Loss:  # which has no shortcut of its own
            return False
        if shortcut in vars(base):
            return True
        if method in vars(base):
            return False
    return False


class UnscaledLoss:
    """A loss that says nothing of scales, evaluated in the units of X.

    Parameters
    ----------
    loss : Loss
        Of rows of X.
    centre : ndarray of shape (n_columns,)
    scale : float or ndarray of shape (n_columns,)
    """

    def __init__(self, loss, centre, scale):
        self.loss = clone(loss)
        self.scale = np.broadcast_to(scale, centre.shape).astype(np.float64)
        self.centre, self.factor = centre, 1.0
        if self._ignores_location():
            self.centre = np.zeros_like(centre)
        if not loss.is_likelihood:
            # What a residual of one scale costs: training sees losses of order one.
            zero = torch.zeros(1, len(centre), dtype=torch.float64)
            cost = float(self.per_element(zero, zero + 1).detach().mean())
            self.factor = cost if np.isfinite(cost) and cost > 0 else 1.0

    def _ignores_location(self):
        """Tell whether only ``output - x`` counts: a centre would cost digits."""
        scales = torch.from_numpy(self.scale)
        values = torch.tensor(_PROBES, dtype=torch.float64).unsqueeze(1) * scales
        x, output = values, values.flip(0) / 2
        learned = self._start(len(scales), 1.0)
        here = self.loss.per_element(output, x, *learned)
        check_cells(here, x, self.loss)
        there = self.loss.per_element(output + scales, x + scales, *learned)
        return torch.allclose(here, there, rtol=1e-9, atol=0.0, equal_nan=True)

    def _start(self, n_features, variance):
        start = self.loss.start_dispersion(n_features, variance)
        return [] if start is None else [start.double()]

    def _in_units(self, values):
        """Return rows in units of X."""
        return values * self._like(self.scale, values) + self._like(self.centre, values)

    def _like(self, of_columns, values):
        n_columns = values.shape[-1]
        if len(of_columns) != n_columns:  # channels, for each step
            of_columns = np.resize(of_columns, n_columns)
        return torch.from_numpy(of_columns).to(values)

    def _back(self, rows):
        """Return rows of X as the network sees them."""
        return (rows - self._like(self.centre, rows)) / self._like(self.scale, rows)

    def reconstruction(self, output):
        """Return the rows that an output stands for; see :class:`Loss`."""
        return self._back(self.loss.reconstruction(self._in_units(output)))

    def per_element(self, output, x, *learned):
        """Return the loss of each element, divided by the factor."""
        output, x = self._in_units(output), self._in_units(x)
        cells = self.loss.per_element(output, x, *learned)
        check_cells(cells, x, self.loss)
        return cells / self.factor

    def reduced(self, output, x, *learned, reduction):
        """Return the sum or the mean of all elements; see :class:`Loss`."""
        return getattr(self.per_element(output, x, *learned), reduction)()

    def of_cells(self, values):
        """Return one value for each cell; see :class:`Loss`."""
        return values

    def draw(self, output, generator, *learned):
        """Draw rows; see :class:`Loss`."""
        output = self._in_units(output)
        rows = self.loss.draw(output, generator, *learned)
        check_drawn(rows, self.loss.reconstruction(output), self.loss)
        return self._back(rows)

    def prepare(self, x, generator):
        """Return what training makes of a batch; see :class:`Loss`."""
        return self._back(self.loss.prepare(self._in_units(x), generator))

    def start_dispersion(self, n_features, variance):
        """Return where a learned width starts, which is in units of X."""
        scale = float(np.mean(self.scale**2))
        return self.loss.start_dispersion(n_features, variance * scale)

    def dispersion(self, learned, scale=1.0):
        """Return the learned width, in units of X."""
        return self.loss.dispersion(learned)

    @property
    def prepares(self):
        """Whether :meth:`prepare` does anything."""
        return self.loss.prepares

    @property
    def scores_classes(self):
        """As of the loss."""
        return self.loss.scores_classes

    @property
    def given_variance(self):
        """As of the loss, in the network's units."""
        given = self.loss.given_variance
        return None if given is None else given / float(np.mean(self.scale**2))
