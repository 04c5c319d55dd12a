"""The imputer of tables: arrays of numbers, and frames as they are."""

from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any, Self

import narwhals as nw
import numpy as np
import scipy.sparse
from sklearn.base import TransformerMixin, clone
from sklearn.impute import MissingIndicator
from sklearn.utils import assert_all_finite, check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from skae._sklearn import (
    BaseEstimator,
    Interval,
    check_feature_names_in,
    fit_context,
    is_scalar_nan,
    output_of,
)
from skae.autoencoders.base import BaseAutoencoder
from skae.autoencoders.variational.model import VariationalModel
from skae.codecs import MixedCodec, is_mixed
from skae.codecs.frames import filled_frame
from skae.columns import Columns
from skae.data.checks import as_table, check_names
from skae.data.fields import UNBOUNDED
from skae.data.frames import (
    columns_as_series,
    in_memory,
    kind_of_frame,
    missing_in_frame,
    part_of_frame,
)
from skae.imputation.cells import (
    draws,
    held_out,
    linear_means,
    means,
    plausible_range,
    trusted_share,
)
from skae.imputation.defaults import default, drawing_default
from skae.imputation.levels import columns_of_few_values, with_levels
from skae.losses import make_loss
from skae.training.seeds import draw_seed

_ROUNDING = 1e-12  # of a column's mean, which is no spread


@dataclass(eq=False, repr=False)
class AutoencoderImputer(TransformerMixin, BaseEstimator):
    """Fills missing cells of tables by the reconstruction of an autoencoder.

    The autoencoder is fitted to rows with gaps, of columns standardised by their
    observed cells, and fills rows that it has not seen: with the reconstruction of
    missing cells from the observed ones of the row, of a variational estimator with
    their mean over codes weighted by importance (Mattei and Frellsen 2019). Observed
    cells stay as they are. By default the start is the mean of a missing cell under a
    normal distribution of the rows, which a network leaves for what fills hidden cells
    better. Means of numbers are at most a standard deviation beyond those observed.

    Parameters
    ----------
    estimator : estimator of skae or None, default=None
        Fitted to the rows; cloned, never changed. None is a `DenoisingAutoencoder` with
        ``HiddenCells((0.1, 0.5))`` whose layers are wider than the rows; with
        `sample_posterior` a `VariationalAutoencoder` with the same.
    missing_values : int, float or NaN, default=nan
        What stands for a missing cell. Null values of frames are missing besides.
    n_estimators : int, default=1
        How many are fitted, each from a seed of its own; their mean fills a cell, or a
        draw of one of them.
    sample_posterior : bool, default=False
        Whether `transform` fills with draws from what a cell may be, each call with
        others, not with means: for multiple imputation. The estimator is variational.
    add_indicator : bool, default=False
        Whether columns are added that tell where cells were missing, for the features
        that had gaps in `fit`.
    keep_empty_features : bool, default=False
        Whether columns without any value in `fit` stay, filled with 0, or are left out.
    random_state : int, RandomState instance or None, default=None
        Seeds the estimators and draws.

    Attributes
    ----------
    estimators_ : list of estimators
        The fitted ones.
    indicator_ : MissingIndicator or None
        What tells where cells are missing; None without `add_indicator`.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X had string names.

    See Also
    --------
    sklearn.impute.IterativeImputer : Regressions of each column on the others.
    sklearn.impute.KNNImputer : Means of the nearest rows.

    References
    ----------
    Mattei, P.-A. and Frellsen, J. (2019). MIWAE: deep generative modelling and
    imputation of incomplete data sets. International Conference on Machine Learning.

    Gondara, L. and Wang, K. (2018). MIDA: multiple imputation using denoising
    autoencoders. Pacific-Asia Conference on Knowledge Discovery and Data Mining.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import AutoencoderImputer
    >>> X = np.arange(40.0).reshape(20, 2)
    >>> X[3, 1] = np.nan
    >>> AutoencoderImputer(random_state=0).fit_transform(X)[3].round()
    array([6., 7.])
    """

    estimator: object = None
    _: KW_ONLY
    missing_values: float = np.nan
    n_estimators: int = 1
    sample_posterior: bool = False
    add_indicator: bool = False
    keep_empty_features: bool = False
    random_state: object = None

    _parameter_constraints = {
        "estimator": [BaseAutoencoder, None],
        "missing_values": [Real],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "sample_posterior": ["boolean"],
        "add_indicator": ["boolean"],
        "keep_empty_features": ["boolean"],
        "random_state": ["random_state"],
    }

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None) -> Self:
        """Fit the estimators to rows with gaps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Or a frame.
        y : Ignored

        Returns
        -------
        self : object
        """
        given, missing = self._read(in_memory(X), reset=True)
        self._is_empty = missing.all(axis=0)
        seed = draw_seed(self.random_state)
        self.random_state_ = check_random_state(seed)
        self.indicator_ = None
        if self.add_indicator:
            self.indicator_ = MissingIndicator(error_on_new=False)
            self.indicator_.fit(np.where(missing, np.nan, 0.0))
        rows = self._learned_rows(given, missing)
        estimator = self._resolved(*rows.shape)
        if self._codec is None:
            rows = self._learn_scale(rows, estimator)
        self.estimators_, self._trust = [], 1.0
        is_number = True
        if self._codec is not None:
            is_number = self._codec.fields.of_kind("number", "count")
        if 0 not in rows.shape:
            self._range = plausible_range(rows, is_number)
        parts = [None] * self.n_estimators
        rng = np.random.default_rng(draw_seed(self.random_state_))
        if self.estimator is None and not self.sample_posterior:
            parts = [held_out(len(rows), rng) for _ in parts]
        for part in parts if 0 not in rows.shape else ():
            one = clone(estimator)
            one.set_params(random_state=draw_seed(self.random_state_))
            if self._codec is not None:
                one._given_codec = self._codec
            every = np.arange(len(rows))
            train = rows if part is None else rows[np.delete(every, part)]
            self.estimators_.append(one.fit(train))
        if self.estimators_ and any(part is not None for part in parts):
            self._trust = trusted_share(self.estimators_, rows, parts, rng)
        return self

    def transform(self, X) -> Any:
        """Fill the missing cells of rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features_out)
            A frame of the kind of X if it is one, its columns of the same types;
            integers are rounded. Observed cells are as they were.
        """
        check_is_fitted(self)
        X = in_memory(X)
        given, missing = self._read(X)
        gaps = np.flatnonzero(missing[:, ~self._is_empty].any(axis=1))
        if self._codec is not None:
            return self._filled_frame(given, missing, gaps)
        values = np.zeros(given.shape)
        if len(gaps):
            rows = np.where(missing, np.nan, given)[gaps][:, ~self._is_empty]
            filled = self._filled(self._standardised(rows)).astype(np.float64)
            filled = filled * self._scale + self._centre
            values[np.ix_(gaps, ~self._is_empty)] = filled
        return self._in_form_of(X, given, missing, values)

    def get_feature_names_out(self, input_features=None) -> np.ndarray:
        """Return the names of the columns that `transform` gives.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the features; None is `feature_names_in_`, or "x0", "x1" and so on.

        Returns
        -------
        names : ndarray of str
        """
        check_is_fitted(self)
        names = check_feature_names_in(self, input_features)
        kept = names[self._is_kept]
        if self.indicator_ is None:
            return kept
        return np.concatenate((kept, self.indicator_.get_feature_names_out(names)))

    @property
    def _is_kept(self):
        return ~self._is_empty | self.keep_empty_features

    def _read(self, X, *, reset=False):
        """Return X as an array or a mixed frame, and which of its cells are missing."""
        if is_mixed(X) if reset else getattr(self, "_codec", None) is not None:
            return self._read_frame(X, reset)
        if scipy.sparse.issparse(X):
            raise TypeError(
                "Sparse data was passed for X, but AutoencoderImputer needs dense "
                "rows. Use X.toarray()."
            )
        rows = as_table(self, X, reset=reset)
        of_nan = is_scalar_nan(self.missing_values)
        missing = np.isnan(rows) if of_nan else rows == self.missing_values
        assert_all_finite(
            np.where(missing, 0, rows),
            allow_nan=kind_of_frame(X) is not None,
            estimator_name=type(self).__name__,
            input_name="X",
        )
        if not of_nan and rows.dtype.kind == "f":
            missing |= np.isnan(rows)
        return rows, missing

    def _read_frame(self, X, reset):
        if not is_scalar_nan(self.missing_values):
            raise ValueError(
                f"missing_values={self.missing_values!r} is for tables of numbers. In "
                "frames with categories missing cells are null."
            )
        if kind_of_frame(X) is None:
            raise ValueError(
                f"X must be a frame, as in fit, not of type {type(X).__name__}."
            )
        check_names(X, "X")
        validate_data(self, X, reset=reset, skip_check_array=True)
        return X, missing_in_frame(X)

    def _learned_rows(self, given, missing):
        """Return the rows of fit, an array with NaN or :class:`Mixed`."""
        self._codec = None
        if isinstance(given, np.ndarray):
            return np.where(missing, np.nan, given)[:, ~self._is_empty]
        columns = getattr(self.estimator, "columns", None)
        self._codec = MixedCodec(Columns() if columns is None else clone(columns))
        kept = part_of_frame(given, ~self._is_empty)
        self._repeated = []
        if self.estimator is None:
            self._repeated = columns_of_few_values(kept)
        return self._codec.rows(
            BaseEstimator(), with_levels(kept, self._repeated), reset=True
        )

    def _learn_scale(self, rows, estimator):
        """Return rows standardised, where the loss has no range."""
        self._centre, self._scale = 0.0, 1.0
        loss = make_loss(estimator.loss, estimator.defaults.loss)
        if loss.target_range == UNBOUNDED and rows.size:
            self._centre = np.nanmean(rows, axis=0)
            self._scale = np.nanstd(rows, axis=0)
            self._scale[self._scale <= _ROUNDING * np.abs(self._centre)] = 1.0
        return self._standardised(rows)

    def _resolved(self, n_rows, n_columns):
        """Return the estimator to clone, or say why it cannot fill cells."""
        if self.estimator is None:
            make = drawing_default if self.sample_posterior else default
            return make(n_rows, max(n_columns, 1))
        name = type(self.estimator).__name__
        if self.sample_posterior and not isinstance(self.estimator, VariationalModel):
            raise ValueError(
                f"sample_posterior=True needs a variational estimator, and {name} is "
                "none. Use VariationalAutoencoder."
            )
        if get_tags(self.estimator).target_tags.required:
            raise ValueError(f"{name} needs y, which an imputer does not have.")
        return clone(self.estimator)

    def _standardised(self, rows):
        dtype = np.float32 if rows.dtype.itemsize <= 4 else np.float64
        return ((rows - self._centre) / self._scale).astype(dtype)

    def _filled(self, x):
        """Return flat rows with values in missing cells."""
        if self.sample_posterior:
            which = self.random_state_.randint(len(self.estimators_))
            return draws(self.estimators_[which], x, draw_seed(self.random_state_))
        values = np.mean([means(one, x) for one in self.estimators_], axis=0)
        if np.any(self._trust < 1):
            linear = np.mean([linear_means(one, x) for one in self.estimators_], axis=0)
            values = linear + self._trust * (values - linear)
        return np.clip(values, *(bound.astype(x.dtype) for bound in self._range))

    def _filled_frame(self, X, missing, gaps):
        """Return a frame with values in missing cells, levels among them."""
        kept = part_of_frame(X, ~self._is_empty)
        kept = with_levels(kept, self._repeated)
        flat = self._codec.rows(self.estimators_[0], kept).toarray()
        if len(gaps):
            flat[gaps] = self._filled(flat[gaps])
        values = dict(columns_as_series(self._codec.restore_like(flat, kept)))
        names, lost = self.get_feature_names_out(), np.empty((len(flat), 0))
        if self.indicator_ is not None:
            lost = self.indicator_.transform(np.where(missing, np.nan, 0.0))
        result = filled_frame(X, self._is_kept, missing, values, names, lost)
        wanted = output_of(self)
        if wanted in ("default", kind_of_frame(X)):
            return result
        columns = {n: column.to_list() for n, column in columns_as_series(result)}
        return nw.from_dict(columns, backend=wanted).to_native()

    def _in_form_of(self, X, given, missing, values):
        """Return what `transform` was given with values in missing cells."""
        names = self.get_feature_names_out()
        lost = np.empty((len(given), 0))
        if self.indicator_ is not None:
            lost = self.indicator_.transform(np.where(missing, np.nan, 0.0))
        kept, kind = self._is_kept, kind_of_frame(X)
        if kind is not None and output_of(self) in ("default", kind):
            return filled_frame(X, kept, missing, values, names, lost)
        result = given[:, kept].copy()
        if result.dtype.kind in "iu":
            values = np.rint(values)
        np.copyto(result, values[:, kept], where=missing[:, kept], casting="unsafe")
        return np.hstack((result, lost.astype(result.dtype))) if lost.size else result

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = is_scalar_nan(self.missing_values)
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
