"""What a pass gives, and what it costs: a loss and what the objective adds to it."""

import math
from typing import NamedTuple

import torch
from torch import nn

from skae.losses import Loss


class Forward(NamedTuple):
    """The result of one training pass of a batch through an autoencoder module."""

    output: torch.Tensor  # the decoder's, before the loss's output activation
    code: torch.Tensor  # of shape (n_samples, n_components)
    penalty: torch.Tensor | None  # a scalar, added to the loss
    # Of a variational pass, in nats: of the units, (n_samples, n_components), or of
    # several draws, (n_draws, n_samples); the output then is (n_draws, n_samples, ...).
    divergence: torch.Tensor | None = None


class Criterion(nn.Module):
    """Mean loss of a batch plus the penalty of the pass: what training minimises.

    Parameters
    ----------
    loss : Loss
        For rows as the network sees them.
    n_features : int
        Further columns of a batch, if there are any, are not compared.
    """

    def __init__(self, loss, n_features):
        super().__init__()
        self.loss = loss
        self.n_features = n_features
        self.generator = None
        self.terms = {}  # of the last batch, summed over rows, by their names
        self._prepares = type(loss).prepare is not Loss.prepare
        self.dispersion = None
        start = loss.start_dispersion(n_features, 1.0)
        if start is not None:
            self.dispersion = nn.Parameter(start)

    def start_dispersion(self, variance):
        """Start a learned width at that of residuals of this variance."""
        if self.dispersion is not None:
            start = self.loss.start_dispersion(self.n_features, variance)
            self.dispersion.data.copy_(start)

    def prepare(self, batch):
        """Return the pair of input and target that a batch becomes in training."""
        if not self._prepares:
            return batch
        features = batch[0][:, : self.n_features]
        prepared = self.loss.prepare(features, self.generator)
        prepared = torch.cat((prepared, batch[0][:, self.n_features :]), dim=1)
        return prepared, prepared

    def per_element(self, output, x):
        """Return the loss of each element, in the shape of the output."""
        x = x[:, : self.n_features].expand_as(output)
        return self.loss.per_element(output, x, *self._learned(output))

    def reduce(self, cells, observed=None):
        """Return the loss of rows from that of their elements, the last dimension.

        Parameters
        ----------
        cells : Tensor of shape (..., n_features)
        observed : boolean Tensor of the same shape, or None
            Which elements count; None for all.
        """
        if observed is None:
            return cells.mean(-1)
        return (cells * observed).sum(-1) / observed.sum(-1).clamp(min=1)

    def row_losses(self, output, x):
        """Return the loss of each row, shape (n_samples,)."""
        return self.reduce(self.per_element(output, x))

    def reconstruction(self, output):
        """Return the rows that an output stands for."""
        return self.loss.activation()(output)

    def draw(self, output, generator):
        """Draw rows from the likelihood that an output stands for."""
        return self.loss.draw(output, generator, *self._learned(output))

    def _learned(self, output):
        if self.dispersion is None:
            return []
        return [self.dispersion.to(output)]

    def per_row(self, result, x):
        """Return what is minimised, row by row, shape (n_samples,)."""
        return _plus(self.row_losses(result.output, x), result.penalty)

    def forward(self, result, x):
        """Return what is minimised, a scalar."""
        return _plus(self.per_element(result.output, x).mean(), result.penalty)


class Bound(Criterion):
    """Minus the evidence lower bound of a batch, in nats per row.

    Parameters
    ----------
    loss : Loss
        A likelihood.
    n_features : int
    beta : float
        Weight of the divergence.
    free_bits : float
        Nats that the divergence of each unit, a mean over the batch, costs anyway.
    """

    def __init__(self, loss, n_features, beta, free_bits):
        super().__init__(loss, n_features)
        self.beta = beta
        self.free_bits = free_bits
        self.warm_up = 1.0  # a factor of beta in training

    def reduce(self, cells, observed=None):
        """Return the sum over elements, in nats; see :meth:`Criterion.reduce`."""
        return (cells if observed is None else cells * observed).sum(-1)

    def per_row(self, result, x):
        """Return what is minimised, row by row, shape (n_samples,)."""
        loss = self.row_losses(result.output, x)
        divergence = result.divergence
        if result.output.ndim > x.ndim:
            self._record(loss.sum() / len(loss), divergence.sum() / len(loss))
            bound = torch.logsumexp(-loss - self._weight * divergence, dim=0)
            return _plus(math.log(len(loss)) - bound, result.penalty)
        self._record(loss.sum(), divergence.sum())
        rows = loss + self._weight * divergence.sum(1)
        if self.free_bits:
            paid = (self.free_bits - divergence.mean(0)).clamp(min=0).sum()
            rows = rows + self._weight * paid
        return _plus(rows, result.penalty)

    def forward(self, result, x):
        """Return what is minimised, a scalar: the mean of :meth:`per_row`."""
        if result.output.ndim > x.ndim or self.free_bits:
            return self.per_row(result, x).mean()
        target = x if x.shape == result.output.shape else x[:, : self.n_features]
        learned = self._learned(result.output)
        loss = self.loss.total(result.output, target, *learned)
        kl = result.divergence.sum()
        self._record(loss, kl)
        weighted = kl if self._weight == 1 else self._weight * kl
        return _plus((loss + weighted) / len(x), result.penalty)

    @property
    def _weight(self):
        return self.beta * (self.warm_up if self.training else 1.0)

    def _record(self, loss, divergence):
        self.terms = {"reconstruction": loss.detach(), "kl": divergence.detach()}


def _plus(loss, penalty):
    return loss if penalty is None else loss + penalty
