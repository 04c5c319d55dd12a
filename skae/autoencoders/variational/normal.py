"""Normal codes: their divergence from the prior, and points that stand for draws."""

import numpy as np
import torch

_LOG_VARIANCE = 15.0  # the logarithm of a posterior variance stays within +-15
_DIRECTIONS = 8  # in which, and against which, points lie


def squashed(log_variance):
    """Return log-variances, kept smoothly within +-15: about what goes in, near 0."""
    return _LOG_VARIANCE * torch.tanh(log_variance / _LOG_VARIANCE)


def unsquashed(log_variance):
    """Return what :func:`squashed` makes `log_variance` of; the limits are cut off."""
    share = (log_variance / _LOG_VARIANCE).clamp(-0.999, 0.999)
    return _LOG_VARIANCE * torch.atanh(share)


def divergence(mean, log_variance):
    """Return KL(N(mean, variance) || N(0, 1)) of each unit, in nats; any shape."""
    return 0.5 * (mean.square() + torch.expm1(log_variance) - log_variance)


def log_ratio(noise, log_variance, codes):
    """Return log q(code | x) - log p(code), for codes drawn by this noise.

    Parameters
    ----------
    noise, codes : Tensor of shape (n_draws, n_samples, n_components)
    log_variance : Tensor of shape (n_samples, n_components)

    Returns
    -------
    Tensor of shape (n_draws, n_samples)
    """
    return 0.5 * (codes.square() - noise.square() - log_variance).sum(-1)


def fixed_draws(n_draws, n_components):
    """Return standard normal noise, the same for every row.

    Returns
    -------
    noise : Tensor of shape (n_draws, 1, n_components), float64
    """
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.normal(size=(n_draws, 1, n_components)))


def surrounding_points(n_components):
    """Return points whose mean of any function estimates its normal expectation.

    In pairs of opposite sign, along orthogonal directions, at about the distances that
    standard normal vectors have. For up to 8 components the mean of a polynomial of
    degree three is exact; for more, that of a sum of such of one component each.

    Returns
    -------
    points : ndarray of shape (n_points, n_components), float64
    """
    rng = np.random.default_rng(0)
    n_blocks = -(-_DIRECTIONS // n_components)
    shape = (n_components, min(n_components, _DIRECTIONS))
    blocks = [np.linalg.qr(rng.normal(size=shape))[0].T for _ in range(n_blocks)]
    # Quantiles of the distance of normal vectors from zero, one for each block.
    ranks = (np.arange(n_blocks) + 0.5) / n_blocks
    distances = np.quantile(
        np.linalg.norm(rng.normal(size=(4096, n_components)), axis=1), ranks
    )
    points = np.concatenate(
        [block * distance for block, distance in zip(blocks, distances, strict=True)]
    )
    points /= np.sqrt(np.mean(points**2, axis=0))
    return np.concatenate((points, -points))
