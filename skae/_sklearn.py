"""What skae uses of scikit-learn that is not public, in one place."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from sklearn import base
from sklearn.base import _clone_parametrized as clone_parametrized
from sklearn.exceptions import NotFittedError
from sklearn.utils import _param_validation
from sklearn.utils._missing import is_pandas_na, is_scalar_nan
from sklearn.utils._param_validation import RealNotInt, StrOptions
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _num_samples as num_samples
from sklearn.utils.validation import check_is_fitted

__all__ = [
    "BaseEstimator",
    "Interval",
    "RealNotInt",
    "StrOptions",
    "check_feature_names_in",
    "check_sample_weight",
    "clone_parametrized",
    "fit_context",
    "is_fitted",
    "is_pandas_na",
    "is_scalar_nan",
    "num_samples",
    "output_of",
]


_Method = TypeVar("_Method", bound=Callable)


def fit_context(**kwargs) -> Callable[[_Method], _Method]:
    """Decorate a `fit`: parameters are validated first. It keeps its type."""
    return base._fit_context(**kwargs)


def output_of(estimator) -> str:
    """Return what `set_output` asks a transformer for: "default" or a library."""
    return _get_output_config("transform", estimator)["dense"]


def is_fitted(estimator) -> bool:
    """Tell whether an estimator is fitted."""
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True


class BaseEstimator(base.BaseEstimator):
    """scikit-learn's, whose diagrams in a notebook link to the pages of skae."""

    _doc_link_module = "skae"
    _doc_link_template = (
        "https://skae.readthedocs.io/en/latest/generated/skae.{estimator_name}.html"
    )


class Interval(_param_validation.Interval):
    """Numbers of an interval; True and False are none."""

    def is_satisfied_by(self, value):
        """Tell whether a parameter may have this value."""
        if isinstance(value, np.floating):
            value = float(value)
        return not isinstance(value, bool | np.bool_) and super().is_satisfied_by(value)
