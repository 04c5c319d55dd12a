"""The linear start: PCA where the network can express it, else the random start."""

from contextlib import contextmanager

import numpy as np
import torch

from skae.engine.normal import unsquashed

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


def start_linear(net, architecture, axes, rows, centre):
    """Start the net's module at the reconstruction along `axes`, if it gets there.

    Parameters
    ----------
    net : Net
    architecture : Architecture
    axes : ndarray of shape (n_axes, n_features)
        Orthonormal rows.
    rows : Rows
        Training rows to compare with PCA on.
    centre : ndarray of shape (n_features,) or None
        What PCA subtracts from the rows, if they are not centred already.
    """
    module = net.module_
    random_start = net.weights()
    axes = torch.tensor(axes, dtype=torch.float32, device=rows.device)
    architecture.start_linear(module, axes, axes)
    net.settle()
    x = rows.take(slice(0, len(rows)))
    centred = x
    if centre is not None:
        centred = x - torch.tensor(centre, dtype=torch.float32, device=rows.device)
    with torch.inference_mode():
        output = module.output(x)
        error = (net.criterion_.reconstruction(output) - x).square().mean()
        of_pca = (centred @ axes.T @ axes - centred).square().mean()
        spread = centred.square().mean()
    if not error <= 1.01 * of_pca + 1e-5 * spread:
        net.load_weights(random_start)
        return
    net.criterion_.start_dispersion(float(error))


def start_probabilistic(net, architecture, axes, variances, noise, rows, effects=None):
    """Start a variational module at probabilistic PCA, if that is the better start.

    The evidence lower bound of a linear network is highest where it equals the
    likelihood of probabilistic PCA (Tipping and Bishop 1999, Lucas et al. 2019): with
    axes u of variance l and noise v, the mean is ``sqrt(l - v) / l * u @ x``, the
    posterior's variance ``v / l``, and the decoder's column ``sqrt(l - v) * u``.

    Parameters
    ----------
    net : Net
    architecture : Architecture
    axes : ndarray of shape (n_axes, n_features)
        Orthonormal rows.
    variances : ndarray of shape (n_axes,)
        Of the rows along the axes, in the net's units.
    noise : float
        The mean variance across the other directions.
    rows : Rows
        Training rows to compare the starts on.
    effects : ndarray of shape (n_conditions, n_features) or None
        What each condition adds to a row; the axes are then of the rest.
    """
    module, criterion = net.module_, net.criterion_
    if criterion.loss.given_variance is not None:
        noise = criterion.loss.given_variance
    noise = max(noise, _LEAST_NOISE)
    like = {"dtype": torch.float32, "device": rows.device}
    axes, variances = torch.tensor(axes, **like), torch.tensor(variances, **like)
    above = variances > noise
    axes, variances = axes[above], variances[above]
    size = (variances - noise).sqrt().unsqueeze(1)
    encoding, decoding = size / variances.unsqueeze(1) * axes, size * axes
    with _kept_if_better(net, rows), torch.no_grad():
        if effects is not None:
            effects = torch.tensor(effects, **like)
            module.condition_to_mean.weight.zero_()
            module.condition_to_mean.weight[: len(axes)] = -encoding @ effects.T
            none = axes.new_zeros(net.criterion_.n_features)
            n_rest = module.log_variance.out_features - len(axes)
            decoding = torch.cat((decoding, none.expand(n_rest, -1), effects))
            encoding = torch.cat((encoding, none.expand(len(decoding) - len(axes), -1)))
        architecture.start_linear(module, encoding, decoding)
        module.log_variance.bias.zero_()
        module.log_variance.bias[: len(axes)] = unsquashed(torch.log(noise / variances))
        criterion.start_dispersion(noise)


def start_conditional_means(net, architecture, effects, rows):
    """Start a conditional module at what conditions add, if that is the better start.

    Parameters
    ----------
    net : Net
    architecture : Architecture
    effects : ndarray of shape (n_conditions, n_features)
        What each adds to the decoder's output.
    rows : Rows
        Training rows to compare the starts on.
    """
    effects = torch.tensor(effects, dtype=torch.float32, device=rows.device)
    with _kept_if_better(net, rows):
        architecture.start_effects(net.module_, effects)


@contextmanager
def _kept_if_better(net, rows):
    """Undo what happens to the weights in the block if the rows cost more by it."""
    before, weights = net.row_losses(rows).mean(), net.weights()
    yield
    net.settle()
    if not net.row_losses(rows).mean() <= before:
        net.load_weights(weights)


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
