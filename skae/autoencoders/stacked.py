"""The stacked autoencoder: layers trained one by one, then the whole."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import clone

from skae.activations import make_activation
from skae.architectures import Dense
from skae.autoencoders.base import BaseAutoencoder
from skae.autoencoders.contractive import ContractiveAutoencoder
from skae.autoencoders.denoising import DenoisingAutoencoder
from skae.autoencoders.plain import Autoencoder
from skae.autoencoders.sparse import SparseAutoencoder
from skae.codecs import Codec, CodeCodec
from skae.data.mixed import Mixed
from skae.losses import SquaredError
from skae.roles.outliers import OutlierDetector

_LAYERS = (
    Autoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    ContractiveAutoencoder,
)
# What a layer that is not given takes from the stack.
_HANDED_DOWN = (
    "max_epochs", "batch_size", "optimizer", "learning_rate", "schedule",
    "weight_decay", "l1_penalty", "early_stopping", "validation_fraction", "patience",
    "verbose", "net_params",
)  # fmt: skip


@dataclass(eq=False, repr=False, kw_only=True)
class StackedAutoencoder(OutlierDetector, BaseAutoencoder):
    r"""Deep autoencoder whose layers are trained one after the other, then together.

    Each layer of the encoder starts as an autoencoder of its own, with one hidden
    layer, that is trained on the codes of the layer below. The stack of them is then
    trained as one network on the reconstruction loss.

    Parameters
    ----------
    n_components : int, float or "auto", default="auto"
        Width of the code. A float in (0, 1): as many principal components as keep that
        share of the variance. "auto": half of the features, at most 32.
    architecture : Architecture or None, default=None
        A `Dense` network without `norm` and `decoder_sizes`; its sizes are those of the
        layers. None is ``Dense()``. Its linear path, where it has one, starts at zero.
        It is cloned, never changed.
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
    contamination : float, "auto" or None, default="auto"
        Where the threshold of outliers is. A float in (0, 0.5]: that share of new rows
        as those of `fit` is outside, and of the training rows in `fit_predict`. None:
        no training row is. "auto": three robust standard deviations above the median
        loss of new rows, or of its logarithm where it is none itself; at least one
        training row is outside.
    novelty : bool, default=True
        Whether the threshold is set by rows that were not trained on, where some were
        held out to validate on, see "How it works". False: by the training rows.
    layer : estimator or None, default=None
        What each layer is trained as: a clone of an :class:`Autoencoder`,
        :class:`DenoisingAutoencoder`, :class:`SparseAutoencoder` (without `TopK`) or
        :class:`ContractiveAutoencoder`. The stack sets its `n_components`,
        `architecture`, `code_activation`, `device` and `loss`: its own for the first,
        squared error for the others; epochs, batches and learning rate stay the
        layer's. None is an `Autoencoder` with the training parameters of the stack.
    fine_tune : bool, default=True
        Whether `fit` trains the stack as one network after its layers. `history_`,
        `n_iter_` and `best_epoch_` are of that training. `partial_fit` trains the
        layers in its first call, each for all its epochs, and the stack in each.

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
    layers_ : list of estimators
        The layers, each fitted to the codes of the one below, as they were before the
        stack was trained as one.

    See Also
    --------
    Autoencoder.hidden_representation : The output of any layer.

    References
    ----------
    Bengio, Y., Lamblin, P., Popovici, D. and Larochelle, H. (2007). Greedy layer-wise
    training of deep networks. Neural Information Processing Systems.

    Vincent, P., Larochelle, H., Lajoie, I., Bengio, Y. and Manzagol, P.-A. (2010).
    Stacked denoising autoencoders: learning useful representations in a deep network
    with a local denoising criterion. Journal of Machine Learning Research 11.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenoisingAutoencoder, Dense, StackedAutoencoder
    >>> X = load_digits().data[:200]
    >>> ae = StackedAutoencoder(
    ...     8,
    ...     architecture=Dense((64, 32)),
    ...     layer=DenoisingAutoencoder(max_epochs=2),
    ...     max_epochs=2,
    ... ).fit(X)
    >>> [layer.n_components_ for layer in ae.layers_]
    [64, 32, 8]
    >>> ae.hidden_representation(X, 0).shape
    (200, 64)
    """

    layer: BaseAutoencoder | None = None
    fine_tune: bool = True

    _parameter_constraints = {
        **BaseAutoencoder._parameter_constraints,
        "layer": "no_validation",  # see _resolve
        "fine_tune": ["boolean"],
        **OutlierDetector._parameter_constraints,
    }

    def _resolve(self):
        super()._resolve()
        if not isinstance(self.architecture_, Dense):
            raise ValueError(
                "StackedAutoencoder trains fully connected layers one by one: "
                f"architecture must be Dense, not {self.architecture_!r}."
            )
        if self.architecture_.norm is not None:
            raise ValueError(
                f"norm={self.architecture_.norm!r} of architecture cannot be stacked: "
                "layers are trained one by one without it. Set norm=None."
            )
        if self.architecture_.decoder_sizes is not None:
            raise ValueError(
                f"decoder_sizes={self.architecture_.decoder_sizes!r} of architecture "
                "cannot be stacked: layers have decoders of their own. Set None."
            )
        if self.warm_start and not self.fine_tune:
            raise ValueError(
                "warm_start=True goes on with the training of the whole, which "
                "fine_tune=False leaves out. Set one of them to its default."
            )
        if self.layer is None:
            return
        if type(self.layer) not in _LAYERS:
            names = ", ".join(kind.__name__ for kind in _LAYERS)
            raise ValueError(
                f"layer must be None or an object of {names}. Got {self.layer!r}."
            )
        self.layer._validate_params()
        make_activation(self.layer.code_activation, "code_activation of layer")
        sparsity = getattr(self.layer, "sparsity", None)
        if sparsity is not None and sparsity.selects:
            raise ValueError(
                f"layer=SparseAutoencoder(sparsity={sparsity!r}) cannot be stacked: "
                "hidden layers keep all their units. Use L1 or KLSparsity."
            )

    def _starts_at_axes(self):
        return False

    def _plan(self, n_rows, validated):
        batch_size, epochs = super()._plan(n_rows, validated)
        return batch_size, epochs if self.fine_tune else 0

    def _start(self, start):
        """Train the layers and put them into the network."""
        X, validation = start.samples.X, start.validation
        X_val = None if validation is None else validation.X
        sizes = [len(linear.weight) for linear in self.net_.module_.body.linears]
        rng = np.random.default_rng(self.net_.seed)
        self.layers_ = []
        for n_units in (*sizes, self.n_components_):
            if self.layers_:
                X = self.layers_[-1].transform(X)
                X_val = None if X_val is None else self.layers_[-1].transform(X_val)
            layer = self._make_layer(
                n_units,
                is_first=not self.layers_,
                is_last=len(self.layers_) == len(sizes),
                seed=int(rng.integers(2**31)),
            )
            if not self.layers_ and isinstance(X, Mixed):
                layer._given_codec = self._codec
            layer._title = f"layer {len(self.layers_) + 1} of {len(sizes) + 1}"
            self.layers_.append(layer.fit(X, X_val=X_val))
            if layer._interrupted:  # no stack without the layers above
                raise KeyboardInterrupt
        self.architecture_.set_layers(
            self.net_.module_, [layer.net_.module_ for layer in self.layers_]
        )

    def _make_layer(self, n_units, *, is_first, is_last, seed):
        """Return the unfitted estimator of one layer."""
        if self.layer is None:
            layer = Autoencoder().set_params(
                **{name: getattr(self, name) for name in _HANDED_DOWN}
            )
        else:
            layer = clone(self.layer)
        activation = self.architecture_.activation
        if is_last:
            activation = self.code_activation or "identity"
        architecture, loss = Dense, self.loss_
        if not is_first:
            architecture = DenseOnCodes
            loss = SquaredError(output_activation=self.architecture_.activation)
        layer.set_params(
            n_components=n_units,
            architecture=architecture((), tied=self.architecture_.tied, shortcut=None),
            loss=loss,
            code_activation=activation,
            device=self.device,
        )
        if layer.random_state is None:
            layer.set_params(random_state=seed)
        return layer


@dataclass(eq=False, repr=False)
class DenseOnCodes(Dense):
    """Layers above the first of a stack: codes are neither centred nor scaled."""

    def make_codec(self, X) -> Codec:
        """Make the codec of codes; see :class:`Architecture`."""
        return CodeCodec()
