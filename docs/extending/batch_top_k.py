"""A sparsity that learns something: BatchTopK (Bussmann et al. 2024)."""

from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real

import torch
from sklearn.utils._param_validation import Interval
from torch import nn

from skae.extending import Sparsity

_TIE = 1e-6  # of an activation: equal rows are kept alike, whatever rounding says


@dataclass(eq=False, repr=False)
class BatchTopK(Sparsity):
    """Keeps the k largest units per row on average, and sets all others to zero.

    In training the n * k largest activations of a batch of n rows are kept, so that
    rows may have more or fewer. `transform` keeps those above a threshold, the moving
    average of the smallest that was kept: a row's code does not depend on others.

    Parameters
    ----------
    k : int, default=32
        Units kept in each row, on average.
    momentum : float, default=0.99
        Of the moving average, in [0, 1).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import SparseAutoencoder
    >>> X = load_digits().data[:300]
    >>> ae = SparseAutoencoder(128, sparsity=BatchTopK(8), max_epochs=2, random_state=0)
    >>> ae.fit(X).transform(X).shape
    (300, 128)
    """

    k: int = 32
    _: KW_ONLY
    momentum: float = 0.99

    selects = True

    _parameter_constraints = {
        "k": [Interval(Integral, 1, None, closed="left")],
        "momentum": [Interval(Real, 0, 1, closed="left")],
    }

    def check(self, n_components, activation):
        """Raise ValueError if k is more than there are units."""
        if self.k > n_components:
            raise ValueError(
                f"k={self.k} of BatchTopK is more than n_components={n_components}."
            )

    def make_selector(self, n_components):
        """Make the module that selects, with the threshold as its state."""
        return BatchSelector(self.k, self.momentum)


class BatchSelector(nn.Module):
    """(n, n_components), before the activation, to the code."""

    def __init__(self, k, momentum):
        super().__init__()
        self.k = k
        self.momentum = momentum
        self.register_buffer("threshold", torch.zeros(()))
        self.register_buffer("n_batches", torch.zeros(()))

    def forward(self, linear, activation, batch, *, encoding=False):
        """Return the code: by the threshold after training, else by the batch."""
        code = activation(linear)
        if encoding:
            return code * (code > self.threshold)
        smallest = self._smallest(code.detach(), batch.weight)
        # The start is scored before any step: it has to have a threshold, too.
        if self.training or not self.n_batches:
            self._follow(smallest)
        return code * (code >= (1 - _TIE) * smallest)

    def _smallest(self, code, weight):
        """Return the smallest activation that is kept, k for each row of weight 1."""
        if weight is None:
            kept = code.flatten().topk(self.k * len(code), sorted=False)
            return kept.values.min()
        values, order = code.flatten().sort(descending=True)
        counted = weight.unsqueeze(1).expand_as(code).flatten()[order].cumsum(0)
        last = torch.searchsorted(counted, self.k * weight.sum() - 1e-6)
        return values[last]

    def _follow(self, smallest):
        """Let the threshold follow the smallest activation that is kept."""
        self.n_batches += 1
        # Less of the past while there is little of it.
        share = torch.clamp(1 / self.n_batches, min=1 - self.momentum)
        self.threshold += share * (smallest.clamp(min=0) - self.threshold)
