"""The start of a variational network: probabilistic PCA, calibrated for new rows."""

import numpy as np
import torch

from skae.autoencoders.start import kept_if_better, set_mixed_maps
from skae.autoencoders.variational.normal import unsquashed

_LEAST_NOISE = 1e-5  # variance, where that of a typical column is 1
_FOLDS = 5
_SHARES = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03) + (
    0.05,
    0.07,
    0.1,
    0.15,
    0.2,
    0.3,
)


def probabilistic_maps(axes, variances, noise, like):
    """Return what makes a linear network probabilistic PCA.

    The evidence lower bound of a linear network is highest where it equals the
    likelihood of probabilistic PCA (Tipping and Bishop 1999, Lucas et al. 2019): with
    axes u of variance l and noise v, the mean is ``sqrt(l - v) / l * u @ x``, the
    posterior's variance ``v / l``, and the decoder's column ``sqrt(l - v) * u``.

    Parameters
    ----------
    axes : ndarray of shape (n_axes, n_features)
        Orthonormal rows.
    variances : ndarray of shape (n_axes,)
        Of the rows along the axes, in the net's units.
    noise : float
        The mean variance across the other directions.
    like : Tensor
        Of the dtype and on the device of what is returned.

    Returns
    -------
    encoding, decoding : Tensor of shape (n_kept, n_features)
        For the axes along which there is more than noise.
    log_variances : Tensor of shape (n_kept,)
        Of the posterior, as the module's layer gives them.
    """
    axes = torch.tensor(axes, dtype=like.dtype, device=like.device)
    variances = torch.tensor(variances, dtype=like.dtype, device=like.device)
    above = variances > noise
    axes, variances = axes[above], variances[above]
    size = (variances - noise).sqrt().unsqueeze(1)
    encoding, decoding = size / variances.unsqueeze(1) * axes, size * axes
    return encoding, decoding, unsquashed(torch.log(noise / variances))


def start_probabilistic(net, architecture, axes, variances, noise, rows, scales=None):
    """Start a variational module at probabilistic PCA, if that is the better start.

    Parameters
    ----------
    net : Net
    architecture : Architecture
    axes, variances, noise
        As of :func:`probabilistic_maps`.
    rows : Rows
        Training rows to compare the starts on.
    scales : AxisScales or None
        Of a frame: the units of the axes.
    """
    module = net.module_
    noise = noise_of(net.criterion_, noise)
    maps = probabilistic_maps(axes, variances, noise, module.head.weight)
    encoding, decoding, log_variances = maps
    if scales is not None:
        set_mixed_maps(
            net,
            architecture,
            encoding,
            decoding,
            rows,
            scales,
            lambda: set_log_variances(module, log_variances),
        )
        return
    with kept_if_better(net, rows), torch.no_grad():
        architecture.set_linear_maps(module, encoding, decoding)
        set_log_variances(module, log_variances)
        net.criterion_.start_dispersion(noise)


def noise_of(criterion, noise):
    """Return the variance that a likelihood is given, else `noise`, above 0."""
    given = criterion.loss.given_variance
    return max(noise if given is None else given, _LEAST_NOISE)


def set_log_variances(module, log_variances):
    """Let the posterior have these log-variances, and that of the prior beyond."""
    module.log_variance.bias.zero_()
    module.log_variance.bias[: len(log_variances)] = log_variances


def mean_of_rest(total, variances, n_features):
    """Return the mean variance of a row along what leading axes leave out."""
    return max(total - variances.sum(), 0.0) / max(n_features - len(variances), 1)


def calibrate_spectrum(rows, n_components, n_rows, rng):
    """Return how the variances of rows are to be changed for rows that are new.

    Few rows make the largest variances too large and the smallest too small (Ledoit and
    Wolf 2004), and the likelihood of new rows too low: their distances from the mean
    are larger. Five-fold cross-validation of probabilistic PCA chooses.

    Parameters
    ----------
    rows : ndarray of shape (n_sample, n_features)
        All rows or a sample of them.
    n_components : int
    n_rows : int
        How many there are in all.
    rng : numpy.random.Generator

    Returns
    -------
    share : float
        Of each variance, to replace by their mean; in [0, 1).
    factor : float
        For all of them then.
    """
    n_sample, n_features = rows.shape
    if n_sample < 2 * _FOLDS:
        return 0.0, 1.0
    n_rest = max(n_features - n_components, 0)
    # Of each row, under each share: logarithms of variances, squares in their units.
    logs, squares = np.empty((2, len(_SHARES), n_sample))
    for held_out in np.array_split(rng.permutation(n_sample), _FOLDS):
        others = np.delete(rows, held_out, axis=0)
        variances, axes = np.linalg.eigh(np.cov(others.T).reshape(n_features, -1))
        along = ((rows[held_out] - others.mean(axis=0)) @ axes) ** 2
        for number, share in enumerate(_SHARES):
            shrunk = (1 - share) * variances + share * variances.mean()
            rest = shrunk[:n_rest]
            rest[:] = max(rest.mean(), _LEAST_NOISE) if n_rest else 0.0
            shrunk = np.maximum(shrunk, max(shrunk[0], _LEAST_NOISE))
            logs[number, held_out] = np.log(shrunk).sum()
            squares[number, held_out] = (along / shrunk).sum(axis=1)
    factors = np.maximum(squares.mean(axis=1, keepdims=True) / n_features, 1.0)
    costs = logs + n_features * np.log(factors) + squares / factors
    best = costs.mean(axis=1).argmin()
    gains = costs[0] - costs[best]
    if gains.mean() <= gains.std() / np.sqrt(n_sample):
        best = 0  # a few rows of heavy tails alone would shrink everything
    of_all = n_sample / n_rows
    return _SHARES[best] * of_all, 1.0 + (float(factors[best, 0]) - 1.0) * of_all
