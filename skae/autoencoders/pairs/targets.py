"""What a network is to give for a row: the form of y, its scale, and the way back."""

import copy
import re
from contextlib import contextmanager

import numpy as np
from sklearn.base import BaseEstimator

from skae.codecs import Codec, checked_rows, count_axes, is_ragged
from skae.codecs.forms import as_array, rows_of
from skae.codecs.frames import index_of
from skae.data.checks import RowCheck
from skae.data.frames import in_memory, kind_of_frame
from skae.data.samples import Samples
from skae.data.statistics import describe


class Targets(BaseEstimator):
    """The form of y as `fit` was given it, and what training rows tell of it.

    Parameters
    ----------
    decoder : Architecture
        Whose codec turns y into flat rows, and back.
    owner : str
        Name of the estimator, for messages.
    """

    def __init__(self, decoder, owner):
        self.decoder = decoder
        self.owner = owner

    def rows(self, y, *, reset=False, name="y"):
        """Return y as a matrix of rows.

        Parameters
        ----------
        y : what the user passed
        reset : bool
            Whether y says what form rows have from now on.
        name : str
            For messages.
        """
        if y is None:
            raise ValueError(
                f"This {self.owner} estimator requires y to be passed, but the target "
                f"{name} is None."
            )
        y = in_memory(y, name)
        with _about(name):
            is_flat = _is_flat(y)
            if is_flat:
                y = np.asarray(y)[:, np.newaxis]
            if reset:
                self.is_flat = is_flat
                self.codec = self.decoder.make_codec(y)
                if not isinstance(self.codec, Codec):
                    raise TypeError(
                        f"{type(self.decoder).__name__}.make_codec must return a Codec."
                    )
            elif not is_ragged(y):
                self._check_columns(np.shape(as_array(y)), name)
            return checked_rows(
                self.codec, self.codec.rows(self, y, reset=reset, name=name), y
            )

    def _check_columns(self, shape, name):
        expected = getattr(self, "n_features_in_", None)
        if self.codec.is_table and expected not in (None, *shape[1:2]):
            raise ValueError(
                f"{name} has {shape[1] if len(shape) > 1 else 1} columns, but y had "
                f"{expected} in fit."
            )

    def check(self, loss, name="y"):
        """Return what checks rows of y for training with a :class:`Loss`."""
        return RowCheck(
            self.codec.fields,
            loss.target_range,
            self.owner,
            type(loss).__name__,
            name,
            self.codec.place,
            gaps=False,
        )

    def learned(self, samples, loss):
        """Return these targets with centre and scale of those of training samples.

        Parameters
        ----------
        samples : Samples
        loss : Loss

        Returns
        -------
        Targets
            With `columns`, what is known of the columns of y, and `fields`, which stay
            those of an earlier call.
        """
        of_targets = Samples(samples.target, weight=samples.weight)
        targets = copy.copy(self)
        with _about("y"):
            targets.columns = describe(
                of_targets, with_covariance=False, check=self.check(loss)
            )
        fields = self.codec.fields.learned(targets.columns, loss.target_range)
        before = getattr(self, "fields", fields)
        if (fields.scaling.centre is None) != (before.scaling.centre is None):
            raise ValueError(
                f"warm_start=True keeps centre and scale of y, and loss={loss} needs "
                "others than the loss of the last fit. Set warm_start=False."
            )
        targets.fields = before
        return targets

    def restore(self, values, X=None):
        """Return flat rows of y in its form: a frame with its names, if it was one.

        Parameters
        ----------
        values : ndarray of shape (n_samples, n_values), or Ragged
        X : what the user passed, or None
            Whose index a frame has.
        """
        if self.is_flat:
            return self.codec.restore(values).reshape(len(values))
        return self.codec.restore_new(values, None if index_of(X) is None else X)


def check_lengths(n_rows, n_targets, names=("X", "y")):
    """Raise ValueError unless there is a row of y for each of X."""
    if n_rows != n_targets:
        raise ValueError(
            f"{names[0]} has {n_rows} rows and {names[1]} {n_targets}: each row needs "
            "one that it is to become."
        )


def _is_flat(y):
    """Tell whether y holds one number for each row, and no columns."""
    if kind_of_frame(y) is not None:
        return False
    rows = rows_of(y)
    if rows is not None:  # of strings, which are refused later, none has an axis
        return len(rows) > 0 and all(np.ndim(row) == 0 for row in rows)
    return count_axes(y) == 1


@contextmanager
def _about(name):
    """Say of errors in the block, which speak of X, that they are about y."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise type(error)(re.sub(r"\bX\b", name, str(error))) from error
