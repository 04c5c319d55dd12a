"""The codec of frames whose columns are numbers and categories."""

import narwhals as nw
import numpy as np
import pandas as pd
from sklearn.utils.validation import validate_data

from skae._sklearn import num_samples
from skae.codecs.arrays import Codec
from skae.codecs.columns import kind_of_column, read_column
from skae.codecs.frames import as_frame, filled_frame, index_of
from skae.columns import Columns
from skae.data.checks import check_names
from skae.data.fields import Field, Fields
from skae.data.frames import (
    columns_as_series,
    kind_of_frame,
    missing_in_frame,
    names_of,
)
from skae.data.mixed import Mixed
from skae.data.samples import working_dtype

_ORDER = ("number", "count", "category")  # of the kinds, in the flat rows


def is_mixed(X):
    """Tell whether X is a frame with a column that is not of numbers."""
    for name, series in columns_as_series(X):
        if series.dtype.is_temporal():
            return False  # which is refused anyway
        if series.dtype.is_numeric() or series.dtype.is_nested():
            continue
        try:
            kind = kind_of_column(series, f"Column {name!r}")
        except ValueError:
            return True  # which is refused by this codec
        if kind != "number":
            return True
    return False


def made_codec(architecture, X, columns=None):
    """Return the codec that an architecture makes for X, or say that it makes none.

    Of a frame with categories, or with `columns`, it is one of its columns, where the
    architecture's is for tables.

    Parameters
    ----------
    architecture : Architecture
    X : what the user passed
    columns : Columns or None
    """
    codec = architecture.make_codec(X)
    if not isinstance(codec, Codec):
        raise TypeError(
            f"{type(architecture).__name__}.make_codec must return a Codec, not "
            f"{type(codec).__name__}."
        )
    if type(codec) is Codec and (columns is not None or is_mixed(X)):
        if kind_of_frame(X) is None:
            raise ValueError(
                f"columns={columns!r} is for frames, whose columns have names. X is of "
                f"type {type(X).__name__}."
            )
        return MixedCodec(Columns() if columns is None else columns)
    if columns is not None:
        raise ValueError(
            f"columns={columns!r} is for tables, which architecture="
            f"{architecture!r} does not take."
        )
    return codec


class MixedCodec(Codec):
    """Frames of numbers and categories: a value for each number and each level.

    Parameters
    ----------
    columns : Columns
    """

    def __init__(self, columns):
        super().__init__()
        self.columns = columns
        self._readers = None

    @property
    def fields(self):
        """The :class:`Fields` of the flat rows, one for each column."""
        fields = [
            Field(
                reader.kind,
                slice(int(start), int(start) + max(reader.n_levels, 1)),
                (reader.name,),
                reader.n_levels or None,
                (0.0, np.inf) if reader.kind == "count" else (-np.inf, np.inf),
            )
            for reader, start in zip(self._readers, self._starts, strict=True)
        ]
        return Fields(tuple(fields), by_column=True)

    @property
    def _places(self):
        """Where each column is, among numbers, then counts, then categories."""
        kinds = [_ORDER.index(reader.kind) for reader in self._readers]
        return np.argsort(np.argsort(kinds, kind="stable"))

    @property
    def _starts(self):
        """Where the values of each column begin in the flat rows."""
        widths = np.array([max(reader.n_levels, 1) for reader in self._readers])
        order = np.argsort(self._places)
        starts = np.empty_like(widths)
        starts[order] = np.cumsum(widths[order]) - widths[order]
        return starts

    def rows(self, estimator, X, *, reset=False, name="X"):
        """Return X as :class:`Mixed` rows, which it may be; see :class:`Codec`."""
        if isinstance(X, Mixed):
            estimator.n_features_in_ = len(self.names)
            if all(isinstance(column, str) for column in self.names):
                estimator.feature_names_in_ = np.array(self.names, dtype=object)
            return X
        check_names(X, name)
        kind = kind_of_frame(X)
        if kind is None:
            raise ValueError(
                f"{name} must be a frame with the columns {_listed(self.names)}, as in "
                f"fit, not of type {type(X).__name__}."
            )
        if not num_samples(X):
            raise ValueError(f"{name} has 0 row(s), where 1 is needed.")
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        if reset:
            self.frame, self.names = kind, tuple(names_of(X))
            self.columns.check_names(self.names)
        elif tuple(names_of(X)) != self.names:
            raise ValueError(
                f"{name} has the columns {_listed(names_of(X))}, but fit had "
                f"{_listed(self.names)}."
            )
        return self._read(X, name, learn=reset)

    def _read(self, X, name, *, learn):
        if learn:
            self._readers = []
        read = []
        for place, (column, series) in enumerate(columns_as_series(X)):
            where = f"Column {column!r} of {name}"
            if learn:
                reader = read_column(series, self.columns, len(series), where)
                self._readers.append(reader)
            else:
                reader = self._readers[place]
                reader.check_kind(series, where)
            values = reader.read(series, where)
            if reader.kind != "category":
                if learn and not np.isnan(values).all():
                    reader.learn(values)
                values = reader.transformed(values)
            else:
                values = values.astype(np.min_scalar_type(-reader.n_levels))
            read.append(values)
        n_levels = np.array([reader.n_levels for reader in self._readers])
        if learn:
            self.shape = (int(np.maximum(n_levels, 1).sum()),)
        order = np.argsort(self._places)
        numbers = [read[place] for place in order if not n_levels[place]]
        codes = [read[place] for place in order if n_levels[place]]
        of_numbers = np.result_type(np.float32, *(array.dtype for array in numbers))
        of_codes = np.result_type(np.int8, *(array.dtype for array in codes))
        return Mixed(
            _stacked(numbers, len(series), working_dtype(of_numbers)),
            _stacked(codes, len(series), of_codes),
            self.n_levels,
            self._places,
        )

    @property
    def n_levels(self):
        """Levels of each category, in the order of the flat rows."""
        n_levels = np.array([reader.n_levels for reader in self._readers])
        n_levels = n_levels[np.argsort(self._places)]
        return n_levels[n_levels > 0]

    @property
    def order(self):
        """Where the cells of the user's columns are, among those of the flat rows."""
        return self._places

    def of_cells(self, cells):
        """Return :class:`Mixed` rows whose numbers and levels stand side by side."""
        numbers, codes = np.split(cells, [len(self.names) - len(self.n_levels)], axis=1)
        return Mixed(numbers, codes.astype(np.int64), self.n_levels, self._places)

    def restore(self, values, leading=(), *, cells=False):
        """Return flat values of rows as a frame; see :class:`Codec`.

        Of several leading axes the rows follow one another; a pandas index says where
        they belong.
        """
        index = None
        if leading and self.frame == "pandas":
            index = pd.MultiIndex.from_product(map(range, leading))
        return self._framed(values, self.frame, index, cells)

    def restore_like(self, values, like, *, cells=False):
        """Return flat values of rows as a frame like another, with its index."""
        return self._framed(values, kind_of_frame(like), index_of(like), cells)

    def restore_gaps(self, values, like):
        """Return `like` with these flat values where its cells are missing."""
        new = dict(columns_as_series(self.restore_like(values, like)))
        missing, names = missing_in_frame(like), names_of(like)
        every, none = np.ones(len(names), dtype=bool), np.empty((len(values), 0))
        return filled_frame(like, every, missing, new, names, none)

    def restore_new(self, values, codes=None):
        """Return flat rows as a frame of the kind that `fit` was given."""
        return self._framed(values, self.frame, index_of(codes), False)

    def _framed(self, values, kind, index, cells):
        if cells:
            return as_frame(values, kind, self.names, index)
        columns = {}
        for reader, field in zip(self._readers, self.fields.fields, strict=True):
            of_column = values[:, field.columns]
            if not reader.n_levels:
                of_column = of_column[:, 0]
            columns[reader.name] = reader.write(of_column)
        if kind == "pandas":
            return self._pandas_frame(columns, index)
        dtypes = {reader.name: _narwhals_dtype(reader) for reader in self._readers}
        data = {name: list(column) for name, column in columns.items()}
        whole = [name for name, dtype in dtypes.items() if dtype.is_integer()]
        for name in whole:
            data[name] = columns[name].astype(np.int64)
        return nw.from_dict(data, dtypes, backend=kind).to_native()

    def _pandas_frame(self, columns, index):
        series = []
        for reader in self._readers:
            values = columns[reader.name]
            one = pd.Series(values, index=index)
            if reader.dtype != "category":
                one = one.astype(_pandas_dtype(reader, one))
            series.append(one)
        frame = pd.concat(series, axis=1)
        frame.columns = list(self.names)
        return frame

    def place(self, column):
        """Name a value of the flat rows, for messages."""
        return f"column {self.fields.name(column)!r}"


def _pandas_dtype(reader, series):
    """Return the dtype that a column had, as pandas names it."""
    if reader.dtype == "object" and reader.holds == "number":
        whole = getattr(reader, "bounds", None) is not None
        return np.int64 if whole else np.float64
    return reader.dtype


def _narwhals_dtype(reader):
    if reader.dtype == "Enum":
        return nw.Enum(list(reader.levels))
    if reader.dtype == "category":  # of pandas, in another library
        return nw.String()
    if reader.dtype in ("Decimal", "Unknown", "float64"):
        return nw.Float64()
    return getattr(nw, reader.dtype)()


def _stacked(arrays, n_rows, dtype):
    """Return arrays of shape (n_rows,) side by side."""
    together = np.empty((n_rows, len(arrays)), dtype=dtype)
    for number, array in enumerate(arrays):
        together[:, number] = array
    return together


def _listed(names):
    names = list(names)
    more = f", ... ({len(names)})" if len(names) > 10 else ""
    return ", ".join(map(repr, names[:10])) + more
