"""Arrays as frames of the kind that users passed, with their names."""

import narwhals as nw
import numpy as np
import pandas as pd

from skae.data.frames import in_memory

_CATEGORICAL = pd.CategoricalDtype


def index_of(X):
    """Return the index of a pandas object, None of anything else."""
    X = in_memory(X)
    return X.index if hasattr(X, "iloc") else None


def as_frame(values, kind, names, index=None):
    """Return a table of values as a frame; what is no such table as it is.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features)
    kind : str
        As of :func:`skae.data.frames.kind_of_frame`.
    names : sequence of str
    index : pandas.Index or None
        Of the rows, where frames have one.
    """
    if not isinstance(values, np.ndarray) or values.shape[1:] != (len(names),):
        return values
    schema = [str(name) for name in names]
    frame = nw.from_numpy(values, schema, backend=kind).to_native()
    if kind == "pandas":
        frame.columns = list(names)
        if index is not None:
            frame.index = index
    return frame


def filled_frame(X, kept, missing, values, names, lost):
    """Return a frame with values in missing cells, its columns of the same types.

    Parameters
    ----------
    X : frame
    kept : bool ndarray of shape (n_columns,)
        The columns that stay.
    missing : bool ndarray of shape (n_samples, n_columns)
    values : ndarray of shape (n_samples, n_columns), or dict of narwhals.Series
        Rounded in columns of integers. A dict has a column by each name, of its type.
    names : sequence of str
        Of the columns that stay and of those added.
    lost : bool ndarray of shape (n_samples, n_added)
        What is added.
    """
    frame = nw.from_native(X, eager_only=True)
    columns = []
    for number, column in enumerate(frame.iter_columns()):
        rows = np.flatnonzero(missing[:, number])
        if kept[number] and len(rows):
            if isinstance(values, dict):
                column = _with_all_levels(column, values.get(column.name))
                new = _of_same_type(values.get(column.name), column, rows)
            else:
                new = _as_type_of(column, values[rows, number])
            column = column if new is None else column.scatter(rows, new)
        if kept[number]:
            columns.append(column)
    frame = frame.select(*columns) if columns else frame.select()
    added = [
        nw.new_series(str(name), cells, backend=frame.implementation)
        for name, cells in zip(names[len(columns) :], lost.T, strict=True)
    ]
    return frame.with_columns(*added).to_native()


def _as_type_of(column, new):
    """Return numbers as a column holds them."""
    if column.dtype.is_integer():
        return np.rint(new).astype(np.int64)
    if column.dtype == nw.Boolean:
        return new > 0.5
    return new.astype(np.float32) if column.dtype == nw.Float32 else new


def _of_same_type(values, column, rows):
    """Return values for rows of a column; of an empty one 0, None if it has no 0."""
    if values is not None:
        return values[rows.tolist()].to_list()
    is_number = column.dtype.is_numeric() or column.dtype == nw.Object
    return np.zeros(len(rows)) if is_number else None


def _with_all_levels(column, values):
    """Return a categorical column of pandas with the levels of another, too."""
    native = column.to_native()
    if values is None or not isinstance(getattr(native, "dtype", None), _CATEGORICAL):
        return column
    others = values.to_native().cat.categories.difference(native.cat.categories)
    native = native.cat.add_categories(list(others))
    return nw.from_native(native, series_only=True)
