"""Fields: what each slice of the flat rows is, and how a network is to see it."""

from dataclasses import dataclass, replace

import numpy as np

from skae.data.conditional import (
    MOST_ROWS,
    WIDEST,
    Conditional,
    fitted_conditional,
)
from skae.data.ragged import Ragged
from skae.data.samples import dense_rows
from skae.data.scaling import Scaling
from skae.data.statistics import ColumnStatistics

UNBOUNDED = (-np.inf, np.inf)


@dataclass(frozen=True)
class Field:
    """Columns of one kind, side by side in the flat rows.

    Parameters
    ----------
    kind : {"number", "count", "category", "code", "token"}
        Numbers are centred and scaled, unless they have a range, which would be lost
        by it; codes of another network and tokens are taken as they are. Counts are
        scaled too, categories, a value for each level, centred.
    columns : slice
        Where they are; where the lengths of rows vary, which channels of a step.
    names : tuple of str or None
        The user's names of the columns.
    n_levels : int or None
        How many different values there are, where they are counted.
    range : tuple of float
        The lowest and the highest value allowed.
    """

    kind: str
    columns: slice
    names: tuple | None = None
    n_levels: int | None = None
    range: tuple = UNBOUNDED

    def range_within(self, value_range):
        """Return the range, narrowed to `value_range`."""
        return max(self.range[0], value_range[0]), min(self.range[1], value_range[1])


@dataclass(frozen=True)
class AxisScales:
    """How columns of unlike kinds are made comparable for one principal analysis.

    Of mixed data (Pagès 2004): numbers are standardised, an indicator of a level is
    divided by the root of its share. Each array is of shape (n_values,).

    Parameters
    ----------
    weights : ndarray
        What centred values in units of X are multiplied by; 0 where nothing varies.
    encoding, decoding : ndarray
        From rows as a network sees them to these values, and from these values to what
        an output adds to that of the mean row; to first order where it is a logarithm.
    n_directions : int
        That rows may vary in: one less than there are levels, of a category.
    total : float
        The variance of all values.
    """

    weights: np.ndarray
    encoding: np.ndarray
    decoding: np.ndarray
    n_directions: int
    total: float


@dataclass(frozen=True)
class Fields:
    """The fields of flat rows, first to last, and the scaling of their columns.

    Parameters
    ----------
    fields : tuple of Field
    scaling : Scaling
        Centres and scales of all columns.
    by_column : bool
        Whether each field is one column of the user's: a cell of a row, whatever it is
        made of. Else each value is a cell.
    """

    fields: tuple
    scaling: Scaling = Scaling()
    by_column: bool = False

    @property
    def kinds(self):
        """The kinds that occur."""
        return {field.kind for field in self.fields}

    def name(self, column):
        """Return the user's name of a column, or None."""
        for field in self.fields:
            if field.names and field.columns.start <= column < field.columns.stop:
                return field.names[column - field.columns.start]

    @property
    def cells(self):
        """The cell that each value is of, shape (n_values,); None: of its own."""
        if not self.by_column:
            return None
        cells = np.empty(self.n_values, dtype=np.int64)
        for number, field in enumerate(self.fields):
            cells[field.columns] = number
        return cells

    @property
    def n_values(self):
        """How many values a flat row has, of a channel where lengths vary."""
        return max(field.columns.stop for field in self.fields)

    def of_kind(self, *kinds):
        """Return which values are of these kinds, a mask of shape (n_values,)."""
        chosen = np.zeros(self.n_values, dtype=bool)
        for field in self.fields:
            chosen[field.columns] = field.kind in kinds
        return chosen

    def learned(self, columns, value_range):
        """Return the fields with the centres and the scale of training rows.

        All columns that are scaled have one scale, so that geometry stays PCA's; where
        fields are columns, each of numbers its own.

        Parameters
        ----------
        columns : Columns
        value_range : tuple of float
            What a loss allows, beside the ranges of the fields.
        """
        scaled = np.zeros(len(columns.mean), dtype=bool)
        fields = []
        for field in self.fields:
            if field.kind in ("number", "code", "token"):
                field = replace(field, range=field.range_within(value_range))
            fields.append(field)
            is_free = field.range == UNBOUNDED
            scaled[field.columns] = field.kind == "number" and is_free
        fields = tuple(fields)
        if self.by_column:
            return self._learned_by_column(fields, columns, scaled)
        if not scaled.any():
            return Fields(fields, Scaling(neutral=columns.mean))
        scale = float(np.sqrt(columns.variance[scaled].mean())) or 1.0
        if scaled.all():
            return Fields(fields, Scaling(columns.mean, scale))
        centre = np.where(scaled, columns.mean, 0.0)
        scale = np.where(scaled, scale, 1.0)
        neutral = np.where(scaled, 0.0, columns.mean)
        return Fields(fields, Scaling(centre, scale, neutral))

    def _learned_by_column(self, fields, columns, scaled):
        """Return the fields with numbers standardised and categories centred."""
        centred = scaled | self.of_kind("count", "category")
        deviations = np.sqrt(columns.variance)
        is_spread = (deviations > 0) & (scaled | self.of_kind("count"))
        centre = np.where(centred, columns.mean, 0.0)
        scale = np.where(is_spread, deviations, 1.0)
        neutral = None
        if not centred.all():
            neutral = np.where(centred, 0.0, columns.mean)
        return Fields(fields, Scaling(centre, scale, neutral), by_column=True)

    def axis_scales(self, columns):
        """Return the :class:`AxisScales` of a frame; None where all is numbers.

        Parameters
        ----------
        columns : Columns
        """
        if not self.by_column:
            return None
        is_category, is_count = self.of_kind("category"), self.of_kind("count")
        squares = np.where(is_category, columns.mean, columns.variance)
        varies = columns.variance > 0
        weights = np.where(varies, 1.0 / np.sqrt(np.where(varies, squares, 1.0)), 0.0)
        scale = np.broadcast_to(self.scaling.scale, weights.shape)
        mean = np.where(is_count & varies, columns.mean, 1.0)
        # A logarithm moves by a deviation divided by the mean.
        divisor = np.where(is_category, columns.mean, np.where(is_count, mean, scale))
        decoding = np.where(varies, 1.0 / np.where(varies, weights * divisor, 1.0), 0.0)
        return AxisScales(
            weights,
            weights * scale,
            decoding,
            self.n_directions,
            float((columns.variance * weights**2).sum()),
        )

    @property
    def n_directions(self):
        """How many directions rows may vary in: a level less of each category."""
        n_categories = sum(field.kind == "category" for field in self.fields)
        return self.n_values - n_categories

    def conditional_on(self, samples, columns, hides_cells, rng):
        """Return the fields with a model of missing cells, where one can be had.

        That is for tables of at most 256 columns of numbers without a range. Training
        without gaps has none to learn from but the covariance, if it knows it.

        Parameters
        ----------
        samples : Samples
        columns : Columns
        hides_cells : bool
            Whether training hides cells.
        rng : numpy.random.Generator
            Draws rows, if they are many.
        """
        X, scaling = samples.X, self.scaling
        is_plain = scaling.centre is not None and scaling.neutral is None
        if not is_plain or isinstance(X, Ragged) or not 1 < X.shape[1] <= WIDEST:
            return self
        if hides_cells or columns.missing is not None:
            rows = np.arange(len(samples))
            if len(rows) > MOST_ROWS:
                rows = np.sort(rng.choice(rows, MOST_ROWS, replace=False))
            weight = samples.weight
            model = fitted_conditional(
                dense_rows(X, rows).astype(np.float64),
                columns.mean,
                columns.variance,
                None if weight is None else weight[rows],
                rng=rng,
            )
        elif columns.covariance is not None:
            model = Conditional.of_columns(columns)
        else:
            return self
        model = model.scaled(scaling.centre, scaling.scale)
        return replace(self, scaling=replace(scaling, conditional=model))

    def statistics(self, columns):
        """Return what corruptions ask for, in the units that the network sees."""
        centre, scale = self.scaling.centre, self.scaling.scale
        if centre is None:
            centre = np.zeros_like(columns.mean)
        neutral = self.scaling.neutral
        if neutral is None:
            neutral = np.zeros_like(columns.mean)
        return ColumnStatistics(
            mean=(columns.mean - centre) / scale,
            std=np.sqrt(columns.variance) / scale,
            minimum=(columns.minimum - centre) / scale,
            maximum=(columns.maximum - centre) / scale,
            zero=-centre / scale,
            neutral=neutral,
            cell=self.cells,
            conditional=self.scaling.conditional,
            unit=np.broadcast_to(1 / np.float64(scale), centre.shape),
        )
