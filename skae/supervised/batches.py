"""Batches of which a share has labels, however few of the rows have one."""

import numpy as np
import torch

from skae.data.rows import Batches

_SHARE = 0.25  # of a batch, that has labels at least


class LabelledBatches(Batches):
    """Batches of rows with and without labels, in skorch's iterator seat.

    Where fewer than a quarter of the rows have a label, a quarter of each batch does:
    an epoch is a pass over the rows without, and those with one are repeated.
    """

    @property
    def n_rows(self):
        """How many rows an epoch has."""
        n_labelled = len(self._labelled())
        n_others = len(self.dataset) - n_labelled
        if not self._repeats(n_labelled) or self.generator is None:
            return len(self.dataset)
        return n_others + self._n_of_batch * -(-n_others // self._n_others)

    def order(self):
        """Draw the order of the rows of an epoch, their numbers."""
        labelled = self._labelled()
        if not self._repeats(len(labelled)):
            return super().order()
        others = np.delete(np.arange(len(self.dataset)), labelled)
        others = self._mixed(others)
        n_batches = -(-len(others) // self._n_others)
        n_passes = -(-n_batches * self._n_of_batch // len(labelled))
        labelled = np.concatenate([self._mixed(labelled) for _ in range(n_passes)])
        parts = []
        for number in range(n_batches):
            first, start = number * self._n_of_batch, number * self._n_others
            parts += [
                labelled[first : first + self._n_of_batch],
                others[start : start + self._n_others],
            ]
        return np.concatenate(parts)

    def _labelled(self):
        """Return the numbers of the rows that have a label."""
        rows = self.dataset
        weight = rows.samples.label_weight
        if rows.positions is not None:
            weight = weight[rows.positions]
        return np.flatnonzero(weight)

    def _repeats(self, n_labelled):
        return n_labelled < _SHARE * len(self.dataset) and self.batch_size > 1

    @property
    def _n_of_batch(self):
        return max(1, round(_SHARE * self.batch_size))

    @property
    def _n_others(self):
        return self.batch_size - self._n_of_batch

    def _mixed(self, numbers):
        order = torch.randperm(len(numbers), generator=self.generator).numpy()
        return numbers[order]
