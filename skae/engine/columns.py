"""The first pass over X: finite or not, range, centre, spread and principal axes."""

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from skae.corruption import ColumnStatistics
from skae.engine.batches import contiguous_blocks, dense_rows, working_dtype

_WIDEST_COVARIANCE = 2048  # columns; beyond, axes come from a sample of rows
_SAMPLE_ELEMENTS = 2**23  # size of that sample
_LARGEST_VARIANCE = 1e-6  # of what the dtype holds: losses are its multiples
_COVARIANCE_WORK = 2e11  # multiplications spent on a covariance
_ROUNDING = 16  # times eps: the share of the largest variance that may be no axis


@dataclass(frozen=True)
class Columns:
    """What the first pass learned of the columns of X."""

    n_rows: int
    mean: np.ndarray  # (n_features,), float64
    variance: np.ndarray  # (n_features,), float64, divided by n_rows
    minimum: np.ndarray  # (n_features,), float64
    maximum: np.ndarray  # (n_features,), float64
    covariance: np.ndarray | None  # (n_features, n_features), float64

    @property
    def scale(self):
        """The root of the mean variance; 1 where every column is constant."""
        return float(np.sqrt(self.variance.mean())) or 1.0

    def statistics(self, mean, scale):
        """Return what corruptions ask for, for rows less `mean`, divided by `scale`."""
        centre = np.zeros_like(self.mean) if mean is None else mean
        return ColumnStatistics(
            mean=(self.mean - centre) / scale,
            std=np.sqrt(self.variance) / scale,
            minimum=(self.minimum - centre) / scale,
            maximum=(self.maximum - centre) / scale,
            zero=-centre / scale,
        )


@np.errstate(over="ignore", invalid="ignore")
def describe_columns(X, *, with_covariance, check):
    """Read X once, block by block.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    with_covariance : bool
        Whether the covariance is accumulated, if X is not too wide for it.
    check : callable
        ``check(block, first_row)`` raises if a dense block is not fit for training.

    Returns
    -------
    Columns
    """
    n_rows, n_features = X.shape
    with_covariance = (
        with_covariance and n_features <= _WIDEST_COVARIANCE and n_rows > n_features
    )
    # A covariance of every `step`-th block is enough where all would take minutes.
    step = max(1, int(n_rows * n_features**2 / _COVARIANCE_WORK))
    shift = None
    total = np.zeros(n_features)
    minimum, maximum = np.full(n_features, np.inf), np.full(n_features, -np.inf)
    squares = np.zeros(n_features)
    products = np.zeros((n_features, n_features)) if with_covariance else None
    sampled_total, n_sampled = np.zeros(n_features), 0
    for number, (start, stop) in enumerate(contiguous_blocks(X)):
        block = dense_rows(X, slice(start, stop))
        check(block, start)
        np.minimum(minimum, block.min(axis=0), out=minimum)
        np.maximum(maximum, block.max(axis=0), out=maximum)
        # C order, whatever X has: sums repeat bit for bit in one order only.
        block = np.ascontiguousarray(block, dtype=working_dtype(X.dtype))
        if shift is None:  # sums about a typical row lose no digits
            shift = block.mean(axis=0, dtype=np.float64)
        block = block - shift.astype(block.dtype)
        block_total = block.sum(axis=0, dtype=np.float64)
        total += block_total
        if with_covariance and number % step == 0:
            products += block.T @ block
            sampled_total += block_total
            n_sampled += len(block)
        if not with_covariance or step > 1:
            squares += np.einsum("ij,ij->j", block, block, dtype=np.float64)
    offset = total / n_rows
    covariance = None
    if with_covariance:
        sampled_offset = sampled_total / n_sampled
        covariance = products / n_sampled - np.outer(sampled_offset, sampled_offset)
        if step == 1:
            squares = np.diag(products)
    variance = np.maximum(squares / n_rows - offset**2, 0.0)
    dtype = working_dtype(X.dtype)
    if not variance.mean() < _LARGEST_VARIANCE * np.finfo(dtype).max:
        raise ValueError(
            f"The values of X are too large: their variance overflows {dtype}. Scale "
            "the columns."
        )
    # What rounding leaves of a constant column is not variance.
    noise = (np.finfo(working_dtype(X.dtype)).eps * np.abs(shift + offset)) ** 2
    variance[variance <= 4 * noise] = 0.0
    mean = shift + offset
    return Columns(n_rows, mean, variance, minimum, maximum, covariance)


def describe_lengths(lengths):
    """Return mean and deviation of the logarithms of lengths, and the longest."""
    logarithms = np.log(lengths)
    return float(logarithms.mean()), float(logarithms.std()), int(lengths.max())


def principal_axes(X, columns, *, limit, rng):
    """Return the leading principal axes of X, never more than its rank.

    From the covariance where :func:`describe_columns` made one, else from the Gram
    matrix of the rows, or of a sample of them if they are many.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    columns : Columns
    limit : int or None
        At most so many axes; None for all.
    rng : numpy.random.Generator
        Draws the sample of rows.

    Returns
    -------
    axes : ndarray of shape (n_axes, n_features), float64
        Orthonormal rows, by falling variance; the largest entry of each is positive.
    variances : ndarray of shape (n_axes,), float64
    """
    n_rows, n_features = X.shape
    if columns.covariance is not None:
        variances, axes = _top_eigenpairs(columns.covariance, limit)
        axes = axes.T
    else:
        n_sample = max(_SAMPLE_ELEMENTS // n_features, 2 * (limit or 1))
        rows = np.arange(n_rows)
        if n_sample < n_rows:
            rows = np.sort(rng.choice(n_rows, n_sample, replace=False))
        centred = dense_rows(X, rows).astype(np.float64) - columns.mean
        variances, vectors = _top_eigenpairs(centred @ centred.T / len(rows), limit)
        with np.errstate(divide="ignore", invalid="ignore"):
            axes = (vectors.T @ centred) / np.sqrt(variances * len(rows))[:, None]
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
