"""The generative role: new rows from a prior, or from a density learned after it."""

import copy
import inspect
from typing import Any

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skae.codecs import MixedCodec
from skae.data import reservoir
from skae.data.frames import in_memory
from skae.roles.flow import CodeFlow
from skae.roles.latent import check_count
from skae.roles.mixture import fitted_mixture
from skae.roles.rows import RowDensity
from skae.training.seeds import draw_seed, make_generator

_MOST_CODES = 32_768  # rows whose codes are kept,
_MOST_VALUES = 2**21  # but no more values than that in all, if they are many


class GenerativeModel:
    """Rows from codes that no row was encoded to.

    A class that mixes this in has `_decode` and `_codec`, and calls :meth:`_keep_codes`
    when it is trained.
    """

    _latent = "mixture"  # where codes come from if nothing is said

    def sample(self, n_samples=1, random_state=None, *, latent="auto") -> Any:
        """Make new rows.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState instance or None, default=None
        latent : str or fitted model, default="auto"
            Where codes come from. "prior": the normal prior; codes of real rows seldom
            fill it evenly. "mixture": a Gaussian mixture fitted to codes of training
            rows, of 1 to 30 components, as codes held out choose. "flow": a network
            that carries normal noise to such codes, for ten thousands of rows, learned
            when it is first asked for. Or any model fitted to codes that has a method
            `sample`, such as scikit-learn's `KernelDensity`. "columns": from nowhere;
            of frames with categories, a network draws each column given those before
            it, learned when it is first asked for. "auto": of such frames "columns",
            where rows held out are more probable so than by columns drawn alone; else
            the mixture.

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
        is_mixed = isinstance(self._codec, MixedCodec)
        if isinstance(draw, str) and draw == "auto":
            draw = is_mixed
        if not isinstance(draw, bool | np.bool_):
            raise TypeError(f"draw={draw!r} must be 'auto', True or False.")
        if isinstance(latent, str) and latent == "auto":
            latent = self._latent
            if is_mixed and draw and self._density("columns").is_learned:
                latent = "columns"
        if isinstance(latent, str) and latent == "columns":
            self._check_columns(is_mixed, draw)
        seed = draw_seed(random_state)
        if isinstance(latent, str):
            latent = self._density(latent)
        if isinstance(latent, RowDensity):
            cells = latent.sample(n_samples, seed, condition)
            return self._codec.restore_new(self._codec.of_cells(cells).toarray())
        if isinstance(latent, CodeFlow):
            codes = latent.sample(n_samples, seed, condition)
        else:
            codes = _draw_codes(latent, n_samples, self.n_components_, seed)
        generator = make_generator(seed)

        def read(output):
            return self.net_.criterion_.draw(output.cpu(), generator)

        rows = self._decode(codes, condition, read if draw else None)
        return self._codec.restore_new(rows)

    def _density(self, name):
        """Return a density of codes by its name; other names are returned."""
        if name not in ("mixture", "flow", "columns"):
            return name
        if name in self._densities:
            return self._densities[name]
        seed = self.net_.seed
        if name == "columns":
            codec = self._codec
            rows, conditions = np.split(self._seen_rows, [len(codec.names)], axis=1)
            density = RowDensity()
            density.fit(rows, codec.n_levels, seed, codec.order, conditions)
        else:
            n = self.n_components_
            means, stds, conditions = np.split(self._codes, (n, 2 * n), axis=1)
            if name == "flow":
                density = CodeFlow().fit(means, seed, stds, conditions)
            else:
                rng = np.random.default_rng(seed)
                drawn = means + stds * rng.standard_normal(means.shape)
                density = fitted_mixture(drawn, seed)
        self._densities[name] = density
        return density

    def _check_columns(self, is_mixed, draw):
        """Raise ValueError where rows cannot be drawn column by column."""
        if not is_mixed:
            raise ValueError(
                "latent='columns' is for frames with categories, or with columns="
                "Columns(): fit was given neither."
            )
        if not draw:
            raise ValueError(
                "latent='columns' draws rows: it has no means of them, as draw=False "
                "asks for."
            )

    def _keep_codes(self, samples, rng, n_seen):
        """Keep codes of some of the rows seen, for densities to be fitted to.

        Their means, standard deviations and the conditions of the rows side by side.
        """
        size = min(_MOST_CODES, max(reservoir.SIZE, _MOST_VALUES // self.n_components_))
        n_new = len(samples)
        samples = samples[rng.permutation(n_new)[:size]]
        codes = [*self._posterior(samples)]
        if samples.condition is not None:
            codes.append(samples.condition.astype(codes[0].dtype))
        codes = np.hstack(codes)
        known = self._codes if n_seen else codes[:0]
        self._codes = reservoir.sampled(known, codes, n_seen, rng, n_new, size)
        self._densities = {}
        if isinstance(self._codec, MixedCodec):
            self._keep_rows(samples, n_seen, n_new, size)

    def _keep_rows(self, samples, n_seen, n_new, size):
        """Keep rows themselves, with their conditions, for a density of columns."""
        rows = [samples.X.numbers, samples.X.codes]
        if samples.condition is not None:
            rows.append(samples.condition)
        rows = np.hstack(rows)
        known = self._seen_rows if n_seen else rows[:0]
        rng = np.random.default_rng([self.net_.seed, n_seen])
        self._seen_rows = reservoir.sampled(known, rows, n_seen, rng, n_new, size)

    def _posterior(self, samples):
        """Return means and standard deviations of codes: here they are certain."""
        codes = self._encode(samples)
        return codes, np.zeros_like(codes)


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
            f"latent={latent!r} must be 'auto', 'prior', 'mixture', 'flow', 'columns' "
            "or a fitted model of codes with a method sample, such as GaussianMixture."
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
