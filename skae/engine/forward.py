"""What a pass gives, and what it costs: the one criterion is loss plus penalty."""

from typing import NamedTuple

import torch
from torch import nn


class Forward(NamedTuple):
    """The result of one training pass of a batch through an autoencoder module."""

    output: torch.Tensor  # the decoder's, before the loss's output activation
    code: torch.Tensor  # of shape (n_samples, n_components)
    penalty: torch.Tensor | None  # a scalar, added to the loss


class Criterion(nn.Module):
    """Mean loss of a batch plus the penalty of the pass: what training minimises."""

    def __init__(self, loss):
        super().__init__()
        self.loss = loss

    def per_row(self, result, x):
        """Return what is minimised, row by row, shape (n_samples,)."""
        return _plus(self.loss.per_row(result.output, x), result.penalty)

    def forward(self, result, x):
        """Return what is minimised, a scalar."""
        return _plus(self.loss.per_element(result.output, x).mean(), result.penalty)


def _plus(loss, penalty):
    return loss if penalty is None else loss + penalty
