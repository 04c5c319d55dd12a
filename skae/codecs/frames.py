"""Arrays as frames of the kind that users passed, with their names."""

import narwhals as nw
import numpy as np

from skae.data.frames import in_memory


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
    values : ndarray of shape (n_samples, n_columns)
        Rounded in columns of integers.
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
            new = values[rows, number]
            if column.dtype.is_integer():
                new = np.rint(new).astype(np.int64)
            elif column.dtype == nw.Boolean:
                new = new > 0.5
            elif column.dtype == nw.Float32:
                new = new.astype(np.float32)
            column = column.scatter(rows, new)
        if kept[number]:
            columns.append(column)
    frame = frame.select(*columns) if columns else frame.select()
    added = [
        nw.new_series(str(name), cells, backend=frame.implementation)
        for name, cells in zip(names[len(columns) :], lost.T, strict=True)
    ]
    return frame.with_columns(*added).to_native()
