"""The encoder-decoder: a network from rows of X to rows of y, by way of a code."""

from dataclasses import dataclass
from typing import Self

from skae._sklearn import fit_context
from skae.autoencoders.pairs.model import PairModel
from skae.data.frames import in_memory


@dataclass(eq=False, repr=False, kw_only=True)
class EncoderDecoderRegressor(PairModel):
    r"""Encoder and decoder whose output is another thing than their input.

    An encoder f of rows of X and a decoder g of rows of y, trained together to minimise
    the mean over rows of ``loss(g(f(x)), y)``. Either is of any architecture, and y of
    any form that its decoder tells: columns, images, series, texts.

    Where both sides have a linear path, as ``Dense()`` and ``Convolutional()`` have,
    training starts at the ridge regression of y on X, its strength chosen by
    generalised cross-validation, and of rank `n_components` where those are fewer than
    the columns of either side. It leaves it only for something clearly better on the
    validation rows.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Width of the code. "auto": as many as the smaller of both sides has values, so
        that the linear path is no bottleneck, within 32 and 512; 128 where lengths
        vary.
    encoder : Architecture or None, default=None
        The network from X to the code; None is ``Dense()``. Cloned, never changed.
    decoder : Architecture or None, default=None
        The network from the code to y; None is ``Dense()``. Cloned, never changed.
    corruption : Corruption or None, default=None
        What training does to each row of X before it is encoded, y being what it is;
        None leaves it as it is. Cloned, never changed.
    columns : Columns or None, default=None
        What there is to say of the columns of a frame; None is ``Columns()`` for one
        with categories. Cloned, never changed.
    loss : Loss, str or None, default=None
        What a prediction costs; None is ``SquaredError()``, of tokens
        ``CrossEntropy()``. By name: "squared_error", "absolute_error", "huber",
        "gaussian", "laplace", "binary_cross_entropy" (y in [0, 1]) or "poisson"
        (y >= 0).
    code_activation : str, torch.nn.Module class or None, default=None
        Applied to the code; None is the identity.
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

    Attributes
    ----------
    net_ : Net
        The trained skorch net; ``net_.module_`` is the torch module.
    history_ : list of dict
        A dict per epoch: "epoch", "train_loss", "valid_loss" where validated (both what
        is minimised, penalties included, in units of y), "lr", "dur" in seconds, and
        what callbacks record.
    n_iter_ : int
        Epochs trained.
    best_epoch_ : int
        The epoch whose weights are kept; 0 is the start: where that is ridge
        regression, the estimator then is ridge regression. Without early stopping the
        last one.
    n_components_ : int
        Width of the code.
    architecture_ : Sides
        The ones used: ``architecture_.encoder`` and ``architecture_.decoder``.
    corruption_, loss_ : Corruption or None, Loss
        The ones used.
    max_epochs_, batch_size_ : int
        The ones used.
    mean_, target_mean_ : ndarray of shape (n_columns,) or None
        What is subtracted from each column of X and of y; None for a loss with a range.
    scale_, target_scale_ : float, or ndarray of shape (n_values,)
        What every centred value of X and of y is divided by: the root of the mean
        variance. Of a frame with categories, for each value of a row of X.
    device_ : str
        The device used.
    n_samples_seen_ : int
        Rows of the last `fit` and of all `partial_fit` since.
    n_features_in_ : int
        Number of features: columns of a table, channels of a series, values of an
        image.
    input_shape_, target_shape_ : tuple of int or None
        Shape of one row of X and of y; None stands for a length that varies.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X had string names.

    See Also
    --------
    DenoisingAutoencoder : Of clean rows alone, and a noise that is known.
    sklearn.neural_network.MLPRegressor : Fully connected networks, tables to tables.

    References
    ----------
    Cho, K., van Merrienboer, B., Gulcehre, C., Bahdanau, D., Bougares, F., Schwenk, H.
    and Bengio, Y. (2014). Learning phrase representations using RNN encoder-decoder for
    statistical machine translation. Empirical Methods in Natural Language Processing.

    Izenman, A. J. (1975). Reduced-rank regression for the multivariate linear model.
    Journal of Multivariate Analysis 5.

    Mukherjee, A. and Zhu, J. (2011). Reduced rank ridge regression and its kernel
    extensions. Statistical Analysis and Data Mining 4.

    Golub, G. H., Heath, M. and Wahba, G. (1979). Generalized cross-validation as a
    method for choosing a good ridge parameter. Technometrics 21.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import Convolutional, EncoderDecoderRegressor
    >>> large = load_digits().images[:200, None]
    >>> small = large.reshape(200, 1, 4, 2, 4, 2).mean(axis=(3, 5))
    >>> net = EncoderDecoderRegressor(decoder=Convolutional(), max_epochs=2)
    >>> net.fit(small, large).predict(small[:5]).shape
    (5, 1, 8, 8)
    """

    _parameter_constraints = PairModel._parameter_constraints

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, *, X_val=None, y_val=None, sample_weight=None) -> Self:
        """Train on the rows of X and what each of them is to become.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or what else the `encoder` takes: images, series, lists of tokens.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Or what else the `decoder` tells: images, series, lists of tokens. No value
            of it may be missing.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Rows to validate on, instead of a random part of X. As they reach this
            estimator: in a pipeline, scaled as X is (``transform_input=["X_val"]``).
        y_val : array-like of shape (n_val,) or (n_val, n_targets), default=None
            What they are to become.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            How much each row counts in the loss and the start; a whole number stands
            for so many equal rows, 0 for none. Exactly so where few rows are trained on
            as a whole (the weights adding up to less than 40, and none of the rows
            validating).

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If X or y is not numeric, finite and of one number of rows, if y leaves the
            range of the loss or has missing values, if an architecture does not take
            its side, or if training diverges. The estimator is then as it was before
            the call.
        """
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val go together: one of them is missing.")
        with self._fitting():
            X, X_val = in_memory(X), in_memory(X_val, "X_val")
            goes_on = self.warm_start and hasattr(self, "net_")
            known = self._paired(X, y, reset=not goes_on)
            if sample_weight is not None:
                known["weight"] = sample_weight
            known_val = None
            if X_val is not None:
                known_val = self._paired(X_val, y_val, names=("X_val", "y_val"))
            self._fit(X, X_val, known, known_val)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y) -> Self:
        """Train by one pass over the rows of X, from where the last call ended.

        The first call fixes features, device, network, centres, scales and the linear
        start: set parameters before it and give it a representative batch. No
        validation, no schedule: the learning rate stays constant.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Any number of rows, one included.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            As :meth:`fit`; the estimator is then as it was before the call.
        """
        with self._fitting():
            X, first = in_memory(X), not hasattr(self, "net_")
            known = self._paired(X, y, reset=first)
            if not first:
                self._targets.check(self.loss_).all(known["target"])
            self._partial_fit(X, known)
        return self
