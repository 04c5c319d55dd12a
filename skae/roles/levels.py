"""Rows of numbers and categories as levels: the range of a number, cut into parts."""

import numpy as np

_MOST = 128  # parts of a number,
_ROWS_EACH = 16  # of so many rows each on average, where there are few


class Levels:
    """Cells of rows as whole numbers, from 0, and back; -1 where one is missing.

    A number that takes few values has a level for each. Of another one levels are
    parts of about as many rows each, where a value of more rows than that is a part
    of its own. On the way back it is drawn from the values seen in the part: so it
    stays within their range, and whole or rounded as they are.

    Parameters
    ----------
    rows : ndarray of float of shape (n_samples, n_numbers + n_categories)
        Numbers, NaN where they are missing; levels of categories, -1 there.
    n_levels : ndarray of int of shape (n_categories,)

    Attributes
    ----------
    values : list of ndarray
        Those seen of each number, in order.
    starts : list of ndarray
        Where in them each part begins, and where the last ends.
    sizes : ndarray of int of shape (n_cells,)
        Levels of each cell.
    """

    def __init__(self, rows, n_levels):
        n_numbers = rows.shape[1] - len(n_levels)
        self.values, self.starts = [], []
        for number in rows[:, :n_numbers].T:
            values = np.sort(number[~np.isnan(number)])
            self.values.append(values)
            self.starts.append(_starts(values))
        n_parts = [len(starts) - 1 for starts in self.starts]
        self.sizes = np.array([*n_parts, *n_levels], dtype=np.int64)

    def of(self, rows):
        """Return the levels of rows, an array of int of their shape."""
        levels = np.full(rows.shape, -1)
        for number, (values, starts) in enumerate(self._parts):
            firsts = values[starts[1:-1]]
            levels[:, number] = np.searchsorted(firsts, rows[:, number], side="right")
            levels[np.isnan(rows[:, number]), number] = -1
        n_numbers = len(self.values)
        levels[:, n_numbers:] = rows[:, n_numbers:]
        return levels

    def drawn(self, levels, rng):
        """Return rows that have these levels, none of which is missing."""
        rows = levels.astype(np.float64)
        for number, (values, starts) in enumerate(self._parts):
            first = starts[levels[:, number]]
            n_values = starts[levels[:, number] + 1] - first
            rows[:, number] = values[first + rng.integers(n_values)]
        return rows

    @property
    def _parts(self):
        return zip(self.values, self.starts, strict=True)


def _starts(values):
    """Return where parts of sorted values begin, and where the last one ends."""
    distinct, firsts, counts = np.unique(values, return_index=True, return_counts=True)
    most = int(np.clip(len(values) // _ROWS_EACH, 2, _MOST))
    if len(distinct) > most:
        # Parts begin at quantiles, at values that fill one alone, and after those.
        ranks = np.arange(1, most) * len(values) // most
        of_ranks = np.searchsorted(firsts, ranks, side="right") - 1
        alone = np.flatnonzero(counts > len(values) / most)
        chosen = np.unique(np.concatenate(([0], of_ranks, alone, alone + 1)))
        firsts = firsts[chosen[chosen < len(distinct)]]
    return np.append(firsts, len(values))
