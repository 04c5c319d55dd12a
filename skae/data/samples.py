"""Rows of X and what accompanies them, as arrays; how they are cut into blocks."""

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np

from skae._sklearn import check_sample_weight
from skae.data.mixed import Mixed
from skae.data.ragged import Ragged

BLOCK_BYTES = 2**21  # of prepared rows: about what a core's cache holds
HIDDEN_FACTOR = 16  # times as large a block may a layer's output be


@dataclass(frozen=True)
class Samples:
    """Rows and what accompanies each of them; what is absent is None.

    Parameters
    ----------
    X : ndarray, CSR matrix, Ragged or Mixed of shape (n_samples, n_values)
        Flat rows, as a codec makes them.
    condition : ndarray of shape (n_samples, n_conditions), or None
    target : ndarray, CSR matrix or Ragged of shape (n_samples, n_values), or None
        What outputs are compared with, flat rows of any width; None is X.
    weight : ndarray of shape (n_samples,), or None
        Above 0.
    lengths : ndarray of int of shape (n_samples,), or None
        Steps of the rows that codes stand for; a Ragged X has its own.
    label : ndarray of shape (n_samples, n_outputs), or None
        As of a :class:`Batch`.
    label_weight : ndarray of shape (n_samples,), or None
        As of a :class:`Batch`.
    """

    X: object
    condition: np.ndarray | None = None
    target: np.ndarray | None = None
    weight: np.ndarray | None = None
    lengths: np.ndarray | None = None
    label: np.ndarray | None = None
    label_weight: np.ndarray | None = None

    def __len__(self):
        return self.X.shape[0]

    @property
    def shape(self):
        """That of X."""
        return self.X.shape

    @property
    def dtype(self):
        """That of X."""
        return self.X.dtype

    @cached_property
    def n_cells(self):
        """How many cells are observed: of every row, or of each, where they differ."""
        X = self.X
        if isinstance(X, Ragged):
            lost = missing_cells(X.steps)
            n_cells = X.lengths * X.steps.shape[1]
            if lost is None:
                return n_cells
            return n_cells - np.add.reduceat(lost.sum(axis=1), X.starts)
        if isinstance(X, Mixed):
            observed = X.observed()
            return len(X.places) if observed is None else observed.sum(axis=1)
        n_missing = np.zeros(X.shape[0], dtype=np.int64)
        for start, stop in contiguous_blocks(X):
            lost = missing_cells(dense_rows(X, slice(start, stop)))
            if lost is not None:
                n_missing[start:stop] = lost.sum(axis=1)
        return X.shape[1] - n_missing if n_missing.any() else X.shape[1]

    @property
    def n_observations(self):
        """The sum of the weights; the number of rows where there are none."""
        return len(self) if self.weight is None else float(self.weight.sum())

    def __getitem__(self, rows):
        """Return the samples of a slice or of positions."""
        every = ((field.name, getattr(self, field.name)) for field in fields(self))
        return Samples(**{k: None if v is None else v[rows] for k, v in every})

    def weighted(self):
        """Return the samples that count, with valid weights.

        Raises
        ------
        ValueError
            If weights are negative, not finite, all 0, or not one for each row.
        """
        rows = np.empty((len(self), 0))
        try:
            weight = check_sample_weight(
                self.weight, rows, dtype=np.float64, ensure_non_negative=True
            )
        except (ValueError, TypeError) as error:
            if "sample_weight" in str(error).lower() or "weights" in str(error):
                raise
            raise ValueError(
                f"sample_weight must hold a number for each row: {error}"
            ) from error
        total = weight.sum()
        if not np.finfo(np.float32).tiny < total < np.finfo(np.float32).max:
            raise ValueError(
                f"sample_weight sums to {total:g}: too small or too large. Scale it."
            )
        samples = replace(self, weight=weight)
        return samples if weight.all() else samples[np.flatnonzero(weight)]

    def unlabelled(self, rows=slice(None)):
        """Return the same samples, of which these rows have no label."""
        if self.label_weight is None:
            return self
        weight = self.label_weight.copy()
        weight[rows] = 0.0
        return replace(self, label_weight=weight)

    def given(self, condition):
        """Return the same rows under a condition, or one condition for all."""
        if condition.ndim == 1:
            condition = np.tile(condition, (len(self), 1))
        return replace(self, condition=condition)


def working_dtype(dtype):
    """Return the floating dtype in which rows of `dtype` are computed.

    float32 for what float32 holds exactly (booleans, 8 and 16 bits), else float64.
    """
    wide = np.result_type(dtype, np.float32)
    return wide if wide.itemsize <= 8 else np.dtype(np.float64)


def missing_cells(block):
    """Return where a block is NaN, None if nowhere."""
    if block.dtype.kind != "f" or np.isfinite(block.sum(dtype=np.float64)):
        return None
    missing = np.isnan(block)
    return missing if missing.any() else None


def dense_rows(X, rows):
    """Return the rows of X, a slice or positions, as a dense array."""
    if not isinstance(X, np.ndarray):  # sparse, ragged or mixed
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
