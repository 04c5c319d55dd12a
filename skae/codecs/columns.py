"""Columns of frames as numbers, and back: one object for what a column is."""

import warnings

import narwhals as nw
import numpy as np
import pandas as pd
from sklearn.preprocessing import QuantileTransformer

from skae.codecs.transforms import TRANSFORMS
from skae.data.frames import is_temporal

_NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal", "empty")
_DATES = (
    "date",
    "datetime",
    "datetime64",
    "time",
    "timedelta",
    "timedelta64",
    "period",
)
_OF_DATES = (
    "is not numeric, but of dates or durations. Turn them into numbers first, such as "
    "days since a date (skrub's DatetimeEncoder makes their parts), or leave them out."
)
_LISTS = {"category": "categories", "ordinal": "ordinals", "count": "counts"}
_FEW_LEVELS = 50  # which no column has too many of
_SHOWN = 10  # levels in a message
_QUANTILES = 1000  # at most


def kind_of_column(series, where):
    """Return what a column is by its dtype: a number, a boolean, text or a category.

    Parameters
    ----------
    series : narwhals.Series
    where : str
        Names the column, for messages.

    Raises
    ------
    ValueError
        For dates, and for what is none of these, or of several kinds.
    """
    if series.dtype.is_nested():
        raise ValueError(f"{where} holds arrays: pass the column alone.")
    if isinstance(series.dtype, nw.Categorical | nw.Enum):
        native = series.to_native()
        if isinstance(native, pd.Series):
            levels = native.cat.categories.to_numpy()
            if is_temporal(levels):
                raise ValueError(f"{where} {_OF_DATES}")
        return "category"
    values = series.to_numpy()
    if values.dtype.kind in "iufb":
        return "boolean" if values.dtype.kind == "b" else "number"
    inferred = pd.api.types.infer_dtype(values, skipna=True)
    if inferred in _NUMBERS:
        return "number"
    if inferred in ("boolean", "string"):
        return "boolean" if inferred == "boolean" else "text"
    if series.dtype.is_temporal() or inferred in _DATES:
        raise ValueError(f"{where} {_OF_DATES}")
    if len(values) and np.ndim(values[0]):
        raise ValueError(f"{where} holds arrays: pass the column alone.")
    what = "values of several kinds" if "mixed" in inferred else f"{inferred} values"
    raise ValueError(
        f"{where} holds {what}, which are neither numbers nor levels. Make them "
        "strings, or leave the column out."
    )


def native_dtype(series):
    """Return the dtype of a column by its name in its own library, for the way back."""
    native = series.to_native()
    if isinstance(native, pd.Series):
        return str(native.dtype)
    return type(series.dtype).__name__


class Column:
    """A column of a frame, as one value of the flat rows or one for each level.

    Parameters
    ----------
    name : the user's
    dtype : str
        In the library of the frame.
    holds : str
        What :func:`kind_of_column` says.
    """

    kind = "number"
    _values = ()  # the levels, where there are some
    is_ordered = False

    def __init__(self, name, dtype, holds):
        self.name = name
        self.dtype = dtype
        self.holds = holds

    @property
    def n_levels(self):
        """How many values of the flat rows it is as a category; 0 of a number."""
        return len(self._values) if self.kind == "category" else 0

    def check_kind(self, series, where):
        """Raise ValueError if a column is no longer of the kind that it was in fit."""
        holds = kind_of_column(series, where)
        if holds != self.holds and not {holds, self.holds} <= {"text", "category"}:
            if series.null_count() == len(series):
                return  # every cell is missing
            raise ValueError(
                f"{where} holds {_plural(holds)}, but {_plural(self.holds)} in fit."
            )


class NumberColumn(Column):
    """A column of numbers, or of counts.

    Parameters
    ----------
    name, dtype, holds : as of :class:`Column`
    bounds : pair of int or None
        Of the dtype, for whole numbers that come back as such.
    kind : {"number", "count"}
    transform : {"quantile", "robust"} or None
    """

    def __init__(self, name, dtype, holds, bounds, kind, transform):
        super().__init__(name, dtype, holds)
        self.bounds = bounds
        self.kind = kind
        self.transform = TRANSFORMS[transform]()

    def learn(self, values):
        """Learn how numbers are transformed from those of fit."""
        if isinstance(self.transform, QuantileTransformer):
            n_quantiles = min(_QUANTILES, np.isfinite(values).sum())
            self.transform.set_params(n_quantiles=n_quantiles)
        self.transform.fit(values[:, None])

    def read(self, series, where):
        """Return the numbers, NaN where they are missing."""
        values = series.to_numpy()
        if values.dtype != np.float32:
            try:
                values = values.astype(np.float64)
            except (TypeError, ValueError):  # of an NA among objects
                values = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(
                    np.float64
                )
        if self.kind == "count":
            refused = (values < 0) | (values % 1 > 0)
            if refused.any():
                row = int(np.argmax(refused))
                raise ValueError(
                    f"{where} holds {values[row]:g} (row {row}), which is no count: a "
                    "whole number of 0 or more."
                )
        return values

    def transformed(self, values):
        """Return numbers as the flat rows hold them."""
        return self.transform.transform(values[:, None])[:, 0]

    def write(self, values):
        """Return numbers of flat rows as the column has them."""
        values = self.transform.inverse_transform(values[:, None])[:, 0]
        if self.bounds is None:
            return values
        return np.clip(np.rint(values), *self.bounds)


class LevelsColumn(Column):
    """A category: a value of the flat rows for each level.

    Parameters
    ----------
    name, dtype, holds : as of :class:`Column`
    levels : array-like
        All that there are, in their order.
    is_ordered : bool
        Of the dtype.
    unknown : {"missing", "error"}
        What a level is that is none of these.
    """

    kind = "category"

    def __init__(self, name, dtype, holds, levels, is_ordered, unknown):
        super().__init__(name, dtype, holds)
        index = pd.Index(levels)
        self._values, self._of = index.to_numpy(), str(index.dtype)
        self.is_ordered = is_ordered
        self.unknown = unknown

    @property
    def levels(self):
        """All levels, a pandas Index: kept as an array, which files may hold."""
        return pd.Index(self._values, dtype=self._of)

    def read(self, series, where):
        """Return the numbers of the levels, -1 where they are missing."""
        native = series.to_native()
        if isinstance(getattr(native, "dtype", None), pd.CategoricalDtype):
            known, places = native.cat.categories, native.cat.codes.to_numpy()
            codes = np.append(self._codes(known), -1)[places]
            is_missing = places < 0
        else:
            values = series.to_numpy()
            codes, is_missing = self._codes(values), pd.isna(values)
        if self.unknown == "error":
            self._refuse_unknown(series, codes, is_missing, where)
        elif (codes < 0).all() and not is_missing.all():
            warnings.warn(
                f"{where} holds no level that fit has seen: its cells are missing.",
                stacklevel=2,
            )
        return codes

    def check_kind(self, series, where):
        """Raise ValueError if levels are not of the kind that they were in fit."""
        super().check_kind(series, where)
        native = series.to_native()
        are_numbers = pd.api.types.is_numeric_dtype
        if isinstance(getattr(native, "dtype", None), pd.CategoricalDtype):
            levels = native.cat.categories
        elif isinstance(series.dtype, nw.String) and not series.is_null().all():
            levels = ("strings",)
        else:
            return
        if len(levels) and are_numbers(levels) != are_numbers(self.levels):
            kinds = "numbers, but strings", "strings, but numbers"
            raise ValueError(
                f"{where} has levels that are {kinds[are_numbers(self.levels)]} in fit."
            )

    def _codes(self, values):
        levels = self.levels
        if levels.dtype == object:
            values = pd.Index(values, dtype=object)
        return levels.get_indexer(pd.Index(values))

    def _refuse_unknown(self, series, codes, is_missing, where):
        unknown = (codes < 0) & ~is_missing
        if unknown.any():
            row = int(np.argmax(unknown))
            known = ", ".join(repr(level) for level in self.levels[:_SHOWN])
            raise ValueError(
                f"{where} holds {series[row]!r} (row {row}), a level that fit has not "
                f"seen. Known: {known}{', ...' * (len(self.levels) > _SHOWN)}. "
                "Columns(unknown='missing') takes it as a missing cell."
            )

    def write(self, values):
        """Return the most probable levels, of values (n_samples, n_levels)."""
        return self._levels(values.argmax(axis=1))

    def _levels(self, codes):
        if self.dtype == "category":
            return pd.Categorical.from_codes(
                codes, categories=self.levels, ordered=self.is_ordered
            )
        return self.levels.to_numpy()[codes]


class OrdinalColumn(LevelsColumn):
    """Ordered levels as one number: the place of the level."""

    kind = "number"

    def read(self, series, where):
        """Return the places of the levels, NaN where they are missing."""
        codes = super().read(series, where)
        return np.where(codes < 0, np.nan, codes)

    def learn(self, values):
        """Learn nothing: places are what they are."""

    def transformed(self, values):
        """Return places as the flat rows hold them."""
        return values

    def write(self, values):
        """Return the nearest levels."""
        places = np.clip(np.rint(values), 0, len(self.levels) - 1)
        return self._levels(places.astype(np.int64))


def read_column(series, columns, n_rows, where):
    """Return what a column of fit is.

    Parameters
    ----------
    series : narwhals.Series
    columns : Columns
    n_rows : int
    where : str
        Names the column, for messages.

    Returns
    -------
    Column
    """
    name, holds = series.name, kind_of_column(series, where)
    said = columns.kind_of(name)
    described = name, native_dtype(series), holds
    is_named = isinstance(columns.transform, dict) and columns.transform.get(name)
    if is_named and (said is not None or holds != "number"):
        what = f"is in {_LISTS[said]}" if said else f"holds {_plural(holds)}"
        raise ValueError(f"columns: transform names {name!r}, but {where} {what}.")
    if holds == "number" and said in (None, "count"):
        return _number_column(series, columns, described, said or "number", where)
    if said == "count" or name in columns.continuous:
        raise ValueError(f"{where} holds {_plural(holds)}, which are no numbers.")
    if isinstance(columns.ordinals, dict) and name in columns.ordinals:
        levels, is_ordered = list(columns.ordinals[name]), False
        if len(set(levels)) < len(levels):
            raise ValueError(f"columns: ordinals of {name!r} repeat a level.")
    else:
        levels, is_ordered = levels_of(series, holds, where)
    if said is None and holds == "text":
        _refuse_identifiers(series, levels, n_rows, where)
    if len(levels) > columns.max_levels:
        raise ValueError(
            f"{where} has {len(levels):,} levels, more than max_levels="
            f"{columns.max_levels:,} of Columns. Leave it out, or turn it into numbers."
        )
    kind = OrdinalColumn if said == "ordinal" else LevelsColumn
    return kind(*described, levels, is_ordered, columns.unknown)


def _number_column(series, columns, described, kind, where):
    name = described[0]
    values = series.to_numpy()
    is_whole = series.dtype.is_integer()
    if not is_whole and values.dtype == object:
        is_whole = pd.api.types.infer_dtype(values, skipna=True) == "integer"
    if name in columns.continuous and not is_whole:
        raise ValueError(f"{where} is continuous as it is: it holds no whole numbers.")
    bounds = None
    if kind == "count" and not is_whole:
        bounds = (0, np.inf)
    elif is_whole and name not in columns.continuous:
        bounds = _bounds(type(series.dtype).__name__.lower())
    if name in columns.continuous:
        described = (name, "float64", described[2])
    transform = None if kind == "count" else columns.transform_of(name)
    return NumberColumn(*described, bounds, kind, transform)


def _bounds(dtype):
    """Return the least and the largest number of a type, as floats within it."""
    try:
        info = np.iinfo(np.dtype(dtype))
    except (TypeError, ValueError):  # of objects, or of more bits than NumPy has
        info = np.iinfo(np.int64)
    highest = float(info.max)
    if int(highest) > info.max:
        highest = np.nextafter(highest, 0.0)
    return float(info.min), highest


def levels_of(series, holds, where):
    """Return the levels of a column, those that do not occur included, in order."""
    native = series.to_native()
    if isinstance(getattr(native, "dtype", None), pd.CategoricalDtype):
        levels, is_ordered = native.cat.categories, bool(native.cat.ordered)
    elif isinstance(series.dtype, nw.Enum):
        levels, is_ordered = list(series.dtype.categories), False
    elif holds == "boolean":
        levels, is_ordered = [False, True], False
    else:
        levels, is_ordered = pd.factorize(series.to_numpy(), sort=True)[1], False
    if not len(levels):
        raise ValueError(f"{where} has no value: every cell is missing. Leave it out.")
    return levels, is_ordered


def _refuse_identifiers(series, levels, n_rows, where):
    """Raise ValueError for text that tells rows apart and is no category."""
    n_observed = n_rows - series.null_count()
    if len(levels) > max(_FEW_LEVELS, n_observed / 2):
        raise ValueError(
            f"{where} has {len(levels):,} levels in {n_observed:,} rows: it tells rows "
            "apart, and is no category. Leave it out, turn it into numbers (skrub's "
            "StringEncoder), or insist by Columns(categories=[...])."
        )


def _plural(holds):
    return {
        "number": "numbers",
        "boolean": "booleans",
        "text": "strings",
        "category": "categories",
    }[holds]
