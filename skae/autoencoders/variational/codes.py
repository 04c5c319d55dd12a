"""Codes to make rows of: from the prior, a mixture, or any fitted density."""

import copy
import inspect

import numpy as np
from sklearn.mixture import GaussianMixture
from sklearn.utils import check_array

_CLUSTERS = 10  # of the mixture


def fit_mixture(codes, seed):
    """Return a Gaussian mixture of codes, an array of (n_samples, n_components)."""
    mixture = GaussianMixture(min(_CLUSTERS, len(codes)), random_state=seed)
    codes = codes.astype(np.float64)
    return mixture.fit(codes if len(codes) > 1 else np.repeat(codes, 2, axis=0))


def draw_codes(latent, n_samples, n_components, seed):
    """Return codes, an array of shape (n_samples, n_components).

    Parameters
    ----------
    latent : "prior", or a fitted model with a method sample
    n_samples, n_components : int
    seed : int

    Raises
    ------
    ValueError
        If `latent` is something else, or its codes are of another width.
    """
    rng = np.random.default_rng(seed)
    if isinstance(latent, str) and latent == "prior":
        return rng.standard_normal((n_samples, n_components))
    if not hasattr(latent, "sample"):
        raise ValueError(
            f"latent={latent!r} must be 'prior', 'mixture' or a fitted model of "
            "codes with a method sample, such as GaussianMixture."
        )
    codes = _drawn(latent, n_samples, seed)
    codes = codes[0] if isinstance(codes, tuple) else codes
    codes = check_array(codes, input_name="latent.sample")
    if codes.shape[1] != n_components:
        raise ValueError(
            f"latent={latent!r} makes codes of {codes.shape[1]} components, but "
            f"n_components_ is {n_components}."
        )
    return codes[rng.permutation(len(codes))]


def _drawn(model, n_samples, seed):
    """Draw from a fitted model of codes, by a seed if it has a place for one."""
    if "random_state" in inspect.signature(model.sample).parameters:
        return model.sample(n_samples, random_state=seed)
    if hasattr(model, "random_state"):
        model = copy.copy(model)
        model.random_state = seed
    return model.sample(n_samples)
