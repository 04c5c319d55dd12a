"""The outlier role: a threshold on the scores, in scikit-learn's names and signs."""

from dataclasses import dataclass
from numbers import Real
from typing import Any, Self

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.utils.validation import check_is_fitted

from skae._sklearn import Interval, StrOptions
from skae.data.reservoir import sampled
from skae.roles.explanations import Explainer
from skae.roles.thresholds import Reference, quantile, robust_limit, second_largest
from skae.roles.tuning import best_threshold, threshold_of_rate
from skae.roles.unseen import unseen_losses

_ALONE = 64  # times eps: by what a score depends on the rows scored with it


class RowScorer(Explainer):
    """Score rows by what their reconstructions cost, and explain the scores.

    A class that mixes this in has `_samples` and `_row_losses`.
    """

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

    def _outlier_losses(self, samples):
        """Return minus the scores of samples."""
        return self._row_losses(samples)


@dataclass(eq=False, repr=False, kw_only=True)
class OutlierDetector(RowScorer, OutlierMixin):
    """Turn `score_samples` into decisions.

    A class that mixes this in has `_samples` and `_row_losses`, and calls
    :meth:`_summarise` when it is trained.
    """

    contamination: float | str | None = "auto"
    novelty: bool = True

    _parameter_constraints = {
        "contamination": [
            StrOptions({"auto"}),
            Interval(Real, 0, 0.5, closed="right"),
            None,
        ],
        "novelty": ["boolean"],
    }

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

    def fit_predict(self, X, y=None, **fit_params) -> np.ndarray:
        """Fit, and tell inliers from outliers among the rows of X.

        With a number for `contamination` that share of them is outside, by the same
        percentile as other detectors of scikit-learn take; `predict` promises it of new
        rows (``novelty=True``).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` takes: images, series, tokens.
        y : Ignored
            Present for pipelines; never read.
        **fit_params : dict
            Given to `fit`.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            1 for inliers, -1 for outliers.
        """
        self.fit(X, **fit_params)
        return np.where(self.score_samples(X) < self._offset_of_training, -1, 1)

    def outlier_probability(self, X) -> np.ndarray:
        """Return the share of normal rows that score higher than each row.

        One minus the conformal p-value of Bates et al. (2023): a normal row that was
        not trained on exceeds 0.95 with a probability of about 0.05, where those of
        `fit` were normal. It is no probability of being an outlier, which depends on
        how many there are and what they look like. With a number for `contamination`,
        and ``novelty=True``, ``predict`` gives -1 where it is above
        ``1 - contamination``.

        The normal rows are those that `offset_` is set from. Between their scores it is
        interpolated; below all of them it rises on, by an exponential tail of the
        logarithm of the loss.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: images, series, tokens.

        Returns
        -------
        probability : ndarray of shape (n_samples,)
            In [0, 1]; never falls while `score_samples` falls.

        References
        ----------
        Bates, S., Candes, E., Lei, L., Romano, Y. and Sesia, M. (2023). Testing for
        outliers with conformal p-values. Annals of Statistics 51.
        """
        return 1 - self._reference.exceedance(-self.score_samples(X))

    def set_threshold(
        self,
        X,
        y=None,
        *,
        false_positive_rate: float | None = None,
        scoring: Any = None,
    ) -> Self:
        """Set `offset_` anew, by rows that were not trained on.

        Either the share of normal rows that may be taken for outliers is given, or rows
        of both kinds, among whose scores the threshold of the best labels is looked
        for, as scikit-learn's ``TunedThresholdClassifierCV`` does for classifiers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: images, series, tokens.
        y : array-like of shape (n_samples,), default=None
            1 for inliers, -1 for outliers; None takes all rows for inliers.
        false_positive_rate : float, default=None
            The share of new inliers that is to be outside, in (0, 1), by the inliers
            among the rows of X. At least ``1 / false_positive_rate`` of them are
            needed; with fewer the tail of their losses is extrapolated.
        scoring : str or callable, default=None
            What labels are rated by, if no rate is given: a scorer by name, or
            ``scorer(estimator, X, y)``. None is "balanced_accuracy". Outliers are its
            positive class, 1, and inliers 0: "f1" is that of the outliers.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If y holds other labels, or if both or neither of a rate and labels to rate
            are given.
        """
        scores = self.score_samples(X)
        if false_positive_rate is None:
            self.offset_ = best_threshold(scores, y, scoring)
            return self
        if scoring is not None:
            raise ValueError("Set either false_positive_rate or scoring, not both.")
        self.offset_ = threshold_of_rate(
            scores, y, false_positive_rate, self._network_loss.is_logarithm
        )
        return self

    def _split(self, samples, validation, rng):
        train, valid = super()._split(samples, validation, rng)
        self._held_out = validation
        if validation is None and valid is not None:
            self._held_out = valid.positions
        return train, valid

    def _summarise(self, samples, rng, n_seen):
        """Set `offset_`, and keep what tells how often normal rows score lower.

        Parameters
        ----------
        samples : Samples
            New training rows.
        rng : numpy.random.Generator
        n_seen : int
            Rows that the sample stands for already; 0 starts a new one.
        """
        super()._summarise(samples, rng, n_seen)
        losses, weight = self._outlier_losses(samples), samples.weight
        known = self._reservoir if n_seen else -losses[:0]
        self._reservoir = sampled(known, -losses, n_seen, rng)
        held_out = vars(self).pop("_held_out", None)
        if n_seen:
            losses, weight = -self._reservoir, None
        unseen = losses, weight
        if self.novelty and held_out is not None:
            unseen = unseen_losses(self, samples, losses, held_out)
        rule, is_logarithm = self.contamination, self._network_loss.is_logarithm
        rounding = self._network_loss.rounding(losses.dtype)
        if not is_logarithm:
            losses = np.maximum(losses, rounding)
            unseen = np.maximum(unseen[0], rounding), unseen[1]
        reference = Reference.of(*unseen, is_logarithm)
        self._reference = reference.thinned()
        if rule is None:
            limit = float(losses.max())
            if losses.dtype == np.float32:
                # Scored alone, a row may get other last digits.
                limit += rounding
                limit += _ALONE * np.finfo(np.float32).eps * abs(limit)
            of_training = limit
        elif rule == "auto":
            limit = robust_limit(*unseen, is_logarithm)
            limit = of_training = min(limit, second_largest(losses, weight))
        else:
            of_training = quantile(losses, 1 - rule, weight)
            limit = reference.exceeded_by(rule) if self.novelty else of_training
        self.offset_, self._offset_of_training = -float(limit), -float(of_training)
        if self._codec.is_table and not is_logarithm:
            self._learn_usual(samples)
