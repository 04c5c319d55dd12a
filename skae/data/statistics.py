"""The first pass over X: finite or not, range, centre, spread and principal axes."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import scipy.linalg
import torch

from skae.data.ragged import Ragged
from skae.data.samples import (
    contiguous_blocks,
    dense_rows,
    missing_cells,
    working_dtype,
)

_WIDEST_COVARIANCE = 2048  # columns; beyond, axes come from a sample of rows
_SAMPLE_ELEMENTS = 2**23  # size of that sample
_LARGEST_VARIANCE = 1e-6  # of what the dtype holds: losses are its multiples
_SMALL_SPREAD = 1e-12  # of float32 columns
_LEAST_VARIANCE = 1e-290
_COVARIANCE_WORK = 2e11  # multiplications spent on a covariance
_ROUNDING = 16  # times eps: the share of the largest variance that may be no axis


@dataclass(frozen=True)
class Columns:
    """What the first pass learned of the columns of X."""

    n_observations: float  # rows, each counted by its weight
    mean: np.ndarray  # (n_features,), float64
    variance: np.ndarray  # (n_features,), float64, divided by their number
    minimum: np.ndarray  # (n_features,), float64
    maximum: np.ndarray  # (n_features,), float64
    covariance: np.ndarray | None  # (n_features, n_features), float64
    missing: np.ndarray | None = None  # (n_features,), the share of its cells
    # Mean and deviation of the logarithms of lengths that vary, and the longest.
    lengths: tuple | None = None


class ColumnStatistics(NamedTuple):
    """What corruptions know of the training rows; each of shape (n_features,).

    In the units that the network sees, as everything that a corruption is handed.
    """

    mean: object
    std: object
    minimum: object
    maximum: object
    zero: object  # where a value of 0 of X is
    neutral: object  # what stands for a missing cell
    cell: object = None  # the one that each value is of; None: each is one of its own
    conditional: object = None  # the `Conditional` that tells it instead, if any
    unit: object = None  # what 1 of X is; None: 1
    shape: object = None  # of a row, a tuple; None: that of a table

    def in_units(self, x):
        """Return rows that the network sees in the units of X."""
        return (x - self.zero) / self.unit

    def of_units(self, x):
        """Return rows in the units of X as the network sees them."""
        return x * self.unit + self.zero

    def filled(self, x, observed, hidden):
        """Return rows with what stands for missing cells where cells were hidden.

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_features)
            With something in cells that were missing before.
        observed : bool Tensor of the same shape
            What is left of the cells.
        hidden : bool Tensor of the same shape
        """
        if self.conditional is not None:  # which tells all that are missing
            return self.conditional.filled(x, observed)
        return torch.where(hidden, self.neutral, x)


def describe(samples, *, with_covariance, check):
    """Return the :class:`Columns` of samples; of channels where lengths vary.

    Parameters
    ----------
    samples : Samples
    with_covariance : bool
        See :func:`describe_columns`.
    check : RowCheck
    """
    X, weight = samples.X, samples.weight
    if not isinstance(X, Ragged):
        return describe_columns(
            X, with_covariance=with_covariance, check=check, weight=weight
        )
    check.all(X)
    columns = describe_columns(
        X.steps,
        with_covariance=False,
        check=check,
        weight=None if weight is None else np.repeat(weight, X.lengths),
    )
    return replace(columns, lengths=_describe_lengths(X.lengths, weight))


@np.errstate(over="ignore", invalid="ignore")
def describe_columns(X, *, with_covariance, check, weight=None):
    """Read X once, block by block.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    with_covariance : bool
        Whether the covariance is accumulated, if X is not too wide for it.
    check : callable
        ``check(block, first_row)`` raises if a dense block is not fit for training.
    weight : ndarray of float64 of shape (n_samples,), or None
        How much each row counts.

    Returns
    -------
    Columns
    """
    n_rows, n_features = X.shape
    n_observations = n_rows if weight is None else weight.sum()
    with_covariance = (
        with_covariance
        and n_features <= _WIDEST_COVARIANCE
        and n_observations > n_features
    )
    # A covariance of every `step`-th block is enough where all would take minutes.
    step = max(1, int(n_rows * n_features**2 / _COVARIANCE_WORK))
    shift, gaps = None, _Gaps()
    total = np.zeros(n_features)
    minimum, maximum = np.full(n_features, np.inf), np.full(n_features, -np.inf)
    squares = np.zeros(n_features)
    products = np.zeros((n_features, n_features)) if with_covariance else None
    sampled_total, n_sampled = np.zeros(n_features), 0
    for number, (start, stop) in enumerate(contiguous_blocks(X)):
        block = dense_rows(X, slice(start, stop))
        check(block, start)
        missing = missing_cells(block)
        np.fmin(minimum, np.fmin.reduce(block, axis=0), out=minimum)
        np.fmax(maximum, np.fmax.reduce(block, axis=0), out=maximum)
        # C order, whatever X has: sums repeat bit for bit in one order only.
        dtype = working_dtype(X.dtype)
        if 0 < (maximum - minimum).max() < _SMALL_SPREAD:  # whose squares are none
            dtype = np.dtype(np.float64)
        block = np.ascontiguousarray(block, dtype=dtype)
        if shift is None:  # sums about a typical row lose no digits
            shift = _mean(block, missing)
        block = block - shift.astype(block.dtype)
        counted, n_counted = block, len(block)
        if missing is not None:
            block[missing] = 0.0
        if weight is not None:
            counted = block * weight[start:stop, None]
            n_counted = weight[start:stop].sum()
        is_sampled = with_covariance and number % step == 0
        if missing is not None:
            of_rows = 1.0 if weight is None else weight[start:stop, None]
            gaps.add(missing * of_rows, missing, counted if is_sampled else None)
        block_total = counted.sum(axis=0, dtype=np.float64)
        total += block_total
        if is_sampled:
            products += counted.T @ block
            sampled_total += block_total
            n_sampled += n_counted
        if not with_covariance or step > 1:
            squares += np.einsum("ij,ij->j", counted, block, dtype=np.float64)
    n_observed = gaps.rest(n_observations)
    offset = total / n_observed
    covariance = None
    if with_covariance:
        covariance = gaps.covariance(products, sampled_total, n_sampled)
        if step == 1:
            squares = np.diag(products)
    variance = np.maximum(squares / n_observed - offset**2, 0.0)
    dtype = working_dtype(X.dtype)
    if not variance.mean() < _LARGEST_VARIANCE * np.finfo(dtype).max:
        raise ValueError(
            f"The values of X are too large: their variance overflows {dtype}. Scale "
            "the columns."
        )
    if (maximum > minimum).any() and variance.mean() < _LEAST_VARIANCE:
        raise ValueError(
            "The values of X are too small: they differ by at most "
            f"{(maximum - minimum).max():g}, whose square is beyond what a number can "
            "hold. Change the unit of the columns."
        )
    # What rounding leaves of a constant column is not variance.
    noise = (np.finfo(working_dtype(X.dtype)).eps * np.abs(shift + offset)) ** 2
    variance[variance <= 4 * noise] = 0.0
    mean = shift + offset
    missing = None if gaps.columns is None else gaps.columns / n_observations
    return Columns(
        n_observations, mean, variance, minimum, maximum, covariance, missing
    )


class _Gaps:
    """What is missing of columns, and of pairs of them: None where nothing is."""

    def __init__(self):
        self.columns = None
        self.pairs = None
        self.sums = None

    def add(self, lost, missing, values):
        """Count the missing cells of a block.

        Parameters
        ----------
        lost, missing : ndarray of shape (n_rows, n_features)
            1 where a cell is missing, times the weight of the row and not.
        values : ndarray of shape (n_rows, n_features), or None
            Times the weight, 0 where missing; None where the block is not among those
            that the covariance is of.
        """
        of_columns = lost.sum(axis=0)
        self.columns = of_columns + (0.0 if self.columns is None else self.columns)
        if values is None:
            return
        both = lost.T @ missing.astype(lost.dtype)
        pairs = of_columns[:, None] + of_columns - both
        sums = (values.T @ missing.astype(values.dtype)).astype(np.float64)
        self.pairs = pairs + (0.0 if self.pairs is None else self.pairs)
        self.sums = sums + (0.0 if self.sums is None else self.sums)

    def rest(self, total):
        """Return how many of the rows have a value in a column."""
        return total if self.columns is None else _at_least_one(total - self.columns)

    def covariance(self, products, total, n_rows):
        """Return the covariance, of each pair from the rows that have both values.

        Parameters
        ----------
        products : ndarray of shape (n_features, n_features)
            Sums of products of values, 0 where missing.
        total : ndarray of shape (n_features,)
            Sums of the values.
        n_rows : float
        """
        if self.pairs is None:
            offset = total / n_rows
            return products / n_rows - np.outer(offset, offset)
        n_together = _at_least_one(n_rows - self.pairs)
        offset = total / np.diagonal(n_together)
        # Of the deviations from the means of the columns, not of the pair.
        linear = (total[:, None] - self.sums) * offset
        squares = products - linear - linear.T
        return squares / n_together + np.outer(offset, offset)


def _at_least_one(counts):
    return np.where(counts > 0, counts, 1.0)  # sums over none are 0


def _mean(block, missing):
    """Return the mean of the observed values of each column, 0 of none."""
    if missing is None:
        return block.mean(axis=0, dtype=np.float64)
    total = np.where(missing, 0.0, block).sum(axis=0, dtype=np.float64)
    return total / np.maximum(len(block) - missing.sum(axis=0), 1)


def _describe_lengths(lengths, weight=None):
    """Return mean and deviation of the logarithms of lengths, and the longest."""
    logarithms = np.log(lengths)
    mean = np.average(logarithms, weights=weight)
    std = np.sqrt(np.average((logarithms - mean) ** 2, weights=weight))
    return float(mean), float(std), int(lengths.max())


def principal_axes(samples, columns, *, limit, rng, scales=None):
    """Return the leading principal axes of X, never more than its rank.

    From the covariance where :func:`describe_columns` made one, else from the Gram
    matrix of the rows, or of a sample of them if they are many.

    Parameters
    ----------
    samples : Samples
    columns : Columns
    limit : int or None
        At most so many axes; None for all.
    rng : numpy.random.Generator
        Draws the sample of rows.
    scales : AxisScales or None
        Of a frame with categories: axes are those of columns times its weights.

    Returns
    -------
    axes : ndarray of shape (n_axes, n_features), float64
        Orthonormal rows, by falling variance; the largest entry of each is positive.
    variances : ndarray of shape (n_axes,), float64
    """
    X, weight = samples.X, samples.weight
    n_rows, n_features = X.shape
    if columns.covariance is not None:
        covariance = columns.covariance
        if scales is not None:
            covariance = covariance * np.outer(scales.weights, scales.weights)
        variances, axes = _top_eigenpairs(covariance, limit)
        axes = axes.T
    else:
        n_sample = max(_SAMPLE_ELEMENTS // n_features, 2 * (limit or 1))
        rows = np.arange(n_rows)
        if n_sample < n_rows:
            rows = np.sort(rng.choice(n_rows, n_sample, replace=False))
        centred = dense_rows(X, rows).astype(np.float64) - columns.mean
        if columns.missing is not None:
            centred[np.isnan(centred)] = 0.0
        if scales is not None:
            centred *= scales.weights
        total = len(rows)
        if weight is not None:
            centred *= np.sqrt(weight[rows, None])
            total = weight[rows].sum()
        variances, vectors = _top_eigenpairs(centred @ centred.T / total, limit)
        with np.errstate(divide="ignore", invalid="ignore"):
            axes = (vectors.T @ centred) / np.sqrt(variances * total)[:, None]
    floor = _ROUNDING * np.finfo(working_dtype(X.dtype)).eps * variances[:1]
    kept = (variances > floor) & (variances > 0)
    axes, variances = axes[kept], variances[kept]
    largest = np.abs(axes).argmax(axis=1)
    axes *= np.sign(axes[np.arange(len(axes)), largest])[:, None]
    return axes, variances


def _top_eigenpairs(matrix, limit):
    """Eigenvalues and eigenvectors (columns) of a symmetric matrix, largest first."""
    n = len(matrix)
    first = 0 if limit is None else max(0, n - limit)
    values, vectors = scipy.linalg.eigh(matrix, subset_by_index=[first, n - 1])
    return values[::-1], vectors[:, ::-1]
