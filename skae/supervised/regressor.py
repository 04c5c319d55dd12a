"""The regressor: an autoencoder that is trained on its rows and on a number of each."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import RegressorMixin

from skae.supervised.base import SupervisedAutoencoder
from skae.supervised.heads import ridge_start, standardisation
from skae.supervised.network import squared_error
from skae.supervised.targets import Targets, read_numbers


@dataclass(eq=False, repr=False, kw_only=True)
class AutoencoderRegressor(RegressorMixin, SupervisedAutoencoder):
    r"""Regressor by the code of an autoencoder that learns rows and numbers together.

    An autoencoder is fitted to all rows, with and without a number. A linear head on
    its code, which starts at ridge regression, is then trained with it on

    .. math:: \sum_i v_i (h(f(x_i)) - y_i)^2 / \sum_i v_i
       + \lambda \, mean_i \, loss(g(f(c(x_i))), x_i)

    of standardised y, where the autoencoder's own corruption c and penalties act, and
    at last on clean rows and the first term alone. Rows without a number have NaN in y:
    they are reconstructed alone.

    Parameters
    ----------
    encoder : estimator of skae or None, default=None
        The autoencoder that the head is put on. One that is not fitted is cloned and
        fitted to all rows first; a fitted one is where training starts, a copy of it.
        ``FrozenEstimator(ae)`` holds a fitted one too. `clone` keeps what is fitted.
        None is ``DenoisingAutoencoder()``, of fewer than 40 rows ``Autoencoder()``.
    fine_tune : bool, default=True
        Whether labels train the autoencoder too. False leaves it as it is: the head is
        the linear model of its codes.
    reconstruction_weight : float, default=1.0
        Weight of the reconstruction beside the labels. Of both, 1 is what rows
        that tell nothing cost: the variance of y, and what the mean row costs.
    max_epochs : int or "auto", default="auto"
        Passes over the rows, of which training on clean rows and labels alone has a
        fifth more. "auto": about 3,000 steps' worth, within 5 and 200; 50 steps' worth
        where no rows can be spared for validation.
    batch_size : int or "auto", default="auto"
        Rows per step. "auto": 32 for up to 2,000 rows, then about a 64th of them, at
        most 256. Of rows of which fewer have something to learn, a quarter of a batch
        has.
    optimizer : str or torch.optim.Optimizer class, default="adam"
        "adam", "adamw", "nadam", "radam", "rmsprop", "adagrad", "sgd", "lbfgs" or a
        class.
    learning_rate : float, default=1e-3
        Where a schedule over the whole budget starts, half a cosine down to zero.
    encoder_learning_rate : float or None, default=None
        That of the autoencoder; None is `learning_rate`.
    weight_decay : float, default=0.0
        Decay of weights, not of biases, as the optimizer defines it.
    early_stopping : bool or "auto", default="auto"
        Whether to validate on the labels of rows set apart after each epoch, stop after
        `patience` epochs without a better one, and restore the best weights; those of
        the start are replaced only by clearly better ones. "auto": from 40 labels on,
        unless nine in ten rows are without.
    validation_fraction : float, default=0.1
        Share of the labelled rows to validate on, at least 10.
    patience : int, default=20
        Epochs without improvement before training stops.
    random_state : int, RandomState instance or None, default=None
        Everything random, and the autoencoder's if it has none of its own. An int
        repeats bit for bit on the same machine with the same number of threads; None is
        fresh entropy.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    encoder_ : estimator
        The autoencoder, fitted: with all its methods. Its threshold of outliers is that
        of the rows trained on.
    coef_ : ndarray of shape (n_components,)
        The head, for codes.
    intercept_ : float
        Its constant.
    history_ : list of dict
        A dict per epoch: "epoch", "train_loss", "train_label" and
        "train_reconstruction", the parts of it, "valid_loss", that of the labels, where
        validated, "lr" and "dur" in seconds. The last epochs are those on labels alone.
    n_iter_ : int
        Epochs trained, both parts together.
    best_epoch_ : int
        The epoch of the first part whose weights are kept; 0 is the start.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X had string names.

    See Also
    --------
    AutoencoderClassifier : The same of labels.

    References
    ----------
    Hinton, G. E. and Salakhutdinov, R. R. (2006). Reducing the dimensionality of data
    with neural networks. Science 313.

    Vincent, P., Larochelle, H., Lajoie, I., Bengio, Y. and Manzagol, P.-A. (2010).
    Stacked denoising autoencoders: learning useful representations in a deep network
    with a local denoising criterion. Journal of Machine Learning Research 11.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skae import Autoencoder, AutoencoderRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> ae = Autoencoder(4, max_epochs=2, random_state=0)
    >>> regressor = AutoencoderRegressor(ae, max_epochs=2, random_state=0).fit(X, y)
    >>> regressor.predict(X).shape
    (442,)
    """

    _parameter_constraints = {**SupervisedAutoencoder._parameter_constraints}

    _of_labels = staticmethod(squared_error)
    _linear_model = staticmethod(ridge_start)

    def _read(self, y, weight):
        """Return what is learned of y: its standardised numbers."""
        y = read_numbers(y)
        known = ~np.isnan(y) if weight is None else ~np.isnan(y) & (weight > 0)
        if not known.any():
            raise ValueError("sample_weight is 0 wherever y holds a number.")
        label = y[known, np.newaxis]
        centre, spread = standardisation(
            label, None if weight is None else weight[known]
        )
        self._target_centre, self._target_spread = float(centre[0]), float(spread[0])
        values = np.where(known, y, self._target_centre)
        values = (values - self._target_centre) / self._target_spread
        return Targets(values[:, np.newaxis], known.astype(np.float64))

    def _unit(self, samples):
        """Return the variance of what is learned."""
        return 1.0

    def _keep(self, centre, spread, weight, bias):
        """Keep the head, as a map of codes as they are to y in its units."""
        weight = weight[0] / spread
        bias = bias[0] - weight @ centre
        self.coef_ = weight * self._target_spread
        self.intercept_ = float(bias * self._target_spread + self._target_centre)

    def predict(self, X) -> np.ndarray:
        """Return the number that is expected of rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: frames, images, series.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            In units of y.
        """
        return self._decisions(X)[:, 0]

    def score(self, X, y, sample_weight=None) -> float:
        """Return R², the share of the variance of y that `predict` explains.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: frames, images, series.
        y : array-like of shape (n_samples,)
            True numbers.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            How much each row counts.

        Returns
        -------
        r2 : float
            At most 1.
        """
        return super().score(X, y, sample_weight)
