"""Missing cells filled by autoencoders, beside scikit-learn's imputers."""

from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import scipy.sparse
from sklearn.base import TransformerMixin, clone
from sklearn.impute import MissingIndicator
from sklearn.utils import assert_all_finite, check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted

from skae._sklearn import (
    BaseEstimator,
    Interval,
    check_feature_names_in,
    fit_context,
    is_scalar_nan,
    output_of,
)
from skae.architectures import Dense
from skae.autoencoders.base import BaseAutoencoder
from skae.autoencoders.denoising import DenoisingAutoencoder
from skae.autoencoders.variational import VariationalAutoencoder
from skae.autoencoders.variational.model import VariationalModel
from skae.codecs.frames import filled_frame
from skae.corruption import HiddenCells
from skae.data.checks import as_table
from skae.data.fields import UNBOUNDED
from skae.data.frames import in_memory, kind_of_frame
from skae.losses import make_loss
from skae.training.budget import FEWEST_TO_SPLIT
from skae.training.seeds import draw_seed

_RATE = (0.1, 0.5)  # of cells hidden, of a row
_STEPS = 2000
_STEPS_PER_ROW = 5  # at most
_ROWS_JUDGED = 500
_BATCH_SIZE = 128
_N_DRAWS = 100  # of the code of a row
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
    better.

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
        rows = np.where(missing, np.nan, given)
        self._is_empty = missing.all(axis=0)
        rows = rows[:, ~self._is_empty]
        seed = draw_seed(self.random_state)
        self.random_state_ = check_random_state(seed)
        self.indicator_ = None
        if self.add_indicator:
            self.indicator_ = MissingIndicator(error_on_new=False)
            self.indicator_.fit(np.where(missing, np.nan, 0.0))
        estimator = self._resolved(*rows.shape)
        self._centre, self._scale = 0.0, 1.0
        loss = make_loss(estimator.loss, estimator.defaults.loss)
        if loss.target_range == UNBOUNDED and rows.size:
            self._centre = np.nanmean(rows, axis=0)
            self._scale = np.nanstd(rows, axis=0)
            self._scale[self._scale <= _ROUNDING * np.abs(self._centre)] = 1.0
        rows = self._standardised(rows)
        self.estimators_, self._trust = [], 1.0
        parts = [None] * self.n_estimators
        rng = np.random.default_rng(draw_seed(self.random_state_))
        if self.estimator is None and not self.sample_posterior:
            parts = [_held_out(len(rows), rng) for _ in parts]
        for part in parts if rows.size else ():
            one = clone(estimator)
            one.set_params(random_state=draw_seed(self.random_state_))
            train = rows if part is None else np.delete(rows, part, axis=0)
            self.estimators_.append(one.fit(train))
        if any(part is not None for part in parts):
            self._trust = _trust(self.estimators_, rows, parts, rng)
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
        values = np.zeros(given.shape)
        gaps = np.flatnonzero(missing[:, ~self._is_empty].any(axis=1))
        if len(gaps):
            rows = np.where(missing, np.nan, given)[gaps][:, ~self._is_empty]
            values[np.ix_(gaps, ~self._is_empty)] = self._filled(rows)
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
        """Return X as an array, and which of its cells are missing."""
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

    def _resolved(self, n_rows, n_columns):
        """Return the estimator to clone, or say why it cannot fill cells."""
        if self.estimator is None:
            make = _drawing_default if self.sample_posterior else _default
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

    def _filled(self, rows):
        """Return rows with values in missing cells, in units of X."""
        x = self._standardised(rows)
        if self.sample_posterior:
            which = self.random_state_.randint(len(self.estimators_))
            values = self.estimators_[which].impute(
                x,
                n_draws=_N_DRAWS,
                sample_posterior=True,
                random_state=self.random_state_,
            )
        else:
            values = np.mean([_means(one, x) for one in self.estimators_], axis=0)
            if self._trust < 1:
                of_each = [_linear_means(one, x) for one in self.estimators_]
                linear = np.mean(of_each, axis=0)
                values = linear + self._trust * (values - linear)
        return values.astype(np.float64) * self._scale + self._centre

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


def _default(n_rows, n_columns):
    """Return the estimator that fills with means."""
    return DenoisingAutoencoder(
        n_columns,
        architecture=Dense((256,), dropout=0.1),
        corruption=HiddenCells(_RATE),
        optimizer="adamw",
        learning_rate=5e-3,
        weight_decay=0.01,
        batch_size=_BATCH_SIZE,
        max_epochs=_epochs(n_rows),
        early_stopping=False,
        contamination=None,
    )


def _drawing_default(n_rows, n_columns):
    """Return the estimator that fills with draws."""
    return VariationalAutoencoder(
        corruption=HiddenCells(_RATE),
        batch_size=_BATCH_SIZE,
        max_epochs=_epochs(n_rows),
        contamination=None,
    )


def _epochs(n_rows):
    steps = -(-n_rows // min(n_rows, _BATCH_SIZE))
    return max(1, min(_STEPS, _STEPS_PER_ROW * n_rows) // steps)


def _held_out(n_rows, rng):
    """Return rows that tell how far to trust a network; None where rows are few."""
    if n_rows < FEWEST_TO_SPLIT:
        return None
    return rng.permutation(n_rows)[: max(10, n_rows // 10)]


def _trust(estimators, rows, parts, rng):
    """Return the share of what networks add to linear means that held-out cells back.

    That of least squared error, within [0, 1].

    Parameters
    ----------
    estimators : list of estimators
    rows : ndarray of shape (n_samples, n_columns)
    parts : list of ndarray of int
        Which rows each of the estimators has not seen.
    rng : numpy.random.Generator
        Hides cells.
    """
    products = squares = 0.0
    for estimator, part in zip(estimators, parts, strict=True):
        x = np.repeat(rows[part], max(1, _ROWS_JUDGED // len(part)), axis=0)
        rates = rng.uniform(*_RATE, size=(len(x), 1))
        hidden = ~np.isnan(x) & (rng.random(x.shape) < rates)
        shown = np.where(hidden, np.nan, x).astype(x.dtype)
        linear = _linear_means(estimator, shown)
        added = np.where(hidden, _means(estimator, shown) - linear, 0.0)
        products += (added * np.where(hidden, x - linear, 0.0)).sum()
        squares += (added**2).sum()
    return float(np.clip(products / max(squares, 1e-12), 0.0, 1.0))


def _linear_means(estimator, x):
    """Return the rows that training started from: linear in the observed cells."""
    return estimator._fields.scaling.linear_means(x)


def _means(estimator, x):
    """Return the mean of what missing cells may be; other cells are of no use."""
    if isinstance(estimator, VariationalModel):
        return estimator.impute(x, n_draws=_N_DRAWS, random_state=0)
    return estimator.reconstruct(x)
