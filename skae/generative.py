"""What a model of the data does: bounds, likelihoods, samples, paths between rows."""

import copy
import inspect
import warnings
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.mixture import GaussianMixture
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from skae.engine import reservoir
from skae.engine.batches import HIDDEN_FACTOR, dense_rows, rows_per_block
from skae.engine.budget import auto_latent_units
from skae.engine.forward import Bound
from skae.engine.normal import divergence, log_ratio, surrounding_points
from skae.engine.seeds import draw_seed, make_generator
from skae.engine.start import (
    calibrate_spectrum,
    mean_of_rest,
    start_probabilistic,
)
from skae.engine.watchers import WarmUp
from skae.losses import Gaussian, SquaredError, as_likelihood
from skae.ragged import Ragged
from skae.validation import as_rows

_ACTIVE = 0.01  # variance of a unit's posterior mean over rows (Burda et al. 2016)
SCORE_DRAWS = 128  # of outlier_score="log_likelihood"
_CLUSTERS = 10  # of that mixture
_WIDEST_CALIBRATED = 512  # columns, up to which the start's variances are changed
_MANY_ROWS = 64  # per column, from which on they need not be
_ROWS_CALIBRATED = 8192  # at most, that this is decided on
_ROWS_PER_PASS = 4096  # draws of rows that are decoded at once


@dataclass(eq=False, repr=False, kw_only=True)
class GenerativeMixin:
    """The evidence bound as the loss, and the methods of a model with a prior.

    The module has `posterior`, `decode` and `decode_draws`. Methods with a `beside`
    take what stands beside the rows for the network, an array of (n_samples, n), or
    None.
    """

    beta: float = 1.0
    kl_warm_up: int = 0
    free_bits: float = 0.0
    n_importance_samples: int = 1

    _parameter_constraints = {
        "beta": [Interval(Real, 0, None, closed="left")],
        "kl_warm_up": [Interval(Integral, 0, None, closed="left")],
        "free_bits": [Interval(Real, 0, None, closed="left")],
        "n_importance_samples": [Interval(Integral, 1, None, closed="left")],
    }

    _losses_are_logarithms = True

    # -- training

    def _resolve(self):
        super()._resolve()
        if self.free_bits and self.n_importance_samples > 1:
            raise ValueError(
                f"free_bits={self.free_bits} is for the evidence lower bound: it needs "
                f"n_importance_samples=1, not {self.n_importance_samples}."
            )

    def _resolve_loss(self):
        return as_likelihood(super()._resolve_loss())

    @property
    def _default_loss(self):
        default = super()._default_loss
        return Gaussian if default is SquaredError else default

    @property
    def _starts_linear(self):
        return super()._starts_linear and not self.loss_.is_bounded

    def _criterion_params(self, columns):
        return {
            **super()._criterion_params(columns),
            "criterion": Bound,
            "criterion__beta": self.beta,
            "criterion__free_bits": self.free_bits,
            "criterion__n_draws": self.n_importance_samples,
        }

    def _module_params(self, columns, lengths):
        return {
            **super()._module_params(columns, lengths),
            "module__n_draws": self.n_importance_samples,
        }

    def _watchers(self):
        warm_up = [WarmUp(self.kl_warm_up)] if self.kl_warm_up else []
        return [*super()._watchers(), *warm_up]

    @property
    def _patience(self):
        return super()._patience + self.kl_warm_up

    def _auto_components(self, n_features):
        return auto_latent_units(n_features)

    def _n_in_sum(self, X):
        if isinstance(X, Ragged):
            return X.lengths * X.steps.shape[1]
        return X.shape[1]

    def _start(self, X, X_val, columns, axes, variances, beside):
        if not self._starts_linear:
            return
        rng = np.random.default_rng(self.net_.seed)
        rest = mean_of_rest(columns.variance.sum(), variances, X.shape[1])
        share, factor = self._calibration(X, rng)
        variances, rest = (
            factor
            * ((1 - share) * value + share * columns.variance.mean())
            / self.scale_**2
            for value in (variances, rest)
        )
        start_probabilistic(
            self.net_,
            self.architecture_,
            axes,
            variances,
            rest,
            self._first_rows(X),
        )

    def _calibration(self, X, rng):
        """Return share and factor that the start's variances are changed by."""
        n_rows, n_features = X.shape
        if n_features > _WIDEST_CALIBRATED or n_rows > _MANY_ROWS * n_features:
            return 0.0, 1.0
        n_sample = min(n_rows, _ROWS_CALIBRATED)
        rows = np.sort(rng.choice(n_rows, n_sample, replace=False))
        x = (dense_rows(X, rows) - self.mean_) / self.scale_
        return calibrate_spectrum(x, self.n_components_, n_rows, rng)

    def _train(self, *args, **kwargs):
        super()._train(*args, **kwargs)
        if not len(self.active_units_):
            warnings.warn(
                f"Posterior collapse: none of the {self.n_components_} units of the "
                "code depends on X. Lower beta, raise it slowly (kl_warm_up), spare "
                "some of each unit's divergence (free_bits), or train for longer.",
                stacklevel=4,
            )

    def _after_training(self, X, rng, n_seen, beside=None):
        """Learn which units are active, and keep codes for a mixture."""
        super()._after_training(X, rng, n_seen, beside)
        sums = torch.zeros(2, self.n_components_, dtype=torch.float64)

        def add(net, x):
            means = net.encode(x).double().cpu()
            sums[0] += means.sum(0)
            sums[1] += means.square().sum(0)
            return torch.empty(len(x), 0)

        self._map(X, add, 0, beside=beside)
        self._mean_sums = sums.numpy() + (self._mean_sums if n_seen else 0.0)
        mean, square = self._mean_sums / self.n_samples_seen_
        self.active_units_ = np.flatnonzero(square - mean**2 > _ACTIVE)
        rows = rng.permutation(X.shape[0])[: reservoir.SIZE]
        mean, std = self._posterior(X[rows], None if beside is None else beside[rows])
        codes = mean + std * rng.normal(size=mean.shape).astype(mean.dtype)
        known = self._codes if n_seen else codes[:0]
        self._codes = reservoir.sampled(known, codes, n_seen, rng, X.shape[0])
        self._mixture = None

    @property
    def dispersion_(self):
        """What the likelihood learned: its variance (Gaussian) or scale (Laplace)."""
        check_is_fitted(self)
        criterion = self.net_.criterion_
        if criterion.dispersion is None:
            return None
        with torch.no_grad():
            learned = criterion.dispersion.cpu().double()
            width = criterion.loss.dispersion(learned, self.scale_)
        return width.numpy() if width.ndim else float(width)

    # -- rows to numbers

    def _posterior(self, X, beside=None):
        """Return mean and standard deviation of the codes of validated rows."""
        both = self._map(
            X, lambda net, x: torch.cat(net.posterior(x), 1), 2 * self.n_components_,
            beside=beside,
        )  # fmt: skip
        mean, log_variance = np.split(both, 2, axis=1)
        return mean, np.exp(0.5 * log_variance)

    def _reconstruction_losses(self, X, beside=None):
        """Return the loss of each row's reconstruction from its mean code, in nats."""
        return np.nansum(self._cell_losses(X, beside), axis=1)

    def _row_losses(self, X, beside=None):
        """Return minus the evidence lower bound of each row, in nats."""
        return self._expected_losses(X, beside, with_divergence=True)

    def _expected_losses(self, X, beside=None, *, with_divergence):
        """Return the posterior mean of the loss of rows, by fixed points around it."""
        points = torch.from_numpy(surrounding_points(self.n_components_))
        criterion = self.net_.criterion_
        n_values = self._n_hidden_values // HIDDEN_FACTOR

        def compute(net, x):
            mean, log_variance = net.posterior(x)
            std = torch.exp(0.5 * log_variance)
            total = torch.zeros(len(x), dtype=x.dtype, device=x.device)
            for chunk in points.to(x).split(_per_pass(x, n_values)):
                codes = mean + std * chunk.unsqueeze(1)
                outputs = net.decode_draws(codes, x)
                total += criterion.row_losses(outputs, x).sum(0)
            total /= len(points)
            if with_divergence:
                total += divergence(mean, log_variance).sum(1)
            return total

        losses = self._map(X, compute, beside=beside, value_range=self.loss_.range)
        losses += self._row_shift(X)
        return losses

    def _log_likelihood(self, X, n_draws, generator, beside=None):
        """Return the importance-weighted bound of validated rows, in nats.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n_samples, n_features)
        n_draws : int
        generator : torch.Generator or None
            None takes fixed draws, the same for each row: its value then does not
            depend on other rows.
        beside : ndarray of shape (n_samples, n) or None
        """
        criterion = self.net_.criterion_
        n_values = self._n_hidden_values // HIDDEN_FACTOR
        fixed = None
        if generator is None:
            rng = np.random.default_rng(0)
            fixed = torch.from_numpy(rng.normal(size=(n_draws, 1, self.n_components_)))

        def compute(net, x):
            mean, log_variance = net.posterior(x)
            std = torch.exp(0.5 * log_variance)
            total = torch.full((len(x),), -np.inf, dtype=x.dtype, device=x.device)
            step = _per_pass(x, n_values)
            for first in range(0, n_draws, step):
                shape = (min(step, n_draws - first), *mean.shape)
                if fixed is None:
                    noise = torch.randn(shape, generator=generator, dtype=x.dtype)
                else:
                    noise = fixed[first : first + shape[0]]
                noise = noise.to(x)
                codes = mean + std * noise
                weights = -log_ratio(noise, log_variance, codes)
                weights -= criterion.row_losses(net.decode_draws(codes, x), x)
                total = torch.logaddexp(total, weights.logsumexp(0))
            return total - np.log(n_draws)

        bound = self._map(X, compute, beside=beside, value_range=self.loss_.range)
        bound -= self._row_shift(X)
        return bound

    # -- numbers to rows

    def _sample(self, n_samples, random_state, latent, draw, beside=None):
        codes, generator = self._sample_codes(n_samples, random_state, latent)

        def read(output):
            return self.net_.criterion_.draw(output.cpu(), generator)

        rows = self._decode(codes, beside, read if draw else None)
        return self._codec.restore(rows)

    def _sample_codes(self, n_samples, random_state, latent):
        check_is_fitted(self)
        check_count("n_samples", n_samples)
        seed = draw_seed(random_state)
        rng = np.random.default_rng(seed)
        generator = make_generator(seed)
        if isinstance(latent, str) and latent == "prior":
            return rng.standard_normal((n_samples, self.n_components_)), generator
        if isinstance(latent, str) and latent == "mixture":
            if self._mixture is None:
                codes = self._codes.astype(np.float64)
                mixture = GaussianMixture(
                    min(_CLUSTERS, len(codes)), random_state=self.net_.seed
                )  # which wants two rows at least
                self._mixture = mixture.fit(
                    codes if len(codes) > 1 else np.repeat(codes, 2, axis=0)
                )
            latent = self._mixture
        if not hasattr(latent, "sample"):
            raise ValueError(
                f"latent={latent!r} must be 'prior', 'mixture' or a fitted model of "
                "codes with a method sample, such as GaussianMixture."
            )
        codes = _drawn(latent, n_samples, seed)
        codes = codes[0] if isinstance(codes, tuple) else codes
        codes = check_array(codes, input_name="latent.sample")
        if codes.shape[1] != self.n_components_:
            raise ValueError(
                f"latent={latent!r} makes codes of {codes.shape[1]} components, but "
                f"{type(self).__name__} has {self.n_components_}."
            )
        return codes[rng.permutation(len(codes))], generator

    def _decode_paths(self, codes, beside=None):
        """Decode codes of shape (n_rows, n_steps, n_components), `beside` alike."""
        if beside is not None:
            beside = beside.reshape(-1, beside.shape[2])
        rows = self._decode(codes.reshape(-1, codes.shape[2]), beside)
        return self._codec.restore(rows, codes.shape[:2])

    def _interpolated(self, codes_a, codes_b, n_steps):
        """Return codes of shape (n_rows, n_steps, n_components), ends included."""
        check_count("n_steps", n_steps, at_least=2)
        shares = np.linspace(0, 1, n_steps, dtype=codes_a.dtype)[:, None]
        return codes_a[:, None] * (1 - shares) + codes_b[:, None] * shares

    def _pair(self, X_a, X_b):
        """Return two validated sets of rows of the same length."""
        check_is_fitted(self)
        X_a = as_rows(self, X_a, name="X_a")
        X_b = as_rows(self, X_b, name="X_b")
        if X_a.shape[0] != X_b.shape[0]:
            raise ValueError(
                f"X_a has {X_a.shape[0]} rows and X_b {X_b.shape[0]}: paths lead from "
                "each row of the one to the same row of the other."
            )
        return X_a, X_b

    def _traversed(self, codes, component, values):
        """Return codes with one component set to each of the values in turn."""
        if not isinstance(component, Integral) or not (
            0 <= component < self.n_components_
        ):
            raise ValueError(
                f"component={component!r} does not exist: components are 0 to "
                f"{self.n_components_ - 1}."
            )
        values = np.linspace(-3, 3, 11) if values is None else values
        values = check_array(values, ensure_2d=False, input_name="values").ravel()
        paths = np.repeat(codes[:, None], len(values), axis=1)
        paths[:, :, component] = values
        return paths


def check_count(name, value, at_least=1):
    """Raise if a number of draws, samples or steps is none."""
    if not isinstance(value, Integral) or value < at_least:
        raise ValueError(f"{name}={value!r} must be an integer of {at_least} or more.")


def _per_pass(x, n_values):
    """Return how many draws of the codes of rows are decoded at once.

    Parameters
    ----------
    x : Tensor of shape (n_samples, n)
    n_values : int
        Of a row in the widest layer, divided by HIDDEN_FACTOR.
    """
    at_most = min(_ROWS_PER_PASS, 8 * rows_per_block(max(x.shape[1], n_values)))
    return max(1, at_most // len(x))


def _drawn(model, n_samples, seed):
    """Draw from a fitted model of codes, by a seed if it has a place for one."""
    if "random_state" in inspect.signature(model.sample).parameters:
        return model.sample(n_samples, random_state=seed)
    if hasattr(model, "random_state"):
        model = copy.copy(model)
        model.random_state = seed
    return model.sample(n_samples)
