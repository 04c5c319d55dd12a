"""Conditions: labels and numbers beside the rows, as columns that a network reads."""

import warnings

import numpy as np
from sklearn.utils import check_consistent_length

from skae.data.frames import columns_of, in_memory, is_temporal, names_of

_MANY_LABELS = 10  # of whole numbers in floats


class Conditions:
    """The columns of y: labels become indicators, continuous columns are standardised.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_columns)
    continuous : "auto", bool or list of int or str
        Which columns are. "auto": floats with a fractional part among them; any other
        column holds labels: strings, booleans, whole numbers.

    Attributes
    ----------
    labels : list of (list or None)
        The sorted labels of each column; None for a continuous one.
    n_outputs : int
        Columns of what :meth:`encode` returns.
    combinations : ndarray of shape (n_combinations, n_outputs), float32
        The combinations of labels that y holds, continuous columns at their mean.
    names : ndarray of shape (n_combinations,) or (n_combinations, n_columns)
        The same as y has them.
    frequencies : ndarray of shape (n_combinations,)
        The share of y that has each.
    """

    def __init__(self, y, continuous="auto"):
        y = in_memory(y, "y")
        columns, self._is_flat = _columns(y, "y")
        self._column_names = _column_names(y)
        if not columns or not len(columns[0]):
            raise ValueError("y is empty: it holds the condition of each row.")
        self.labels, self._means, self._stds = [], [], []
        chosen = self._chosen(continuous, columns)
        for number, column in enumerate(columns):
            is_number = number in chosen
            if is_number and column.dtype.kind not in "biuf":
                raise ValueError(
                    f"continuous={continuous!r}: column {number} of y is not numeric."
                )
            if continuous == "auto" and not is_number:
                _warn_of_labels(column, number)
            self.labels.append(None if is_number else _sorted_labels(column, number))
            self._means.append(column.mean() if is_number else 0.0)
            self._stds.append((column.std() or 1.0) if is_number else 1.0)
        self.n_outputs = sum(
            1 if known is None else len(known) for known in self.labels
        )
        codes = [self._codes(*both) for both in zip(columns, self.labels, strict=True)]
        _, first, counts = np.unique(
            np.stack(codes, axis=1), axis=0, return_index=True, return_counts=True
        )
        self.frequencies = counts / len(columns[0])
        self.combinations = self.without_numbers(self.encode(y, name="y")[first])
        self.names = self._named(columns, first)

    def _chosen(self, continuous, columns):
        """Return the numbers of the continuous columns."""
        if isinstance(continuous, str):
            return {
                number
                for number, column in enumerate(columns)
                if column.dtype.kind == "f" and np.any(column % 1)
            }
        if isinstance(continuous, bool | np.bool_):
            return set(range(len(columns))) if continuous else set()
        names = self._column_names or []
        for name in continuous:
            is_place = not isinstance(name, bool) and name in range(len(columns))
            if name not in names and not is_place:
                raise ValueError(
                    f"continuous={continuous!r}: y has no column {name!r}."
                )
        return {names.index(n) if n in names else n for n in continuous}

    def add(self, encoded, n_seen):
        """Let the frequencies follow further rows, beside the `n_seen` before."""
        place = {row.tobytes(): i for i, row in enumerate(self.combinations)}
        counts = self.frequencies * n_seen
        for row in self.without_numbers(encoded):
            number = place.get(row.tobytes())
            if number is not None:  # a combination of labels that is new is in no list
                counts[number] += 1
        self.frequencies = counts / counts.sum()

    @property
    def are_labels(self):
        """Whether no column is continuous."""
        return None not in self.labels

    def effects(self, x, encoded, target_range, inverse):
        """Return what labels add to a decoder's output for their mean row.

        Parameters
        ----------
        x : ndarray of shape (n_samples, n_features)
        encoded : ndarray of shape (n_samples, n_outputs)
            The conditions of these rows.
        target_range : tuple of float
            Of x; the upper end may be infinite.
        inverse : callable
            From rows to the outputs that stand for them.

        Returns
        -------
        ndarray of shape (n_outputs, n_features)
        """
        combinations, which, counts = np.unique(
            self.without_numbers(encoded),
            axis=0,
            return_inverse=True,
            return_counts=True,
        )
        sums = np.zeros((len(combinations), x.shape[1]))
        np.add.at(sums, which.ravel(), x)
        lowest, highest = target_range
        middle = (lowest + highest) / 2 if highest < np.inf else lowest + x.mean()
        means = (sums + middle) / (counts[:, None] + 1)  # none at the ends of the range
        return np.linalg.lstsq(combinations, inverse(means))[0]

    def without_numbers(self, encoded):
        """Return encoded conditions with continuous columns at their mean."""
        encoded = encoded.copy()
        for place, known in zip(self._places, self.labels, strict=True):
            if known is None:
                encoded[:, place] = 0.0
        return encoded

    @property
    def _places(self):
        stops = np.cumsum([1 if k is None else len(k) for k in self.labels])
        starts = [0, *stops[:-1]]
        return [slice(*place) for place in zip(starts, stops, strict=True)]

    def _codes(self, column, known):
        if known is None:
            return np.zeros(len(column), dtype=np.int64)
        place = {label: number for number, label in enumerate(known)}
        return np.array([place.get(v, -1) for v in column.tolist()], dtype=np.int64)

    def _named(self, columns, rows):
        """Return the combinations as the user wrote them."""
        named = [
            column[rows] if known is not None else np.full(len(rows), mean)
            for column, known, mean in zip(
                columns, self.labels, self._means, strict=True
            )
        ]
        if self._is_flat:
            return named[0]
        if len({column.dtype for column in named}) > 1:
            named = [column.astype(object) for column in named]
        return np.stack(named, axis=1)

    def decode(self, encoded):
        """Return the columns of conditions that :meth:`encode` has made."""
        columns = []
        for number, (known, place) in enumerate(
            zip(self.labels, self._places, strict=True)
        ):
            if known is None:
                scaled = encoded[:, place.start].astype(np.float64)
                columns.append(scaled * self._stds[number] + self._means[number])
            else:
                columns.append([known[code] for code in encoded[:, place].argmax(1)])
        return columns

    def encode(self, condition, n_rows=None, name="condition"):
        """Return conditions as the network reads them.

        Parameters
        ----------
        condition : array-like of shape (n_samples,) or (n_samples, n_columns)
            Or one for all rows: a scalar, or as many values as there are columns.
        n_rows : int or None
            How many rows there must be; None is as many as the conditions.
        name : str
            For messages.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float32

        Raises
        ------
        ValueError
            For a label that is not known, a wrong number of rows or columns.
        """
        n_columns = len(self.labels)
        condition = in_memory(condition, name)
        if isinstance(condition, dict | set):
            kind = type(condition).__name__
            raise ValueError(f"{name} holds labels or numbers, not a {kind}.")
        names = _column_names(condition)
        if None not in (names, self._column_names) and names != self._column_names:
            raise ValueError(
                f"{name} has the columns {names}, but y had {self._column_names} in "
                "fit."
            )
        if n_rows is not None and names_of(condition) is None:
            condition = _array(condition)
            if condition.shape in ((), (n_columns,) if n_columns > 1 else ()):
                condition = np.tile(condition.reshape(1, -1), (n_rows, 1))
        columns, _ = _columns(condition, name)
        if len(columns) != n_columns:
            raise ValueError(
                f"{name} has {len(columns)} columns, but y had {n_columns} in fit."
            )
        if n_rows is not None and len(columns[0]) != n_rows:
            raise ValueError(
                f"{name} holds {len(columns[0])} conditions for {n_rows} rows."
            )
        encoded = np.zeros((len(columns[0]), self.n_outputs), dtype=np.float32)
        for number, (column, known, place) in enumerate(
            zip(columns, self.labels, self._places, strict=True)
        ):
            if known is None:
                encoded[:, place.start] = self._standardised(column, number, name)
                continue
            codes = self._codes(column, known)
            if codes.min(initial=0) < 0:
                unknown = column[codes < 0].tolist()[0]
                raise ValueError(
                    f"{name} holds {unknown!r} in column {number}, a label that fit "
                    f"has not seen. Known: {_shortened(known)}."
                )
            encoded[np.arange(len(codes)), place.start + codes] = 1.0
        return encoded

    def _standardised(self, column, number, name):
        try:
            column = column.astype(np.float64)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"Column {number} of {name} must be numeric, as it was in fit."
            ) from error
        scaled = (column - self._means[number]) / self._stds[number]
        too_large = np.abs(scaled) > np.finfo(np.float32).max
        if too_large.any():
            raise ValueError(
                f"{name} holds {column[too_large][0]:g} in column {number}, too far "
                "from what y held in fit."
            )
        return scaled


def _warn_of_labels(column, number):
    """Warn of a column that may be no labels: they are told by their values."""
    if column.dtype.kind == "f" and len(np.unique(column)) > _MANY_LABELS:
        warnings.warn(
            f"Column {number} of y holds {len(np.unique(column))} whole numbers in "
            "floats, taken as labels. Say so by continuous=False, or that they are "
            "numbers by continuous=True.",
            stacklevel=7,
        )
    known = set(column.tolist()) if column.dtype.kind in "if" else set()
    if -1 in known and len(known) > 2 and min(known) == -1:
        warnings.warn(
            f"Column {number} of y holds -1, taken as a label like others: rows "
            "without a label are to be left out.",
            stacklevel=7,
        )


def _column_names(y):
    """Return the names of a frame's columns if they are strings, else None."""
    names = names_of(y)
    return names if names and all(isinstance(name, str) for name in names) else None


def _columns(y, name):
    """Return the columns of y as 1-D arrays, and whether y had one dimension."""
    columns, flat = list(columns_of(y).values()), False
    if not columns:
        array = _array(y)
        if not array.ndim:
            raise ValueError(
                f"{name} must be an array of labels or numbers, not of type "
                f"{type(y).__name__}."
            )
        if array.ndim > 2:
            raise ValueError(
                f"{name} must have one or two dimensions, not {array.ndim}."
            )
        flat = array.ndim == 1
        columns = [array] if flat else list(array.T)
    columns = [_plain(column) for column in columns]
    names = names_of(y) or range(len(columns))
    for which, column in zip(map(repr, names), columns, strict=True):
        if is_temporal(column):
            raise ValueError(
                f"Column {which} of {name} holds dates or durations: turn them into "
                "numbers or strings first."
            )
        if any(_is_missing(value) for value in column.tolist()):
            raise ValueError(
                f"{name} contains NaN or None in column {which}: every row needs a "
                "condition."
            )
        if column.dtype.kind == "f" and not np.isfinite(column).all():
            raise ValueError(f"{name} contains infinity in column {which}.")
    check_consistent_length(*columns)
    return columns, flat


def _is_missing(value):
    try:
        return value is None or bool(value != value)
    except TypeError:  # of pandas.NA
        return True


def _array(y):
    """Return y as an array; lists may mix types, which NumPy would make strings."""
    return np.asarray(y) if hasattr(y, "__array__") else np.array(y, dtype=object)


def _plain(column):
    """Return a column of objects as numbers, if all of them are."""
    if column.dtype.kind in "biufU":
        return column
    values = column.tolist()
    if any(isinstance(value, complex) for value in values):
        raise ValueError("Complex data not supported: conditions are labels or reals.")
    if values and all(
        isinstance(v, int | float | np.number) and not isinstance(v, bool)
        for v in values
    ):
        return np.array(values)
    return np.asarray(column, dtype=object)


def _sorted_labels(column, number):
    try:
        return sorted(set(column.tolist()))
    except TypeError as error:
        raise ValueError(
            f"Column {number} of y mixes labels of several types: make them strings."
        ) from error


def _shortened(known):
    shown = ", ".join(repr(label) for label in known[:10])
    return shown if len(known) <= 10 else f"{shown}, ... ({len(known)})"
