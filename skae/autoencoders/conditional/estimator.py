"""The conditional variational autoencoder: a model of the rows, given their labels."""

from dataclasses import dataclass
from typing import Self

from skae._sklearn import StrOptions, fit_context
from skae.autoencoders.conditional.model import ConditionalModel
from skae.data.frames import in_memory


@dataclass(eq=False, repr=False, kw_only=True)
class ConditionalVariationalAutoencoder(ConditionalModel):
    r"""Variational autoencoder of the rows given a condition, such as their label.

    The condition c of a row, y of `fit`, is handed to encoder and decoder, so that the
    code need not hold it: rows of a condition are drawn on request, and a row can be
    decoded under another. Training maximises

    .. math:: E_{q(z|x, c)} \log p(x|z, c) - \beta \, KL(q(z|x, c) \| N(0, I))

    in nats per row. Columns of y hold labels or, as `continuous` says, numbers; several
    columns may be mixed.

    Methods take the condition of their rows as `condition`: labels, one per row, or one
    for all, as a scalar or, for several columns, a row; metadata routing hands it on
    with ``set_transform_request(condition=True)``. Without, each row has the condition
    under which it is most probable by the bound, among those in `conditions_`:
    continuous columns are at their mean. ``fit_transform(X, y)`` does so too.

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
    condition : list or None, default=None
        Names of columns of X, a frame, that are the condition; None is y of `fit`. They
        are taken out of the frames that methods are given, and the frames that come
        back have them: ``sample(10, condition="red")`` is of rows that are red.
    continuous : "auto", bool or list, default="auto"
        Which columns of y are numbers: all (True), none (False), those of the list, by
        number or name. "auto": columns of floats of which one has a fractional part;
        all others hold labels.

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
    conditions_ : ndarray of shape (n_conditions,) or (n_conditions, n_columns)
        The labels, or combinations of labels, that y held; continuous columns at their
        mean.
    condition_prior_ : ndarray of shape (n_conditions,)
        Share of the training rows that has each.

    See Also
    --------
    VariationalAutoencoder : Without conditions, and a detector of outliers.

    References
    ----------
    Sohn, K., Lee, H. and Yan, X. (2015). Learning structured output representation
    using deep conditional generative models. Neural Information Processing Systems.

    Kingma, D. P., Rezende, D. J., Mohamed, S. and Welling, M. (2014). Semi-supervised
    learning with deep generative models. Neural Information Processing Systems.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import ConditionalVariationalAutoencoder
    >>> X, y = load_iris(return_X_y=True)
    >>> cvae = ConditionalVariationalAutoencoder(2, random_state=0).fit(X, y)
    >>> cvae.sample(5, condition=1, random_state=0).shape
    (5, 4)
    >>> cvae.condition_posterior(X).shape
    (150, 3)
    >>> as_if_of_species_2 = cvae.reconstruct(X, condition=2)
    """

    continuous: str | bool | list = "auto"

    _parameter_constraints = {
        **ConditionalModel._parameter_constraints,
        "continuous": [StrOptions({"auto"}), "boolean", list],
    }

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, X_val=None, y_val=None) -> Self:
        """Train on the rows of X and their conditions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            Labels, or numbers, or columns of either. None where `condition` names
            columns of X.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Rows to validate on, instead of a random part of X.
        y_val : array-like of shape (n_val,) or (n_val, n_columns), default=None
            Their conditions.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If y is missing, incomplete or of another length than X, if X is not
            numeric, finite and within the range of the loss, or if training diverges.
            The estimator is then as it was before the call.
        """
        if self.condition is not None and y_val is None and X_val is not None:
            X_val, y_val = self._parted(in_memory(X_val, "X_val"))
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val go together: one of them is missing.")
        with self._fitting():
            X, y = self._learn_columns(X, y)
            known = self._learn_conditions(X, y, anew=not self.warm_start)
            known_val = None
            if y_val is not None:
                known_val = {"condition": self._conditions.encode(y_val, name="y_val")}
            self._fit(X, X_val, known, known_val)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None) -> Self:
        """Train by one pass over the rows of X, from where the last call ended.

        The first call fixes the labels too: others raise later. See
        :meth:`Autoencoder.partial_fit`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_columns), default=None

        Returns
        -------
        self : object
        """
        with self._fitting():
            X, y = self._learn_columns(X, y)
            anew = not hasattr(self, "net_")
            self._partial_fit(X, self._learn_conditions(X, y, anew=anew))
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.condition is None
        tags.target_tags.multi_output = True
        return tags
