"""Codecs: what users have becomes flat rows for a network, and back."""

import math
import warnings

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from skae.engine.batches import working_dtype
from skae.ragged import Ragged, split_padded
from skae.validation import as_table

_FEW_CHANNELS = 4  # as many as pictures have, with transparency


class Codec:
    """Rows of a table: a matrix of shape (n_samples, n_features), frames included.

    Attributes
    ----------
    shape : tuple of int or None
        Of one row, as architectures read it: ``(n_features,)``, or what `shape` says.
        None stands for a length that varies.
    """

    def __init__(self, shape=None):
        self.shape = shape

    def rows(self, estimator, X, *, reset, name):
        """Return X as a matrix of rows: an ndarray, CSR matrix or :class:`Ragged`.

        Parameters
        ----------
        estimator : BaseEstimator
            Its `n_features_in_` and `feature_names_in_` are set (`reset`) or compared.
        X : what the user passed
        reset : bool
        name : str
            For messages.
        """
        rows = as_table(estimator, X, reset=reset, name=name)
        if reset and self.shape is None:
            self.shape = (rows.shape[1],)
        if reset and math.prod(self.shape) != rows.shape[1]:
            raise ValueError(
                f"input_shape={self.shape} has {math.prod(self.shape)} values, but the "
                f"rows of {name} have {rows.shape[1]}."
            )
        return rows

    def restore(self, values, leading=(), *, cells=False):
        """Return flat values of rows in the form that X had.

        Parameters
        ----------
        values : ndarray of shape (n_samples, n_values)
        leading : tuple of int
            Axes that n_samples is the product of, where they are several.
        cells : bool
            Whether the values are about the cells, and no rows themselves.
        """
        return values.reshape(*leading, values.shape[1]) if leading else values

    def place(self, column):
        """Name a column of the flat rows, for messages."""
        return f"column {column}"


class ColumnsCodec(Codec):
    """A table whose rows are read in a shape: flat images, series of one channel.

    Parameters
    ----------
    input_shape : tuple of int or None
    channels_last : bool
        Of the shape where none is given: one channel and as many steps as columns.
    """

    def __init__(self, input_shape, channels_last):
        super().__init__(_checked_shape(input_shape))
        self.channels_last = channels_last

    def rows(self, estimator, X, *, reset, name):
        """Return X as a matrix of rows; see :class:`Codec`."""
        if reset and self.shape is None:
            n_features = as_table(estimator, X, reset=True, name=name).shape[1]
            self.shape = (n_features, 1) if self.channels_last else (1, n_features)
        return super().rows(estimator, X, reset=reset, name=name)


class ArrayCodec(Codec):
    """Arrays of more than two axes: images, volumes, series of equal length."""

    def __init__(self, X, input_shape, n_features_axis=None):
        shape = tuple(int(size) for size in np.shape(X)[1:])
        wanted = _checked_shape(input_shape)
        if wanted not in (None, shape):
            raise ValueError(
                f"input_shape={wanted} does not match X, whose rows have the shape "
                f"{shape}. Reshape X (X[:, None] adds an axis for one channel)."
            )
        super().__init__(shape)
        # Of series the channels count as features, of images all values.
        self.n_features = math.prod(shape)
        if n_features_axis is not None:
            self.n_features = shape[n_features_axis]

    def rows(self, estimator, X, *, reset, name):
        """Return X as a matrix of rows; see :class:`Codec`."""
        array = check_array(
            X,
            allow_nd=True,
            ensure_2d=False,
            dtype="numeric",
            ensure_all_finite=False,
            input_name=name,
            estimator=estimator,
        )
        if array.shape[1:] != self.shape:
            raise ValueError(
                f"{name} has the shape {array.shape}, but {type(estimator).__name__} "
                f"expects (n_samples, {', '.join(map(str, self.shape))})."
            )
        validate_data(estimator, X, reset=reset, skip_check_array=True, ensure_2d=False)
        if reset:
            estimator.n_features_in_ = self.n_features
        return array.reshape(len(array), -1)

    def restore(self, values, leading=(), *, cells=False):
        """Return values as an array of the shape of X; see :class:`Codec`."""
        leading = leading or values.shape[:1]
        return values.reshape(*leading, *self.shape)

    def place(self, column):
        """Name a value of a row, for messages."""
        return f"position {tuple(map(int, np.unravel_index(column, self.shape)))}"


class SequencesCodec(Codec):
    """Lists of series of unequal length: arrays of shape (n_steps, n_channels).

    Series of one channel may have the shape (n_steps,).
    """

    def __init__(self, X):
        first = np.asarray(_elements(X)[0])
        super().__init__((None, first.shape[1] if first.ndim > 1 else 1))
        self.n_axes = first.ndim

    def rows(self, estimator, X, *, reset, name):
        """Return X as a :class:`Ragged`; see :class:`Codec`."""
        elements = _elements(X)
        if elements is None:
            raise ValueError(
                f"{name} must be a list of arrays of shape (n_steps, {self.shape[1]}), "
                f"as in fit, not {type(X).__name__} of shape {np.shape(X)}."
            )
        _check_some(elements, name)
        arrays = [self._checked(x, row, name) for row, x in enumerate(elements)]
        validate_data(estimator, X, reset=reset, skip_check_array=True, ensure_2d=False)
        if reset:
            estimator.n_features_in_ = self.shape[1]
        steps = np.concatenate(arrays)
        lengths = np.array([len(array) for array in arrays])
        return Ragged(steps.astype(working_dtype(steps.dtype), copy=False), lengths)

    def _checked(self, element, row, name):
        """Return one series as a numeric array of shape (n_steps, n_channels)."""
        array = np.asarray(element)
        if array.dtype.kind not in "biuf":
            try:
                array = array.astype(np.float64)
            except (ValueError, TypeError) as error:
                raise ValueError(f"Row {row} of {name} is not numeric.") from error
        if array.ndim == self.n_axes == 1:
            array = array[:, None]
        if array.ndim != 2:
            raise ValueError(
                f"Row {row} of {name} has the shape {array.shape}, but series have the "
                "shape (n_steps, n_channels)."
            )
        if array.shape[1] != self.shape[1]:
            raise ValueError(
                f"Row {row} of {name} has {array.shape[1]} channels, but "
                f"{self.shape[1]} are expected, as in the first row of fit."
            )
        if not len(array):
            raise ValueError(f"Row {row} of {name} is empty: it has no step.")
        return array

    def restore(self, values, leading=(), *, cells=False):
        """Return values as a list of series, or nested lists; see :class:`Codec`."""
        series = split_padded(values, self.shape[1])
        if self.n_axes == 1:
            series = [array[:, 0] for array in series]
        return _nested(series, leading)


class TokensCodec(Codec):
    """Sequences of whole numbers below a vocabulary's size, of unequal length.

    Lists of them, or a matrix whose rows may end in a padding token.

    Parameters
    ----------
    X : what the user passed to fit
    vocabulary_size : int
    padding_token : int or None
    """

    def __init__(self, X, vocabulary_size, padding_token):
        super().__init__((None, 1))
        self.vocabulary_size = vocabulary_size
        self.padding_token = padding_token
        self.is_table = not isinstance(X, list | tuple) and count_axes(X) == 2
        self.width = np.shape(X)[1] if self.is_table else None

    def rows(self, estimator, X, *, reset, name):
        """Return X as a :class:`Ragged`; see :class:`Codec`."""
        if self.is_table:
            table = as_table(estimator, X, reset=reset, name=name)
            sequences = [self._cut(tokens) for tokens in table]
        else:
            sequences = _elements(X)
            validate_data(
                estimator, X, reset=reset, skip_check_array=True, ensure_2d=False
            )
            if reset:
                estimator.n_features_in_ = 1
        if sequences is None:
            raise ValueError(
                f"{name} must be a list of sequences of tokens, one array of whole "
                f"numbers for each row, not {type(X).__name__}."
            )
        _check_some(sequences, name)
        arrays = [self._checked(x, row, name) for row, x in enumerate(sequences)]
        lengths = np.array([len(array) for array in arrays])
        return Ragged(np.concatenate(arrays)[:, None].astype(np.float32), lengths)

    def _cut(self, tokens):
        if self.padding_token is None:
            return tokens
        others = np.flatnonzero(tokens != self.padding_token)
        return tokens[: others[-1] + 1] if len(others) else tokens[:0]

    def _checked(self, tokens, row, name):
        tokens = np.asarray(tokens)
        if tokens.ndim == 2 and tokens.shape[1] == 1:
            tokens = tokens[:, 0]
        if not tokens.size:
            raise ValueError(f"Row {row} of {name} is empty: it has no token.")
        is_whole = tokens.dtype.kind in "biuf" and np.all(tokens % 1 == 0)
        if tokens.ndim != 1 or not is_whole:
            raise ValueError(
                f"Row {row} of {name} is no sequence of whole numbers, which tokens "
                "are; SubwordTokenizer makes them of strings."
            )
        outside = (tokens < 0) | (tokens >= self.vocabulary_size)
        if outside.any():
            raise ValueError(
                f"Row {row} of {name} holds the token {tokens[outside][0]:g}, but "
                f"vocabulary_size={self.vocabulary_size} has the tokens 0 to "
                f"{self.vocabulary_size - 1}."
            )
        return tokens

    def restore(self, values, leading=(), *, cells=False):
        """Return tokens in the form of X; see :class:`Codec`."""
        fill, dtype = self.padding_token or 0, np.int64
        if cells:
            fill, dtype = np.nan, values.dtype
        if self.is_table:
            table = np.full((len(values), self.width), fill, dtype=dtype)
            n_kept = min(self.width, values.shape[1])
            observed = ~np.isnan(values[:, :n_kept])
            table[:, :n_kept][observed] = values[:, :n_kept][observed]
            return table.reshape(*leading, self.width) if leading else table
        sequences = split_padded(values, 1)
        return _nested([array[:, 0].astype(dtype) for array in sequences], leading)


def table_codec(X):
    """Return the codec of a table."""
    _refuse_ragged(X)
    n_axes = count_axes(X)
    if n_axes > 2:
        raise ValueError(
            f"Found array with dim {n_axes}, while dim <= 2 is required for a table. "
            "Images and signals are for Convolutional, series for Recurrent."
        )
    return Codec()


def array_codec(X, input_shape, channels_last, most_axes=5):
    """Return the codec of a table, or of arrays of more axes, such as images."""
    _refuse_ragged(X)
    n_axes = count_axes(X)
    if n_axes <= 2:
        return ColumnsCodec(input_shape, channels_last)
    if n_axes > most_axes:
        raise ValueError(
            f"X has {n_axes} axes; at most {most_axes} are known: samples, channels "
            f"and {most_axes - 2} in space or time."
        )
    codec = ArrayCodec(X, input_shape)
    _warn_of_axes(codec.shape, channels_last)
    return codec


def sequence_codec(X, input_shape):
    """Return the codec of series: a table, an array or a list of unequal lengths."""
    if is_ragged(X):
        return SequencesCodec(X)
    n_axes = count_axes(X)
    if n_axes <= 2:
        return ColumnsCodec(input_shape, channels_last=True)
    if n_axes > 3:
        raise ValueError(
            f"X has {n_axes} axes, but series are (n_samples, n_steps, n_channels), or "
            "a list of arrays of shape (n_steps, n_channels)."
        )
    return ArrayCodec(X, input_shape, n_features_axis=1)


def is_ragged(X):
    """Tell whether X is a list of series, rather than an array in the form of lists."""
    elements = _elements(X)
    if elements is None or not len(elements):
        return False
    if all(np.ndim(element) == 1 for element in elements):
        return len({len(element) for element in elements}) > 1  # else it is a table
    return True


def count_axes(X):
    """Return how many axes X has, read as an array where it does not say."""
    return X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim


def _elements(X):
    """Return the rows of a list, tuple, object array or column of them, or None."""
    if hasattr(X, "to_numpy") and not hasattr(X, "columns"):
        X = X.to_numpy()
    if isinstance(X, np.ndarray) and (X.dtype != object or X.ndim != 1):
        return None
    if not isinstance(X, list | tuple | np.ndarray):
        return None
    if any(np.ndim(row) == 0 and not hasattr(row, "__len__") for row in X):
        return None
    return X


def _refuse_ragged(X):
    if is_ragged(X) and len({np.shape(element) for element in X}) > 1:
        raise ValueError(
            "The rows of X have unequal shapes, which this architecture does not take. "
            "Series of unequal length are for Recurrent and Transformer."
        )


def _warn_of_axes(shape, channels_last):
    """Warn where rows look as if an axis is not what it is taken for."""
    if channels_last or shape[0] <= _FEW_CHANNELS:
        return
    if shape[-1] <= _FEW_CHANNELS:
        advice = "If the last axis holds the channels, say channels_last=True."
    elif len(shape) == 2 and shape[0] == shape[1]:
        advice = "If they are images of one channel, pass X[:, None]."
    else:
        return
    message = f"Rows of the shape {shape} are read as {shape[0]} channels of the size "
    warnings.warn(f"{message}{shape[1:]}. {advice}", stacklevel=2)


def _check_some(elements, name):
    if not len(elements):
        raise ValueError(f"Found 0 sample(s) in {name} while a minimum of 1 is needed.")


def _nested(rows, leading):
    """Return a list in lists of these lengths; the first one follows."""
    for size in reversed(leading[1:]):
        rows = [rows[i : i + size] for i in range(0, len(rows), size)]
    return rows


def _checked_shape(input_shape):
    if input_shape is None:
        return None
    shape = tuple(input_shape)
    if len(shape) < 2 or not all(
        isinstance(size, int | np.integer) and size > 0 for size in shape
    ):
        raise ValueError(
            f"input_shape={input_shape!r} must hold two or more integers of at least 1."
        )
    return tuple(int(size) for size in shape)
