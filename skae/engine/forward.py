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
        For which a likelihood may learn a width each: columns, or channels.
    n_beside : int
        Columns at the end of a batch that are not compared.
    ragged : bool
        Whether rows may end in NaN: cells beyond their end, which cost nothing.
    """

    def __init__(self, loss, n_features, n_beside=0, ragged=False):
        super().__init__()
        self.loss = loss
        self.n_features = n_features
        self.n_beside = n_beside
        self.ragged = ragged
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
        rows = self.compared(batch[0])
        prepared = self.loss.prepare(rows, self.generator)
        if self.ragged:
            prepared = torch.where(torch.isnan(rows), rows, prepared)
        prepared = torch.cat((prepared, batch[0][:, rows.shape[1] :]), dim=1)
        return prepared, prepared

    def compared(self, x):
        """Return the columns of a batch that are compared."""
        return x[:, : x.shape[1] - self.n_beside] if self.n_beside else x

    def per_element(self, output, x):
        """Return the loss of each element of x, 0 beyond the end of a ragged row.

        Parameters
        ----------
        output : Tensor of shape (..., n_samples, n_features)
            Or (..., n_samples, n_steps, n_classes).
        x : Tensor of shape (n_samples, n_features + n_beside)
        """
        of_cells = output.shape[:-1] if self.loss.scores_classes else output.shape
        x = self.compared(x).expand(of_cells)
        learned = self._learned(output)
        if not self.ragged:
            return self.loss.per_element(output, x, *learned)
        # Without the NaN: it would be in gradients, though no loss has it.
        beyond = torch.isnan(x)
        cells = self.loss.per_element(output, x.masked_fill(beyond, 0.0), *learned)
        return cells.masked_fill(beyond, 0.0)

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
        """Return the loss of each row, shape (..., n_samples)."""
        observed = ~torch.isnan(self.compared(x)) if self.ragged else None
        return self.reduce(self.per_element(output, x), observed)

    def reconstruction(self, output):
        """Return the rows that an output stands for."""
        return self.loss.activation()(output)

    def draw(self, output, generator):
        """Draw rows from the likelihood that an output stands for."""
        return self.loss.draw(output, generator, *self._learned(output))

    def _learned(self, output):
        if self.dispersion is None:
            return []
        learned = self.dispersion.to(output)
        if learned.ndim and len(learned) != output.shape[-1]:  # of each channel
            learned = learned.repeat(output.shape[-1] // len(learned))
        return [learned]

    def per_row(self, result, x):
        """Return what is minimised, row by row, shape (n_samples,)."""
        return _plus(self.row_losses(result.output, x), result.penalty)

    def forward(self, result, x):
        """Return what is minimised, a scalar."""
        if self.ragged:
            return self.per_row(result, x).mean()
        return _plus(self.per_element(result.output, x).mean(), result.penalty)


class Bound(Criterion):
    """Minus the evidence lower bound of a batch, in nats per row.

    Parameters
    ----------
    loss : Loss
        A likelihood.
    beta : float
        Weight of the divergence.
    free_bits : float
        Nats that the divergence of each unit, a mean over the batch, costs anyway.
    n_draws : int
        Of each row's code, in training.
    **kwargs
        Of :class:`Criterion`.
    """

    def __init__(self, loss, beta, free_bits, n_draws, **kwargs):
        super().__init__(loss, **kwargs)
        self.beta = beta
        self.free_bits = free_bits
        self.n_draws = n_draws
        self.warm_up = 1.0  # a factor of beta in training

    def reduce(self, cells, observed=None):
        """Return the sum over elements, in nats; see :meth:`Criterion.reduce`."""
        return (cells if observed is None else cells * observed).sum(-1)

    def per_row(self, result, x):
        """Return what is minimised, row by row, shape (n_samples,)."""
        loss = self.row_losses(result.output, x)
        divergence = result.divergence
        if self.n_draws > 1:
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
        if self.n_draws > 1 or self.free_bits or self.ragged:
            return self.per_row(result, x).mean()
        learned = self._learned(result.output)
        loss = self.loss.total(result.output, self.compared(x), *learned)
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
