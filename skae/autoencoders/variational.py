"""The variational autoencoder: a code with a prior, and so a model of the data."""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skae.autoencoders.plain import AutoencoderModule
from skae.base import BaseAutoencoder
from skae.engine.forward import Forward
from skae.engine.normal import divergence, log_ratio, squashed
from skae.engine.seeds import draw_seed, make_generator
from skae.generative import SCORE_DRAWS, GenerativeMixin, check_count
from skae.outliers import ThresholdMixin
from skae.validation import as_rows


class VariationalModule(AutoencoderModule):
    """(n, n_values) to :class:`Forward`, with codes drawn from their posterior.

    Parameters
    ----------
    n_draws : int
        Draws of each row's code in a training pass.
    **kwargs
        Of :class:`AutoencoderModule`.
    """

    def __init__(self, n_draws, *, n_components, **kwargs):
        super().__init__(n_components=n_components, **kwargs)
        self.n_draws = n_draws
        self.generator = None
        self.log_variance = zeroed(nn.Linear(self.body.n_outputs, n_components))

    def posterior(self, x):
        """Return the means and the log-variances, each of shape (n, n_components)."""
        hidden = self.body(x)
        mean = self.code_activation(self.head(hidden))
        return mean, squashed(self.log_variance(hidden))

    def encode(self, x):
        """Return the posterior mean, shape (n, n_components)."""
        return self.code_activation(self.head(self.body(x)))

    def forward(self, x):
        """Return output, code, penalty and divergence of a training pass."""
        x, fed = self.encoded_and_fed(x)
        mean, log_variance = self.posterior(x)
        several = () if self.n_draws == 1 else (self.n_draws,)
        noise = mean.new_empty(*several, *mean.shape).normal_(generator=self.generator)
        codes = torch.addcmul(mean, torch.exp(0.5 * log_variance), noise)
        output = self.decode_draws(codes, fed)
        if several:
            kl = log_ratio(noise, log_variance, codes)
        else:
            kl = divergence(mean, log_variance)
        return Forward(output, mean, self.penalty(x, mean), kl)


def zeroed(linear):
    """Return a linear layer with its weights set to zero: a constant log-variance."""
    for parameter in linear.parameters():
        nn.init.zeros_(parameter)
    return linear


@dataclass(eq=False, repr=False, kw_only=True)
class VariationalAutoencoder(ThresholdMixin, GenerativeMixin, BaseAutoencoder):
    r"""Autoencoder whose code has a prior: a probability model of rows, to draw from.

    The code z of a row is normal about a mean and with variances that the encoder
    gives, :math:`q(z|x) = N(\mu(x), \sigma^2(x))`; before a row is seen it is
    :math:`N(0, I)`. Training maximises the evidence lower bound (ELBO), the mean over
    rows of

    .. math:: E_{q(z|x)} \log p(x|z) - \beta \, KL(q(z|x) \| N(0, I))

    in nats per row: sums over features and units, of the density of rows in units of X.
    With :math:`\beta = 1` it bounds :math:`\log p(x)` from below. On centred rows a
    dense network starts at probabilistic PCA, where the bound is tight.

    Everything but `sample` and `log_likelihood` is free of chance. The expectation in
    `score` and `score_samples` is a mean over fixed points around the posterior mean,
    the same for every row and every fit: exact for a linear decoder and a Gaussian
    likelihood of up to 8 components, close to it for more.

    Parameters
    ----------
    n_components : int, float or "auto", default="auto"
        Width of the code. A float in (0, 1): as many principal components as keep that
        share of the variance. "auto": three quarters of the features, at most 32.
    architecture : Architecture or None, default=None
        The network around the code; None is ``Dense()``. It is cloned, never changed.
    corruption : Corruption or None, default=None
        What training does to each row before it is encoded, the target being the clean
        row; None leaves it as it is. Cloned, never changed.
    loss : Loss, str or None, default=None
        The likelihood of a row, given its code; None is ``Gaussian()``, squared error
        of learned weight. By name: "gaussian", "laplace", "binary_cross_entropy" (X in
        [0, 1]) or "poisson" (X >= 0); an error stands for its density of learned width.
    code_activation : str, torch.nn.Module class or None, default=None
        Applied to the posterior mean; None is the identity.
    max_epochs : int or "auto", default="auto"
        Passes over the training rows. "auto": about 3,000 steps' worth, within 5 and
        200; 50 steps' worth where no rows can be spared for validation.
    batch_size : int or "auto", default="auto"
        Rows per step. "auto": 32 for up to 2,000 rows, then about a 64th of them, at
        most 256. Never more than there are rows; a tail of one row joins the batch
        before it.
    optimizer : str or torch.optim.Optimizer class, default="adam"
        "adam", "adamw", "nadam", "radam", "rmsprop", "adagrad", "sgd", "lbfgs" or a
        class. Further arguments by ``net_params={"optimizer__betas": (0.9, 0.99)}``.
    learning_rate : float, default=1e-3
        Where a schedule over the whole budget starts, half a cosine down to zero,
        unless one of the `callbacks` is a skorch ``LRScheduler``.
    weight_decay : float, default=0.0
        Decay of weights, not of biases, as the optimizer defines it.
    l1_penalty : float, default=0.0
        Weight of the sum of the absolute weights in what training minimises.
    early_stopping : bool or "auto", default="auto"
        Whether to validate after each epoch, stop after `patience` epochs without a
        better one, and restore the best weights; those of the start are replaced only
        by clearly better ones, see "How it works". "auto": from 40 rows on.
    validation_fraction : float, default=0.1
        Share of the rows to validate on, if `fit` is given no `X_val`; at least 10
        rows, or half of them if they are fewer than 20.
    patience : int, default=20
        Epochs without improvement before training stops.
    device : str or torch.device, default="auto"
        "cpu", "cuda", "cuda:1", "mps"; "auto" is CUDA if present, else MPS, else the
        CPU.
    callbacks : list of skorch callbacks or None, default=None
        Copied by `fit`; the copies are in ``net_.callbacks_``.
    random_state : int, RandomState instance or None, default=None
        Start, validation rows, order of the rows and noise. An int repeats bit for bit
        on the same machine with the same number of threads; None is fresh entropy.
    verbose : int, default=0
        1 shows a progress bar.
    warm_start : bool, default=False
        Whether `fit` starts from the weights, centre and scale of the fit before.
    net_params : dict or None, default=None
        Anything else that skorch's ``NeuralNet`` takes, such as
        ``{"optimizer__betas": (0.9, 0.99)}`` or ``{"iterator_train": DataLoader}``.
    beta : float, default=1.0
        Weight of the divergence in what training minimises (Higgins et al. 2017). More
        makes codes simpler and reconstructions worse; scores are those of 1.
    kl_warm_up : int, default=0
        Epochs over which that weight rises from zero, in equal steps.
    free_bits : float, default=0.0
        Nats of divergence that each unit has for nothing, as a mean over the batch
        (Kingma et al. 2016).
    n_importance_samples : int, default=1
        Draws of the code per row. Above 1, training maximises the tighter bound of
        Burda et al. (2016) with so many.
    contamination : float, "auto" or None, default="auto"
        Where the threshold of outliers is. A float in (0, 0.5]: that share of the
        training rows is outside. None: none of them is. "auto": three robust standard
        deviations above the median of their loss, or of its logarithm where it is none
        itself; after `fit`, at least one is outside.
    outlier_score : str, default="elbo"
        What `score_samples` returns, in nats: "elbo", the evidence lower bound;
        "reconstruction_probability", its first term, the expected log-likelihood of the
        row given its code (An and Cho 2015); "log_likelihood", the bound of 128 draws,
        the same for every row.

    Attributes
    ----------
    net_ : Net
        The trained skorch net; ``net_.module_`` is the torch module.
    history_ : list of dict
        A dict per epoch: "epoch"; "train_loss", what is minimised, its terms
        "train_reconstruction" and "train_kl" (without `beta` and `free_bits`), and the
        same of validation rows as "valid_loss" and so on, in nats per row; "lr"; "dur"
        in seconds; what callbacks record.
    n_iter_ : int
        Epochs trained.
    best_epoch_ : int
        The epoch whose weights are kept; 0 is the start: where that is PCA, the
        estimator then is probabilistic PCA. Without early stopping the last one.
    n_components_ : int
        Width of the code.
    architecture_, corruption_, loss_ : Architecture, Corruption or None, Loss
        The ones used.
    max_epochs_, batch_size_ : int
        The ones used.
    mean_ : ndarray of shape (n_features,) or None
        What is subtracted from each column; None for a loss with a range.
    scale_ : float
        What every centred value is divided by: the root of the mean variance.
    offset_ : float
        Threshold of `score_samples`: ``decision_function = score_samples - offset_``.
    device_ : str
        The device used.
    n_samples_seen_ : int
        Rows of the last `fit` and of all `partial_fit` since.
    n_features_in_ : int
        Number of features: columns of a table, channels of a series, values of an
        image.
    input_shape_ : tuple of int or None
        Shape of one row of X; None stands for a length that varies.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X had string names.
    active_units_ : ndarray of int
        Units of the code whose posterior mean varies over the training rows by more
        than 0.01 (Burda et al. 2016). The others say nothing of a row.
    dispersion_ : float, ndarray of shape (n_features,) or None
        What the likelihood learned: the variance of `Gaussian` in units of X squared,
        the scale of `Laplace` in units of X. None if it learns nothing.

    See Also
    --------
    sklearn.decomposition.PCA : Its `score_samples` is that of the linear model.
    sklearn.mixture.GaussianMixture : A density without a code.

    References
    ----------
    Kingma, D. P. and Welling, M. (2014). Auto-encoding variational Bayes. International
    Conference on Learning Representations.

    Rezende, D. J., Mohamed, S. and Wierstra, D. (2014). Stochastic backpropagation and
    approximate inference in deep generative models. International Conference on Machine
    Learning.

    Burda, Y., Grosse, R. and Salakhutdinov, R. (2016). Importance weighted
    autoencoders. International Conference on Learning Representations.

    Higgins, I. et al. (2017). beta-VAE: learning basic visual concepts with a
    constrained variational framework. International Conference on Learning
    Representations.

    Kingma, D. P., Salimans, T., Jozefowicz, R., Chen, X., Sutskever, I. and Welling, M.
    (2016). Improved variational inference with inverse autoregressive flow. Neural
    Information Processing Systems.

    An, J. and Cho, S. (2015). Variational autoencoder based anomaly detection using
    reconstruction probability. Seoul National University.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import VariationalAutoencoder
    >>> X = load_iris().data
    >>> vae = VariationalAutoencoder(2, max_epochs=5, random_state=0).fit(X)
    >>> mean, std = vae.posterior(X)
    >>> mean.shape, std.shape
    ((150, 2), (150, 2))
    >>> vae.sample(5, random_state=0).shape
    (5, 4)
    >>> vae.log_likelihood(X, n_draws=10, random_state=0).shape
    (150,)
    """

    outlier_score: str = "elbo"

    _module_class = VariationalModule

    _parameter_constraints = {
        **BaseAutoencoder._parameter_constraints,
        **GenerativeMixin._parameter_constraints,
        **ThresholdMixin._parameter_constraints,
        "outlier_score": [
            StrOptions({"elbo", "reconstruction_probability", "log_likelihood"})
        ],
    }

    def _outlier_losses(self, X):
        if self.outlier_score == "elbo":
            return self._row_losses(X)
        if self.outlier_score == "reconstruction_probability":
            return self._expected_losses(X, with_divergence=False)
        return -self._log_likelihood(X, SCORE_DRAWS, None)

    def posterior(self, X):
        """Return what the codes of rows may be: a normal distribution of each unit.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: images, series, tokens.

        Returns
        -------
        mean, std : ndarray of shape (n_samples, n_components_)
            The mean is what `transform` returns.
        """
        check_is_fitted(self)
        return self._posterior(as_rows(self, X))

    def log_likelihood(self, X, n_draws=100, random_state=None):
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
        X = as_rows(self, X)
        return self._log_likelihood(X, n_draws, make_generator(draw_seed(random_state)))

    def sample(self, n_samples=1, random_state=None, *, latent="prior", draw=False):
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
        draw : bool, default=False
            Whether rows are drawn from the likelihood given the code, noise included,
            or are its mean.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            In units of the training rows and in their form, series as a list.
        """
        return self._sample(n_samples, random_state, latent, draw)

    def interpolate(self, X_a, X_b, n_steps=10):
        """Decode the straight paths between the codes of pairs of rows.

        Parameters
        ----------
        X_a, X_b : array-like of shape (n_samples, n_features)
            Where paths begin and end.
        n_steps : int, default=10
            Both ends included.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_steps, n_features)
            The first and the last of each path are the reconstructions of its ends.
        """
        X_a, X_b = self._pair(X_a, X_b)
        return self._decode_paths(
            self._interpolated(self._encode(X_a), self._encode(X_b), n_steps)
        )

    def traverse(self, component, X=None, *, values=None):
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
            codes = self._encode(as_rows(self, X))
        return self._decode_paths(self._traversed(codes, component, values))
