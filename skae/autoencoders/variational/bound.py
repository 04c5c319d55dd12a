"""The evidence lower bound, in nats per row, and how its weight rises."""

import math

import torch
from skorch.callbacks import Callback

from skae.autoencoders.criterion import Criterion
from skae.autoencoders.module import plus


class Bound(Criterion):
    """Minus the evidence lower bound of a batch, in nats per row.

    The loss of each row, summed over its elements, plus `beta` times the divergence of
    its code from the prior; of several draws the importance-weighted bound (Burda et
    al. 2016).

    Parameters
    ----------
    beta : float
    free_bits : float
        Nats of divergence that each unit has for nothing, as a mean over the batch.
    n_draws : int
    **kwargs
        Of :class:`Criterion`.
    """

    as_sum = True
    losses = ("loss", "reconstruction")

    def __init__(self, beta=1.0, free_bits=0.0, n_draws=1, **kwargs):
        super().__init__(**kwargs)
        self.beta = beta
        self.free_bits = free_bits
        self.n_draws = n_draws
        self.warm_up = 1.0  # a factor of beta in training

    def per_row(self, result, batch):
        """Return what is minimised, row by row, shape (n_samples,)."""
        loss = self.row_losses(result.output, batch)
        divergence = result.divergence
        if self.n_draws > 1:
            n_draws = len(loss)
            self.record(batch, reconstruction=loss / n_draws, kl=divergence / n_draws)
            bound = torch.logsumexp(-loss - self.weight * divergence, dim=0)
            return plus(math.log(n_draws) - bound, result.penalty)
        self.record(batch, reconstruction=loss, kl=divergence.sum(1))
        rows = loss + self.weight * divergence.sum(1)
        if self.free_bits:
            paid = (self.free_bits - batch.mean(divergence)).clamp(min=0).sum()
            rows = rows + self.weight * paid
        return plus(rows, result.penalty)

    def forward(self, result, batch):
        """Return what is minimised, a scalar: the mean of :meth:`per_row`."""
        if self.n_draws > 1 or self.free_bits or not self._is_plain(batch):
            return batch.mean(self.per_row(result, batch))
        loss = self._reduced(result.output, batch, "sum")
        kl = result.divergence.sum()
        self.terms = {"reconstruction": loss.detach(), "kl": kl.detach()}
        weighted = kl if self.weight == 1 else self.weight * kl
        return plus((loss + weighted) / len(batch.x), result.penalty)

    @property
    def weight(self):
        """That of the divergence at present."""
        return self.beta * self.share

    @property
    def share(self):
        """What the warm-up leaves of the divergence at present."""
        return self.warm_up if self.training else 1.0


class WarmUp(Callback):
    """Raise the weight of the divergence from zero, epoch by epoch.

    Parameters
    ----------
    epochs : int
        The first epoch in which the weight is whole is the one after them.
    """

    def __init__(self, epochs):
        self.epochs = epochs

    def on_epoch_begin(self, net, **kwargs):
        """Set the weight of this epoch."""
        done = len(net.history) - 1  # the history has begun this epoch's row
        net.criterion_.warm_up = min(1.0, done / self.epochs)
