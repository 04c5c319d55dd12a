"""The plain autoencoder: a network that learns to reproduce its input."""

from dataclasses import dataclass

from torch import nn

from skae.activations import make_activation
from skae.architectures import SequenceDecoder
from skae.autoencoders.lengths import Lengths
from skae.base import BaseAutoencoder
from skae.corruption import Corrupt
from skae.engine.forward import Forward
from skae.outliers import ThresholdMixin


class AutoencoderModule(nn.Module):
    """(n, n_values) to :class:`Forward`: body, head, code, decoder.

    Parameters
    ----------
    architecture : Architecture
    shape : tuple of int or None
        Of one row; see :class:`Architecture`.
    n_components : int
    code_activation : str, torch.nn.Module class or None
    l1_penalty : float
        Weight of the sum of the absolute weights.
    corrupt : tuple of the arguments of Corrupt, or None
    lengths : tuple of float and int, or None
        Of rows of unequal length: see :class:`Lengths`.
    """

    def __init__(
        self,
        architecture,
        shape,
        n_components,
        code_activation,
        l1_penalty,
        corrupt=None,
        lengths=None,
    ):
        super().__init__()
        self.corrupt = nn.Identity() if corrupt is None else Corrupt(*corrupt)
        self.body = architecture.make_body(shape, n_components)
        self.head = nn.Linear(self.body.n_outputs, n_components)
        self.code_activation = make_activation(code_activation)
        self.decoder = architecture.make_decoder(
            shape, n_components, self.body, self.head
        )
        self.lengths = None
        if lengths is not None:
            self.lengths = Lengths(n_components, shape[-1], *lengths)
        self.of_sequences = isinstance(self.decoder, SequenceDecoder)
        self.spares_encoder = (
            corrupt is not None
            and corrupt[0].spares_encoder
            and self.of_sequences
            and self.decoder.feeds_back
        )
        self.l1_penalty = l1_penalty

    def encode(self, x):
        """Return the code, shape (n, n_components)."""
        return self.code_activation(self.head(self.body(x)))

    def decode(self, code, lengths=None, given=None):
        """Return the decoder's output, before the loss's output activation.

        Parameters
        ----------
        code : Tensor of shape (n, n_components)
        lengths : Tensor of shape (n,), or None
            Of series of unequal length; None is what the codes tell.
        given : Tensor of shape (n, n_values), or None
            Rows to feed the decoder with, if it feeds back; None is its own output.
        """
        if not self.of_sequences:
            return self.decoder(code)
        if lengths is None and self.lengths is not None:
            lengths = self.lengths(code)
        return self.decoder(code, lengths, given)

    def decode_like(self, code, x):
        """Decode codes of the rows x: as long as they are, and fed with them."""
        if not self.of_sequences:
            return self.decoder(code)
        rows = self.rows(x)
        return self.decode(code, self.lengths_of(rows), rows)

    def decode_draws(self, codes, x):
        """Decode codes of shape (..., n, n_components), drawn for the rows x."""
        if codes.ndim == 2:
            return self.decode_like(codes, x)
        repeated = x.expand(len(codes), *x.shape).flatten(0, 1)
        output = self.decode_like(codes.flatten(0, 1), repeated)
        return output.unflatten(0, codes.shape[:2])

    def decode_rows(self, code, read, lengths=None):
        """Decode codes to rows, by `read` of the output; NaN beyond their end."""
        if self.lengths is None:
            return read(self.decode(code))
        if lengths is None:
            lengths = self.lengths(code)
        return self.lengths.cut(read(self.decode(code, lengths)), lengths)

    def lengths_of(self, rows):
        """Return the lengths of rows, or None where they all have the same."""
        return None if self.lengths is None else self.lengths.of_rows(rows)

    def rows(self, x):
        """Return the rows of x without what stands beside them."""
        return x

    def joined(self, code, x):
        """Return what the decoder is given of the codes of x: the codes."""
        return code

    def output(self, x):
        """Return the decoder's output for the code of x: inference, without noise."""
        return self.decode_like(self.joined(self.encode(x), x), x)

    def reconstruction(self, x, read):
        """Return rows decoded from the codes of x and their lengths alone."""
        code = self.joined(self.encode(x), x)
        return self.decode_rows(code, read, self.lengths_of(self.rows(x)))

    def corrupted(self, x):
        """Return the rows with noise."""
        return self.corrupt(x)

    def encoded_and_fed(self, x):
        """Return what training encodes, and what it feeds decoders with."""
        corrupted = self.corrupted(x)
        return (x if self.spares_encoder else corrupted), corrupted

    def forward(self, x):
        """Return output, code and penalty of a training pass."""
        x, fed = self.encoded_and_fed(x)
        code = self.encode(x)
        return Forward(self.decode_like(code, fed), code, self.penalty(x, code))

    def penalty(self, x, code):
        """Return what is added to the loss, a scalar, or None.

        x is what was encoded, corrupted if there is a corruption.
        """
        penalty = None
        if self.lengths is not None:
            penalty = self.lengths.penalty(self.joined(code, x), self.rows(x))
        if not self.l1_penalty:
            return penalty
        weights = (p for p in self.parameters() if p.ndim > 1)
        size = sum(weight.abs().sum() for weight in weights)
        return plus(penalty, self.l1_penalty * size)


def plus(penalty, other):
    """Add two penalties, each a scalar or None."""
    if penalty is None or other is None:
        return other if penalty is None else penalty
    return penalty + other


@dataclass(eq=False, repr=False, kw_only=True)
class Autoencoder(ThresholdMixin, BaseAutoencoder):
    """Autoencoder that minimises the reconstruction loss and nothing else.

    An encoder f and a decoder g, trained together to minimise the mean over rows of
    ``loss(g(f(x)), x)``. With fewer components than features the code is a nonlinear
    counterpart of principal components; with more it needs a penalty or a
    regularised relative to mean something.

    Parameters
    ----------
    n_components : int, float or "auto", default="auto"
        Width of the code. A float in (0, 1): as many principal components as keep that
        share of the variance. "auto": half of the features, at most 32.
    architecture : Architecture or None, default=None
        The network around the code; None is ``Dense()``. It is cloned, never changed.
    corruption : Corruption or None, default=None
        What training does to each row before it is encoded, the target being the clean
        row; None leaves it as it is. Cloned, never changed.
    loss : Loss, str or None, default=None
        What a reconstruction costs; None is ``SquaredError()``. By name:
        "squared_error", "absolute_error", "huber", "gaussian", "laplace",
        "binary_cross_entropy" (X in [0, 1]) or "poisson" (X >= 0).
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
    contamination : float, "auto" or None, default="auto"
        Where the threshold of outliers is. A float in (0, 0.5]: that share of the
        training rows is outside. None: none of them is. "auto": three robust standard
        deviations above the median of their loss, or of its logarithm where it is none
        itself; after `fit`, at least one is outside.

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

    See Also
    --------
    sklearn.decomposition.PCA : The linear autoencoder, in closed form.

    References
    ----------
    Rumelhart, D. E., Hinton, G. E. and Williams, R. J. (1986). Learning internal
    representations by error propagation. In Parallel Distributed Processing, vol. 1.

    Hinton, G. E. and Salakhutdinov, R. R. (2006). Reducing the dimensionality of data
    with neural networks. Science 313.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import Autoencoder
    >>> X = load_iris().data
    >>> ae = Autoencoder(2, max_epochs=5, random_state=0).fit(X)
    >>> ae.transform(X).shape
    (150, 2)
    >>> ae.reconstruct(X).shape
    (150, 4)
    >>> ae.predict(X[:3])
    array([1, 1, 1])
    """

    _module_class = AutoencoderModule

    _parameter_constraints = {
        **BaseAutoencoder._parameter_constraints,
        **ThresholdMixin._parameter_constraints,
    }
