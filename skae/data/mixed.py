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
        The first values of the flat rows.
    codes : ndarray of int of shape (n_samples, n_categories)
        The number of the level, -1 where it is missing.
    n_levels : ndarray of int of shape (n_categories,)
        Of each category.
    places : ndarray of int of shape (n_columns,)
        Where each column of the user's is, among numbers and then categories.
    """

    def __init__(self, numbers, codes, n_levels, places):
        self.numbers = numbers
        self.codes = codes
        self.n_levels = n_levels
        self.places = places

    @property
    def shape(self):
        """The shape that the dense array has."""
        return len(self.numbers), self.numbers.shape[1] + int(self.n_levels.sum())

    @property
    def dtype(self):
        """That of the numbers."""
        return self.numbers.dtype

    def __len__(self):
        return len(self.numbers)

    def __getitem__(self, rows):
        """Return the rows of a slice or of positions."""
        return Mixed(self.numbers[rows], self.codes[rows], self.n_levels, self.places)

    def toarray(self):
        """Return the rows as an array of shape (n_samples, n_values)."""
        n_rows, n_values = self.shape
        n_numbers = self.numbers.shape[1]
        dense = np.zeros((n_rows, n_values), dtype=self.dtype)
        dense[:, :n_numbers] = self.numbers
        starts = n_numbers + np.cumsum(self.n_levels) - self.n_levels
        missing = self.codes < 0
        places = starts + np.maximum(self.codes, 0)
        places += (np.arange(n_rows) * n_values)[:, np.newaxis]
        dense.ravel()[places] = 1.0
        for number in np.flatnonzero(missing.any(axis=0)):
            levels = slice(starts[number], starts[number] + self.n_levels[number])
            dense[missing[:, number], levels] = np.nan
        return dense

    def observed(self):
        """Return which cells are there, of shape (n_samples, n_columns), or None."""
        there = np.concatenate((~np.isnan(self.numbers), self.codes >= 0), axis=1)
        return None if there.all() else there[:, self.places]
