"""Codecs of series and of tokens, of unequal length or not."""

import numpy as np
from sklearn.utils.validation import validate_data

from skae.codecs.arrays import ArrayCodec, Codec, ColumnsCodec
from skae.codecs.forms import as_array, count_axes, is_ragged, rows_of
from skae.data.checks import as_table
from skae.data.frames import names_of
from skae.data.ragged import Ragged
from skae.data.samples import working_dtype


class SequencesCodec(Codec):
    """Lists of series of unequal length: arrays of shape (n_steps, n_channels).

    Series of one channel may have the shape (n_steps,).
    """

    is_table = False

    def __init__(self, X):
        row = rows_of(X)[0]
        first = np.asarray(row)
        super().__init__((None, first.shape[1] if first.ndim > 1 else 1))
        self.n_axes = first.ndim
        self.columns = names_of(row)

    def rows(self, estimator, X, *, reset=False, name="X"):
        """Return X as a :class:`Ragged`; see :class:`Codec`."""
        elements = rows_of(X)
        if elements is None and count_axes(X) == 3:
            elements = np.asarray(X)
        if elements is None:
            raise ValueError(
                f"{name} must be a list of arrays of shape (n_steps, {self.shape[1]}), "
                f"as in fit, not {type(X).__name__} of shape {np.shape(X)}."
            )
        _check_some(elements, name)
        columns = self.columns or names_of(elements[0])
        arrays = [
            self._checked(x, row, name, columns) for row, x in enumerate(elements)
        ]
        validate_data(estimator, X, reset=reset, skip_check_array=True, ensure_2d=False)
        if reset:
            estimator.n_features_in_ = self.shape[1]
        steps = np.concatenate(arrays)
        lengths = np.array([len(array) for array in arrays])
        return Ragged(steps.astype(working_dtype(steps.dtype), copy=False), lengths)

    def _checked(self, element, row, name, expected):
        """Return one series as a numeric array of shape (n_steps, n_channels)."""
        columns = names_of(element)
        if None not in (columns, expected) and columns != expected:
            raise ValueError(
                f"Row {row} of {name} has the columns {columns}, but "
                f"{expected} are expected, as in the first row of fit."
            )
        array = np.asarray(element)
        if array.dtype.kind in "cmM":
            raise ValueError(
                f"Row {row} of {name} is of dtype {array.dtype}, but series are of "
                "real numbers."
            )
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
        series = values.split()
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

    kind = "token"

    def __init__(self, X, vocabulary_size, padding_token):
        super().__init__((None, 1))
        self.vocabulary_size = self.n_levels = vocabulary_size
        self.padding_token = padding_token
        self.is_table = not isinstance(X, list | tuple) and count_axes(X) == 2
        self.width = np.shape(X)[1] if self.is_table else None

    def rows(self, estimator, X, *, reset=False, name="X"):
        """Return X as a :class:`Ragged`; see :class:`Codec`."""
        if self.is_table:
            table = as_table(estimator, X, reset=reset, name=name)
            sequences = [self._cut(tokens) for tokens in table]
        else:
            sequences = rows_of(X)
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
        if not self.is_table:
            tokens = [array[:, 0].astype(dtype) for array in values.split()]
            return _nested(tokens, leading)
        dense = values.toarray(fill)[:, : self.width]
        table = np.full((len(values), self.width), fill, dtype=dtype)
        table[:, : dense.shape[1]] = dense
        return table.reshape(*leading, self.width) if leading else table


def sequence_codec(X, input_shape):
    """Return the codec of series: a table, an array or a list of unequal lengths."""
    if is_ragged(X):
        return SequencesCodec(X)
    if isinstance(X, list | tuple):
        _check_some(X, "X")
    n_axes = count_axes(as_array(X))
    if n_axes <= 2:
        return ColumnsCodec(input_shape, channels_last=True)
    if n_axes > 3:
        raise ValueError(
            f"X has {n_axes} axes, but series are (n_samples, n_steps, n_channels), or "
            "a list of arrays of shape (n_steps, n_channels)."
        )
    return ArrayCodec(X, input_shape, n_features_axis=1)


def _check_some(elements, name):
    if not len(elements):
        raise ValueError(f"Found 0 sample(s) in {name} while a minimum of 1 is needed.")


def _nested(rows, leading):
    """Return a list in lists of these lengths; the first one follows."""
    for size in reversed(leading[1:]):
        rows = [rows[i : i + size] for i in range(0, len(rows), size)]
    return rows
