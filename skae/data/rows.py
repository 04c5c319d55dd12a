"""Rows to batches, whole blocks at a time: the data never meets a per-row loop.

X stays what the user passed (array, memory map, CSR matrix). Blocks of rows are taken
from it, brought to the working precision, centred and scaled; batches are slices of a
block. Where a scaled copy of all rows is small, or fits an accelerator, it is kept.
"""

import numpy as np
import torch

from skae.data.batch import Batch
from skae.data.ragged import Ragged
from skae.data.samples import BLOCK_BYTES, rows_per_block

COPY_BYTES = 2**28  # of a scaled copy that is kept in memory
_GATHERED = 8  # times fewer rows than a block are gathered at once from a copy
_BATCHES_SORTED = 16  # of ragged rows together, by length, at most
_DEVICE_SHARE = 0.5  # of the free device memory that the rows may take


class Rows(torch.utils.data.Dataset):
    """The samples that a net trains on or is validated on, as batches of tensors.

    Parameters
    ----------
    samples : Samples
    scaling : Scaling
    positions : ndarray of int or None
        The rows that belong to the set; None for all.
    device : torch.device or str
    dtype : numpy dtype
    """

    def __init__(
        self, samples, scaling, positions=None, device="cpu", dtype=np.float32
    ):
        self.samples = samples
        self.scaling = scaling
        self.positions = positions
        self.device = torch.device(device)
        self.dtype = np.dtype(dtype)
        # Rows taken together are as wide as the longest of them where lengths vary.
        matrices = [m for m in (samples.X, samples.target) if m is not None]
        self._ragged = next((m for m in matrices if isinstance(m, Ragged)), None)
        self.width = sum(matrix.shape[1] for matrix in matrices)
        self._copy = None

    def __len__(self):
        return len(self.samples) if self.positions is None else len(self.positions)

    @property
    def is_ragged(self):
        """Whether lengths vary, of the rows or of their targets."""
        return self._ragged is not None

    def lengths(self, numbers):
        """Return how many steps rows have that are unequal, or their targets."""
        if self.positions is not None:
            numbers = self.positions[numbers]
        return self._ragged.lengths[numbers]

    @property
    def has_copy(self):
        """Whether a scaled copy of all rows is kept."""
        return self._copy is not None

    def weights(self):
        """Return the weights of the rows, or None."""
        weight = self.samples.weight
        if weight is None or self.positions is None:
            return weight
        return weight[self.positions]

    def shuffled(self, generator):
        """Draw the order of the rows in an epoch."""
        return torch.randperm(len(self), generator=generator).numpy()

    def __getitem__(self, index):
        """Return what there is of one row, by name: a data loader's protocol."""
        batch = self.take(np.array([index]))
        return {k: v[0] for k, v in batch._asdict().items() if v is not None}

    def take(self, numbers, out=None):
        """Return the :class:`Batch` of the rows of the given numbers, on the device.

        Parameters
        ----------
        numbers : ndarray of int or slice
            Within this set.
        out : Tensor or None
            On the CPU, of rows that are scaled now: memory to use, of at least as many.
        """
        if self._copy is not None:
            if isinstance(numbers, slice):
                return self._copy.map(lambda tensor: tensor[numbers])
            numbers = torch.from_numpy(numbers).to(self.device, non_blocking=True)
            return self._copy.map(lambda tensor: tensor.index_select(0, numbers))
        if self.positions is not None:
            numbers = self.positions[numbers]
        if self.device.type != "cpu":
            out = None
        batch = self.scaling.batch(self.samples, numbers, self.dtype, out)
        if self.device.type == "cuda":
            batch = batch.map(torch.Tensor.pin_memory)
        return batch if self.device.type == "cpu" else batch.to(self.device)

    def kept(self):
        """Keep a scaled copy of all rows if it is small or fits the device.

        Called once before training. Returns the same object.
        """
        n_bytes = self.dtype.itemsize * len(self) * self.width
        fits = n_bytes <= BLOCK_BYTES or n_bytes <= self._room()
        if self.is_ragged or not fits:
            return self
        step = rows_per_block(self.width)
        parts = [
            self.take(slice(start, start + step)) for start in range(0, len(self), step)
        ]
        self._copy = Batch.joined(parts)
        return self

    def numbered(self):
        """Tell in batches which row each is, where a copy of all rows is kept."""
        if self._copy is not None:
            number = torch.arange(len(self), device=self.device)
            self._copy = self._copy._replace(number=number)

    def _room(self):
        if self.device.type == "cuda":
            return _DEVICE_SHARE * torch.cuda.mem_get_info(self.device)[0]
        if self.device.type != "cpu":
            return _DEVICE_SHARE * 2**33
        # Of large data not even the part that validates is kept.
        of_all = self.dtype.itemsize * len(self.samples) * self.width
        return COPY_BYTES if of_all <= COPY_BYTES else 0


class Batches:
    """Batches of a :class:`Rows`, in skorch's iterator seat.

    No row is dropped: a tail of one row joins the batch before it.

    Parameters
    ----------
    dataset : Rows
    batch_size : int
    generator : torch.Generator or None
        On the CPU. Draws a fresh order each epoch; None keeps the order.
    """

    def __init__(self, dataset, batch_size, generator=None):
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator
        self.one_block = False  # whether each block takes the place of the last

    @property
    def n_rows(self):
        """How many rows an epoch has."""
        return len(self.dataset)

    def _starts(self):
        n_rows = self.n_rows
        starts = list(range(0, n_rows, self.batch_size))
        if len(starts) > 1 and n_rows - starts[-1] == 1 < self.batch_size:
            starts.pop()
        return starts

    def __len__(self):
        return len(self._starts())

    def __iter__(self):
        rows = self.dataset
        order = None if self.generator is None else self.order()
        bounds = [*self._starts(), self.n_rows]
        n_rows = rows_per_block(rows.width)
        if rows.has_copy:  # nothing but to gather: what is next is best still cached
            n_rows //= _GATHERED
        per_block = max(1, n_rows // self.batch_size)
        if rows.is_ragged:  # no batch is wider than its longest row
            per_block = 1
        out = None
        is_reused = self.one_block and not (rows.is_ragged or rows.has_copy)
        if is_reused and rows.device.type == "cpu":
            # Fresh memory for each costs page faults.
            shape = (per_block * self.batch_size + 1, rows.samples.shape[1])
            out = torch.empty(shape, dtype=getattr(torch, rows.dtype.name))
        for first in range(0, len(bounds) - 1, per_block):
            cuts = bounds[first : first + per_block + 1]
            numbers = slice(cuts[0], cuts[-1])
            if order is not None:
                numbers = order[numbers]
            block = rows.take(numbers, out)
            yield from block.split(np.diff(cuts).tolist())

    def order(self):
        """Draw the order of the rows of an epoch, their numbers."""
        order = self.dataset.shuffled(self.generator)
        return self._of_like_length(order) if self.dataset.is_ragged else order

    def _of_like_length(self, order):
        """Return the order, changed so that batches hold rows of about one length.

        Within every few batches rows are sorted, and those batches mixed again: most
        of a batch of random rows would be padding.
        """
        # Of few batches, sorted as a whole, each would hold the same rows every time.
        n_batches = min(_BATCHES_SORTED, max(1, len(self) // 4))
        mixed = []
        for start in range(0, len(order), n_batches * self.batch_size):
            rows = order[start : start + n_batches * self.batch_size]
            rows = rows[np.argsort(self.dataset.lengths(rows), kind="stable")]
            n_whole = len(rows) // self.batch_size
            whole, rest = np.split(rows, [n_whole * self.batch_size])
            places = torch.randperm(n_whole, generator=self.generator).numpy()
            mixed += [whole.reshape(n_whole, self.batch_size)[places].ravel(), rest]
        return np.concatenate(mixed)
