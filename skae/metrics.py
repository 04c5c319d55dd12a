"""Scores for model selection, by the reconstruction of rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import check_scoring


def reconstruction_scorer(scoring: Any = "neg_mean_squared_error") -> Any:
    """Make a scorer that compares rows with what their codes give back.

    For `GridSearchCV` and its like, over whatever has `transform` and
    `inverse_transform`: an autoencoder, PCA, a pipeline that ends in one. The string
    alone would compare `predict`, labels of outliers, with y. Scores are in units of X
    as the searched estimator is given it, so that pipelines with different scalers
    compare.

    Parameters
    ----------
    scoring : str or callable, default="neg_mean_squared_error"
        A metric of regression by the name of its scorer ("r2",
        "neg_mean_absolute_error"), or a scorer made by `sklearn.metrics.make_scorer`.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X)``: a float, larger is better.

    Raises
    ------
    ValueError
        If `scoring` is no scorer's name.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skae.metrics import reconstruction_scorer
    >>> X, _ = load_iris(return_X_y=True)
    >>> search = GridSearchCV(
    ...     PCA(), {"n_components": [1, 2]}, scoring=reconstruction_scorer("r2")
    ... )
    >>> search.fit(X).best_params_
    {'n_components': 2}
    """
    return _ReconstructionScorer(check_scoring(_Reconstructing(None), scoring))


@dataclass(frozen=True)
class _ReconstructionScorer:
    scorer: Any

    def __call__(self, estimator, X, y=None):
        return self.scorer(_Reconstructing(estimator), X, _flat(X))


class _Reconstructing(RegressorMixin, BaseEstimator):
    """A fitted estimator as a regression of rows on themselves."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y=None):
        """Do nothing: the estimator is fitted."""
        return self

    def predict(self, X):
        """Return the reconstruction of each row, flat."""
        return _flat(self.estimator.inverse_transform(self.estimator.transform(X)))


def _flat(rows):
    if hasattr(rows, "toarray"):
        return rows.toarray()
    try:
        rows = np.asarray(rows)
    except ValueError as error:
        raise ValueError(
            "reconstruction_scorer is for rows of X of one length. For others, leave "
            "`scoring` to the estimator's score."
        ) from error
    return rows.reshape(len(rows), -1)
