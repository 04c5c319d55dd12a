"""Rows to tensors, whole blocks at a time: the data never meets a per-row loop.

X stays what the user passed (array, memory map, CSR matrix). Blocks of rows are taken
from it, brought to the working precision, centred and scaled; batches are slices of a
block. On an accelerator the rows live there if they fit, else blocks are copied ahead.
"""

from dataclasses import dataclass

import numpy as np
import torch

from skae.ragged import Ragged

BLOCK_BYTES = 2**21  # of prepared rows: about what a core's cache holds
HIDDEN_FACTOR = 16  # times as large a block may a layer's output be
_BATCHES_SORTED = 16  # of ragged rows together, by length, at most
_DEVICE_SHARE = 0.5  # of the free device memory that the rows may take


def working_dtype(dtype):
    """Return the floating dtype in which rows of `dtype` are computed.

    float32 for what float32 holds exactly (booleans, 8 and 16 bits), else float64.
    """
    wide = np.result_type(dtype, np.float32)
    return wide if wide.itemsize <= 8 else np.dtype(np.float64)


def dense_rows(X, rows):
    """Return the rows of X, a slice or positions, as a dense array."""
    if not isinstance(X, np.ndarray):  # sparse or ragged
        return X[rows].toarray()
    return X[rows] if isinstance(rows, slice) else np.take(X, rows, axis=0)


def rows_per_block(n_features):
    """Return how many rows make a block."""
    return max(1, BLOCK_BYTES // (4 * max(1, n_features)))


def contiguous_blocks(X, n_outputs=0, n_hidden=0):
    """Yield the (start, stop) of consecutive blocks of rows of X.

    Of fewer rows where each row gives more outputs than it has features, or where its
    `n_hidden` values in the widest layer would fill the memory.
    """
    n_rows, n_features = X.shape
    step = rows_per_block(max(n_features, n_outputs, n_hidden // HIDDEN_FACTOR))
    for start in range(0, n_rows, step):
        yield start, min(start + step, n_rows)


@dataclass(frozen=True)
class Scaling:
    """Centres columns and divides by one number, so that the geometry stays PCA's."""

    mean: np.ndarray | None  # (n_features,), float64; None: rows stay as they are
    scale: float = 1.0

    def take(self, X, rows, dtype, out=None):
        """Return rows of X, centred and scaled, as a tensor on the CPU.

        The mean is subtracted in the precision of X, before the cast. The tensor may
        share memory with X: it is not to be changed.

        Parameters
        ----------
        X : ndarray, CSR matrix or Ragged of shape (n_samples, n_features)
        rows : slice or ndarray of int
        dtype : numpy dtype
            float32 or float64.
        out : Tensor or None
            Memory to use, of at least as many rows.
        """
        is_array = isinstance(X, np.ndarray)
        if self.mean is None and X.dtype == dtype and is_array:
            return _take_as_is(X, rows, out)
        block = dense_rows(X, rows)
        if out is None:
            out = _aligned(block.shape, dtype)[0]
        tensor = out[: len(block)]
        view = tensor.numpy()
        if self.mean is None:
            view[...] = block
            return tensor
        wide = working_dtype(block.dtype)
        centred = view if wide == dtype else np.empty(block.shape, dtype=wide)
        mean = _repeated(self.mean, block.shape[1]).astype(wide)
        np.subtract(block, mean, out=centred, dtype=wide)
        centred *= wide.type(1.0 / self.scale)
        if centred is not view:
            view[...] = centred
        return tensor

    def inverse(self, block):
        """Return `block` in units of X, in its own dtype."""
        if self.mean is None:
            return block
        block = block * block.dtype.type(self.scale)
        block += _repeated(self.mean, block.shape[1]).astype(block.dtype)
        return block


def _repeated(mean, width):
    """Return the means of the columns: of ragged rows, those of the channels again."""
    return mean if len(mean) == width else np.resize(mean, width)


def _aligned(shape, dtype):
    """Return a tensor and its NumPy view; only aligned sums repeat bit for bit."""
    tensor = torch.empty(shape, dtype=getattr(torch, np.dtype(dtype).name))
    return tensor, tensor.numpy()


def _take_as_is(X, rows, out=None):
    if isinstance(rows, slice):
        block = X[rows]
        if block.flags.c_contiguous and block.flags.writeable:
            return torch.from_numpy(block)
        tensor, view = _aligned(block.shape, X.dtype)
        view[...] = block
        return tensor
    if out is None:
        out = _aligned((len(rows), X.shape[1]), X.dtype)[0]
    tensor = out[: len(rows)]
    np.take(X, rows, axis=0, out=tensor.numpy(), mode="clip")  # "raise" would buffer
    return tensor


def with_beside(rows, beside, numbers):
    """Return the rows with what stands beside those of these numbers, if anything."""
    if beside is None:
        return rows
    return torch.cat((rows, torch.from_numpy(beside[numbers]).to(rows)), dim=1)


class Rows(torch.utils.data.Dataset):
    """The rows of X that a net trains on or is validated on, as scaled tensors.

    Parameters
    ----------
    X : ndarray, CSR matrix or Ragged of shape (n_samples, n_features)
    scaling : Scaling
    positions : ndarray of int or None
        The rows that belong to the set; None for all.
    device : torch.device or str
    beside : ndarray of shape (n_samples, n) or None
        Further columns, for every row of X, as the network sees them.
    """

    def __init__(self, X, scaling, positions=None, device="cpu", beside=None):
        self.X = X
        self.scaling = scaling
        self.positions = positions
        self.device = torch.device(device)
        self.beside = beside
        self._resident = None

    def __len__(self):
        return self.X.shape[0] if self.positions is None else len(self.positions)

    @property
    def is_ragged(self):
        """Whether rows taken together are as wide as the longest of them."""
        return isinstance(self.X, Ragged)

    def lengths(self, numbers):
        """Return how many steps rows have that are unequal."""
        if self.positions is not None:
            numbers = self.positions[numbers]
        return self.X.lengths[numbers]

    def __getitem__(self, index):
        """Return one row twice, as input and as target: a data loader's protocol."""
        row = self.take(np.array([index]))[0]
        return row, row

    def take(self, numbers, out=None):
        """Return the rows of the given numbers, float32, on the device.

        Parameters
        ----------
        numbers : ndarray of int or slice
            Within this set.
        out : Tensor or None
            On the CPU: memory to use, of at least as many rows.
        """
        if self._resident is not None:
            if isinstance(numbers, slice):
                return self._resident[numbers]
            return self._resident.index_select(
                0, torch.from_numpy(numbers).to(self.device, non_blocking=True)
            )
        if self.positions is not None:
            numbers = self.positions[numbers]
        if self.device.type != "cpu":
            out = None
        rows = with_beside(
            self.scaling.take(self.X, numbers, np.float32, out), self.beside, numbers
        )
        if self.device.type == "cuda":
            rows = rows.pin_memory()
        return rows.to(self.device, non_blocking=True)

    def settle(self):
        """Keep all rows on the device if they fit, or a set of one block anywhere.

        Called once before training.
        """
        if self.is_ragged:
            return self
        n_bytes = 4 * len(self) * self.X.shape[1]
        if n_bytes > BLOCK_BYTES and n_bytes > self._room():
            return self
        step = rows_per_block(self.X.shape[1])
        self._resident = torch.cat(
            [
                self.take(slice(start, start + step))
                for start in range(0, len(self), step)
            ]
        )
        return self

    def _room(self):
        if self.device.type == "cuda":
            return _DEVICE_SHARE * torch.cuda.mem_get_info(self.device)[0]
        return 0 if self.device.type == "cpu" else _DEVICE_SHARE * 2**33


class Batches:
    """Batches of a :class:`Rows`, in skorch's iterator seat.

    Yields pairs (input, target) of the same tensor. No row is dropped: a tail of one
    row joins the batch before it.

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

    def _starts(self):
        n_rows = len(self.dataset)
        starts = list(range(0, n_rows, self.batch_size))
        if len(starts) > 1 and n_rows - starts[-1] == 1 < self.batch_size:
            starts.pop()
        return starts

    def __len__(self):
        return len(self._starts())

    def __iter__(self):
        n_rows = len(self.dataset)
        order = None
        if self.generator is not None:
            order = torch.randperm(n_rows, generator=self.generator).numpy()
        if order is not None and self.dataset.is_ragged:
            order = self._of_like_length(order)
        bounds = [*self._starts(), n_rows]
        per_block = max(1, rows_per_block(self.dataset.X.shape[1]) // self.batch_size)
        one_block = self.one_block
        if self.dataset.is_ragged:  # no batch is wider than its longest row
            per_block, one_block = 1, False
        out = None
        if one_block:  # fresh memory for each costs page faults
            size = (per_block * self.batch_size + 1, self.dataset.X.shape[1])
            out = torch.empty(size, dtype=torch.float32)
        for first in range(0, len(bounds) - 1, per_block):
            cuts = bounds[first : first + per_block + 1]
            numbers = slice(cuts[0], cuts[-1])
            if order is not None:
                numbers = order[numbers]
            block = self.dataset.take(numbers, out)
            for batch in block.split(np.diff(cuts).tolist()):
                yield batch, batch

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
