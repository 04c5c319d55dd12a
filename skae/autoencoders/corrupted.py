"""A corruption as the part of a network that acts in the training pass alone."""

import torch
from torch import nn

from skae.data.batch import Batch
from skae.data.statistics import ColumnStatistics

_ARRAYS = [
    name for name in ColumnStatistics._fields if name not in ("conditional", "shape")
]


class Corrupt(nn.Module):
    """A :class:`Batch` to a corrupted one in training mode, itself otherwise.

    Parameters
    ----------
    corruption : Corruption
    columns : ColumnStatistics of ndarray
        Of channels where lengths vary.
    """

    acts_in_validation = True

    def __init__(self, corruption, columns):
        super().__init__()
        self.corruption = corruption
        self.generator = None
        self.conditional, self.shape = columns.conditional, columns.shape
        # The recipe of the net holds them: they are no weights.
        for name in _ARRAYS:
            values = getattr(columns, name)
            if values is not None:
                dtype = torch.int64 if name == "cell" else torch.float32
                values = torch.tensor(values, dtype=dtype)
            self.register_buffer(name, values, persistent=False)

    def forward(self, batch):
        """Return the batch, corrupted in training mode."""
        if not self.training:
            return batch
        columns = {name: getattr(self, name) for name in _ARRAYS}
        n_columns = batch.x.shape[1]
        if len(self.mean) != n_columns:
            n_times = n_columns // len(self.mean)
            columns = {
                name: None if values is None else values.repeat(n_times)
                for name, values in columns.items()
            }
        columns = ColumnStatistics(
            **columns, conditional=self.conditional, shape=self.shape
        )
        corrupted = self.corruption.corrupt_batch(batch, columns, self.generator)
        if not isinstance(corrupted, Batch):
            raise TypeError(
                f"{type(self.corruption).__name__}.corrupt_batch returned "
                f"{type(corrupted).__name__}, not a Batch."
            )
        return corrupted
