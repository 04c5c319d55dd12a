"""The variational autoencoder: a code with a prior, and so a model of the data."""

from dataclasses import dataclass

from skae.autoencoders.variational.evidence import EvidenceModel
from skae.autoencoders.variational.outliers import LikelihoodDetector


@dataclass(eq=False, repr=False, kw_only=True)
class VariationalAutoencoder(LikelihoodDetector, EvidenceModel):
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
    beta : float, default=1.0
        Weight of the divergence in what training minimises (Higgins et al. 2017). More
        makes codes simpler and reconstructions worse; scores are those of 1.
    kl_warm_up : int, default=0
        Epochs over which the weight of the divergence rises from zero, in equal steps.
    free_bits : float, default=0.0
        Nats of divergence that each unit has for nothing, as a mean over the batch
        (Kingma et al. 2016).
    n_importance_samples : int, default=1
        Draws of the code per row. Above 1, training maximises the tighter bound of
        Burda et al. (2016) with so many.
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

    _parameter_constraints = {
        **EvidenceModel._parameter_constraints,
        **LikelihoodDetector._parameter_constraints,
    }
