"""Where a head starts: the linear model of the labels, given the codes."""

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

_FEW = 1_000  # rows, up to which the solver is exact
_LEAST = 1e-3  # of the largest deviation


def standardisation(values, weight=None):
    """Return the mean and the deviation of each column.

    Those that hardly vary beside others have a part of the largest deviation: what they
    tell may be rounding.
    """
    mean = np.average(values, axis=0, weights=weight)
    variance = np.average((values - mean) ** 2, axis=0, weights=weight)
    deviation = np.sqrt(variance)
    least = _LEAST * deviation.max()
    return mean, np.maximum(deviation, least) if least > 0 else np.ones_like(mean)


def logistic_start(codes, label, weight):
    """Return weight and bias of a logistic regression, for every class.

    Parameters
    ----------
    codes : ndarray of float64 of shape (n_samples, n_components)
        Standardised.
    label : ndarray of shape (n_samples, n_classes)
    weight : ndarray of shape (n_samples,)
        Above 0.
    """
    # An optimizer's first step would scale what is left of the gradient.
    exact = len(codes) <= _FEW
    model = LogisticRegression(
        solver="newton-cholesky" if exact else "lbfgs",
        tol=1e-13 if exact else 1e-4,
        max_iter=200,
    )
    model.fit(codes, label.argmax(axis=1), sample_weight=weight)
    coefficients, bias = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # as two outputs of a softmax
        coefficients = np.concatenate((-coefficients, coefficients)) / 2
        bias = np.concatenate((-bias, bias)) / 2
    return coefficients, bias


def ridge_start(codes, label, weight):
    """Return weight and bias of a ridge regression; as :func:`logistic_start`."""
    model = Ridge(alpha=1.0, solver="cholesky").fit(codes, label, sample_weight=weight)
    return np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)
