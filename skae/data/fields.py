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
    kind : {"number", "code", "token"}
        Numbers are centred and scaled, unless they have a range, which would be lost
        by it; codes of another network and tokens are taken as they are.
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
class Fields:
    """The fields of flat rows, first to last, and the scaling of their columns.

    Parameters
    ----------
    fields : tuple of Field
    scaling : Scaling
        Centres and scales of all columns.
    """

    fields: tuple
    scaling: Scaling = Scaling()

    @property
    def kinds(self):
        """The kinds that occur."""
        return {field.kind for field in self.fields}

    def name(self, column):
        """Return the user's name of a column, or None."""
        for field in self.fields:
            if field.names and field.columns.start <= column < field.columns.stop:
                return field.names[column - field.columns.start]

    def learned(self, columns, value_range):
        """Return the fields with the centres and the scale of training rows.

        All columns that are scaled have one scale, so that geometry stays PCA's.

        Parameters
        ----------
        columns : Columns
        value_range : tuple of float
            What a loss allows, beside the ranges of the fields.
        """
        scaled = np.zeros(len(columns.mean), dtype=bool)
        fields = []
        for field in self.fields:
            fields.append(replace(field, range=field.range_within(value_range)))
            is_free = fields[-1].range == UNBOUNDED
            scaled[field.columns] = field.kind == "number" and is_free
        fields = tuple(fields)
        if not scaled.any():
            return Fields(fields, Scaling(neutral=columns.mean))
        scale = float(np.sqrt(columns.variance[scaled].mean())) or 1.0
        if scaled.all():
            return Fields(fields, Scaling(columns.mean, scale))
        centre = np.where(scaled, columns.mean, 0.0)
        scale = np.where(scaled, scale, 1.0)
        neutral = np.where(scaled, 0.0, columns.mean)
        return Fields(fields, Scaling(centre, scale, neutral))

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
            conditional=self.scaling.conditional,
        )
