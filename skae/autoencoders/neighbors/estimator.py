"""The neighbour autoencoder: maps of rows that new rows have a place on, and back."""

from dataclasses import dataclass, field

from skae.autoencoders.neighbors.model import NeighborModel
from skae.roles.outliers import OutlierDetector


@dataclass(eq=False, repr=False, kw_only=True)
class NeighborAutoencoder(OutlierDetector, NeighborModel):
    r"""Autoencoder whose codes are a map: neighbours of a row stay its neighbours.

    For two components, to look at, where a plain autoencoder folds groups of rows over
    each other. Minimises

    .. math::

        \frac{1}{n} \sum_i L(g(f(x_i)), x_i)
        - w \, \log \frac{q_{ij}}{\sum_{k \neq i} q_{ik}},
        \qquad q_{ij} = \frac{1}{1 + \lVert f(x_i) - f(x_j) \rVert^2}

    with j drawn afresh among the nearest neighbours of row i, and k over the other rows
    of the batch: the contrastive loss InfoNCE, and t-SNE's kernel (Damrich et al.
    2023). Being a network, it maps new rows, and back, as parametric UMAP does.

    Neighbours are nearest by Euclidean distance of the rows as the network sees them:
    centred and scaled, missing cells filled in, categories as columns. Of more than 50
    columns it is the distance of their first 50 principal components. To find them
    takes time by the square of the number of rows, beyond 15 columns.

    Parameters
    ----------
    n_components : int, float, tuple of int or "auto", default=2
        Width of the code. A float in (0, 1): as many principal components as keep that
        share of the variance. "auto": half of the features, at most 32.
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
    n_neighbors : int, default=15
        Neighbours of each row among which one is drawn in each epoch. More tell of
        wider surroundings; of fewer rows all others are neighbours.
    contamination : float, "auto" or None, default="auto"
        Where the threshold of outliers is. A float in (0, 0.5]: that share of new rows
        as those of `fit` is outside, and of the training rows in `fit_predict`. None:
        no training row is. "auto": three robust standard deviations above the median
        loss of new rows, or of its logarithm where it is none itself; at least one
        training row is outside.
    novelty : bool, default=True
        Whether the threshold is set by rows that were not trained on, where some were
        held out to validate on, see "How it works". False: by the training rows.

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

    See Also
    --------
    DeepEmbeddedClustering : Clusters of codes that are trained so.
    sklearn.manifold.TSNE : Maps of the rows of `fit` alone.

    References
    ----------
    Sainburg, T., McInnes, L. and Gentner, T. Q. (2021). Parametric UMAP embeddings for
    representation and semisupervised learning. Neural Computation 33.

    Damrich, S., Boehm, N., Hamprecht, F. A. and Kobak, D. (2023). From t-SNE to UMAP
    with contrastive learning. International Conference on Learning Representations.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import NeighborAutoencoder
    >>> X = load_digits().data[:200]
    >>> ae = NeighborAutoencoder(max_epochs=2, random_state=0).fit(X)
    >>> ae.transform(X).shape
    (200, 2)
    >>> ae.inverse_transform([[0.0, 1.0]]).shape
    (1, 64)
    """

    n_components: int | float | str = field(default=2, kw_only=False)

    _parameter_constraints = {
        **NeighborModel._parameter_constraints,
        **OutlierDetector._parameter_constraints,
    }
