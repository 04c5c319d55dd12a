"""Numbers of few values, told a second time as levels, each of which may mean its own.

What follows from such a number need be no line in it: a year of school, a code.
"""

import narwhals as nw
import numpy as np

from skae.data.frames import columns_as_series

_FEW_VALUES = 20


def columns_of_few_values(X):
    """Return the columns of whole numbers of a frame that have few values.

    Those of fewest first, as long as their levels are not half as many as there are
    numbers and levels without them.
    """
    sizes, n_values = {}, 0
    for name, column in columns_as_series(X):
        if not column.dtype.is_numeric():
            n_values += column.n_unique()
            continue
        n_values += 1
        values = column.to_numpy().astype(np.float64)
        levels = np.unique(values[~np.isnan(values)])
        if 2 < len(levels) <= _FEW_VALUES and np.all(levels == np.rint(levels)):
            sizes[name] = len(levels)
    chosen = []
    for name in sorted(sizes, key=sizes.get):
        chosen.append(name)
        if sum(sizes[one] for one in chosen) > n_values / 2:
            return chosen[:-1]
    return chosen


def with_levels(X, names):
    """Return a frame with these columns of numbers a second time, as strings."""
    if not names:
        return X
    frame = nw.from_native(X, eager_only=True)
    added = []
    for name in names:
        values = frame.get_column(name).to_numpy().astype(np.float64)
        levels, places = np.unique(values, return_inverse=True)
        levels = [None if np.isnan(level) else f"{level:g}" for level in levels]
        strings = [levels[place] for place in places]
        added.append(
            nw.new_series(
                f"{name} (level)", strings, nw.String(), backend=frame.implementation
            )
        )
    if frame.implementation.is_pandas_like():
        index = nw.maybe_get_index(frame)
        added = [nw.maybe_set_index(column, index=index) for column in added]
    return frame.with_columns(*added).to_native()
