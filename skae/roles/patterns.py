"""What units and features are to each other: patterns of units, weights of features."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skae.data.samples import Samples

_STEP = 1e-4  # of a unit of the code, or of the scale of X, for a derivative


class UnitPatterns:
    """What a unit adds to rows, and how much a feature moves the code.

    A class that mixes this in has `_encode`, `_decode`, `_predictor`, `_codec`,
    `_fields` and `n_components_`.
    """

    @property
    def components_(self) -> np.ndarray:
        """What each unit adds to a row, of shape (n_components, n_values).

        The derivative of ``inverse_transform`` by each unit of the code, in units of X,
        at the code of the mean training row: of a decoder that is linear its weights
        times `scale_`, of PCA's start PCA's axes times it; of any other the direction
        in which the unit moves a mean row. n_values is the product of `input_shape_`.
        There is none for rows of unequal length, frames with categories, tokens and
        under conditions.
        """
        self._check_numbers("components_")
        code = self._encode(self._mean_row()).astype(np.float64)
        rows = self._decode(_around(code, np.full(self.n_components_, _STEP)))
        return _slopes(rows.reshape(2, self.n_components_, -1))

    @property
    def feature_importances_(self) -> np.ndarray:
        """How much each column of X moves the code, of shape (n_features,).

        The norm of the derivatives of the units, before the activation of the code, by
        the column, at the mean training row, where all columns are scaled alike: of an
        encoder of one layer the norm of the weights that read the column. For
        ``SelectFromModel``. There is none where `components_` is not, nor for X that is
        no table.
        """
        self._check_numbers("feature_importances_")
        if not self._codec.is_table:
            raise AttributeError("feature_importances_ is of the columns of a table.")
        mean = self._mean_row().X
        rows = Samples(
            _around(mean, _STEP * np.broadcast_to(self.scale_, mean.shape[1]))
        )
        linear = self._predictor.map(
            rows, lambda net, batch: net.head(net.hidden(batch)), self.n_components_
        )
        slopes = _slopes(linear.reshape(2, mean.shape[1], -1))
        return np.linalg.norm(slopes, axis=1)

    def _mean_row(self):
        """Return the mean training row as samples."""
        scaling, n_values = self._fields.scaling, int(np.prod(self._codec.shape))
        mean = np.zeros(n_values) if scaling.centre is None else scaling.centre
        if scaling.neutral is not None:
            mean = mean + scaling.neutral * scaling.scale
        return Samples(np.array(mean, dtype=np.float64).reshape(1, -1))

    def _check_numbers(self, name):
        check_is_fitted(self)
        kinds = self._codec.fields.kinds
        reason = None
        if None in self._codec.shape:
            reason = "rows of unequal length"
        elif not kinds <= {"number", "code"}:
            reason = "rows that are not numbers alone"
        elif hasattr(self, "_conditions"):
            reason = "codes that are decoded under conditions"
        if reason is not None:
            raise AttributeError(f"There is no {name} of {reason}.")


def _around(point, steps):
    """Return a step back and one forward along each axis: (2 * n_axes, n_axes)."""
    steps = np.diag(steps)
    return np.concatenate((point - steps, point + steps))


def _slopes(values):
    """Return derivatives from values a step back and a step forward."""
    back, forward = values
    return (forward - back) / (2 * _STEP)
