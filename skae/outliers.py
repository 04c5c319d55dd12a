"""The outlier role: a threshold on the scores, in scikit-learn's names and signs."""

from dataclasses import dataclass
from numbers import Real

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skae.engine.reservoir import sampled
from skae.validation import as_rows

_MAD_TO_SIGMA = 1.4826  # of a normal distribution
_ROUNDING = 1e-9  # of exp(log(loss)): equal losses are on one side


@dataclass(eq=False, repr=False, kw_only=True)
class ThresholdMixin(OutlierMixin):
    """Turn `score_samples` into decisions.

    A class that mixes this in has `_outlier_losses` and calls :meth:`_after_training`
    when it is trained.
    """

    contamination: float | str | None = "auto"

    _parameter_constraints = {
        "contamination": [
            StrOptions({"auto"}),
            Interval(Real, 0, 0.5, closed="right"),
            None,
        ]
    }

    def score_samples(self, X):
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
        return -self._outlier_losses(as_rows(self, X))

    def decision_function(self, X):
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

    def predict(self, X):
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

    def _outlier_losses(self, X):
        """Return minus the scores of a validated X."""
        return self._row_losses(X)

    def _after_training(self, X, rng, n_seen, beside=None):
        """Set `offset_` from the scores of the training rows; keep a sample of them.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n_samples, n_features)
            New training rows.
        rng : numpy.random.Generator
        n_seen : int
            Rows that the sample stands for already; 0 starts a new one.
        """
        super()._after_training(X, rng, n_seen, beside)
        scores = -self._outlier_losses(X)
        known = self._reservoir if n_seen else scores[:0]
        self._reservoir = sampled(known, scores, n_seen, rng)
        pool = self._reservoir if n_seen else scores
        rule = _log_rule if self._losses_are_logarithms else _error_rule
        self.offset_ = _threshold(pool, self.contamination, rule)


def _threshold(scores, contamination, rule):
    """Return the score below which a row is an outlier."""
    if contamination is None:
        return float(scores.min())
    if contamination != "auto":
        return float(np.percentile(scores, 100 * contamination))
    # The worst training row is an outlier even where the rule would spare it: a
    # threshold beyond everything seen says nothing.
    lowest = np.partition(scores, min(1, len(scores) - 1))[:2]
    return float(max(-rule(-scores), lowest.mean()))


def _error_rule(errors):
    """Return the largest error of an inlier."""
    # Errors spread over orders of magnitude: their logarithm has a middle and a width.
    log_errors = np.log(np.maximum(errors, np.finfo(np.float64).tiny))
    with np.errstate(over="ignore"):
        return np.exp(_log_rule(log_errors)) * (1 + _ROUNDING)


def _log_rule(logarithms):
    """Return three robust standard deviations above the median."""
    middle = np.median(logarithms)
    return middle + 3 * _MAD_TO_SIGMA * np.median(np.abs(logarithms - middle))
