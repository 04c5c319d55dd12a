"""The sparse autoencoder: few units of the code speak for each row."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from skae.architectures import Dense
from skae.autoencoders.module import AutoencoderModule, Forward, plus
from skae.autoencoders.objective import Defaults, resolved
from skae.autoencoders.weighted import WeightedAutoencoder
from skae.data.batch import described
from skae.roles.outliers import OutlierDetector
from skae.sparsity import L1, Sparsity


class SparseModule(AutoencoderModule):
    """:class:`Batch` to :class:`Forward`, with a code that a sparsity acts on."""

    def __init__(self, sparsity, loss, *, n_components, **kwargs):
        super().__init__(n_components=n_components, **kwargs)
        sparsity.check(n_components, self.code_activation)
        with torch.no_grad():
            sparsity.start(self.head, self.decoder)
        self.sparsity = sparsity
        self.select = sparsity.make_selector(n_components)
        if not isinstance(self.select, nn.Module):
            raise TypeError(
                f"{type(sparsity).__name__}.make_selector must return a "
                f"torch.nn.Module, not {self.select!r}."
            )
        self.revival = sparsity.make_revival(n_components, loss)

    def encode(self, batch):
        """Return the code, shape (n, n_components)."""
        linear = self.head(self.hidden(batch))
        return self._selected(linear, batch, encoding=True)

    def _selected(self, linear, batch, *, encoding=False):
        code = self.select(linear, self.code_activation, batch, encoding=encoding)
        if getattr(code, "shape", None) != linear.shape or code.dtype == torch.bool:
            raise ValueError(
                f"The selection of {type(self.sparsity).__name__} must return codes of "
                f"shape (n, n_components), here {tuple(linear.shape)}. Got "
                f"{described(code)}."
            )
        return code

    def forward(self, batch):
        """Return output, code and penalty of a training pass."""
        encoded, fed = self.corrupted(batch)
        linear = self.head(self.hidden(encoded))
        code = self._selected(linear, encoded)
        output = self.decode(code, fed)
        counted = self.counted(batch, fed)
        result = Forward(output, code, self.penalty(code, encoded), counted)
        if self.training and self.revival is not None:

            def decode(code):  # of one row as well, where rows are of one shape
                if self.reads_rows:
                    code = code.expand(len(linear), -1)
                return self.decode(code, fed)

            auxiliary = self.revival(batch, linear, result, decode)
            result = result._replace(penalty=plus(result.penalty, auxiliary))
        return result

    def penalty(self, code, batch) -> torch.Tensor | None:
        """Return the sparsity's penalty and that of the weights."""
        penalty = self.sparsity.penalty(code, batch)
        if penalty is not None and getattr(penalty, "shape", None) != torch.Size():
            raise ValueError(
                f"{type(self.sparsity).__name__}.penalty must return a scalar or None. "
                f"Got {described(penalty)}."
            )
        return plus(super().penalty(code, batch), penalty)


def _overcomplete(n_features):
    return 4 * n_features


@dataclass(eq=False, repr=False, kw_only=True)
class SparseAutoencoder(OutlierDetector, WeightedAutoencoder):
    r"""Autoencoder whose code is sparse: few units are active in each row.

    Minimises the reconstruction loss under a sparsity of the code h(x): a penalty,

    .. math:: \frac{1}{n} \sum_i L(g(h(x_i)), x_i) + w \sum_j |h_j(x_i)|

    with :class:`L1`, a divergence of mean activations with :class:`KLSparsity`, or a
    selection, in which only the k largest units are kept, of each row with
    :class:`TopK`, per row on average with :class:`BatchTopK`. The code may have many
    more components than X has features.

    Parameters
    ----------
    n_components : int, float, tuple of int or "auto", default="auto"
        Width of the code. A float in (0, 1): as many principal components as keep that
        share of the variance. "auto": four times as many as features.
        A tuple: the shape of maps, ``(n_channels, *size)``, under `Convolutional`.
    architecture : Architecture or None, default=None
        The network around the code; None is ``Dense(())``, one linear layer on either
        side, so that each unit stands for one direction. It is cloned, never changed.
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
        Applied to the code; None is "sigmoid" with `KLSparsity`, which needs a code in
        [0, 1], and "relu" with all others.
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
    sparsity : Sparsity or None, default=None
        What makes the code sparse; None is ``L1(1e-3)``. Cloned, never changed.

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
    sparsity_ : Sparsity
        The one used.
    activation_frequency_ : ndarray of shape (n_components,)
        Share of the rows of the last `fit` and of all `partial_fit` since in which each
        unit is active: not zero, or above one half with `KLSparsity`.
    dead_units_ : ndarray of int
        The units that are active in none of them.

    See Also
    --------
    sklearn.decomposition.DictionaryLearning : Sparse codes by optimisation per row.

    References
    ----------
    Ng, A. (2011). Sparse autoencoder. CS294A lecture notes, Stanford University.

    Makhzani, A. and Frey, B. (2014). k-sparse autoencoders. International Conference on
    Learning Representations.

    Gao, L., Dupre la Tour, T., Tillman, H., Goh, G., Troll, R., Radford, A.,
    Sutskever, I., Leike, J. and Wu, J. (2024). Scaling and evaluating sparse
    autoencoders. arXiv 2406.04093.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import SparseAutoencoder, TopK
    >>> X = load_digits().data[:200]
    >>> ae = SparseAutoencoder(100, sparsity=TopK(5), max_epochs=2, random_state=0)
    >>> codes = ae.fit_transform(X)
    >>> codes.shape, int((codes != 0).sum(axis=1).max())
    ((200, 100), 5)
    """

    sparsity: Sparsity | None = None

    module_class = SparseModule

    _parameter_constraints = {
        **WeightedAutoencoder._parameter_constraints,
        "sparsity": [Sparsity, None],
        **OutlierDetector._parameter_constraints,
    }

    defaults = Defaults(architecture=partial(Dense, ()), n_components=_overcomplete)

    def _resolve(self):
        super()._resolve()
        self.sparsity_ = resolved(self.sparsity, lambda: L1(1e-3))

    def _module_parameters(self):
        return {
            "sparsity": self.sparsity_,
            "loss": self._network_loss.loss,
            "code_activation": self.code_activation or self.sparsity_.code_activation,
        }

    def _summarise(self, samples, rng, n_seen):
        super()._summarise(samples, rng, n_seen)
        n_active = torch.zeros(self.n_components_, dtype=torch.float64)

        def count(net, batch):
            active = self.sparsity_.is_active(net.encode(batch)).double()
            if batch.weight is not None:
                active *= batch.weight.double().unsqueeze(1)
            n_active.add_(active.sum(0).cpu())
            return torch.empty(len(active), 0)

        self._predictor.map(samples, count, 0)
        if not n_seen:
            self._n_active, self._n_counted = 0.0, 0.0
        self._n_active = self._n_active + n_active.numpy()
        self._n_counted += samples.n_observations
        self.activation_frequency_ = self._n_active / self._n_counted
        self.dead_units_ = np.flatnonzero(self.activation_frequency_ == 0)
