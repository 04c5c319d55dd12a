"""Codecs of tables and of arrays of more axes, such as images."""

import math
import warnings

import numpy as np
import scipy.sparse
from sklearn.utils.validation import validate_data

from skae._sklearn import num_samples
from skae.codecs.forms import as_array, count_axes, is_ragged
from skae.codecs.frames import as_frame, index_of
from skae.data.checks import as_array_of_numbers, as_table
from skae.data.fields import Field, Fields
from skae.data.frames import kind_of_frame, names_of
from skae.data.mixed import Mixed
from skae.data.ragged import Ragged

_FEW_CHANNELS = 4  # as many as pictures have, with transparency


class Codec:
    """Rows of a table: a matrix of shape (n_samples, n_features), frames included.

    Base of the codecs, for what turns other forms of X into flat rows and back.

    Attributes
    ----------
    shape : tuple of int or None
        Of one row, as architectures read it: ``(n_features,)``, or what `shape` says.
        None stands for a length that varies.
    is_table : bool
        Whether X has a column for each feature.
    kind : str
        What the values are; see :class:`Field`.
    names : tuple of str or None
        The user's names of the columns of a table.
    frame : str or None
        The library of the frame that `fit` was given, if it was one.
    """

    is_table = True
    kind = "number"
    n_levels = None

    def __init__(self, shape=None):
        self.shape = shape
        self.names = None
        self.frame = None

    @property
    def fields(self):
        """The :class:`Fields` of the flat rows; channels where lengths vary."""
        n_columns = self.shape[-1] if None in self.shape else math.prod(self.shape)
        names = self.names
        if names is not None and len(names) != n_columns:
            names = None
        columns = slice(0, n_columns)
        return Fields((Field(self.kind, columns, names, self.n_levels),))

    def rows(self, estimator, X, *, reset=False, name="X"):
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
        _refuse_ragged(X, name)
        rows = as_table(estimator, as_array(X), reset=reset, name=name)
        if reset and self.shape is None:
            self.shape = (rows.shape[1],)
        if reset and math.prod(self.shape) != rows.shape[1]:
            raise ValueError(
                f"input_shape={self.shape} has {math.prod(self.shape)} values, but the "
                f"rows of {name} have {rows.shape[1]}."
            )
        if reset:
            names = names_of(X)
            self.names = None if names is None else tuple(names)
            self.frame = kind_of_frame(X)
        return rows

    def restore(self, values, leading=(), *, cells=False):
        """Return flat values of rows in the form that X had.

        Parameters
        ----------
        values : ndarray of shape (n_samples, n_values), or Ragged
        leading : tuple of int
            Axes that n_samples is the product of, where they are several.
        cells : bool
            Whether the values are about the cells, and no rows themselves.
        """
        return values.reshape(*leading, values.shape[1]) if leading else values

    def restore_like(self, values, like, *, cells=False):
        """Return flat values of rows in the form of `like`, a frame if it is one."""
        restored, kind = self.restore(values, cells=cells), kind_of_frame(like)
        if kind is None:
            return restored
        return as_frame(restored, kind, names_of(like), index_of(like))

    def restore_gaps(self, values, like):
        """Return `like` with these flat values where its cells are missing.

        Here the values hold what is observed already.
        """
        return self.restore_like(values, like)

    def restore_new(self, values, codes=None):
        """Return flat rows in the form that `fit` was given, a frame if it was one.

        Parameters
        ----------
        values : ndarray of shape (n_samples, n_values), or Ragged
        codes : array-like of shape (n_samples, n_components), or None
            What they are made of: a frame's index is that of the rows.
        """
        restored = self.restore(values)
        if self.frame is None or self.names is None:
            return restored
        return as_frame(restored, self.frame, self.names, index_of(codes))

    def place(self, column):
        """Name a column of the flat rows, for messages."""
        return f"column {column}"


class CodeCodec(Codec):
    """The codes of another network, which are taken as they are."""

    kind = "code"


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

    def rows(self, estimator, X, *, reset=False, name="X"):
        """Return X as a matrix of rows; see :class:`Codec`."""
        if reset and self.shape is None:
            table = as_table(estimator, as_array(X), reset=True, name=name)
            n_features = table.shape[1]
            self.shape = (n_features, 1) if self.channels_last else (1, n_features)
        return super().rows(estimator, X, reset=reset, name=name)


class ArrayCodec(Codec):
    """Arrays of more than two axes: images, volumes, series of equal length."""

    is_table = False

    def __init__(self, X, input_shape, n_features_axis=None):
        shape = tuple(int(size) for size in np.shape(as_array(X))[1:])
        wanted = _checked_shape(input_shape)
        if wanted not in (None, shape):
            raise ValueError(
                f"input_shape={wanted} does not match X, whose rows have the shape "
                f"{shape}. Reshape X (X[:, None] adds an axis for one channel)."
            )
        if 0 in shape:
            raise ValueError(f"Rows of X have the shape {shape}, which holds no value.")
        super().__init__(shape)
        # Of series the channels count as features, of images all values.
        self.n_features = math.prod(shape)
        if n_features_axis is not None:
            self.n_features = shape[n_features_axis]

    def rows(self, estimator, X, *, reset=False, name="X"):
        """Return X as a matrix of rows; see :class:`Codec`."""
        _refuse_ragged(X, name)
        array = as_array_of_numbers(as_array(X), name, estimator)
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


def checked_rows(codec, rows, X):
    """Return what a codec made of X, or say what is wrong with it."""
    kind = type(codec).__name__
    is_matrix = isinstance(rows, np.ndarray | Ragged | Mixed)
    is_matrix = is_matrix or scipy.sparse.issparse(rows)
    if not is_matrix or len(rows.shape) != 2:
        raise TypeError(
            f"{kind}.rows must return a matrix of shape (n_samples, n_values): an "
            f"ndarray, CSR matrix or Ragged. Got {type(rows).__name__}."
        )
    if not isinstance(codec.shape, tuple):
        raise TypeError(
            f"{kind}.rows must set `shape`, that of a row, a tuple. It is "
            f"{codec.shape!r}."
        )
    if isinstance(rows, np.ndarray) and codec.restore(rows[:1]) is None:
        raise TypeError(f"{kind}.restore must return rows as X holds them, not None.")
    n_values = rows.shape[1] if None in codec.shape else math.prod(codec.shape)
    if rows.shape[1] != n_values or rows.shape[0] != num_samples(X):
        raise ValueError(
            f"{kind}.rows made {rows.shape[0]} rows of {rows.shape[1]} values, but X "
            f"has {num_samples(X)} rows, and `shape` says {codec.shape}."
        )
    return rows


def table_codec(X):
    """Return the codec of a table."""
    _refuse_ragged(X)
    n_axes = count_axes(as_array(X))
    if n_axes > 2:
        raise ValueError(
            f"Found array with dim {n_axes}, while dim <= 2 is required for a table. "
            "Images and signals are for Dense and Convolutional, series for Recurrent."
        )
    return Codec()


def flat_codec(X):
    """Return the codec of a table, or of arrays whose axes a network does not see."""
    _refuse_ragged(X)
    return Codec() if count_axes(as_array(X)) <= 2 else ArrayCodec(X, None)


def array_codec(X, input_shape, channels_last, most_axes=5):
    """Return the codec of a table, or of arrays of more axes, such as images."""
    _refuse_ragged(X)
    n_axes = count_axes(as_array(X))
    if n_axes <= 2:
        codec = ColumnsCodec(input_shape, channels_last)
        if codec.shape is not None:
            _warn_of_axes(codec.shape, channels_last)
        return codec
    if n_axes > most_axes:
        raise ValueError(
            f"X has {n_axes} axes; at most {most_axes} are known: samples, channels "
            f"and {most_axes - 2} in space or time."
        )
    codec = ArrayCodec(X, input_shape)
    _warn_of_axes(codec.shape, channels_last)
    return codec


def _refuse_ragged(X, name="X"):
    if is_ragged(X) and len({np.shape(element) for element in X}) > 1:
        raise ValueError(
            f"The rows of {name} have unequal shapes. Series of unequal length are for "
            "Recurrent and Transformer, fitted to a list of them."
        )


def _warn_of_axes(shape, channels_last):
    """Warn where rows look as if an axis is not what it is taken for."""
    n_channels, size, other = shape[0], shape[1:], shape[-1]
    if channels_last:
        n_channels, size, other = shape[-1], shape[:-1], shape[0]
    if n_channels <= _FEW_CHANNELS:
        return
    if len(shape) == 2 and shape[0] == shape[1]:
        advice = "If they are images, add an axis for one channel: X[:, None]."
    elif other <= _FEW_CHANNELS and not channels_last:
        advice = "If the last axis holds the channels, say channels_last=True."
    elif other <= _FEW_CHANNELS and len(shape) > 2:
        advice = "If the first axis holds the channels, say channels_last=False."
    else:
        return
    warnings.warn(
        f"Rows of the shape {shape} are read as {n_channels} channels of the size "
        f"{size}. {advice}",
        stacklevel=2,
    )


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
