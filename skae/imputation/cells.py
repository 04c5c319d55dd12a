"""What missing cells are by fitted estimators, and how far these are to be trusted."""

import numpy as np

from skae.autoencoders.variational.model import VariationalModel
from skae.data.samples import Samples, dense_rows
from skae.training.budget import FEWEST_TO_SPLIT
from skae.training.seeds import make_generator

RATE = (0.1, 0.5)  # of cells hidden, of a row
_ROWS_JUDGED = 500
_N_DRAWS = 100  # of the code of a row
_BEYOND = 1.0  # standard deviations, at most, that means leave what was observed


def held_out(n_rows, rng):
    """Return rows that tell how far to trust a network; None where rows are few."""
    if n_rows < FEWEST_TO_SPLIT:
        return None
    return rng.permutation(n_rows)[: max(10, n_rows // 10)]


def plausible_range(rows, is_number):
    """Return the lowest and the highest mean of each value: about those observed.

    A row with a cell far from all that were trained on would be taken anywhere.

    Parameters
    ----------
    rows : ndarray or Mixed of shape (n_samples, n_values)
        NaN where a cell is missing; no value is always missing.
    is_number : ndarray of bool of shape (n_values,), or bool
        Others have no bounds.

    Returns
    -------
    low, high : ndarray of shape (n_values,)
    """
    x = dense_rows(rows, slice(None))
    margin = _BEYOND * np.nanstd(x, axis=0)
    low = np.where(is_number, np.nanmin(x, axis=0) - margin, -np.inf)
    return low, np.where(is_number, np.nanmax(x, axis=0) + margin, np.inf)


def trusted_share(estimators, rows, parts, rng):
    """Return the shares of what networks add to linear means that held-out cells back.

    For each value of a row that of least squared error, within [0, 1], in which all
    columns together count as much as its own.

    Parameters
    ----------
    estimators : list of estimators
    rows : ndarray or Mixed of shape (n_samples, n_values)
    parts : list of ndarray of int
        Which rows each of the estimators has not seen.
    rng : numpy.random.Generator
        Hides cells.
    """
    products, squares = 0.0, 0.0
    for estimator, part in zip(estimators, parts, strict=True):
        x = np.repeat(dense_rows(rows, part), max(1, _ROWS_JUDGED // len(part)), axis=0)
        rates = rng.uniform(*RATE, size=(len(x), 1))
        fields = estimator._fields
        cells = np.arange(x.shape[1]) if fields.cells is None else fields.cells
        chosen = rng.random((len(x), cells.max() + 1)) < rates
        hidden = ~np.isnan(x) & chosen[:, cells]
        shown = np.where(hidden, np.nan, x).astype(x.dtype)
        linear = linear_means(estimator, shown)
        scale = fields.scaling.scale
        added = np.where(hidden, means(estimator, shown) - linear, 0.0) / scale
        missed = np.where(hidden, x - linear, 0.0) / scale
        products += _of_cells((added * missed).sum(axis=0), cells)
        squares += _of_cells((added**2).sum(axis=0), cells)
    products, squares = products + products.mean(), squares + squares.mean()
    return np.clip(products / np.maximum(squares, 1e-12), 0.0, 1.0)[cells]


def _of_cells(values, cells):
    """Return the sum over the values of each cell."""
    return np.bincount(cells, values)


def linear_means(estimator, x):
    """Return the rows that training started from: linear in the observed cells."""
    return estimator._fields.scaling.linear_means(x)


def means(estimator, x):
    """Return the mean of what missing cells may be; other cells are of no use."""
    if isinstance(estimator, VariationalModel):
        return estimator._imputed(Samples(x), _N_DRAWS, make_generator(0))
    return estimator._reconstruct(Samples(x))


def draws(estimator, x, seed):
    """Return draws of what missing cells may be."""
    generator = make_generator(seed)
    return estimator._imputed(Samples(x), _N_DRAWS, generator, draw=True)
