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
