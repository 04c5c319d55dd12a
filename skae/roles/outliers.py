"""The outlier role: a threshold on the scores, in scikit-learn's names and signs."""

from dataclasses import dataclass
from numbers import Real

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.utils.validation import check_is_fitted

from skae._sklearn import Interval, StrOptions
from skae.data.reservoir import sampled
from skae.roles.explanations import Explainer

_MAD_TO_SIGMA = 1.4826  # of a normal distribution
_ALONE = 64  # times eps: by what a score depends on the rows scored with it
_ROUNDING = 1e-9  # of exp(log(loss)): equal losses are on one side


@dataclass(eq=False, repr=False, kw_only=True)
class OutlierDetector(Explainer, OutlierMixin):
    """Turn `score_samples` into decisions.

    A class that mixes this in has `_samples` and `_row_losses`, and calls
    :meth:`_summarise` when it is trained.
    """

    contamination: float | str | None = "auto"

    _parameter_constraints = {
        "contamination": [
            StrOptions({"auto"}),
            Interval(Real, 0, 0.5, closed="right"),
            None,
        ]
    }

    def score_samples(self, X) -> np.ndarray:
        """Score rows by how normal they are: minus the loss of their reconstruction.

        Variational estimators return what `outlier_score` names, in nats.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: images, series, tokens.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Higher is more normal. In units of the loss: of X squared for squared error.
        """
        check_is_fitted(self)
        return -self._outlier_losses(self._samples(X))

    def decision_function(self, X) -> np.ndarray:
        """Return `score_samples` minus the threshold `offset_`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: images, series, tokens.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Negative for outliers.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X) -> np.ndarray:
        """Tell inliers from outliers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: images, series, tokens.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            1 for inliers, -1 for outliers.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _outlier_losses(self, samples):
        """Return minus the scores of samples."""
        return self._row_losses(samples)

    def _summarise(self, samples, rng, n_seen):
        """Set `offset_` from the scores of the training rows; keep a sample of them.

        Parameters
        ----------
        samples : Samples
            New training rows.
        rng : numpy.random.Generator
        n_seen : int
            Rows that the sample stands for already; 0 starts a new one.
        """
        super()._summarise(samples, rng, n_seen)
        scores = -self._outlier_losses(samples)
        known = self._reservoir if n_seen else scores[:0]
        self._reservoir = sampled(known, scores, n_seen, rng)
        pool = self._reservoir if n_seen else scores
        rule = _log_rule
        if not self._network_loss.is_logarithm:
            rule = _error_rule
            pool = np.minimum(pool, -self._network_loss.rounding(scores.dtype))
        weight = None if n_seen else samples.weight
        self.offset_ = _threshold(pool, weight, self.contamination, rule)
        if self.contamination is None and scores.dtype == np.float32:
            # Scored alone, a row may get other last digits.
            self.offset_ -= self._network_loss.rounding(scores.dtype)
            self.offset_ -= _ALONE * np.finfo(scores.dtype).eps * abs(self.offset_)


def _threshold(scores, weight, contamination, rule):
    """Return the score below which a row is an outlier."""
    if contamination is None:
        return float(scores.min())
    if contamination != "auto":
        return quantile(scores, contamination, weight)
    # The worst training row is an outlier even where the rule would spare it: a
    # threshold beyond everything seen says nothing.
    order = np.argsort(scores)[:2]
    is_several = weight is not None and weight[order[0]] >= 2
    lowest = scores[order[:1] if is_several else order]
    return float(max(-rule(-scores, weight), lowest.mean()))


def quantile(values, share, weight=None):
    """Return a quantile of values, each repeated by its weight, between two of them.

    Parameters
    ----------
    values : ndarray of shape (n,)
    share : float
    weight : ndarray of shape (n,), or None
    """
    if weight is None:
        return float(np.percentile(values, 100 * share))
    order = np.argsort(values)
    values, stops = values[order], np.cumsum(weight[order])
    place = share * max(stops[-1] - 1, 0)
    low, high = np.searchsorted(stops, [np.floor(place), np.ceil(place)], side="right")
    low, high = values[min(low, len(values) - 1)], values[min(high, len(values) - 1)]
    return float(low + (place - np.floor(place)) * (high - low))


def _median(values, weight):
    return np.median(values) if weight is None else quantile(values, 0.5, weight)


def _error_rule(errors, weight):
    """Return the largest error of an inlier."""
    # Errors spread over orders of magnitude: their logarithm has a middle and a width.
    log_errors = np.log(np.maximum(errors, np.finfo(np.float64).tiny))
    with np.errstate(over="ignore"):
        return np.exp(_log_rule(log_errors, weight)) * (1 + _ROUNDING)


def _log_rule(logarithms, weight):
    """Return three robust standard deviations above the median."""
    middle = _median(logarithms, weight)
    width = _median(np.abs(logarithms - middle), weight)
    return middle + 3 * _MAD_TO_SIGMA * width
