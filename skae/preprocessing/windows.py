"""One long series as windows, and what is found of windows as one series again."""

from dataclasses import KW_ONLY, dataclass
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skae._sklearn import BaseEstimator, Interval, fit_context
from skae.codecs import count_axes, is_ragged
from skae.data.checks import as_array_of_numbers, as_table
from skae.data.frames import in_memory

_FLOATS = (np.float64, np.float32)


@dataclass(eq=False, repr=False)
class SlidingWindows(
    OneToOneFeatureMixin, TransformerMixin, BaseEstimator, auto_wrap_output_keys=()
):
    """Cuts one long series into windows, the samples of what comes after.

    A window starts every `stride` steps; where that leaves a rest, a last one stands
    flush with the end, so that every step is in a window. Of n_times steps there are
    ``ceil((n_times - length) / stride) + 1`` windows.

    The number of samples changes: in a pipeline, scores are one for each window, and
    :meth:`average` makes of them one for each step. Series of any length may be
    transformed, whatever the length in `fit`.

    Parameters
    ----------
    length : int, default=32
        Steps of a window.
    stride : int, default=1
        Steps from the start of a window to that of the next, `length` at most. More
        gives fewer windows, less to train on and to hold in memory.

    Attributes
    ----------
    n_times_in_ : int
        Number of steps of the series seen in `fit`.
    n_features_in_ : int
        Number of channels seen in `fit`.
    feature_names_in_ : ndarray of shape (n_channels,)
        Names of the channels, if they have names that are all strings.

    Notes
    -----
    Windows are a copy, ``length / stride`` times as large as the series: each may be
    changed without changing its neighbours.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import SlidingWindows
    >>> series = np.sin(np.arange(100) / 5)
    >>> cut = SlidingWindows(24, stride=10).fit(series)
    >>> windows = cut.transform(series)
    >>> windows.shape
    (9, 24, 1)
    >>> bool(np.allclose(cut.inverse_transform(windows)[:, 0], series))
    True
    >>> cut.average(windows.std(axis=(1, 2))).shape
    (100,)
    """

    length: int = 32
    _: KW_ONLY
    stride: int = 1

    _parameter_constraints = {
        "length": [Interval(Integral, 1, None, closed="left")],
        "stride": [Interval(Integral, 1, None, closed="left")],
    }

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None) -> Self:
        """Learn the channels and the length of a series.

        Parameters
        ----------
        X : array-like of shape (n_times,) or (n_times, n_channels)
            NaN where a value is missing.
        y : Ignored
            Present for pipelines; never read.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If X is not numeric, is infinite or is shorter than a window, or if the
            stride is longer than one.
        """
        if self.stride > self.length:
            raise ValueError(
                f"stride={self.stride} is more than length={self.length}: steps "
                "between the windows would be lost."
            )
        self.n_times_in_ = len(self._series(X, reset=True))
        return self

    def transform(self, X) -> Any:
        """Cut a series into windows.

        Parameters
        ----------
        X : array-like of shape (n_times,) or (n_times, n_channels)
            With the channels of `fit`; of any length from `length` on.

        Returns
        -------
        windows : ndarray of shape (n_windows, length, n_channels)
            A copy, in the dtype of X if that is a float.
        """
        self._validate_params()
        check_is_fitted(self)
        series = self._series(X)
        starts = self._starts(len(series))
        return series[starts[:, None] + np.arange(self.length)]

    def inverse_transform(self, X, n_times=None) -> Any:
        """Join windows to a series; where they overlap it is their mean.

        Parameters
        ----------
        X : array-like of shape (n_windows, length, n_channels)
        n_times : int, default=None
            Steps of the series. None is that of `fit` if the stride is more than one:
            series of several lengths then have as many windows.

        Returns
        -------
        series : ndarray of shape (n_times, n_channels)

        Raises
        ------
        ValueError
            If X is infinite or of another shape than `transform` makes of so many
            steps.
        """
        check_is_fitted(self)
        windows = _checked(X, "X")
        shape = (self.length, self.n_features_in_)
        if windows.shape[1:] != shape:
            raise ValueError(
                f"X has the shape {windows.shape}, but windows have the shape "
                f"(n_windows, {shape[0]}, {shape[1]})."
            )
        return self._joined(windows, n_times, "X")

    def average(self, values, n_times=None) -> Any:
        """Return for each step the mean of the windows that it is in.

        For instance of ``-model.score_samples(windows)``, one for each window, or of
        ``model.reconstruction_error(windows, per_feature=True)``.

        Parameters
        ----------
        values : array-like of shape (n_windows,), (n_windows, length) or \
                (n_windows, length, n_channels)
            One for each window, which is that of all its steps, one for each of its
            steps, or one for each step and channel.
        n_times : int, default=None
            Steps of the series. None is that of `fit` if the stride is more than one:
            series of several lengths then have as many windows.

        Returns
        -------
        means : ndarray of shape (n_times,) or (n_times, n_channels)

        Raises
        ------
        ValueError
            If values are infinite or of another shape than those of so many steps.
        """
        check_is_fitted(self)
        values = _checked(values, "values")
        if values.ndim == 1:
            values = np.broadcast_to(values[:, None], (len(values), self.length))
        if values.ndim > 3 or values.shape[1] != self.length:
            raise ValueError(
                f"values have the shape {values.shape}, but must have the shape "
                f"(n_windows,), (n_windows, {self.length}) or (n_windows, "
                f"{self.length}, n_channels)."
            )
        return self._joined(values, n_times, "values")

    def set_output(self, *, transform=None) -> Self:
        """Do nothing: windows are an array of three axes, which no frame holds.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None

        Returns
        -------
        self : object
        """
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        # One long series: what it makes has other rows than X.
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.allow_nan = True
        return tags

    def _series(self, X, reset=False):
        """Return X as a float array of shape (n_times, n_channels), gaps as NaN."""
        X = in_memory(X)
        if isinstance(X, list | tuple) and is_ragged(X) and np.ndim(X[0]):
            raise ValueError(
                "X is one long series, of shape (n_times,) or (n_times, n_channels), "
                "but it is a list of several. Pass them one by one."
            )
        if count_axes(X) == 1:
            X = np.reshape(np.asarray(X), (-1, 1))
        series = as_table(self, X, reset=reset)
        series = check_array(
            series,
            dtype=_FLOATS,
            ensure_all_finite="allow-nan",
            estimator=self,
            input_name="X",
        )
        if len(series) < self.length:
            raise ValueError(
                f"X is a series of n_samples = {len(series)} steps, shorter than a "
                f"window: length={self.length}."
            )
        return series

    def _starts(self, n_times):
        """Return where the windows of a series start."""
        last = n_times - self.length
        starts = np.arange(0, last + 1, self.stride)
        return starts if starts[-1] == last else np.append(starts, last)

    def _joined(self, values, n_times, name):
        """Return the mean for each step of values for windows and their steps."""
        if n_times is None:
            n_times = (
                self.n_times_in_ if self.stride > 1 else len(values) + self.length - 1
            )
        if not isinstance(n_times, Integral) or isinstance(n_times, bool):
            raise TypeError(f"n_times={n_times!r} must be an integer.")
        starts = self._starts(n_times) if n_times >= self.length else []
        if len(starts) != len(values):
            raise ValueError(
                f"{name} has {len(values)} windows, but a series of n_times={n_times} "
                f"steps has {len(starts)} of length={self.length} and "
                f"stride={self.stride}. Pass the n_times of the series."
            )
        total = np.zeros((n_times, *values.shape[2:]))
        n_windows = np.zeros_like(total)
        observed = ~np.isnan(values)
        values = np.where(observed, values, values.dtype.type(0))
        for step in range(self.length):  # no two windows have the same start
            total[starts + step] += values[:, step]
            n_windows[starts + step] += observed[:, step]
        with np.errstate(invalid="ignore"):  # NaN where no window has a value
            return (total / n_windows).astype(values.dtype, copy=False)


def _checked(values, name):
    """Return values as a float array without infinity."""
    return as_array_of_numbers(
        in_memory(values, name), name, dtype=_FLOATS, ensure_all_finite="allow-nan"
    )
