"""A variational autoencoder whose units are made independent: beta-TCVAE."""

import math
from dataclasses import dataclass

import torch

from skae.autoencoders.module import plus
from skae.autoencoders.variational.bound import Bound
from skae.autoencoders.variational.model import VariationalModel
from skae.autoencoders.variational.outliers import LikelihoodDetector


class CorrelationBound(Bound):
    """Minus the evidence lower bound, with more weight of the total correlation.

    Parameters
    ----------
    n_rows : int
        All training rows, of which a batch is a sample.
    **kwargs
        Of :class:`Bound`; `beta` is the weight of the total correlation.
    """

    def __init__(self, n_rows, **kwargs):
        super().__init__(**kwargs)
        self.n_rows = n_rows

    def per_row(self, result, batch):
        """Return what is minimised, row by row, shape (n_samples,)."""
        loss = self.row_losses(result.output, batch)
        divergence = result.divergence.sum(1)
        correlation = total_correlation(
            result.codes, result.code, result.log_variance, self.n_rows
        )
        self.record(
            batch,
            reconstruction=loss,
            kl=divergence,
            total_correlation=correlation,
        )
        added = divergence + (self.beta - 1) * correlation
        return plus(loss + self.share * added, result.penalty)

    def forward(self, result, batch):
        """Return what is minimised, a scalar: the mean of :meth:`per_row`."""
        return batch.mean(self.per_row(result, batch))


def total_correlation(codes, mean, log_variance, n_rows):
    r"""Estimate the terms whose mean is the total correlation of codes.

    :math:`\log q(z) - \sum_j \log q(z_j)` of each code, q being the mean of the
    posteriors of all rows: its own counts as one of `n_rows`, and those of the rest of
    the batch stand for all others (stratified sampling, Chen et al. 2018, appendix C).

    Parameters
    ----------
    codes, mean, log_variance : Tensor of shape (n_samples, n_components)
        A code of each row, drawn from its normal posterior.
    n_rows : int
        All rows, of which these are a sample.

    Returns
    -------
    Tensor of shape (n_samples,)
    """
    n = len(codes)
    residuals = codes.unsqueeze(1) - mean
    # Of each code under each row's posterior: (n_samples, n_samples, n_components).
    logs = -0.5 * (residuals.square() * torch.exp(-log_variance) + log_variance)
    logs = logs - 0.5 * math.log(2 * math.pi)
    share = 1 / n_rows if n > 1 else 1.0
    shares = torch.full_like(logs[..., 0], (1 - share) / max(n - 1, 1))
    log_shares = shares.fill_diagonal_(share).log()
    joint = torch.logsumexp(logs.sum(2) + log_shares, 1)
    units = torch.logsumexp(logs + log_shares.unsqueeze(2), 1)
    return joint - units.sum(1)


@dataclass(eq=False, repr=False, kw_only=True)
class BetaTCVAE(LikelihoodDetector, VariationalModel):
    r"""Variational autoencoder whose units are made independent of each other.

    What :class:`VariationalAutoencoder` maximises, with a weight :math:`\beta` of one
    part of its divergence, the total correlation of units:

    .. math::

        E_{q(z|x)} \log p(x|z) - KL(q(z|x) \| N(0, I))
        - (\beta - 1) \, KL\big(q(z) \,\|\, {\textstyle\prod_j} q(z_j)\big),

    in nats per row, q(z) being the mean of the posteriors of all rows. Units then stand
    for one property each more often than those of a larger divergence as a whole, at
    less cost of the reconstruction (Chen et al. 2018). q(z) is estimated from each
    batch: memory grows with the square of its rows.

    Parameters
    ----------
    n_components : int, float, tuple of int or "auto", default="auto"
        Width of the code. A float in (0, 1): as many principal components as keep that
        share of the variance. "auto": three quarters of the features, at most 32.
        A tuple: the shape of maps, ``(n_channels, *size)``, under `Convolutional`.
    architecture : Architecture or None, default=None
        The network around the code; None is ``Dense()``. It is cloned, never changed.
    corruption : Corruption or None, default=None
        What training does to each row before it is encoded, the target being the clean
        row; None leaves it as it is. Cloned, never changed.
    columns : Columns or None, default=None
        What there is to say of the columns of a frame; None is ``Columns()`` for one
        with categories. Cloned, never changed.
    loss : Loss, str or None, default=None
        The likelihood of a row, given its code; None is ``Gaussian()``, squared error
        of learned weight. By name: "gaussian", "laplace", "binary_cross_entropy" (X in
        [0, 1]) or "poisson" (X >= 0); an error stands for its density of learned width.
        Of a frame with categories it is that of its numbers, see "Frames".
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
        Of the optimizer, where the `schedule` is 1.
    schedule : {"cosine", "constant"} or callable, default="cosine"
        Factor of the learning rate in each step of `fit`: half a cosine from 1 down to
        0 over the whole budget, 1 throughout, or a function of the share of the budget
        that is done, in [0, 1). A skorch ``LRScheduler`` among the `callbacks` takes
        its place; `partial_fit` has none.
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
    beta : float, default=6.0
        Weight of the total correlation in what training minimises. At 1 this is
        :class:`VariationalAutoencoder`; scores are those of 1.
    kl_warm_up : int, default=0
        Epochs over which the weight of the divergence rises from zero, in equal steps.
    contamination : float, "auto" or None, default="auto"
        Where the threshold of outliers is. A float in (0, 0.5]: that share of new rows
        as those of `fit` is outside, and of the training rows in `fit_predict`. None:
        no training row is. "auto": three robust standard deviations above the median
        loss of new rows, or of its logarithm where it is none itself; at least one
        training row is outside.
    novelty : bool, default=True
        Whether the threshold is set by rows that were not trained on, where some were
        held out to validate on, see "How it works". False: by the training rows.
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
        "train_reconstruction", "train_kl" and "train_total_correlation" (without
        `beta`), and the same of validation rows as "valid_loss" and so on, in nats per
        row; "lr"; "dur" in seconds; what callbacks record.
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
    scale_ : float, or ndarray of shape (n_values,)
        What every centred value is divided by: the root of the mean variance. Of a
        frame with categories, for each value of a row: a number, or one level.
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
    VariationalAutoencoder : Weighs the whole divergence by its `beta`.

    References
    ----------
    Chen, R. T. Q., Li, X., Grosse, R. and Duvenaud, D. (2018). Isolating sources of
    disentanglement in variational autoencoders. Neural Information Processing Systems.

    Burda, Y., Grosse, R. and Salakhutdinov, R. (2016). Importance weighted
    autoencoders. International Conference on Learning Representations.

    An, J. and Cho, S. (2015). Variational autoencoder based anomaly detection using
    reconstruction probability. Seoul National University.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import BetaTCVAE
    >>> X = load_iris().data
    >>> vae = BetaTCVAE(2, max_epochs=5, random_state=0).fit(X)
    >>> vae.traverse(0, X[:1]).shape
    (1, 11, 4)
    """

    beta: float = 6.0

    criterion_class = CorrelationBound

    _parameter_constraints = {
        **VariationalModel._parameter_constraints,
        **LikelihoodDetector._parameter_constraints,
    }

    def _criterion_parameters(self):
        return {**super()._criterion_parameters(), "n_rows": self.n_samples_seen_}
