"""The generative role: new rows from a prior of codes."""

import copy
import inspect
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skae.codecs import MixedCodec
from skae.data import reservoir
from skae.data.frames import in_memory
from skae.roles.latent import check_count
from skae.training.seeds import draw_seed, make_generator

_CLUSTERS = 10  # of the mixture


class GenerativeModel:
    """Rows from codes that no row was encoded to.

    A class that mixes this in has `_decode` and `_codec`, and calls :meth:`_keep_codes`
    when it is trained.
    """

    def sample(self, n_samples=1, random_state=None, *, latent="prior") -> Any:
        """Make new rows.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState instance or None, default=None
        latent : {"prior", "mixture"} or fitted model, default="prior"
            Where codes come from: the normal prior; a Gaussian mixture of 10 components
            on codes of the training rows, for codes that are not normal in sum; or any
            model fitted to codes that has a method `sample`, such as scikit-learn's
            `GaussianMixture` or `KernelDensity`.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            In units of the training rows and in their form: series as a list, a frame
            with the names of the features. Of a frame with categories, levels and
            counts are drawn, with the probabilities that belong to the code.
        """
        return self._sample(n_samples, random_state, latent)

    def _sample(self, n_samples, random_state, latent, draw="auto", condition=None):
        """Make rows, under conditions of shape (n_samples, n_conditions) if any."""
        check_is_fitted(self)
        check_count("n_samples", n_samples)
        if isinstance(draw, str) and draw == "auto":
            draw = isinstance(self._codec, MixedCodec)
        if not isinstance(draw, bool | np.bool_):
            raise TypeError(f"draw={draw!r} must be 'auto', True or False.")
        seed = draw_seed(random_state)
        if isinstance(latent, str) and latent == "mixture":
            if self._mixture is None:
                self._mixture = _fit_mixture(self._codes, self.net_.seed)
            latent = self._mixture
        codes = _draw_codes(latent, n_samples, self.n_components_, seed)
        generator = make_generator(seed)

        def read(output):
            return self.net_.criterion_.draw(output.cpu(), generator)

        rows = self._decode(codes, condition, read if draw else None)
        return self._codec.restore_new(rows)

    def _keep_codes(self, samples, rng, n_seen):
        """Keep codes of some of the rows seen, for a mixture to be fitted to."""
        rows = rng.permutation(len(samples))[: reservoir.SIZE]
        codes = self._drawn_codes(samples[rows], rng)
        known = self._codes if n_seen else codes[:0]
        self._codes = reservoir.sampled(known, codes, n_seen, rng, len(samples))
        self._mixture = None

    def _drawn_codes(self, samples, rng):
        """Return a code of each row; of a distribution of codes, one drawn from it."""
        return self._encode(samples)


def _fit_mixture(codes, seed):
    """Return a Gaussian mixture of codes, an array of (n_samples, n_components)."""
    from sklearn.mixture import GaussianMixture  # which takes long to import

    mixture = GaussianMixture(min(_CLUSTERS, len(codes)), random_state=seed)
    codes = codes.astype(np.float64)
    with config_context(array_api_dispatch=False):  # which knows no k-means
        return mixture.fit(codes if len(codes) > 1 else np.repeat(codes, 2, axis=0))


def _draw_codes(latent, n_samples, n_components, seed):
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
    codes = in_memory(codes, "latent.sample")
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
