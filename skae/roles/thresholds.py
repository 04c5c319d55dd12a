"""Where the threshold of outliers is put, given losses that rows may have."""

from dataclasses import dataclass

import numpy as np

_MAD_TO_SIGMA = 1.4826  # of a normal distribution
_ROUNDING = 1e-9  # of exp(log(loss)): equal losses are on one side
_TAIL = 0.1  # share of the losses that tell how the tail goes on
_MOST_KNOTS = 4096  # that are kept; the largest quarter of them one by one


@dataclass(frozen=True)
class Reference:
    """How often rows that are normal have a loss as large as a given one.

    Parameters
    ----------
    losses : ndarray of shape (n,)
        Distinct and rising.
    n_above : ndarray of shape (n,)
        How many rows have each loss or a larger one, by their weights.
    width : float
        By how much the logarithm of the loss rises in the tail, on average, while the
        rows above become fewer by the factor e.
    is_logarithm : bool
        Whether losses are logarithms themselves.
    """

    losses: np.ndarray
    n_above: np.ndarray
    width: float
    is_logarithm: bool

    @classmethod
    def of(cls, losses, weight=None, is_logarithm=False):
        """Make the reference of the losses of rows.

        Parameters
        ----------
        losses : ndarray of shape (n_samples,)
        weight : ndarray of shape (n_samples,), or None
        is_logarithm : bool
        """
        finite = np.minimum(losses.astype(np.float64), np.finfo(np.float64).max)
        losses, group = np.unique(finite, return_inverse=True)
        counts = np.bincount(group, weight).astype(np.float64)
        n_above = np.cumsum(counts[::-1])[::-1]
        # The mean excess of the tail's logarithms (Hill 1975).
        first = int(np.argmax(n_above <= max(_TAIL * n_above[0], counts[-1])))
        logarithms = losses if is_logarithm else to_logarithm(losses)
        with np.errstate(invalid="ignore"):
            excess = logarithms[first:] - logarithms[max(first - 1, 0)]
        width = np.average(excess, weights=counts[first:])
        return cls(losses, n_above, width if np.isfinite(width) else 0.0, is_logarithm)

    def exceeded_by(self, share):
        """Return the loss that a share of new rows exceeds, as expected of rows alike.

        Between the losses known, interpolated by Weibull's plotting positions; above
        them, the logarithm of the loss goes on by an exponential tail.
        """
        n_beyond = share * (self.n_above[0] + 1)
        if n_beyond >= self.n_above[-1] or not self.width:
            return np.interp(n_beyond, self.n_above[::-1], self.losses[::-1])
        further = self.width * np.log(self.n_above[-1] / n_beyond)
        if self.is_logarithm:
            return self.losses[-1] + further
        with np.errstate(over="ignore"):
            return self.losses[-1] * np.exp(further)

    def exceedance(self, losses):
        """Return the share of normal rows expected to have a loss as large, in (0, 1).

        The inverse of :meth:`exceeded_by`.

        Parameters
        ----------
        losses : ndarray of shape (n_samples,)

        Returns
        -------
        share : ndarray of shape (n_samples,)
        """
        losses = losses.astype(np.float64)
        n_beyond = np.interp(losses, self.losses, self.n_above)
        beyond = losses > self.losses[-1]
        if beyond.any():
            last = self.losses[-1:]
            further = losses[beyond], last
            if not self.is_logarithm:
                further = map(to_logarithm, further)
            distance = np.subtract(*further)
            with np.errstate(divide="ignore"):
                n_beyond[beyond] *= np.exp(-distance / self.width)
        return n_beyond / (self.n_above[0] + 1)

    def thinned(self):
        """Return a reference of at most 4,096 losses, the largest among them."""
        n = len(self.losses)
        if n <= _MOST_KNOTS:
            return self
        n_tail = _MOST_KNOTS // 4
        body = np.linspace(0, n - n_tail - 1, _MOST_KNOTS - n_tail).astype(int)
        kept = np.concatenate((body, np.arange(n - n_tail, n)))
        return Reference(
            self.losses[kept], self.n_above[kept], self.width, self.is_logarithm
        )


def to_logarithm(losses):
    """Return the logarithm of errors; of 0, that of the smallest number."""
    return np.log(np.maximum(losses, np.finfo(np.float64).tiny))


def robust_limit(losses, weight, is_logarithm):
    """Return the largest loss of an inlier by ``contamination="auto"``.

    Three robust standard deviations above the median, in logarithms: errors spread over
    orders of magnitude.
    """
    if is_logarithm:
        return _three_deviations(losses, weight)
    with np.errstate(over="ignore"):
        limit = np.exp(_three_deviations(to_logarithm(losses), weight))
    return limit * (1 + _ROUNDING)


def second_largest(losses, weight):
    """Return what is between the two largest losses.

    A threshold beyond everything that was trained on says nothing.
    """
    order = np.argsort(-losses)[:2]
    is_several = weight is not None and weight[order[0]] >= 2
    return losses[order[:1] if is_several else order].mean()


def quantile(values, share, weight=None):
    """Return a quantile of values, each repeated by its weight, between two of them.

    Parameters
    ----------
    values : ndarray of shape (n,)
    share : float
    weight : ndarray of shape (n,), or None
    """
    if weight is None:
        return float(np.percentile(values, 100 * share))
    order = np.argsort(values)
    values, stops = values[order], np.cumsum(weight[order])
    place = share * max(stops[-1] - 1, 0)
    low, high = np.searchsorted(stops, [np.floor(place), np.ceil(place)], side="right")
    low, high = values[min(low, len(values) - 1)], values[min(high, len(values) - 1)]
    return float(low + (place - np.floor(place)) * (high - low))


def _median(values, weight):
    return np.median(values) if weight is None else quantile(values, 0.5, weight)


def _three_deviations(logarithms, weight):
    middle = _median(logarithms, weight)
    width = _median(np.abs(logarithms - middle), weight)
    return middle + 3 * _MAD_TO_SIGMA * width
