"""Conditions that are columns of a frame, by their names."""

from dataclasses import dataclass

import narwhals as nw

from skae._sklearn import BaseEstimator
from skae.autoencoders.objective import resolved
from skae.codecs import MixedCodec, made_codec
from skae.codecs.frames import index_of
from skae.columns import Columns
from skae.data.frames import in_memory, kind_of_frame, names_of


@dataclass(eq=False, repr=False, kw_only=True)
class NamedConditions(BaseEstimator):
    """Take the columns that `condition` names out of frames, and put them back.

    The class that mixes this in has `_conditions`, a :class:`Conditions`.
    """

    condition: list | tuple | None = None

    _parameter_constraints = {"condition": [list, tuple, None]}

    def _make_codec(self, X):
        if self.condition is None:
            return super()._make_codec(X)
        # Rows come back beside columns of any kind.
        return made_codec(self.architecture_, X, resolved(self.columns, Columns))

    def _learn_columns(self, X, y):
        """Return the rows of `fit` without their conditions, and those."""
        if self.condition is None:
            return X, y
        if y is not None:
            raise ValueError(
                f"y is given, and condition={self.condition!r} names columns of X: one "
                "of them says what the condition is."
            )
        X = in_memory(X)
        names = names_of(X)
        if names is None:
            raise ValueError(
                f"condition={self.condition!r} names columns of a frame, and X is of "
                f"type {type(X).__name__}."
            )
        for name in self.condition:
            if name not in names:
                raise ValueError(f"condition: X has no column {name!r}.")
        if not self.condition or len(names) == len(self.condition):
            raise ValueError(
                f"condition={self.condition!r} must name some of the columns of X, and "
                "leave others."
            )
        self._order = names
        return self._parted(X)

    def _learn_types(self, y):
        """Learn what the columns of the condition are, from those of `fit`."""
        if self.condition is None:
            return
        labels = [
            name
            for name, known in zip(self.condition, self._conditions.labels, strict=True)
            if known is not None
        ]
        self._condition_codec = MixedCodec(Columns(categories=labels))
        self._condition_codec.rows(BaseEstimator(), y, reset=True)

    def _parted(self, X):
        """Return a frame without the columns of the condition, and these.

        None instead of them where X has none.
        """
        names = names_of(X)
        if self.condition is None or names is None:
            return X, None
        if not set(self.condition) <= set(names):
            return X, None
        frame = nw.from_native(X, eager_only=True)
        known = frame.select(list(self.condition)).to_native()
        return frame.drop(list(self.condition)).to_native(), known

    def _with_condition(self, rows, encoded, known=None):
        """Return a frame of new rows with the columns of their conditions.

        Parameters
        ----------
        rows : frame
        encoded : ndarray of shape (n_samples, n_outputs)
        known : frame or None
            The columns themselves, where they were given.
        """
        if self.condition is None:
            return rows
        if known is None:
            kind, codec = kind_of_frame(rows), self._condition_codec
            values = self._conditions.decode(encoded)
            columns = dict(zip(self.condition, map(list, values), strict=True))
            known = nw.from_dict(columns, backend=kind).to_native()
            flat = codec._read(known, "condition", learn=False).toarray()
            known = codec._framed(flat, kind, index_of(rows), False)
        both = [nw.from_native(part, eager_only=True) for part in (rows, known)]
        return nw.concat(both, how="horizontal").select(self._order).to_native()

    def _decode_paths(self, codes, condition=None):
        rows = super()._decode_paths(codes, condition)
        return self._with_condition(rows, condition.reshape(-1, condition.shape[2]))
