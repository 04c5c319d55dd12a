"""The gate: what users pass becomes arrays and objects of our own, or a clear error."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from skae.data.fields import UNBOUNDED, Fields
from skae.data.ragged import Ragged
from skae.data.samples import contiguous_blocks, dense_rows


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
    twice = _repeated_column(X)
    if twice is not None:
        raise ValueError(f"Column {twice!r} of {name} occurs more than once.")
    column = _temporal_column(X)
    if column is not None:
        raise ValueError(
            f"{column} of {name} is not numeric, but of dates or durations. Turn them "
            "into numbers first, such as days since a date, or leave them out."
        )
    try:
        rows = validate_data(
            estimator,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype="numeric",
            ensure_all_finite=False,
        )
        if rows.dtype.kind not in "biuf":  # a mixed polars frame stays objects
            rows = rows.astype(np.float64)
    except (ValueError, TypeError) as error:
        column = _first_non_numeric_column(X)
        if column is None and name != "X":
            raise ValueError(f"{name} does not fit: {error}") from error
        if column is None and isinstance(error, TypeError):
            raise TypeError(f"{name} holds what is no number: {error}") from error
        if column is None:
            raise
        advice = (
            "Encode it first (OneHotEncoder, OrdinalEncoder) or leave it out "
            "(ColumnTransformer)."
        )
        if len(X) and np.ndim(np.asarray(X[column])[0]):
            advice = f"It holds arrays: pass the column alone, {name}[{column!r}]."
        raise ValueError(f"Column {column!r} of {name} is not numeric. {advice}") from (
            error
        )
    return rows


def as_codes(estimator, X, n_components):
    """Return codes as a finite float array of `n_components` columns."""
    try:
        codes = check_array(X, dtype=[np.float64, np.float32], estimator=estimator)
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
    if len(shape) > 1 and shape[1] > 1 and np.asarray(y).dtype.kind in "fiu":
        warnings.warn(
            f"{type(estimator).__name__} reconstructs X and does not read y, which has "
            f"{shape[1]} columns of numbers here.",
            stacklevel=5,
        )


_ROUNDING = 1e-6


@dataclass(frozen=True)
class RowCheck:
    """Raise ValueError for values that are not finite or not within a field's range.

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
    """

    fields: Fields
    value_range: tuple
    owner: str
    loss: str
    name: str = "X"
    place: Callable = "column {}".format
    ragged: Ragged | None = None

    def __call__(self, block, first_row=0):
        """Check the rows of a dense block; `first_row` is where in X it begins."""
        if block.dtype.kind == "f" and not np.isfinite(block.sum(dtype=np.float64)):
            self._refuse(~np.isfinite(block), block, first_row)
        for field in self.fields.fields:
            allowed = field.range_within(self.value_range)
            if allowed == UNBOUNDED or not block.size:
                continue
            # What rounding adds to a column scaled into the range is allowed.
            values = block[:, field.columns]
            if values.min() < allowed[0] - _ROUNDING:
                self._refuse(values < allowed[0] - _ROUNDING, block, first_row, field)
            if values.max() > allowed[1] + _ROUNDING:
                self._refuse(values > allowed[1] + _ROUNDING, block, first_row, field)

    def all(self, X):
        """Check every row of X, a block at a time."""
        if isinstance(X, Ragged):
            replace(self, ragged=X).all(X.steps)
            return
        for start, stop in contiguous_blocks(X):
            self(dense_rows(X, slice(start, stop)), start)

    def _refuse(self, refused, block, first_row, field=None):
        """Say what the first refused value is, of those of a field or of the block."""
        if not refused.any():  # finite values whose sum is not
            return
        row, column = np.argwhere(refused)[0]
        column += 0 if field is None else field.columns.start
        value = block[row, column]
        where = self.place(column)
        if self.fields.name(column) is not None:
            where = f"column {str(self.fields.name(column))!r}"
        row += first_row
        if self.ragged is not None:
            row, step = self.ragged.row_and_step(row)
            where = f"step {step}, channel {column}"
        where = f"(row {row}, {where})"
        if np.isnan(value):
            raise ValueError(
                f"Input {self.name} contains NaN {where}. {self.owner} does not accept "
                "missing values: impute them first (SimpleImputer) or drop the rows."
            )
        if np.isinf(value):
            raise ValueError(
                f"Input {self.name} contains infinity {where}. {self.owner} takes "
                "finite values only."
            )
        lowest, highest = field.range_within(self.value_range)
        allowed = (
            f"X >= {lowest:g}"
            if highest == np.inf
            else f"X in [{lowest:g}, {highest:g}]"
        )
        raise ValueError(
            f"loss={self.loss} needs {allowed}, but {self.name} holds {value:g} "
            f"{where}. Scale the columns into the range and clip new rows to it "
            "(MinMaxScaler(clip=True)), or choose another loss."
        )


def _repeated_column(X):
    """Return the first name that several columns of a frame have, or None."""
    columns = getattr(X, "columns", ())
    if len(set(columns)) == len(columns):
        return None
    return next(name for name in columns if list(columns).count(name) > 1)


def _temporal_column(X):
    """Name what is of dates or durations in X, None if nothing is."""
    if hasattr(X, "columns"):
        for column in X.columns:
            dtype = getattr(X[column], "dtype", None)
            is_temporal = getattr(dtype, "is_temporal", bool)  # of polars
            if getattr(dtype, "kind", "") in ("m", "M") or is_temporal():
                return f"Column {column!r}"
        return None
    kind = getattr(getattr(X, "dtype", None), "kind", "")
    return "The array" if kind in ("m", "M") else None


def _first_non_numeric_column(X):
    """Name the first column of a frame that does not convert to numbers, or None."""
    if not hasattr(X, "columns"):
        return None
    for column in X.columns:
        values = np.asarray(X[column])
        try:
            values.astype(np.float64)
        except (ValueError, TypeError):
            return column
    return None
