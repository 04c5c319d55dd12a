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
        self.memory = None
        self.conditional, self.shape = columns.conditional, columns.shape
        # The recipe of the net holds them: they are no weights.
        for name in _ARRAYS:
            values = getattr(columns, name)
            if values is not None:
                dtype = torch.int64 if name == "cell" else torch.float32
                values = torch.tensor(values, dtype=dtype)
            self.register_buffer(name, values, persistent=False)

    @property
    def n_patterns(self):
        """In how many epochs training rows are corrupted anew; None is in all."""
        return getattr(self.corruption, "n_patterns", None)

    def remember(self, n_rows):
        """Keep the corrupted rows of so many epochs, of numbered training rows."""
        self.memory = Memory(self.n_patterns, n_rows)

    def forget(self):
        """Keep none any longer."""
        self.memory = None

    def forward(self, batch):
        """Return the batch, corrupted in training mode."""
        if not self.training:
            return batch
        if self.memory is None or batch.number is None:
            return self._corrupted(batch)
        return self.memory.corrupted(batch, self._corrupted)

    def _corrupted(self, batch):
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


class Memory:
    """Corrupted training rows of the first epochs, for those after.

    Parameters
    ----------
    n_patterns : int
        How many epochs are kept.
    n_rows : int
        Of an epoch, each of which comes once in it.
    """

    def __init__(self, n_patterns, n_rows):
        self.n_patterns = n_patterns
        self.n_rows = n_rows
        self.n_taken = 0
        self.x = self.observed = None

    def corrupted(self, batch, corrupt):
        """Return a corrupted batch, by `corrupt` where there is none of it yet."""
        epoch, place = divmod(self.n_taken // self.n_rows, self.n_patterns)
        self.n_taken += len(batch.x)
        if epoch == 0:
            corrupted = corrupt(batch)
            if self.x is None:
                shape = (self.n_patterns, self.n_rows, batch.x.shape[1])
                self.x = corrupted.x.new_empty(shape)
                self.observed = corrupted.observed.new_empty(shape)
            self.x[place, batch.number] = corrupted.x
            self.observed[place, batch.number] = corrupted.observed
            return corrupted
        return batch._replace(
            x=self.x[place].index_select(0, batch.number),
            observed=self.observed[place].index_select(0, batch.number),
        )
