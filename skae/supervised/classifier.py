"""The classifier: an autoencoder that is trained on its rows and on their labels."""

from dataclasses import dataclass, replace
from numbers import Integral, Real

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin

from skae._sklearn import Interval, StrOptions
from skae.supervised.base import SupervisedAutoencoder
from skae.supervised.graph import spread
from skae.supervised.heads import logistic_start
from skae.supervised.network import cross_entropy
from skae.supervised.targets import class_targets, read_classes


@dataclass(eq=False, repr=False, kw_only=True)
class AutoencoderClassifier(ClassifierMixin, SupervisedAutoencoder):
    r"""Classifier by the code of an autoencoder that learns rows and labels together.

    An autoencoder is fitted to all rows, with and without a label. A linear head on its
    code, which starts at logistic regression, is then trained with it on

    .. math:: \sum_i v_i CE(h(f(x_i)), y_i) / \sum_i v_i
       + \lambda \, mean_i \, loss(g(f(c(x_i))), x_i)

    where the autoencoder's own corruption c and penalties act, and at last on clean
    rows and the first term alone. Rows without a label take that of rows near by:
    labels spread on the graph of nearest codes, and count by their certainty.

    Rows without a label have -1 in y, scikit-learn's mark, or a missing value. As -1
    may be a class, it is a mark only where at least two other labels occur.

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
        that tell nothing cost: the entropy of the classes, and what the mean row costs.
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
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes; "balanced" makes their sums equal.
    unlabelled : object, default=-1
        What marks rows without a label in y, beside missing values; of an array of
        strings its string. None: every row has a label, and -1 is a class.
    spread_weight : float, default=1.0
        Weight of labels that come from rows near by, beside given ones. 0: rows without
        a label are reconstructed alone.
    n_neighbors : int, default=10
        Of the graph that labels spread on.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    encoder_ : estimator
        The autoencoder, fitted: with all its methods. Its threshold of outliers is that
        of the rows trained on.
    coef_ : ndarray of shape (1, n_components) or (n_classes, n_components)
        The head, for codes.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Its constants.
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
    AutoencoderRegressor : The same of numbers.
    sklearn.semi_supervised.LabelSpreading : Labels that spread along rows.

    References
    ----------
    Hinton, G. E. and Salakhutdinov, R. R. (2006). Reducing the dimensionality of data
    with neural networks. Science 313.

    Vincent, P., Larochelle, H., Lajoie, I., Bengio, Y. and Manzagol, P.-A. (2010).
    Stacked denoising autoencoders: learning useful representations in a deep network
    with a local denoising criterion. Journal of Machine Learning Research 11.

    Zhou, D., Bousquet, O., Lal, T. N., Weston, J. and Schölkopf, B. (2004). Learning
    with local and global consistency. Neural Information Processing Systems.

    Iscen, A., Tolias, G., Avrithis, Y. and Chum, O. (2019). Label propagation for deep
    semi-supervised learning. Computer Vision and Pattern Recognition.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skae import Autoencoder, AutoencoderClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> few = np.where(np.arange(len(y)) < 50, y, -1)
    >>> ae = Autoencoder(8, max_epochs=2, random_state=0)
    >>> classifier = AutoencoderClassifier(ae, max_epochs=1, random_state=0)
    >>> classifier.fit(X[:1000], few[:1000]).predict_proba(X[1000:]).shape
    (797, 10)
    """

    class_weight: dict | str | None = None
    unlabelled: object = -1
    spread_weight: float = 1.0
    n_neighbors: int = 10

    _parameter_constraints = {
        **SupervisedAutoencoder._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "unlabelled": "no_validation",
        "spread_weight": [Interval(Real, 0, None, closed="left")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
    }

    _of_labels = staticmethod(cross_entropy)
    _linear_model = staticmethod(logistic_start)

    def _read(self, y, weight):
        """Return what is learned of y, and keep its classes."""
        counted = None if weight is None else weight > 0
        self.classes_, numbers = read_classes(y, self.unlabelled, counted)
        return class_targets(numbers, self.classes_, self.class_weight, weight)

    def _unit(self, samples):
        """Return the entropy of the classes, in nats."""
        weight = samples.label_weight
        if samples.weight is not None:
            weight = weight * samples.weight
        shares = weight @ samples.label
        shares = shares[shares > 0] / shares.sum()
        return float(-(shares * np.log(shares)).sum())

    def _spared(self, label, valid):
        """Return those rows to validate on that are not all of their class."""
        n_left = label.sum(axis=0) - label[valid].sum(axis=0)
        return valid[n_left[label[valid].argmax(axis=1)] > 0]

    def _spread(self, samples, rng):
        """Return samples of which rows without a label have that of their neighbours.

        A row's weight is its certainty, those of its class as probable as it is.
        """
        is_open = samples.label_weight == 0
        if not self.spread_weight or not is_open.any():
            return samples
        label, certainty = spread(
            self.encoder_._encode(samples),
            samples.label,
            samples.label_weight,
            n_neighbors=self.n_neighbors,
            rng=rng,
        )
        known = np.flatnonzero(~is_open)
        of_class = np.zeros(len(self.classes_))
        of_class[samples.label[known].argmax(axis=1)] = samples.label_weight[known]
        weight = self.spread_weight * certainty * (label @ of_class)
        return replace(
            samples,
            label=np.where(is_open[:, np.newaxis], label, samples.label),
            label_weight=np.where(is_open, weight, samples.label_weight),
        )

    def _keep(self, centre, spread, weight, bias):
        """Keep the head, as a map of codes as they are."""
        weight = weight / spread
        bias = bias - weight @ centre
        if len(bias) == 2:
            weight, bias = weight[1:] - weight[:1], bias[1:] - bias[:1]
        self.coef_, self.intercept_ = weight, bias

    def decision_function(self, X) -> np.ndarray:
        """Return what the head gives for rows: logits.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: frames, images, series.

        Returns
        -------
        decisions : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Of two classes that of the second, ``classes_[1]``, above 0 if it is more
            probable.
        """
        decisions = self._decisions(X)
        return decisions[:, 0] if len(self.classes_) == 2 else decisions

    def predict(self, X) -> np.ndarray:
        """Return the most probable class of rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: frames, images, series.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Of `classes_`.
        """
        decisions = self._decisions(X)
        if len(self.classes_) == 2:
            return self.classes_[(decisions[:, 0] > 0).astype(int)]
        return self.classes_[decisions.argmax(axis=1)]

    def score(self, X, y, sample_weight=None) -> float:
        """Return the accuracy of `predict`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: frames, images, series.
        y : array-like of shape (n_samples,)
            True classes.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            How much each row counts.

        Returns
        -------
        accuracy : float
        """
        return super().score(X, y, sample_weight)

    def predict_proba(self, X) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: frames, images, series.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        decisions = self._decisions(X)
        if len(self.classes_) > 2:
            return softmax(decisions, axis=1)
        return np.hstack((expit(-decisions), expit(decisions)))

    def predict_log_proba(self, X) -> np.ndarray:
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: frames, images, series.

        Returns
        -------
        logarithms : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; minus infinity where a probability is 0.
        """
        with np.errstate(divide="ignore"):  # of probabilities that round to 0
            return np.log(self.predict_proba(X))
