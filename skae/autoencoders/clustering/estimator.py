"""Deep embedded clustering: codes that fall into groups, and the groups."""

from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.base import ClusterMixin
from sklearn.cluster import KMeans
from sklearn.utils.validation import check_is_fitted

from skae._sklearn import Interval
from skae.architectures import Dense
from skae.autoencoders.clustering.module import ClusterModule
from skae.autoencoders.clustering.renewal import Renewal
from skae.autoencoders.neighbors.model import NeighborModel
from skae.autoencoders.objective import Defaults
from skae.data.pairs import PairedRows
from skae.roles.outliers import RowScorer
from skae.training.budget import auto_components

_MOST_COMPONENTS = 10  # as Xie et al.
_STARTS = 10  # of k-means


def few_components(n_features):
    """Return half of the features, at most 10: distances tell more in few."""
    return min(auto_components(n_features), _MOST_COMPONENTS)


@dataclass(eq=False, repr=False, kw_only=True)
class DeepEmbeddedClustering(ClusterMixin, RowScorer, NeighborModel):
    r"""Autoencoder whose codes gather around centres: clusters, and a way back to rows.

    First an autoencoder is trained that keeps neighbours together, as
    :class:`NeighborAutoencoder`; k-means finds centres among its codes. Then codes and
    centres are trained together to minimise

    .. math::

        \frac{1}{n} \sum_i L(g(f(x_i)), x_i) + w \, N
        + v \, \frac{1}{n} \sum_i KL(p_i \Vert q_i),
        \qquad q_{ij} \propto \frac{1}{1 + \lVert f(x_i) - \mu_j \rVert^2},
        \qquad p_{ij} \propto \frac{q_{ij}^2}{\sum_i q_{ij}}

    with N the loss of neighbours. The memberships q of a row are drawn towards their
    own sharpened form p (Xie et al. 2016), while reconstruction keeps the codes from
    collapsing (Guo et al. 2017). The sizes of the clusters, in the denominator, are
    those of all training rows, renewed after each epoch. A new row has the cluster of
    the nearest centre; clusters may end up empty.

    Parameters
    ----------
    n_components : int, float, tuple of int or "auto", default="auto"
        Width of the code. A float in (0, 1): as many principal components as keep that
        share of the variance. "auto": half of the features, at most 10.
        A tuple: the shape of maps, ``(n_channels, *size)``, under `Convolutional`.
    architecture : Architecture or None, default=None
        The network around the code; None is ``Dense(norm="layer")``, which learns
        neighbours in far fewer steps. It is cloned, never changed.
    corruption : Corruption or None, default=None
        What training does to each row before it is encoded, the target being the clean
        row; None leaves it as it is. Cloned, never changed.
    columns : Columns or None, default=None
        What there is to say of the columns of a frame; None is ``Columns()`` for one
        with categories. Cloned, never changed.
    loss : Loss, str or None, default=None
        What a reconstruction costs; None is ``SquaredError()``. By name:
        "squared_error", "absolute_error", "huber", "gaussian", "laplace",
        "binary_cross_entropy" (X in [0, 1]) or "poisson" (X >= 0). Of a frame with
        categories it is that of its numbers, standardised, see "Frames".
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
    learning_rate : float, default=1e-2
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
    neighbor_weight : float, default=1.0
        Of the loss of neighbours in what training minimises, in nats beside the mean
        loss of centred and scaled cells. 0 leaves it out.
    n_neighbors : int, default=10
        Neighbours of each row among which one is drawn in each epoch. More tell of
        wider surroundings; of fewer rows all others are neighbours.
    n_clusters : int, default=8
        How many clusters there are; at most as many as rows.
    cluster_weight : float, default=1.0
        Of the divergence of memberships in what training minimises. 0 leaves the
        clusters as k-means found them.
    tol : float, default=1e-3
        The second training stops when an epoch changes the labels of a smaller share of
        the rows. Each of the two has the budget `max_epochs`.

    Attributes
    ----------
    net_ : Net
        The trained skorch net; ``net_.module_`` is the torch module.
    history_ : list of dict
        A dict per epoch: "epoch", "train_loss", "valid_loss" where validated (both what
        is minimised, penalties included, in units of X), "lr", "dur" in seconds, and
        what callbacks record.
    n_iter_ : int
        Epochs trained.
    best_epoch_ : int
        The epoch whose weights are kept; 0 is the start: where that is PCA, the
        estimator then is PCA. Without early stopping the last one.
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
    labels_ : ndarray of int of shape (n_samples,)
        The cluster of each row of `fit`, or of the last `partial_fit`.
    cluster_centers_ : ndarray of shape (n_clusters, n_components)
        The centres, in the space of codes; `inverse_transform` makes rows of them.

    See Also
    --------
    NeighborAutoencoder : The same without clusters, to look at.
    sklearn.cluster.KMeans : Clusters of the rows themselves.

    References
    ----------
    Xie, J., Girshick, R. and Farhadi, A. (2016). Unsupervised deep embedding for
    clustering analysis. International Conference on Machine Learning.

    Guo, X., Gao, L., Liu, X. and Yin, J. (2017). Improved deep embedded clustering with
    local structure preservation. International Joint Conference on Artificial
    Intelligence.

    McConville, R., Santos-Rodriguez, R., Piechocki, R. J. and Craddock, I. (2021). N2D:
    (not too) deep clustering via clustering the local manifold of an autoencoded
    embedding. International Conference on Pattern Recognition.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import DeepEmbeddedClustering
    >>> X = load_digits().data[:200]
    >>> model = DeepEmbeddedClustering(n_clusters=10, max_epochs=2, random_state=0)
    >>> model.fit_predict(X).shape
    (200,)
    >>> model.inverse_transform(model.cluster_centers_).shape
    (10, 64)
    """

    n_neighbors: int = 10
    n_clusters: int = 8
    cluster_weight: float = 1.0
    tol: float = 1e-3

    module_class = ClusterModule
    defaults = Defaults(
        architecture=partial(Dense, norm="layer"), n_components=few_components
    )

    _parameter_constraints = {
        **NeighborModel._parameter_constraints,
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "cluster_weight": [Interval(Real, 0, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
    }

    def predict(self, X) -> np.ndarray:
        """Return the cluster of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: images, series, tokens.

        Returns
        -------
        labels : ndarray of int of shape (n_samples,)
            From 0 to ``n_clusters - 1``: the largest of the memberships.
        """
        return self.memberships(X).argmax(axis=1)

    def memberships(self, X) -> np.ndarray:
        """Return the memberships of rows: shares by Student's t-distribution.

        They are as sharp as training made them, and no calibrated probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: images, series, tokens.

        Returns
        -------
        memberships : ndarray of shape (n_samples, n_clusters)
            Each row sums to 1.
        """
        check_is_fitted(self)
        return self._memberships(self._samples(X))

    def _memberships(self, samples):
        return self._predictor.map(
            samples,
            lambda net, batch: net.memberships(net.encode(batch)),
            len(self.cluster_centers_),
        )

    def _module_parameters(self):
        n_rows = self.n_samples_seen_
        if n_rows < self.n_clusters:  # before memory is asked for
            raise ValueError(
                f"n_samples={n_rows} should be >= n_clusters={self.n_clusters}."
            )
        return {
            **super()._module_parameters(),
            "n_clusters": self.n_clusters,
            "cluster_weight": self.cluster_weight,
        }

    def _start(self, start):
        """Train without clusters, and find their centres by k-means."""
        super()._start(start)
        seed = self.net_.seed
        rows = self._split(start.samples, start.validation, np.random.default_rng(seed))
        train, valid = rows
        self.batch_size_, epochs = self._plan(len(train), valid is not None)
        trainer = self._trainer(start.samples)
        stopping = super()._stopping(train, valid)
        trainer.train(
            train, valid, epochs=epochs, stopping=stopping, schedule=self.schedule
        )
        if trainer.interrupted:  # nothing can be told of clusters
            raise KeyboardInterrupt
        kmeans = KMeans(self.n_clusters, n_init=_STARTS, random_state=seed % 2**32)
        kmeans.fit(self._encode(start.samples))
        self.net_.module_.start_clusters(kmeans.cluster_centers_)
        self._prepared = rows

    def _split(self, samples, validation, rng):
        """Return the rows of the first training again, whose neighbours are known."""
        return vars(self).pop("_prepared", None) or super()._split(
            samples, validation, rng
        )

    def _plan(self, n_rows, validated):
        """Return the rows of a batch and the number of epochs of a training."""
        batch_size, epochs = super()._plan(n_rows, validated)
        is_second = self.net_.module_.places.any()
        return batch_size, 0 if is_second and not self.cluster_weight else epochs

    def _stopping(self, train, valid):
        """Return None: a target that follows the codes has no best epoch."""
        return None

    def _callbacks(self):
        if not self.net_.module_.places.any():  # the first training
            return []
        return [Renewal(_each_once, self.tol)]

    def _summarise(self, samples, rng, n_seen):
        super()._summarise(samples, rng, n_seen)
        vars(self).pop("_prepared", None)
        centers = self.net_.module_.centers.detach().cpu().numpy()
        self.cluster_centers_ = centers.copy()
        self.labels_ = self._memberships(samples).argmax(axis=1)


def _each_once(rows):
    """Return what a net trains on without the neighbours beside."""
    return rows.rows if isinstance(rows, PairedRows) else rows
