"""What y is: labels or numbers, of rows that have one."""

from numbers import Number
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.utils import assert_all_finite, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from skae._sklearn import check_sample_weight

_MINUS_ONE = -1  # scikit-learn's mark, and a class where there is but one other


class Targets(NamedTuple):
    """What a head learns of rows, as of a :class:`Batch`.

    Parameters
    ----------
    label : ndarray of shape (n_samples, n_outputs)
    label_weight : ndarray of shape (n_samples,)
        0 where there is no label.
    """

    label: np.ndarray
    label_weight: np.ndarray


def read_classes(y, unlabelled, counted=None):
    """Return the classes of y, and the number of that of each row, -1 without one.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
    unlabelled : object
        What marks rows without a label, beside missing values; None is nothing.
    counted : bool ndarray of shape (n_samples,), or None
        Which labels count; None is all of them.

    Raises
    ------
    ValueError
        If y is no vector of labels, or holds fewer than two classes.
    """
    y = column_or_1d(y, warn=True)
    missing = np.asarray(pd.isna(y))
    if missing.any() and unlabelled is None:
        raise ValueError(
            f"y is missing in row {missing.argmax()}, and unlabelled=None says that "
            "every row has a label."
        )
    if counted is not None:
        missing = missing | ~counted
    marked = missing | _is_mark(y, unlabelled)
    others = _sorted(y[~marked])
    is_number = isinstance(unlabelled, Number) and unlabelled == _MINUS_ONE
    if is_number and len(others) == 1:
        marked = missing
    known = y[~marked]
    if not len(known):
        raise ValueError(
            f"y holds no label: all of its {len(y)} values are missing or "
            f"unlabelled={unlabelled!r}. A classifier needs at least 2 classes."
        )
    if known.dtype.kind == "f":
        assert_all_finite(known, input_name="y")
    check_classification_targets(known)
    classes = _sorted(known)
    if len(classes) < 2:
        raise ValueError(
            f"y holds one class, {classes[0]!r}, where at least 2 are needed."
        )
    numbers = np.full(len(y), -1)
    numbers[~marked] = np.searchsorted(classes, known)
    return classes, numbers


def _is_mark(y, mark):
    """Tell which values of y are the mark of rows without a label."""
    if mark is None:
        return np.zeros(len(y), dtype=bool)
    if y.dtype.kind in "US":  # NumPy has made strings of all
        mark = str(mark)
    elif y.dtype.kind in "biuf" and not isinstance(mark, Number):
        return np.zeros(len(y), dtype=bool)
    return np.asarray(y == mark)


def _sorted(labels):
    try:
        return np.unique(labels)
    except TypeError as error:
        kinds = sorted({type(label).__name__ for label in labels})
        raise ValueError(f"y mixes labels of the types {', '.join(kinds)}.") from error


def class_targets(numbers, classes, class_weight, weight):
    """Return the :class:`Targets` of rows of which some have a class.

    Parameters
    ----------
    numbers : ndarray of int of shape (n_samples,)
        -1 is none.
    classes : ndarray of shape (n_classes,)
    class_weight : dict, "balanced" or None
    weight : ndarray of shape (n_samples,), or None
        Of the rows.
    """
    known = numbers >= 0
    label = np.zeros((len(numbers), len(classes)))
    label[known, numbers[known]] = 1.0
    of_class = compute_class_weight(
        class_weight,
        classes=classes,
        y=classes[numbers[known]],
        sample_weight=None if weight is None else weight[known],
    )
    return Targets(label, np.where(known, of_class[numbers], 0.0))


def read_numbers(y):
    """Return y as floats, NaN where a row has no number.

    Raises
    ------
    ValueError
        If y is no vector of numbers, is infinite somewhere or NaN everywhere.
    """
    y = column_or_1d(y, warn=True)
    try:
        y = np.where(pd.isna(y), np.nan, y).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"y must hold numbers: {error}") from error
    known = ~np.isnan(y)
    assert_all_finite(y[known], input_name="y")
    if not known.any():
        raise ValueError(f"y holds no number: all of its {len(y)} values are NaN.")
    return y


def valid_weight(sample_weight, n_rows):
    """Return the weights of so many rows, or None."""
    if sample_weight is None:
        return None
    return check_sample_weight(
        sample_weight, np.empty((n_rows, 0)), dtype=np.float64, ensure_non_negative=True
    )
