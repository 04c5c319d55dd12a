"""What a variational model does: bounds, likelihoods, samples, paths between rows."""

import warnings
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from skae._sklearn import Interval
from skae.autoencoders.base import BaseAutoencoder
from skae.autoencoders.objective import Defaults
from skae.autoencoders.variational.bound import Bound, WarmUp
from skae.autoencoders.variational.imputation import imputed
from skae.autoencoders.variational.module import VariationalModule
from skae.autoencoders.variational.normal import (
    divergence,
    fixed_draws,
    log_ratio,
    surrounding_points,
)
from skae.autoencoders.variational.start import (
    calibrate_spectrum,
    mean_of_rest,
    start_probabilistic,
)
from skae.data.fields import UNBOUNDED
from skae.data.frames import in_memory
from skae.data.ragged import Ragged
from skae.data.samples import HIDDEN_FACTOR, rows_per_block
from skae.losses import Gaussian, as_likelihood
from skae.losses.network import of_finite_rows
from skae.roles.generative import GenerativeModel
from skae.roles.latent import check_count
from skae.training.budget import auto_latent_units
from skae.training.seeds import draw_seed, make_generator

_ACTIVE = 0.01  # variance of a unit's posterior mean over rows (Burda et al. 2016)
_WIDEST_CALIBRATED = 512  # columns, up to which the start's variances are changed
_MANY_ROWS = 64  # per column, from which on they need not be
_ROWS_CALIBRATED = 8192  # at most, that this is decided on
_ROWS_PER_PASS = 4096  # draws of rows that are decoded at once


@dataclass(eq=False, repr=False, kw_only=True)
class VariationalModel(GenerativeModel, BaseAutoencoder):
    """Base of variational autoencoders: a bound, a prior, a density.

    The module has `posterior` and `decode_draws` beside `encode` and `decode`.
    """

    beta: float = 1.0
    kl_warm_up: int = 0

    _parameter_constraints = {
        **BaseAutoencoder._parameter_constraints,
        "beta": [Interval(Real, 0, None, closed="left")],
        "kl_warm_up": [Interval(Integral, 0, None, closed="left")],
    }

    # -- the objective

    module_class = VariationalModule
    criterion_class = Bound
    defaults = Defaults(loss=Gaussian, n_components=auto_latent_units)

    def _criterion_parameters(self):
        return {"beta": self.beta}

    def _resolve(self):
        super()._resolve()
        self.loss_ = as_likelihood(self.loss_)

    def _callbacks(self):
        return [WarmUp(self.kl_warm_up)] if self.kl_warm_up else []

    def _stopping(self, train, valid):
        stopping = super()._stopping(train, valid)
        if stopping is not None:
            stopping.patience += self.kl_warm_up
        return stopping

    def _starts_at_axes(self):
        return super()._starts_at_axes() and self.loss_.target_range == UNBOUNDED

    def _start(self, start):
        if not self._starts_at_axes():
            self._start_at_mean_row(start)
            return
        X, columns, scales = start.samples.X, start.columns, start.scales
        rng = np.random.default_rng(self.net_.seed)
        total, n_directions, unit = columns.variance.sum(), X.shape[1], self.scale_**2
        if scales is not None:
            total, n_directions, unit = scales.total, scales.n_directions, 1.0
        rest = mean_of_rest(total, start.variances, n_directions)
        share, factor = self._calibration(X, scales, rng)
        mean = total / n_directions
        variances, rest = (
            factor * ((1 - share) * value + share * mean) / unit
            for value in (start.variances, rest)
        )
        start_probabilistic(
            self.net_,
            self.architecture_,
            start.axes,
            variances,
            rest,
            self._first_rows(start.samples),
            scales,
        )

    def _calibration(self, X, scales, rng):
        """Return share and factor that the start's variances are changed by."""
        n_rows, n_features = X.shape
        if n_features > _WIDEST_CALIBRATED or n_rows > _MANY_ROWS * n_features:
            return 0.0, 1.0
        n_sample = min(n_rows, _ROWS_CALIBRATED)
        rows = np.sort(rng.choice(n_rows, n_sample, replace=False))
        x = self._fields.scaling.seen(X, rows)
        if scales is not None:
            x = x * scales.encoding
        return calibrate_spectrum(x, self.n_components_, n_rows, rng)

    def _summarise(self, samples, rng, n_seen):
        """Learn which units are active, and keep codes for densities."""
        super()._summarise(samples, rng, n_seen)
        sums = torch.zeros(2, self.n_components_, dtype=torch.float64)

        def add(net, batch):
            means = net.encode(batch).double().cpu()
            sums[0] += means.sum(0)
            sums[1] += means.square().sum(0)
            return torch.empty(len(means), 0)

        self._predictor.map(samples, add, 0)
        self._mean_sums = sums.numpy() + (self._mean_sums if n_seen else 0.0)
        mean, square = self._mean_sums / self.n_samples_seen_
        self.active_units_ = np.flatnonzero(square - mean**2 > _ACTIVE)
        self._warn_of_collapse(n_seen)
        self._keep_codes(samples, rng, n_seen)

    def _warn_of_collapse(self, n_seen):
        if n_seen or len(self.active_units_):
            return
        spare = ""
        if "free_bits" in self.get_params(deep=False):
            spare = " spare some of each unit's divergence (free_bits),"
        warnings.warn(
            f"Posterior collapse: none of the {self.n_components_} units of the "
            f"code depends on X. Lower beta, raise it slowly (kl_warm_up),{spare} or "
            "train for longer.",
            stacklevel=7,
        )

    @property
    def dispersion_(self) -> Any:
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

    def posterior(self, X) -> tuple[np.ndarray, np.ndarray]:
        """Return what the codes of rows may be: a normal distribution of each unit.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: images, series, tokens.

        Returns
        -------
        mean, std : ndarray of shape (n_samples, n_components)
            The mean is what `transform` returns.
        """
        check_is_fitted(self)
        return self._posterior(self._samples(X))

    def log_likelihood(self, X, n_draws=100, random_state=None) -> np.ndarray:
        """Estimate the logarithm of the density, or probability, of rows.

        The importance-weighted bound of Burda et al. (2016): at least the evidence
        lower bound in expectation, rising with `n_draws` to the logarithm itself.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: images, series, tokens.
        n_draws : int, default=100
            Draws of the code of each row. Memory does not grow with it.
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            In nats, of the density of rows in units of X.
        """
        check_is_fitted(self)
        check_count("n_draws", n_draws)
        generator = make_generator(draw_seed(random_state))
        return self._log_likelihood(self._samples(X), n_draws, generator)

    def impute(
        self, X, *, n_draws=100, sample_posterior=False, random_state=None
    ) -> Any:
        """Fill missing cells.

        With the mean of what they may be given the observed cells of their row, over
        codes weighted by importance (Mattei and Frellsen 2019).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Or of the form that `fit` was given: images, series.
        n_draws : int, default=100
            Codes of each row.
        sample_posterior : bool, default=False
            Whether cells are drawn, not means: several such tables tell how uncertain
            what follows from them is.
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            In the form of X. Observed cells are as they were.
        """
        check_is_fitted(self)
        check_count("n_draws", n_draws)
        X = in_memory(X)
        generator = make_generator(draw_seed(random_state))
        rows = self._imputed(self._samples(X), n_draws, generator, sample_posterior)
        return self._codec.restore_gaps(rows, X)

    def _imputed(self, samples, n_draws, generator, draw=False):
        return imputed(self, samples, n_draws, generator, draw)

    def _posterior(self, samples):
        """Return mean and standard deviation of the codes of samples."""
        both = self._predictor.map(
            samples,
            lambda net, batch: torch.cat(net.posterior(batch), 1),
            2 * self.n_components_,
        )
        mean, log_variance = np.split(both, 2, axis=1)
        return mean, np.exp(0.5 * log_variance)

    def _reconstruction_losses(self, samples):
        """Return the loss of each row's reconstruction from its mean code, in nats."""
        cells = self._cell_losses(samples)
        if isinstance(cells, Ragged):
            cells = cells.toarray()
        return np.nansum(cells, axis=1)

    def _row_losses(self, samples):
        """Return minus the evidence lower bound of each row, in nats."""
        return self._expected_losses(samples)

    def _expected_losses(self, samples, at_mean=False, *, with_divergence=True):
        """Return the posterior mean of the loss of rows, by fixed points around it.

        With `at_mean` it is the loss at the mean itself.
        """
        points = np.zeros((1, self.n_components_))
        points = points if at_mean else surrounding_points(self.n_components_)
        points = torch.from_numpy(points)
        criterion = self.net_.criterion_

        def compute(net, batch):
            mean, log_variance = net.posterior(batch)
            std = torch.exp(0.5 * log_variance)
            total = mean.new_zeros(len(mean))
            for chunk in points.to(mean).split(self._draws_per_pass(batch)):
                codes = mean + std * chunk.unsqueeze(1)
                outputs = net.decode_draws(codes, batch)
                total += criterion.row_losses(outputs, batch).sum(0)
            total /= len(points)
            if with_divergence:
                total += divergence(mean, log_variance).sum(1)
            return total

        losses = self._predictor.map(samples, compute, value_range=self.loss_.range)
        losses += self._network_loss.shift_of(samples)
        return of_finite_rows(losses)

    def _log_likelihood(self, samples, n_draws, generator):
        """Return the importance-weighted bound of samples, in nats.

        Parameters
        ----------
        samples : Samples
        n_draws : int
        generator : torch.Generator or None
            None takes fixed draws, the same for each row: its value then does not
            depend on other rows.
        """
        criterion = self.net_.criterion_
        fixed = None
        if generator is None:
            fixed = fixed_draws(n_draws, self.n_components_)

        def compute(net, batch):
            mean, log_variance = net.posterior(batch)
            std = torch.exp(0.5 * log_variance)
            total = torch.full_like(mean[:, 0], -np.inf)
            step = self._draws_per_pass(batch)
            for first in range(0, n_draws, step):
                shape = (min(step, n_draws - first), *mean.shape)
                if fixed is None:
                    noise = torch.randn(shape, generator=generator, dtype=mean.dtype)
                else:
                    noise = fixed[first : first + shape[0]]
                noise = noise.to(mean)
                codes = mean + std * noise
                weights = -log_ratio(noise, log_variance, codes)
                output = net.decode_draws(codes, batch)
                weights -= criterion.row_losses(output, batch)
                total = torch.logaddexp(total, weights.logsumexp(0))
            return total - np.log(n_draws)

        bound = self._predictor.map(samples, compute, value_range=self.loss_.range)
        bound -= self._network_loss.shift_of(samples)
        return -of_finite_rows(-bound)

    def _draws_per_pass(self, batch):
        """Return how many draws of the codes of a batch are decoded at once."""
        n_values = self._predictor.n_hidden_values // HIDDEN_FACTOR
        n_values = max(batch.x.shape[1], n_values)
        at_most = min(_ROWS_PER_PASS, 8 * rows_per_block(n_values))
        return max(1, at_most // len(batch.x))

    # -- numbers to rows

    def sample(
        self, n_samples=1, random_state=None, *, latent="auto", draw="auto"
    ) -> Any:
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
            else the mixture.
        draw : bool or "auto", default="auto"
            Whether rows are drawn from the likelihood given the code, noise included,
            or are its mean. "auto": of frames with categories, else their mean.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            In units of the training rows and in their form: series as a list, a frame
            with the names of the features.
        """
        return self._sample(n_samples, random_state, latent, draw)

    def traverse(self, component, X=None, *, values=None) -> Any:
        """Decode codes in which one component takes a range of values.

        Parameters
        ----------
        component : int
            Which; the others stay.
        X : array-like of shape (n_samples, n_features), default=None
            Rows whose codes to start from; None is the prior's mean, a code of zeros.
        values : array-like of shape (n_values,), default=None
            None is 11 values from -3 to 3.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_values, n_features)
            Of one sample for ``X=None``.
        """
        check_is_fitted(self)
        codes = np.zeros((1, self.n_components_))
        if X is not None:
            codes = self._encode(self._samples(X))
        values = np.linspace(-3, 3, 11) if values is None else values
        return self._decode_paths(self._traversed(codes, component, values))
