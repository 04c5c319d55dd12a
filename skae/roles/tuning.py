"""A threshold chosen by rows at hand: by a rate, or by labels."""

from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import check_scoring
from sklearn.utils.validation import check_array, check_consistent_length

from skae.roles.thresholds import Reference

_MOST_THRESHOLDS = 1000  # that are rated


def threshold_of_rate(scores, y, rate, is_logarithm):
    """Return the score that a share of new inliers falls below.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
    y : array-like of shape (n_samples,), or None
        Labels; None is all inliers.
    rate : float
    is_logarithm : bool
        Whether scores are logarithms.
    """
    if not isinstance(rate, Real) or isinstance(rate, bool) or not 0 < rate < 1:
        raise ValueError(f"false_positive_rate must be in (0, 1). Got {rate!r}.")
    if y is not None:
        scores = scores[_checked(y, scores) == 1]
        if not len(scores):
            raise ValueError("y holds no inlier, 1, to set false_positive_rate by.")
    return -float(Reference.of(-scores, None, is_logarithm).exceeded_by(rate))


def best_threshold(scores, y, scoring):
    """Return the threshold whose labels a scorer rates best, the lowest of such.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
    y : array-like of shape (n_samples,)
        Labels.
    scoring : str, callable or None
    """
    if y is None:
        raise ValueError(
            "Set false_positive_rate, or give labels y of rows of both kinds."
        )
    is_outlier = _checked(y, scores) == -1
    if is_outlier.all() or not is_outlier.any():
        raise ValueError(
            "y must hold inliers, 1, and outliers, -1, to find a threshold by. For "
            "inliers alone set false_positive_rate."
        )
    scorer = check_scoring(_Labels(), scoring or "balanced_accuracy")
    y, X = is_outlier.astype(int), scores.reshape(-1, 1)
    thresholds = _thresholds(scores, is_outlier)
    try:
        rated = [scorer(_Labels(threshold), X, y) for threshold in thresholds]
    except AttributeError as error:
        raise ValueError(
            f"scoring={scoring!r} rates no labels, but scores: no threshold changes it."
        ) from error
    return float(thresholds[np.nanargmax(rated)])


def _thresholds(scores, is_outlier):
    """Return where to cut: above outliers, below inliers; first, below all rows."""
    levels, level = np.unique(scores, return_inverse=True)
    n_outliers = np.bincount(level, is_outlier)
    n_inliers = np.bincount(level, ~is_outlier)
    below = np.flatnonzero((n_outliers[:-1] > 0) & (n_inliers[1:] > 0))
    if len(below) > _MOST_THRESHOLDS:
        places = np.linspace(0, len(below) - 1, _MOST_THRESHOLDS).astype(int)
        below = below[places]
    low, high = levels[below].astype(np.float64), levels[below + 1]
    middle = np.where(np.isfinite(low), low + (high - low) / 2, high)
    return np.concatenate((levels[:1], middle))


def _checked(y, scores):
    """Return labels, valid ones."""
    y = check_array(y, ensure_2d=False, dtype=None, input_name="y")
    check_consistent_length(scores, y)
    others = sorted(set(np.unique(y).tolist()) - {-1, 1}, key=str)
    if y.ndim != 1 or others:
        raise ValueError(
            "y must hold a label of each row, 1 for inliers and -1 for outliers. Got "
            f"{others[:3] if others else f'shape {y.shape}'}."
        )
    return y


class _Labels(ClassifierMixin, BaseEstimator):
    """A threshold on scores as a classifier: 1 below it, 0 else."""

    def __init__(self, threshold=0.0):
        self.threshold = threshold
        self.classes_ = np.array([0, 1])

    def fit(self, X, y=None):
        """Do nothing."""
        return self

    def predict(self, X):
        """Return the labels of scores, of shape (n_samples, 1)."""
        return (X[:, 0] < self.threshold).astype(int)
