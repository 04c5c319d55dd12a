"""What users pass: how many axes it has, and whether it is rows of unequal length."""

import numpy as np

from skae.data.frames import kind_of_frame


def is_ragged(X):
    """Tell whether X is a list of series, rather than an array in the form of lists."""
    elements = rows_of(X)
    if elements is None or not len(elements):
        return False
    if all(np.ndim(element) == 1 for element in elements):
        return len({len(element) for element in elements}) > 1  # else it is a table
    return True


def count_axes(X):
    """Return how many axes X has, read as an array where it does not say."""
    if kind_of_frame(X) is not None:
        return 2
    return X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim


def as_array(X):
    """Return X as an array: rows in a series or an object array are stacked."""
    elements = rows_of(X)
    if elements is None or isinstance(X, list | tuple):
        return X
    if any(np.ndim(element) == 0 for element in elements):
        return X
    return np.stack([np.asarray(element) for element in elements])


def rows_of(X):
    """Return the rows of a list, tuple, object array or column of them, or None."""
    if hasattr(X, "to_numpy") and not hasattr(X, "columns"):
        X = X.to_numpy()
    if isinstance(X, np.ndarray) and (X.dtype != object or X.ndim != 1):
        return None
    if not isinstance(X, list | tuple | np.ndarray):
        return None
    scalars = [n for n, row in enumerate(X) if not hasattr(row, "__len__")]
    if not scalars:
        return X
    if len(scalars) == len(X):
        return None
    row = scalars[0]
    raise ValueError(f"Row {row} of X is {X[row]!r}, not a sequence as other rows are.")
