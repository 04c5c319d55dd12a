"""What a pass costs: the loss of its output, and what the objective adds to it."""

from torch import nn

from skae.autoencoders.module import plus
from skae.data.batch import over_cells
from skae.losses.base import check_cells, check_drawn
from skae.losses.network import overridden_together


class Criterion(nn.Module):
    """Mean loss of a batch plus the penalty of the pass: what training minimises.

    A subclass changes :meth:`per_row`, or what a row's loss is, by `as_sum`.

    Parameters
    ----------
    loss : Loss
        For rows as the network sees them.
    n_columns : int
        Of the rows; where lengths vary, the channels of a step.
    """

    as_sum = False  # whether the loss of a row is a sum over cells, in nats
    losses = ("loss",)  # what of a history is one; others are terms of another kind

    def __init__(self, loss, n_columns):
        super().__init__()
        self.loss = loss
        self.n_columns = n_columns
        self.generator = None
        self.terms = {}  # of the last batch, summed over rows, by their names
        self._reduces = overridden_together(type(loss), "reduced", "per_element")
        self._is_own_mean = all(
            overridden_together(type(self), "forward", method)
            for method in ("per_row", "row_losses", "cells")
        )
        self.dispersion = None
        start = loss.start_dispersion(n_columns, 1.0)
        if start is not None:
            self.dispersion = nn.Parameter(start)

    def start_dispersion(self, variance):
        """Start a learned width at that of residuals of this variance."""
        if self.dispersion is not None:
            start = self.loss.start_dispersion(self.n_columns, variance)
            self.dispersion.data.copy_(start)

    def prepare(self, batch):
        """Return what a batch becomes in training, input and target."""
        if not self.loss.prepares:
            return batch
        wanted = batch.outcome
        x = self.loss.prepare(wanted.x, self.generator).to(wanted.x)
        if wanted.observed is not None:
            x = x.where(wanted.observed, wanted.x)
        return batch._replace(**{"x" if batch.target is None else "target": x})

    def cells(self, output, batch):
        """Return the loss of each cell, 0 where it is not observed.

        Parameters
        ----------
        output : Tensor of shape (..., n_samples, n_values)
            Of a decoder, perhaps for several draws of each code.
        batch : Batch
            What it is compared with.

        Returns
        -------
        Tensor of shape (..., n_samples, n_cells)
        """
        shape = output.shape[:-1] if self.loss.scores_classes else output.shape
        x = batch.compared.expand(shape)
        cells = self.loss.per_element(output, x, *self._learned(output))
        check_cells(cells, self.loss.of_cells(x), self.loss)
        observed = self.observed_cells(batch)
        return cells if observed is None else cells.masked_fill(~observed, 0.0)

    def observed_cells(self, batch):
        """Return which cells are observed, (n_samples, n_cells); None is all of them.

        Of a frame of numbers and categories a cell is a column of the user's, else each
        value of a row.
        """
        observed = batch.outcome.observed
        return None if observed is None else self.loss.of_cells(observed)

    def row_losses(self, output, batch):
        """Return the loss of each row, shape (..., n_samples)."""
        cells = self.cells(output, batch)
        return over_cells(cells, self.observed_cells(batch), as_sum=self.as_sum)

    def reconstruction(self, output):
        """Return the rows that an output stands for."""
        return self.loss.reconstruction(output)

    def draw(self, output, generator):
        """Draw rows from the likelihood that an output stands for."""
        rows = self.loss.draw(output, generator, *self._learned(output))
        check_drawn(rows, self.reconstruction(output), self.loss)
        return rows

    def per_row(self, result, batch):
        """Return what is minimised, row by row, shape (n_samples,).

        Parameters
        ----------
        result : Forward
        batch : Batch
        """
        batch = _of_counted(result, batch)
        return plus(self.row_losses(result.output, batch), result.penalty)

    def forward(self, result, batch):
        """Return what is minimised, a scalar: the mean of :meth:`per_row`."""
        batch = _of_counted(result, batch)
        if self._is_plain(batch):
            return plus(self._reduced(result.output, batch, "mean"), result.penalty)
        return batch.mean(self.per_row(result, batch))

    def record(self, batch, **terms):
        """Put terms of what is minimised into the history, each by its name.

        Parameters
        ----------
        batch : Batch
        **terms : Tensor of shape (..., n_samples)
            The value of each row; of several draws, its share of each.
        """
        terms = {name: term.detach() for name, term in terms.items()}
        if batch.weight is not None:
            terms = {name: term * batch.weight for name, term in terms.items()}
        self.terms = {name: term.sum() for name, term in terms.items()}

    def _is_plain(self, batch):
        """Tell whether the loss is a mean of cells of which every one counts alike."""
        is_whole = batch.outcome.observed is None
        return self._is_own_mean and is_whole and batch.weight is None

    def _reduced(self, output, batch, reduction):
        """Return the "sum" or the "mean" of the loss of all cells."""
        x, learned = batch.compared, self._learned(output)
        if self._reduces:
            return self.loss.reduced(output, x, *learned, reduction=reduction)
        return getattr(self.cells(output, batch), reduction)()

    def _learned(self, output):
        if self.dispersion is None:
            return []
        learned = self.dispersion.to(output)
        if learned.ndim and output.shape[-1] != self.n_columns:  # of each channel
            learned = learned.repeat(output.shape[-1] // self.n_columns)
        return [learned]


def _of_counted(result, batch):
    """Return the batch with those values observed that count in the loss."""
    counted = getattr(result, "counted", None)
    return batch if counted is None else batch._replace(observed=counted)
