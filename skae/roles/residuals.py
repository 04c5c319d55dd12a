"""How strange rows are by their residuals and codes, beside those trained on."""

from dataclasses import dataclass

import numpy as np

_RIDGE = 0.1  # of the mean variance
_LARGEST = 1e100  # whose square is a number
_BLOCK_VALUES = 2**22  # of the matrices solved at once


@dataclass(frozen=True)
class UsualRows:
    """What residuals and codes of training rows are, taken for normal together.

    Parameters
    ----------
    precision : ndarray of shape (n_cells + n_components, n_cells + n_components)
    centre, scale : ndarray of shape (n_components,)
        Of codes, which are centred and brought to the scale of residuals.
    """

    precision: np.ndarray
    centre: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, residuals, codes, *, is_diagonal):
        """Learn them from rows.

        Parameters
        ----------
        residuals : ndarray of shape (n_samples, n_cells)
            NaN where a cell is missing.
        codes : ndarray of shape (n_samples, n_components)
        is_diagonal : bool
            Whether they are taken for independent of each other.
        """
        seen = residuals[~np.isnan(residuals)]
        size = np.sqrt(np.mean(np.square(seen))) if seen.size else 1.0
        std = codes.std(axis=0, dtype=np.float64)
        scale = np.where(std > 0, std, 1.0) / (size or 1.0)
        centre = codes.mean(axis=0, dtype=np.float64)
        together = np.hstack((residuals, (codes - centre) / scale))
        return cls(precision_of(together, is_diagonal=is_diagonal), centre, scale)

    def distances(self, residuals, codes):
        """Return the squared Mahalanobis distance of each row, shape (n_samples,)."""
        together = np.hstack((residuals, (codes - self.centre) / self.scale))
        return distances(together, self.precision)


def precision_of(residuals, *, is_diagonal):
    """Return the inverse of the second moments of residuals, with a ridge.

    Parameters
    ----------
    residuals : ndarray of shape (n_samples, n_cells)
        NaN where a cell is missing.
    is_diagonal : bool
        Whether cells are taken for independent.

    Returns
    -------
    precision : ndarray of shape (n_cells, n_cells)
    """
    observed = ~np.isnan(residuals)
    values = np.where(observed, residuals, 0.0)
    n_pairs = observed.T.astype(float) @ observed
    moments = values.T @ values / np.maximum(n_pairs, 1)
    if is_diagonal:
        moments = np.diag(np.diag(moments))
    ridge = _RIDGE * np.diag(moments).mean() or 1.0
    axes_variances, axes = np.linalg.eigh(moments)
    return (axes / (np.maximum(axes_variances, 0) + ridge)) @ axes.T


def distances(residuals, precision):
    """Return the squared Mahalanobis distance of each row, of its observed cells.

    Parameters
    ----------
    residuals : ndarray of shape (n_samples, n_cells)
        NaN where a cell is missing.
    precision : ndarray of shape (n_cells, n_cells)
        Of all cells; what is missing is integrated out.

    Returns
    -------
    squares : ndarray of shape (n_samples,)
    """
    missing = np.isnan(residuals)
    values = np.clip(np.where(missing, 0.0, residuals), -_LARGEST, _LARGEST)
    pulls = values @ precision
    squares = (values * pulls).sum(axis=1)
    n_missing = missing.sum(axis=1).max(initial=0)
    step = max(1, _BLOCK_VALUES // max(n_missing, 1) ** 2)
    for start in range(0, len(values) if n_missing else 0, step):
        rows = slice(start, start + step)
        cells = np.argsort(~missing[rows], axis=1, kind="stable")[:, :n_missing]
        is_gap = np.take_along_axis(missing[rows], cells, axis=1)
        among = precision[cells[:, :, None], cells[:, None, :]]
        among = np.where(is_gap[:, :, None] & is_gap[:, None, :], among, 0.0)
        among += np.eye(n_missing) * ~is_gap[:, None, :]
        pull = np.take_along_axis(pulls[rows], cells, axis=1) * is_gap
        solved = np.linalg.solve(among, pull[:, :, None])[:, :, 0]
        squares[rows] -= (pull * solved).sum(axis=1)
    return squares
