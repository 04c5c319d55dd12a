"""Corruptions that need more than single values: a blur, and a user's function."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real

import torch

from skae._sklearn import Interval
from skae.corruption import Corruption
from skae.data.checks import check_pair, check_takes

_LEAST_WIDTH = 1e-3  # positions: of a blur that leaves values as they are


@dataclass(eq=False, repr=False)
class Blur(Corruption):
    """Blurs images, signals and series by a normal distribution of positions.

    The target being sharp, training learns to sharpen. Weights that would fall beyond
    an edge are shared by the values within.

    Parameters
    ----------
    scale : float or pair of float, default=(0.0, 2.0)
        Standard deviation in positions. Of a pair, the lowest and the highest, each row
        has one in between of its own.
    axes : tuple of int or None, default=None
        Axes of a row that are blurred, from 0. None: all but the first where there are
        several, as of images whose channels come first. Of series, (0,).

    Examples
    --------
    >>> from skae import Blur
    >>> Blur(1.5)
    Blur(scale=1.5)
    """

    scale: float | tuple | list = (0.0, 2.0)
    _: KW_ONLY
    axes: tuple | list | None = None

    _parameter_constraints = {
        "scale": [Interval(Real, 0, None, closed="left"), tuple, list],
        "axes": [tuple, list, None],
    }

    def _validate_params(self):
        super()._validate_params()
        if not isinstance(self.scale, Real):
            check_pair("scale of Blur", self.scale, lowest=0)

    def corrupt(self, x, columns, generator) -> torch.Tensor:
        """Return x blurred along axes; see :class:`Corruption`."""
        shape = columns.shape or x.shape[1:]
        axes = self._axes(shape)
        widths = x.new_full((len(x),), _LEAST_WIDTH)
        if isinstance(self.scale, Real):
            widths = widths.clamp(min=self.scale)
        else:
            low, high = self.scale
            widths = widths.uniform_(generator=generator).mul_(high - low).add_(low)
            widths = widths.clamp(min=_LEAST_WIDTH)
        rows = columns.in_units(x).unflatten(1, shape)
        for axis in axes:
            places = torch.arange(shape[axis], dtype=x.dtype, device=x.device)
            distances = (places - places.unsqueeze(1)) / widths.reshape(-1, 1, 1)
            weights = torch.softmax(-0.5 * distances.square(), dim=2)
            moved = rows.movedim(axis + 1, 1)
            blurred = torch.bmm(weights, moved.reshape(*moved.shape[:2], -1))
            rows = blurred.view(moved.shape).movedim(1, axis + 1)
        return columns.of_units(rows.flatten(1))

    def _axes(self, shape):
        """Return the axes of a row, and refuse what is none."""
        axes = self.axes
        if axes is None:
            axes = range(len(shape) > 1, len(shape))
        for axis in axes:
            if not isinstance(axis, Integral) or not 0 <= axis < len(shape):
                raise ValueError(
                    f"axes={self.axes!r} of Blur must be among the axes of a row, 0 to "
                    f"{len(shape) - 1}: rows are of the shape {tuple(shape)}."
                )
        if None in shape:
            raise ValueError(
                "corruption=Blur is for rows of one shape, not for series of unequal "
                "length."
            )
        return axes


@dataclass(eq=False, repr=False)
class FunctionCorruption(Corruption):
    """Does to rows what a function of the user's does, in the units of X.

    Parameters
    ----------
    function : callable or None, default=None
        To be given: ``function(x, generator)`` returns a corrupted copy of x, a tensor
        of rows of the shape that X has, in its units; what is drawn is to be drawn from
        the torch generator. In pickles it is named, not copied, so that it has to be
        defined in a module.

    See Also
    --------
    Corruption : The base of those that know more of the columns.

    Examples
    --------
    >>> from skae import DenoisingAutoencoder, FunctionCorruption
    >>> from sklearn.datasets import load_digits
    >>> def faded(x, generator):
    ...     return x * x.new_empty(len(x), 1).uniform_(0.5, 1, generator=generator)
    >>> ae = DenoisingAutoencoder(
    ...     8, corruption=FunctionCorruption(faded), max_epochs=2, random_state=0
    ... )
    >>> ae.fit(load_digits().data).n_components_
    8
    """

    function: Callable | None = None

    _parameter_constraints = {"function": [callable]}

    def corrupt(self, x, columns, generator) -> torch.Tensor:
        """Return what the function makes of x; see :class:`Corruption`."""
        shape = columns.shape or x.shape[1:]
        if None in shape:
            shape = (-1, *shape[1:])
        rows = columns.in_units(x).unflatten(1, shape)
        check_takes(
            self.function, "function of FunctionCorruption", "rows", "a generator"
        )
        try:
            corrupted = self.function(rows, generator)
        except Exception as error:
            raise ValueError(
                f"function={self.function!r} of FunctionCorruption failed on rows of "
                f"the shape {tuple(rows.shape)}: the error above says why."
            ) from error
        given = getattr(corrupted, "shape", None)
        if not isinstance(corrupted, torch.Tensor) or given != rows.shape:
            raise ValueError(
                "function of FunctionCorruption must return a tensor of the shape "
                f"{tuple(rows.shape)}, that of the rows given. It returned "
                f"{type(corrupted).__name__}"
                f"{'' if given is None else f' of the shape {tuple(given)}'}."
            )
        return columns.of_units(corrupted.to(x).flatten(1))
