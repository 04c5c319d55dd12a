"""Rows of unequal length as one array of steps: the data is never padded as a whole."""

import numpy as np


class Ragged:
    """Sequences of unequal length that behave as a matrix of rows.

    As with a sparse matrix, ``X[rows]`` is one of the same kind and ``X.toarray()`` is
    dense: as wide as its longest row, 0 beyond the end of the others.

    Parameters
    ----------
    steps : ndarray of shape (n_steps, n_channels)
        Of all sequences, one after the other.
    lengths : ndarray of int of shape (n_samples,)
    """

    def __init__(self, steps, lengths):
        self.steps = steps
        self.lengths = lengths
        self.starts = np.cumsum(lengths) - lengths

    @classmethod
    def of_padded(cls, dense, lengths, n_channels):
        """Return padded rows, (n_samples, longest * n_channels), without the rest."""
        steps = dense.reshape(len(dense), -1, n_channels)
        within = np.arange(steps.shape[1]) < np.asarray(lengths)[:, None]
        return cls(steps[within], np.asarray(lengths))

    @classmethod
    def concatenated(cls, parts):
        """Return the rows of several, one after the other."""
        return cls(
            np.concatenate([part.steps for part in parts]),
            np.concatenate([part.lengths for part in parts]),
        )

    @property
    def shape(self):
        """The shape that the dense array has."""
        longest = int(self.lengths.max()) if len(self.lengths) else 0
        return len(self.lengths), longest * self.steps.shape[1]

    @property
    def dtype(self):
        """That of the steps."""
        return self.steps.dtype

    def __len__(self):
        return len(self.lengths)

    def __getitem__(self, rows):
        """Return the sequences of a slice or of positions."""
        lengths, starts = self.lengths[rows], self.starts[rows]
        if isinstance(rows, slice) and rows.step in (None, 1):
            first = starts[0] if len(starts) else 0
            return Ragged(self.steps[first : first + lengths.sum()], lengths)
        return Ragged(self.steps[_runs(starts, lengths)], lengths)

    def toarray(self, fill=0.0):
        """Return the rows as an array, padded with `fill`."""
        n_rows, width = self.shape
        n_channels = self.steps.shape[1]
        dense = np.full((n_rows, width), fill, dtype=self.dtype)
        cells = np.repeat(np.arange(n_rows), self.lengths)
        steps = _runs(np.zeros_like(self.lengths), self.lengths)
        dense.reshape(n_rows, -1, n_channels)[cells, steps] = self.steps
        return dense

    def split(self):
        """Return a list of arrays of shape (n_steps, n_channels), one for each row."""
        return [
            steps.copy() for steps in np.split(self.steps, np.cumsum(self.lengths)[:-1])
        ]

    def row_and_step(self, number):
        """Return which row a step of `steps` is of, and where in it."""
        row = int(np.searchsorted(self.starts, number, side="right")) - 1
        return row, int(number - self.starts[row])


def _runs(starts, lengths):
    """Return the concatenated ranges of these starts and lengths."""
    offsets = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(starts - offsets, lengths)
