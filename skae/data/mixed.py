"""Rows of numbers and categories, held as integers until a block is asked for."""

import numpy as np


class Mixed:
    """Columns of numbers and of categories that behave as a matrix of flat rows.

    As with a sparse matrix, ``X[rows]`` is one of the same kind and ``X.toarray()`` is
    dense: a column for each number and for each level of a category, 1 where the row
    has that level, NaN in all of them where it has none.

    Parameters
    ----------
    numbers : ndarray of float of shape (n_samples, n_numbers)
    codes : ndarray of int of shape (n_samples, n_categories)
        The number of the level, -1 where it is missing.
    n_levels : ndarray of int of shape (n_columns,)
        Of each column, 0 of a number; in the order of the flat rows.
    """

    def __init__(self, numbers, codes, n_levels):
        self.numbers = numbers
        self.codes = codes
        self.n_levels = n_levels
        widths = np.maximum(n_levels, 1)
        self._starts = np.cumsum(widths) - widths
        self._width = int(widths.sum())

    @property
    def shape(self):
        """The shape that the dense array has."""
        return len(self.numbers), self._width

    @property
    def dtype(self):
        """That of the numbers."""
        return self.numbers.dtype

    def __len__(self):
        return len(self.numbers)

    def __getitem__(self, rows):
        """Return the rows of a slice or of positions."""
        return Mixed(self.numbers[rows], self.codes[rows], self.n_levels)

    def toarray(self):
        """Return the rows as an array of shape (n_samples, n_values)."""
        dense = np.zeros(self.shape, dtype=self.dtype)
        is_category = self.n_levels > 0
        dense[:, self._starts[~is_category]] = self.numbers
        starts = self._starts[is_category]
        missing = self.codes < 0
        places = starts + np.where(missing, 0, self.codes)
        np.put_along_axis(dense, places, 1.0, axis=1)
        n_levels = self.n_levels[is_category]
        for number in np.flatnonzero(missing.any(axis=0)):
            levels = slice(starts[number], starts[number] + n_levels[number])
            dense[missing[:, number], levels] = np.nan
        return dense

    def observed(self):
        """Return which cells are there, of shape (n_samples, n_columns), or None."""
        there = np.empty((len(self), len(self.n_levels)), dtype=bool)
        is_category = self.n_levels > 0
        there[:, is_category] = self.codes >= 0
        there[:, ~is_category] = ~np.isnan(self.numbers)
        return None if there.all() else there
