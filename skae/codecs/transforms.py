"""How numbers of a column are transformed before they are standardised, and back."""

import numpy as np
from sklearn.preprocessing import QuantileTransformer

_TO_NORMAL = 0.7413  # of an interquartile range
_FARTHEST = 3.0  # that a robust transform goes


class AsTheyAre:
    """Numbers that are not transformed."""

    def fit(self, values):
        """Learn nothing."""

    def transform(self, values):
        """Return the values."""
        return values

    inverse_transform = transform


class Squashed:
    """The median is subtracted, the interquartile range divides, tails are bounded.

    ``z / sqrt(1 + (z / 3) ** 2)`` of numbers z that are so scaled (Holzmüller et al.
    2024).
    """

    def fit(self, values):
        """Learn median and range from an array of shape (n, 1)."""
        values = values[~np.isnan(values)]
        low, self.centre, high = np.percentile(values, (25, 50, 75))
        self.scale = (high - low) * _TO_NORMAL or (np.ptp(values) / 2) or 1.0

    def transform(self, values):
        """Return numbers between -3 and 3."""
        z = (values - self.centre) / self.scale
        return z / np.sqrt(1 + (z / _FARTHEST) ** 2)

    def inverse_transform(self, values):
        """Return the numbers that these stand for."""
        share = np.clip(values / _FARTHEST, -0.999, 0.999)
        return self.centre + self.scale * values.clip(
            -0.999 * _FARTHEST, 0.999 * _FARTHEST
        ) / np.sqrt(1 - share**2)


def _quantiles():
    return QuantileTransformer(output_distribution="normal", random_state=0)


TRANSFORMS = {None: AsTheyAre, "quantile": _quantiles, "robust": Squashed}
