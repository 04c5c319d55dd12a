"""The gate: what users pass becomes arrays and objects of our own, or a clear error."""

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Real

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from skae.data.fields import UNBOUNDED, Fields
from skae.data.frames import (
    columns_of,
    in_memory,
    is_temporal,
    names_of,
    repeated_column,
    temporal_column,
)
from skae.data.ragged import Ragged
from skae.data.samples import contiguous_blocks, dense_rows

_TEMPORAL = (
    "{} of {} is not numeric, but of dates or durations. Turn them into numbers first, "
    "such as days since a date (skrub's DatetimeEncoder makes their parts), or leave "
    "them out."
)


def check_takes(function, name, *arguments):
    """Raise ValueError if a function of the user's takes no such arguments.

    Parameters
    ----------
    function : callable
    name : str
        Of the parameter.
    *arguments : str
        What each is, for the message.
    """
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError as error:
        raise ValueError(
            f"{name} must be a function of {' and '.join(arguments)}. Got {function!r}."
        ) from error
    except ValueError:  # of what has no signature
        return


def check_pair(name, pair, lowest=-np.inf, highest=np.inf):
    """Raise ValueError unless a parameter is a low and a high number, in order.

    Parameters
    ----------
    name : str
        Of the parameter, for the message.
    pair : tuple or list
    lowest, highest : float
        No number may be below, or above.
    """
    numbers = [value for value in pair if isinstance(value, Real)]
    ordered = [lowest, *numbers, highest]
    if not len(pair) == len(numbers) == 2 or ordered != sorted(ordered):
        floor = "" if lowest == -np.inf else f", of at least {lowest:g}"
        if highest < np.inf:
            floor += f" and at most {highest:g}"
        raise ValueError(
            f"{name} must be a pair of a lowest and a highest number{floor}. Got "
            f"{pair!r}."
        )


def as_table(estimator, X, *, reset=False, name="X"):
    """Return X as a 2-D numeric array or CSR matrix, without a needless copy.

    Finiteness is left to :class:`RowCheck`, which sees one block at a time.

    Parameters
    ----------
    estimator : BaseEstimator
        Its `n_features_in_` and `feature_names_in_` are set (`reset`) or compared.
    X : array-like or sparse matrix of shape (n_samples, n_features)
    reset : bool
    name : str
        For messages.

    Returns
    -------
    ndarray or CSR matrix
    """
    check_names(X, name)
    try:
        rows = validate_data(
            estimator,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype="numeric",
            ensure_all_finite=False,
        )
        if rows.dtype.kind in "mM":
            raise TypeError("dates or durations")
        if rows.dtype.kind not in "biuf":  # a mixed polars frame stays objects
            rows = rows.astype(np.float64)
    except (ValueError, TypeError) as error:
        _refuse_column(X, name, error)
        _refuse_cell(X, name, error)
        if name != "X":
            raise ValueError(f"{name} does not fit: {error}") from error
        if isinstance(error, TypeError) and "Feature names" not in str(error):
            raise TypeError(f"{name} holds what is no number: {error}") from error
        raise
    return rows


def check_names(X, name):
    """Raise ValueError for a frame that names a column twice, or none, or of dates."""
    twice = repeated_column(X)
    if twice is not None:
        raise ValueError(f"Column {twice!r} of {name} occurs more than once.")
    column = temporal_column(X)
    if column is not None:
        raise ValueError(_TEMPORAL.format(column, name))
    if names_of(X) == []:
        raise ValueError(f"{name} is a frame of 0 feature(s), where 1 is needed.")


def as_array_of_numbers(X, name, estimator=None, **kwargs):
    """Return X, of any number of axes, as a numeric array, gaps as NaN.

    `kwargs` are further ones of `check_array`.
    """
    where = temporal_column(X)
    if where is not None:
        raise ValueError(_TEMPORAL.format(where, name))
    try:
        return check_array(
            X,
            allow_nd=True,
            ensure_2d=False,
            input_name=name,
            estimator=estimator,
            **{"dtype": "numeric", "ensure_all_finite": False, **kwargs},
        )
    except ValueError as error:
        _refuse_cell(X, name, error)
        if name in str(error):
            raise
        raise ValueError(f"{name} must hold numbers: {error}") from error


def as_codes(estimator, X, n_components):
    """Return codes as a finite float array of `n_components` columns."""
    try:
        codes = check_array(
            in_memory(X), dtype=[np.float64, np.float32], estimator=estimator
        )
    except (ValueError, TypeError) as error:
        if "sequence" in str(error):
            raise ValueError("X holds codes of unequal length.") from error
        raise type(error)(f"X holds no codes: {error}") from error
    if codes.shape[1] != n_components:
        raise ValueError(
            f"X has {codes.shape[1]} columns, but {type(estimator).__name__} has "
            f"{n_components} components."
        )
    return codes


def warn_of_targets(estimator, y):
    """Warn of a y that looks like what rows are to become: it is not read."""
    shape = np.shape(y) if isinstance(y, list) else getattr(y, "shape", ())
    if len(shape) < 2 or shape[1] < 2:
        return
    try:
        kind = np.asarray(y).dtype.kind
    except (TypeError, RuntimeError):  # of a tensor elsewhere, which is not read
        return
    if kind in "fiu":
        warnings.warn(
            f"{type(estimator).__name__} reconstructs X and does not read y, which has "
            f"{shape[1]} columns of numbers here.",
            stacklevel=5,
        )


_ROUNDING = 1e-6


@dataclass(frozen=True)
class RowCheck:
    """Raise ValueError for infinite values, and those outside of a field's range.

    NaN is a missing cell of a field of numbers, refused in any other.

    Parameters
    ----------
    fields : Fields
    value_range : tuple of float
        What a loss allows, beside the ranges of the fields.
    owner, loss : str
        Names of the classes of the estimator and of what asks for the range.
    name : str
        Of X, for messages.
    place : callable
        Names a column that has no name.
    ragged : Ragged or None
        Whose steps are checked.
    gaps : bool
        Whether cells of numbers may be missing.
    """

    fields: Fields
    value_range: tuple
    owner: str
    loss: str
    name: str = "X"
    place: Callable = "column {}".format
    ragged: Ragged | None = None
    gaps: bool = True

    def __call__(self, block, first_row=0):
        """Check the rows of a dense block; `first_row` is where in X it begins."""
        if block.dtype.kind == "f" and not np.isfinite(block.sum(dtype=np.float64)):
            self._refuse(np.isinf(block), block, first_row)
            for field in self.fields.fields:
                if field.kind in ("code", "token") or not self.gaps:
                    missing = np.isnan(block[:, field.columns])
                    self._refuse(missing, block, first_row, field)
        for field in self.fields.fields:
            if field.kind == "category":
                continue
            allowed = self._range_of(field)
            if allowed == UNBOUNDED or not block.size:
                continue
            # What rounding adds to a column scaled into the range is allowed.
            values = block[:, field.columns]
            if np.fmin.reduce(values, axis=None) < allowed[0] - _ROUNDING:
                self._refuse(values < allowed[0] - _ROUNDING, block, first_row, field)
            if np.fmax.reduce(values, axis=None) > allowed[1] + _ROUNDING:
                self._refuse(values > allowed[1] + _ROUNDING, block, first_row, field)

    def all(self, X):
        """Check every row of X, a block at a time."""
        if isinstance(X, Ragged):
            replace(self, ragged=X).all(X.steps)
            return
        for start, stop in contiguous_blocks(X):
            self(dense_rows(X, slice(start, stop)), start)

    def samples(self, samples):
        """Check every row of samples, which hold a value at least."""
        self.all(samples.X)
        if not np.any(samples.n_cells):
            raise ValueError(f"{self.name} has no value: every cell is missing.")

    def too_large(self, refused, first_row):
        """Raise ValueError for values that are finite, but not once scaled."""
        if refused.any():
            row, column = np.argwhere(refused)[0]
            where = self._where(int(column))
            if self.ragged is not None:
                step, channel = divmod(int(column), self.ragged.steps.shape[1])
                where = f"step {step}, channel {channel}"
            raise ValueError(
                f"{self.name} holds a value too large to be scaled (row "
                f"{row + first_row}, {where}): out of the range of its dtype."
            )

    def has_values(self, columns):
        """Raise ValueError for a column of training rows without a single value."""
        empty = columns.minimum > columns.maximum
        if empty.any():
            where = self._where(int(np.argmax(empty)))
            raise ValueError(
                f"{where[0].upper()}{where[1:]} of {self.name} has no value: every "
                "cell is missing. Leave it out."
            )

    def _range_of(self, field):
        if field.kind == "count":
            return field.range
        return field.range_within(self.value_range)

    def _where(self, column):
        name = self.fields.name(column)
        return self.place(column) if name is None else f"column {str(name)!r}"

    def _refuse(self, refused, block, first_row, field=None):
        """Say what the first refused value is, of those of a field or of the block."""
        if not refused.any():  # finite values whose sum is not
            return
        row, column = np.argwhere(refused)[0]
        column += 0 if field is None else field.columns.start
        value = block[row, column]
        where = self._where(column)
        row += first_row
        if self.ragged is not None:
            row, step = self.ragged.row_and_step(row)
            where = f"step {step}, channel {column}"
        where = f"(row {row}, {where})"
        if np.isnan(value):
            asked = "accepts missing values among numbers only"
            if not self.gaps:
                asked = "needs every target"
            raise ValueError(
                f"Input {self.name} contains NaN {where}. {self.owner} {asked}."
            )
        if np.isinf(value):
            raise ValueError(
                f"Input {self.name} contains infinity {where}. {self.owner} takes "
                "finite values only."
            )
        lowest, highest = self._range_of(field)
        if field.kind == "count":
            raise ValueError(
                f"{self.name} holds {value:g} {where}, which is no count: 0 or more."
            )
        bounds = f">= {lowest:g}"
        if highest != np.inf:
            bounds = f"in [{lowest:g}, {highest:g}]"
        allowed = f"{self.name.partition('_')[0]} {bounds}"
        raise ValueError(
            f"loss={self.loss} needs {allowed}, but {self.name} holds {value:g} "
            f"{where}. Scale the columns into the range and clip new rows to it "
            "(MinMaxScaler(clip=True)), or choose another loss."
        )


def _refuse_cell(X, name, error):
    """Say which value of an array of objects is no number, if one is."""
    if isinstance(error, TypeError) or not isinstance(X, np.ndarray):
        return  # what says itself what it is, or has no places
    if X.dtype.kind not in "OUS":
        return
    for place, value in np.ndenumerate(X):
        try:
            float(value)
        except (ValueError, TypeError):
            where = f"row {place[0]}" if place else "X"
            if len(place) == 2:
                where = f"row {place[0]}, column {place[1]}"
            elif len(place) > 2:
                where = f"row {place[0]}, position {place[1:]}"
            message = f"{name} holds {value!r} ({where}), which is no number"
            raise ValueError(f"{message}, where numeric values are needed.") from error


def _refuse_column(X, name, error):
    """Say which column of a frame does not convert to numbers, if one does not."""
    for column, values in columns_of(X).items():
        if is_temporal(values):
            raise ValueError(_TEMPORAL.format(f"Column {column!r}", name)) from error
        try:
            values.astype(np.float64)
        except (ValueError, TypeError):
            advice = (
                "Encode it first (OneHotEncoder, OrdinalEncoder) or leave it out "
                "(ColumnTransformer)."
            )
            if len(values) and np.ndim(values[0]):
                advice = f"It holds arrays: pass the column alone, {name}[{column!r}]."
            raise ValueError(
                f"Column {column!r} of {name} is not numeric. {advice}"
            ) from error
