"""The space of codes: paths between rows, and what each component does."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skae.data.frames import in_memory


class LatentSpace:
    """Decode codes between rows and along components.

    A class that mixes this in has `_samples`, `_encode` and `_decode`.
    """

    def interpolate(self, X_a, X_b, n_steps=10) -> Any:
        """Decode the straight paths between the codes of pairs of rows.

        Parameters
        ----------
        X_a, X_b : array-like of shape (n_samples, n_features)
            Or of the form that `fit` was given.
        n_steps : int, default=10
            Rows on each path, ends included.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_steps, n_features)
            In units of X; of series a list of lists.
        """
        check_is_fitted(self)
        start, end = self._pairs(self._samples(X_a, name="X_a"), X_b)
        codes = interpolated(self._encode(start), self._encode(end), n_steps)
        return self._decode_paths(codes)

    def traverse(self, component, X, *, values=None) -> Any:
        """Decode the codes of rows, in which one component takes a range of values.

        Parameters
        ----------
        component : int
            Which one, from 0.
        X : array-like of shape (n_samples, n_features)
            Or of the form that `fit` was given.
        values : array-like of shape (n_values,) or None, default=None
            None: eleven, from the lowest to the highest that the component has in X.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_values, n_features)
            In units of X; of series a list of lists.
        """
        check_is_fitted(self)
        self._check_component(component)
        codes = self._encode(self._samples(X))
        if values is None:
            values = np.linspace(
                codes[:, component].min(), codes[:, component].max(), 11
            )
        return self._decode_paths(self._traversed(codes, component, values))

    def _pairs(self, start, X_b, **context):
        """Return samples and those of X_b, which are as many."""
        end = self._samples(X_b, name="X_b", **context)
        if len(start) != len(end):
            raise ValueError(
                f"X_a has {len(start)} rows and X_b {len(end)}: paths lead from "
                "each row of the one to the same row of the other."
            )
        return start, end

    def _traversed(self, codes, component, values):
        """Return codes with one component set to each of the values in turn."""
        self._check_component(component)
        values = in_memory(values, "values")
        values = check_array(values, ensure_2d=False, input_name="values").ravel()
        paths = np.repeat(codes[:, None], len(values), axis=1)
        paths[:, :, component] = values
        return paths

    def _check_component(self, component):
        if not isinstance(component, Integral) or isinstance(component, bool):
            raise TypeError(
                "component, the first argument, must be an integer from 0 to "
                f"{self.n_components_ - 1}, not of type {type(component).__name__}."
            )
        if not 0 <= component < self.n_components_:
            raise ValueError(
                f"component={component} does not exist: components are 0 to "
                f"{self.n_components_ - 1}."
            )

    def _decode_paths(self, codes, condition=None):
        """Decode codes of shape (n_rows, n_steps, n_components), conditions alike."""
        if condition is not None:
            condition = condition.reshape(-1, condition.shape[2])
        rows = self._decode(codes.reshape(-1, codes.shape[2]), condition)
        return self._codec.restore(rows, codes.shape[:2])


def interpolated(start, end, n_steps):
    """Return points between rows, shape (n_rows, n_steps, n_values), ends included."""
    check_count("n_steps", n_steps, at_least=2)
    shares = np.linspace(0, 1, n_steps, dtype=start.dtype)[:, None]
    return start[:, None] * (1 - shares) + end[:, None] * shares


def check_count(name, value, at_least=1):
    """Raise if a number of draws, samples or steps is none."""
    is_number = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_number or value < at_least:
        raise ValueError(f"{name}={value!r} must be an integer of {at_least} or more.")
