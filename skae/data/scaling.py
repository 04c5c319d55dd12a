"""Rows as a network sees them: centred, divided by a scale, as tensors, and back."""

from dataclasses import dataclass

import numpy as np
import torch

from skae.data.batch import Batch
from skae.data.conditional import Conditional
from skae.data.ragged import Ragged
from skae.data.samples import Samples, dense_rows, missing_cells, working_dtype


@dataclass(frozen=True)
class Scaling:
    """Subtracts a centre from each column and divides by a scale.

    Parameters
    ----------
    centre : ndarray of float64 of shape (n_columns,), or None
        None leaves rows as they are. Columns are channels where lengths vary.
    scale : float or ndarray of shape (n_columns,)
    neutral : ndarray of shape (n_columns,), or None
        What a network sees of missing cells, in its units; None is 0, the centre.
    conditional : Conditional or None
        What tells it from the other cells of the row instead, in the same units.
    target : Scaling or None
        That of the targets of samples; None leaves them as they are.
    """

    centre: np.ndarray | None = None
    scale: float | np.ndarray = 1.0
    neutral: np.ndarray | None = None
    conditional: Conditional | None = None
    target: "Scaling | None" = None

    def batch(self, samples, rows, dtype, out=None):
        """Return the :class:`Batch` of some samples, on the CPU.

        Its tensors may share memory with X: they are not to be changed.

        Parameters
        ----------
        samples : Samples
        rows : slice or ndarray of int
        dtype : numpy dtype
            float32 or float64.
        out : Tensor or None
            Memory to use for x, of at least as many rows.
        """
        X = samples.X
        observed = lengths = None
        if samples.lengths is not None:
            lengths = _tensor(samples.lengths[rows])
        if isinstance(X, Ragged):
            X = X[rows]
            steps, there = self.filled(self.forward(X.steps, slice(None), dtype))
            x = torch.from_numpy(Ragged(steps.numpy(), X.lengths).toarray())
            lengths = torch.from_numpy(X.lengths)
            cells = torch.arange(x.shape[1])
            observed = cells < (lengths * X.steps.shape[1]).unsqueeze(1)
            if there is not None:
                there = Ragged(there.numpy(), X.lengths).toarray()
                observed &= torch.from_numpy(there)
        else:
            x, observed = self.filled(self.forward(X, rows, dtype, out))
        condition, weight, label, label_weight = (
            None if values is None else _tensor(values[rows]).to(x.dtype)
            for values in (
                samples.condition,
                samples.weight,
                samples.label,
                samples.label_weight,
            )
        )
        batch = Batch(
            x,
            observed,
            lengths,
            condition,
            weight=weight,
            label=label,
            label_weight=label_weight,
        )
        if samples.target is None:
            return batch
        scaling = Scaling() if self.target is None else self.target
        target = scaling.batch(Samples(samples.target), rows, dtype)
        return batch._replace(
            target=target.x,
            target_observed=target.observed,
            target_lengths=target.lengths,
        )

    def forward(self, X, rows, dtype, out=None):
        """Return rows of X, centred and scaled, as a tensor on the CPU.

        The centre is subtracted in the precision of X, before the cast. The tensor may
        share memory with X: it is not to be changed.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n_samples, n_columns)
        rows, dtype, out : as of :meth:`batch`
        """
        if self.centre is None and X.dtype == dtype and isinstance(X, np.ndarray):
            return _as_they_are(X, rows, out)
        block = dense_rows(X, rows)
        if out is None:
            out = aligned(block.shape, dtype)
        tensor = out[: len(block)]
        view = tensor.numpy()
        if self.centre is None:
            view[...] = block
            return tensor
        wide = working_dtype(block.dtype)
        centred = view if wide == dtype else np.empty(block.shape, dtype=wide)
        with np.errstate(over="ignore"):  # which a check refuses by row and column
            np.subtract(block, self.centre.astype(wide), out=centred, dtype=wide)
            centred *= np.asarray(1.0 / self.scale, dtype=wide)
        if centred is not view:
            view[...] = centred
        return tensor

    def seen(self, X, rows):
        """Return rows of X, a slice or positions, as a network sees them: an array."""
        x = dense_rows(X, rows)
        if self.centre is not None:
            x = (x - self.centre) / self.scale
        if missing_cells(x) is None:
            return x
        return self.filled(torch.from_numpy(np.array(x)))[0].numpy()

    def linear_means(self, X):
        """Return an array X, in its units, with what stands for missing cells."""
        filled, _ = self.filled(self.forward(X, slice(None), X.dtype))
        return self.inverse(filled.numpy())

    def filled(self, x):
        """Return rows with a value in missing cells, and which are observed.

        Parameters
        ----------
        x : Tensor of shape (n, n_columns)
            NaN where a cell is missing. It is not changed.

        Returns
        -------
        x : Tensor of the same shape
        observed : bool Tensor of the same shape, or None where nothing is missing
        """
        if x.sum().isfinite():  # one read, where there are no gaps
            return x, None
        missing = x.isnan()
        if not missing.any():
            return x, None
        if self.conditional is not None:
            return self.conditional.filled(x, ~missing), ~missing
        if self.neutral is None:
            return x.masked_fill(missing, 0.0), ~missing
        return torch.where(missing, torch.from_numpy(self.neutral).to(x), x), ~missing

    def inverse(self, values):
        """Return rows in units of X, in their own dtype, a Ragged if they are one."""
        if self.centre is None:
            return values
        if isinstance(values, Ragged):
            return Ragged(self.inverse(values.steps), values.lengths)
        values = values * np.asarray(self.scale, dtype=values.dtype)
        values += self.centre.astype(values.dtype)
        return values


def aligned(shape, dtype):
    """Return a tensor; only aligned sums repeat bit for bit."""
    return torch.empty(shape, dtype=getattr(torch, np.dtype(dtype).name))


def _tensor(values):
    """Return an array as a tensor, of a copy if it is read-only."""
    return torch.from_numpy(np.require(values, requirements="W"))


def _as_they_are(X, rows, out=None):
    if isinstance(rows, slice):
        block = X[rows]
        if block.flags.c_contiguous and block.flags.writeable:
            return torch.from_numpy(block)
        tensor = aligned(block.shape, X.dtype)
        tensor.numpy()[...] = block
        return tensor
    if out is None:
        out = aligned((len(rows), X.shape[1]), X.dtype)
    tensor = out[: len(rows)]
    np.take(X, rows, axis=0, out=tensor.numpy(), mode="clip")  # "raise" would buffer
    return tensor
