"""What an epoch cost: sums of losses that wait for the device once."""

from functools import cached_property

import torch


class EpochLosses:
    """Sums over an epoch, kept on the device: many small tensors would split memory."""

    def __init__(self, n_rows, training, net):
        like = {"device": net.device, "dtype": getattr(torch, net.dtype)}
        self.total = torch.zeros((), **like)
        self.rows = None if training else torch.empty(n_rows, **like)
        self.n_rows = self.n_batches = self.counted = 0
        self.terms = {}

    def add(self, step, batch, terms):
        """Count a batch; `terms` are further sums over its rows, by name."""
        n_rows = len(batch.x)
        for name, value in terms.items():
            self.terms.setdefault(name, torch.zeros_like(value)).add_(value)
        if self.rows is not None:
            self.rows[self.n_rows : self.n_rows + n_rows] = step["rows"]
        loss = step["loss"].detach()
        if batch.weight is None:
            self.total.add_(loss, alpha=n_rows)
            self.counted += n_rows
        else:
            total = batch.weight.sum()
            self.total.add_(loss * total)
            self.counted += total
        self.n_rows += n_rows
        self.n_batches += 1

    @cached_property
    def of_rows(self):
        """The losses of the rows, an array of float64, once all are counted."""
        return self.rows.cpu().double().numpy()

    def mean(self):
        """Return the mean loss of a row."""
        if self.rows is not None and isinstance(self.counted, int):
            return float(self.of_rows.mean())
        self.counted = float(self.counted)
        return float(self.total) / self.counted
