"""The start of a conditional network: what conditions add, and PCA of the rest."""

import numpy as np
import torch

from skae.activations import INVERSES
from skae.autoencoders.start import kept_if_better, set_mixed_maps
from skae.autoencoders.variational.start import (
    mean_of_rest,
    noise_of,
    probabilistic_maps,
    set_log_variances,
)

_ROWS_REGRESSED = 4096  # on which the start learns what conditions add


def start_at_conditions(
    net, architecture, samples, scaling, encoding, loss, compared, scales=None
):
    """Start at what conditions add to rows, if that is the better start.

    Parameters
    ----------
    net : Net
    architecture : Architecture
    samples : Samples
        The training rows.
    scaling : Scaling
    encoding : Conditions
    loss : Loss
        Of rows of X.
    compared : Rows
        Training rows to compare the starts on.
    scales : AxisScales or None
        Of a frame with categories.
    """
    rng = np.random.default_rng(net.seed)
    rows = np.sort(rng.permutation(len(samples))[:_ROWS_REGRESSED])
    x = scaling.seen(samples.X, rows)
    conditions = samples.condition[rows].astype(np.float64)
    if scaling.centre is None:
        _start_at_mean_rows(net, architecture, encoding, x, conditions, loss, compared)
    else:
        _start_at_effects(net, architecture, x, conditions, compared, scales)


def _start_at_effects(net, architecture, x, conditions, rows, scales=None):
    """Start at what conditions add, and probabilistic PCA of the rest of rows.

    Parameters
    ----------
    net : Net
    architecture : Architecture
    x : ndarray of shape (n_rows, n_features)
        Rows as the network sees them.
    conditions : ndarray of shape (n_rows, n_conditions)
    rows : Rows
        Training rows to compare the starts on.
    scales : AxisScales or None
    """
    from sklearn.decomposition import PCA  # which takes long to import

    module, like = net.module_, net.module_.head.weight
    n_components = module.n_components
    if scales is not None:
        x = x * scales.encoding
    effects = np.linalg.lstsq(conditions, x)[0]
    rest = x - conditions @ effects
    pca = PCA(min(n_components, *x.shape), random_state=net.seed)
    with np.errstate(invalid="ignore"):  # shares of no variance
        pca.fit(rest)
    variances = pca.singular_values_**2 / len(x)
    noise = mean_of_rest(rest.var(axis=0).sum(), variances, x.shape[1])
    noise = noise_of(net.criterion_, noise)
    encoding, decoding, log_variances = probabilistic_maps(
        pca.components_, variances, noise, like
    )
    effects = torch.tensor(effects, dtype=like.dtype, device=like.device)
    n_axes, n_features = encoding.shape
    # No axis is left for some components, and none encodes a condition.
    unused = encoding.new_zeros(n_components - n_axes, n_features)
    maps = (
        torch.cat((encoding, unused, torch.zeros_like(effects))),
        torch.cat((decoding, unused, effects)),
    )

    def set_others():
        module.condition_to_mean.weight.zero_()
        module.condition_to_mean.weight[:n_axes] = -encoding @ effects.T
        set_log_variances(module, log_variances)

    if scales is not None:
        set_mixed_maps(net, architecture, *maps, rows, scales, set_others)
        return
    with kept_if_better(net, rows), torch.no_grad():
        architecture.set_linear_maps(module, *maps)
        set_others()
        net.criterion_.start_dispersion(noise)


def _start_at_mean_rows(net, architecture, encoding, x, conditions, loss, rows):
    """Start at the mean row of each label, where rows are not centred.

    Parameters
    ----------
    net : Net
    architecture : Architecture
    encoding : Conditions
    x : ndarray of shape (n_rows, n_features)
    conditions : ndarray of shape (n_rows, n_conditions)
    loss : Loss
    rows : Rows
        Training rows to compare the starts on.
    """
    inverse = INVERSES.get(type(loss.activation()), torch.zeros_like)
    effects = encoding.effects(
        x,
        conditions,
        loss.target_range,
        lambda means: inverse(torch.from_numpy(means)).numpy(),
    )
    like = net.module_.head.weight
    effects = torch.tensor(effects, dtype=like.dtype, device=like.device)
    with kept_if_better(net, rows):
        architecture.set_effects(net.module_, effects)
