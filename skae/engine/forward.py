"""What a pass gives, and what it costs: the one criterion is loss plus penalty."""

from typing import NamedTuple

import torch
from torch import nn


class Forward(NamedTuple):
    """The result of one pass of a batch through an autoencoder module."""

    output: torch.Tensor  # the decoder's, before the loss's output activation
    code: torch.Tensor  # of shape (n_samples, n_components)
    penalty: torch.Tensor | None  # a scalar that training adds to the loss


class Criterion(nn.Module):
    """Mean loss of a batch; in training mode, plus the penalty of the pass."""

    def __init__(self, loss):
        super().__init__()
        self.loss = loss

    def per_row(self, result, x):
        """Return the loss of each row, without penalty, shape (n_samples,)."""
        return self.loss.per_row(result.output, x)

    def forward(self, result, x):
        """Return the scalar that is minimised (training) or monitored (evaluation)."""
        loss = self.loss.per_element(result.output, x).mean()
        if self.training and result.penalty is not None:
            loss = loss + result.penalty
        return loss
