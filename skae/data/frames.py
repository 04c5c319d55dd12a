"""What users pass, brought into memory, and what the columns of its frames are."""

import datetime

import narwhals as nw
import numpy as np
from narwhals.exceptions import DuplicateError

_PLAIN = np.ndarray | list | tuple  # which are no frames, and in memory
# Of cells; dates include datetimes and pandas' timestamps.
_TEMPORAL = datetime.date | datetime.time | datetime.timedelta
_TEMPORAL |= np.datetime64 | np.timedelta64


def in_memory(X, name="X"):
    """Return X in memory: computed where it is lazy, read where NumPy reads it.

    What dask holds is computed, lazy frames are collected, and arrays of other
    libraries, tensors among them, become NumPy's. All else stays what it is.

    Parameters
    ----------
    X : what the user passed
    name : str
        For messages.
    """
    if isinstance(X, _PLAIN):
        return X
    if getattr(X, "__dask_graph__", None) is not None:
        return X.compute()
    if hasattr(X, "__dlpack__"):
        return _as_numpy(X, name)
    frame = _frame(X)
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    return frame.to_native() if isinstance(frame, nw.DataFrame) else X


def _as_numpy(X, name):
    try:
        return np.asarray(X)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        kind = f"{type(X).__module__.partition('.')[0]}.{type(X).__name__}"
        raise ValueError(f"{name}, a {kind}, is none that NumPy reads: {error}") from (
            error
        )


def _frame(X):
    """Return a frame of any library by the names of narwhals, all else as it is."""
    if isinstance(X, _PLAIN):
        return X
    try:
        return nw.from_native(X, pass_through=True)
    except DuplicateError:  # names that occur twice, which checks speak of
        return X


def kind_of_frame(X):
    """Return the name of the library that a frame is of, None if X is no frame."""
    frame = _frame(X)
    return frame.implementation.value if isinstance(frame, nw.DataFrame) else None


def names_of(X):
    """Return the names of a frame's columns, None if X is no frame."""
    frame = _frame(X)
    return list(frame.columns) if isinstance(frame, nw.DataFrame) else None


def columns_of(X):
    """Return the columns of a frame as a dict of arrays, empty if X is no frame."""
    # By position: a number in brackets would name a row.
    return {name: column.to_numpy() for name, column in columns_as_series(X)}


def columns_as_series(X):
    """Return the names of a frame's columns with them, none if X is no frame."""
    frame = _frame(X)
    if not isinstance(frame, nw.DataFrame):
        return []
    return list(zip(frame.columns, frame.iter_columns(), strict=True))


def missing_in_frame(X):
    """Return which cells of a frame are null or NaN, of shape (n_rows, n_columns)."""
    missing = []
    for _, column in columns_as_series(X):
        lost = column.is_null()
        if column.dtype.is_float():
            lost = lost | column.is_nan().fill_null(True)
        missing.append(lost.to_numpy().astype(bool))
    return np.stack(missing, axis=1)


def part_of_frame(X, columns):
    """Return the columns of a frame where a mask is True."""
    frame = nw.from_native(X, eager_only=True)
    kept = [n for n, is_kept in zip(frame.columns, columns, strict=True) if is_kept]
    return frame.select(kept).to_native()


def repeated_column(X):
    """Return the first name that several columns of a frame have, or None."""
    columns = getattr(X, "column_names", getattr(X, "columns", ()))
    names = names_of(X) or list(columns)
    return next((name for name in names if names.count(name) > 1), None)


def temporal_column(X):
    """Name what is declared as dates or durations in X, None if nothing is."""
    frame = _frame(X)
    if isinstance(frame, nw.DataFrame):
        temporal = (name for name, kind in frame.schema.items() if kind.is_temporal())
        return next((f"Column {name!r}" for name in temporal), None)
    kind = getattr(getattr(X, "dtype", None), "kind", "")
    return "The array" if kind in ("m", "M") else None


def is_temporal(values):
    """Tell whether an array holds dates or durations, as objects too."""
    if values.dtype != object:
        return values.dtype.kind in "mM"
    return any(isinstance(value, _TEMPORAL) for value in values)
