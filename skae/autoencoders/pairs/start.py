"""The linear start of an encoder-decoder: ridge regression, of rank n_components."""

from typing import NamedTuple

import numpy as np
import scipy.linalg
import torch

_WIDEST = 2048  # columns of X; beyond, as many rows tell of them
_WORK = 1e11  # multiplications spent on moments: more rows than that takes are left out
_WORK_LEFT_OUT = 1e10  # and on the errors of rows that are left out
_STRENGTHS = np.logspace(-7, 4, 34)  # in mean squares of the axes of X
_ROUNDING = 1e-12  # of the largest square of an axis: what is no axis
_MISSED = 1e-4  # of the spread of y: how far from ridge regression a start may be


class Moments(NamedTuple):
    """What ridge regressions of any strength are made of, of centred rows."""

    squares: np.ndarray  # (n_axes,), of the rows along the principal axes of X
    axes: np.ndarray  # (n_axes, n_features), orthonormal
    products: np.ndarray  # (n_axes, n_targets), of unit vectors along the axes with y
    mean_x: np.ndarray  # (n_features,)
    mean_y: np.ndarray  # (n_targets,)
    n_observations: float  # rows, each counted by its weight


def start_at_ridge(net, architecture, samples, scaling, compared):
    """Start at the ridge regression of y on X, if the network gets there.

    Parameters
    ----------
    net : Net
    architecture : Sides
        With a linear path on both sides.
    samples : Samples
        The training rows.
    scaling : Scaling
        Whose `target` centres y.
    compared : Rows
        Training rows to compare the network with ridge regression on.
    """
    rng = np.random.default_rng(net.seed)
    samples = samples[_rows_regressed(samples, rng)]
    moments = moments_of(samples, scaling)
    if not len(moments.squares):  # X does not vary
        return
    left_out = samples[_rows_left_out(samples, moments, rng)]
    strength = cross_validated(moments, *_weighed(left_out, slice(None), scaling))
    module = net.module_
    maps = reduced_rank(moments, strength, module.n_components)
    encoding, decoding = (torch.tensor(each).to(module.head.weight) for each in maps)
    n_axes = len(encoding)
    random_start = net.weights()
    with torch.no_grad():
        # The decoder reads these components later: they stay as they are.
        rest = module.head.weight[n_axes:].clone()
        architecture.set_linear_maps(module, encoding, decoding)
        module.head.weight[n_axes:] = rest
    net.ready()
    batch = compared.take(slice(0, len(compared)))
    with torch.inference_mode():
        output = module.decode(module.encode(batch), batch.outcome)
        output = net.criterion_.reconstruction(output)
        missed = (output - batch.x @ encoding.T @ decoding).square().mean()
        error = (output - batch.compared).square().mean()
        spread = batch.compared.square().mean()
    if not missed <= _MISSED * spread:
        net.load_weights(random_start)
        return
    net.criterion_.start_dispersion(float(error))


def _rows_regressed(samples, rng):
    """Return the rows that the regression is made of: all of them, unless too many."""
    n_rows, n_features = samples.shape
    width = n_features + samples.target.shape[1]
    most = int(_WORK / (min(n_features, _WIDEST) * width))
    if n_features > _WIDEST:
        most = min(most, _WIDEST)
    return _some(n_rows, most, rng)


def _rows_left_out(samples, moments, rng):
    """Return the rows whose errors choose the strength, alike."""
    n_axes, n_targets = moments.products.shape
    most = int(_WORK_LEFT_OUT / (len(_STRENGTHS) * n_axes * n_targets))
    return _some(len(samples), most, rng)


def _some(n_rows, most, rng):
    if n_rows <= most:
        return slice(None)
    return np.sort(rng.choice(n_rows, max(most, 1), replace=False))


def _weighed(samples, rows, scaling):
    """Return rows of X and of y as the network sees them, in float64, and weights."""
    positions = np.arange(len(samples))[rows]
    x = scaling.seen(samples.X, positions).astype(np.float64)
    y = scaling.target.seen(samples.target, positions).astype(np.float64)
    weight = np.ones(len(positions))
    if samples.weight is not None:
        weight = samples.weight[positions]
    return x, y, weight


def moments_of(samples, scaling):
    """Return the :class:`Moments` of samples, by covariances or, of few rows, by them.

    Parameters
    ----------
    samples : Samples
    scaling : Scaling
    """
    n_rows, n_features = samples.shape
    if n_features > min(n_rows, _WIDEST):
        x, y, weight = _weighed(samples, slice(None), scaling)
        mean_x = np.average(x, axis=0, weights=weight)
        mean_y = np.average(y, axis=0, weights=weight)
        roots = np.sqrt(weight)[:, np.newaxis]
        x, y = roots * (x - mean_x), roots * (y - mean_y)
        squares, vectors = _axes_of(x @ x.T)
        axes = vectors.T @ x / np.sqrt(squares)[:, np.newaxis]
        products = vectors.T @ y
        return Moments(squares, axes, products, mean_x, mean_y, weight.sum())
    total, sum_x, sum_y, squares, cross = 0.0, 0.0, 0.0, 0.0, 0.0
    for start in range(0, n_rows, _WIDEST):
        x, y, weight = _weighed(samples, slice(start, start + _WIDEST), scaling)
        total += weight.sum()
        sum_x, sum_y = sum_x + weight @ x, sum_y + weight @ y
        counted = weight[:, np.newaxis] * x
        squares, cross = squares + counted.T @ x, cross + counted.T @ y
    mean_x, mean_y = sum_x / total, sum_y / total
    squares, vectors = _axes_of(squares - np.outer(sum_x, mean_x))
    cross = cross - np.outer(sum_x, mean_y)
    products = vectors.T @ cross / np.sqrt(squares)[:, np.newaxis]
    return Moments(squares, vectors.T, products, mean_x, mean_y, total)


def _axes_of(matrix):
    """Return the eigenvalues that are not rounding, and their eigenvectors."""
    values, vectors = scipy.linalg.eigh(matrix)
    kept = values > _ROUNDING * max(values[-1], np.finfo(np.float64).tiny)
    return values[kept], vectors[:, kept]


def cross_validated(moments, x, y, weight):
    """Return the strength of ridge regression whose errors left out are lowest.

    Each of the rows is predicted by the regression of all others, in closed form: its
    residual over one less its leverage (Golub et al. 1979). A weight is a number of
    equal rows, of which one is left out.

    Parameters
    ----------
    moments : Moments
    x, y : ndarray of shape (n_samples, n_features) and (n_samples, n_targets)
        Rows among those of the moments.
    weight : ndarray of shape (n_samples,)

    Returns
    -------
    float
    """
    squares = moments.squares
    x, y = x - moments.mean_x, y - moments.mean_y
    units = (x @ moments.axes.T) / np.sqrt(squares)
    strengths, errors = _STRENGTHS * squares.mean(), []
    for strength in strengths:
        kept = squares / (squares + strength)
        leverage = np.square(units) @ kept + 1 / moments.n_observations
        residuals = y - units @ (moments.products * kept[:, np.newaxis])
        left_out = np.square(residuals).sum(axis=1) / np.square(1 - leverage)
        errors.append(weight @ left_out)
    return float(strengths[np.argmin(errors)])


def reduced_rank(moments, strength, rank):
    """Return the best linear maps from X to a code of at most `rank`, and to y.

    Ridge regression, projected to the leading directions of what it fits (Mukherjee
    and Zhu 2011); with as many components as targets or axes, ridge regression itself.

    Parameters
    ----------
    moments : Moments
    strength : float
    rank : int

    Returns
    -------
    encoding : ndarray of shape (n_directions, n_features)
    decoding : ndarray of shape (n_directions, n_targets)
    """
    squares, products = moments.squares, moments.products
    divisor = (squares + strength)[:, np.newaxis]
    fitted = products * np.sqrt(squares[:, np.newaxis] / divisor)
    n_directions = min(rank, *fitted.shape)
    values, directions = scipy.linalg.eigh(
        fitted.T @ fitted if fitted.shape[1] <= fitted.shape[0] else fitted @ fitted.T
    )
    directions = directions[:, ::-1][:, :n_directions]
    if fitted.shape[1] > fitted.shape[0]:
        sizes = np.sqrt(np.maximum(values[::-1][:n_directions], 0.0))
        directions = fitted.T @ directions / np.where(sizes > 0, sizes, 1.0)
    largest = np.abs(directions).argmax(axis=0)
    directions = directions * np.sign(directions[largest, np.arange(n_directions)])
    coefficients = moments.axes.T @ (
        products * np.sqrt(squares)[:, np.newaxis] / divisor
    )
    return (coefficients @ directions).T, directions.T
