"""Autoencoders that draw nothing for a row: a weight is a number of equal rows."""

from dataclasses import dataclass
from typing import Self

from skae._sklearn import fit_context
from skae.autoencoders.base import BaseAutoencoder
from skae.data.checks import warn_of_targets


@dataclass(eq=False, repr=False, kw_only=True)
class WeightedAutoencoder(BaseAutoencoder):
    """Base of autoencoders whose `fit` takes weights of rows."""

    takes_weights = True

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, X_val=None, sample_weight=None) -> Self:
        """Train on the rows of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or what else the `architecture` takes: images, series, lists of tokens.
        y : Ignored
            Present for pipelines; never read.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Rows to validate on, instead of a random part of X. As they reach this
            estimator: in a pipeline, scaled as X is (``transform_input=["X_val"]``).
        sample_weight : array-like of shape (n_samples,) or None, default=None
            How much each row of X counts in the loss, the start and the threshold; a
            whole number stands for so many equal rows, 0 for none. Exactly so where
            few rows are trained on as a whole (the weights adding up to less than 40,
            and none of the rows validating).

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If X is not numeric, finite and within the range of the loss, or if
            training diverges. The estimator is then as it was before the call.
        """
        with self._fitting():
            warn_of_targets(self, y)
            known = None if sample_weight is None else {"weight": sample_weight}
            self._fit(X, X_val, known)
        return self
