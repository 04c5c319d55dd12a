"""The contractive autoencoder: a code that small changes of a row hardly move."""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from skae._sklearn import Interval, StrOptions
from skae.activations import ACTIVATIONS
from skae.architectures.layers import running_statistics
from skae.autoencoders.base import BaseAutoencoder
from skae.autoencoders.module import AutoencoderModule, plus
from skae.autoencoders.objective import Defaults
from skae.roles.outliers import OutlierDetector

_FEW_COMPONENTS = 4  # for which the exact Jacobian costs little more than an estimate


class ContractiveModule(AutoencoderModule):
    """:class:`Batch` to :class:`Forward`, the Jacobian's norm in its penalty."""

    def __init__(
        self,
        contraction_weight,
        jacobian,
        n_projections,
        *,
        n_components,
        **kwargs,
    ):
        super().__init__(n_components=n_components, **kwargs)
        self.contraction_weight = contraction_weight
        self.n_projections = n_projections
        self.generator = None
        # Nothing but one linear layer and an activation, unit by unit.
        self.has_one_layer = (
            _passes_on(self.body, self.body.n_outputs)
            and type(self.code_activation) in ACTIVATIONS.values()
        )
        if jacobian == "auto":
            few = n_components <= _FEW_COMPONENTS
            jacobian = "exact" if few else "projection"
            jacobian = "closed_form" if self.has_one_layer else jacobian
        elif jacobian == "closed_form" and not self.has_one_layer:
            raise ValueError(
                'jacobian="closed_form" is for an encoder of one layer, such as '
                "architecture=Dense(()), with a code_activation given by name. Use "
                'jacobian="exact" or "projection".'
            )
        self.jacobian = jacobian

    def penalty(self, code, batch) -> torch.Tensor | None:
        """Return the penalty of the weights and the weighted norm of the Jacobian."""
        contraction = None
        if self.contraction_weight:
            # Of what `transform` does, where no row depends on others.
            with running_statistics(self):
                norm = getattr(self, self.jacobian)(batch)
            contraction = self.contraction_weight * batch.mean(norm)
        return plus(super().penalty(code, batch), contraction)

    def closed_form(self, batch):
        """Return the squared norm of each row by the slope of the activation, (n,)."""
        with torch.enable_grad():
            linear = self.head(batch.x)
            code = self.code_activation(linear)
            slope = self._gradient(code.sum(), linear)
        return slope.square() @ self.head.weight.square().sum(1)

    def exact(self, batch):
        """Return the squared norm of each row, a pass for each component, (n,)."""
        with torch.enable_grad():
            x = batch.x.detach().requires_grad_()
            code = self.encode(batch._replace(x=x))
            return sum(
                self._gradient(unit.sum(), x).square().sum(1) for unit in code.unbind(1)
            )

    def projection(self, batch):
        """Return an unbiased estimate of the squared norm of each row, (n,).

        The mean squared length of random combinations of the rows of the Jacobian, the
        coefficients being -1 or 1 (Hutchinson 1990).
        """
        with torch.enable_grad():
            x = batch.x.detach().requires_grad_()
            code = self.encode(batch._replace(x=x))
            total = 0.0
            for _ in range(self.n_projections):
                coins = torch.empty_like(code).bernoulli_(0.5, generator=self.generator)
                signs = 2 * coins - 1
                total = total + self._gradient(code, x, signs).square().sum(1)
        return total / self.n_projections

    def _gradient(self, of, at, weights=None):
        (gradient,) = torch.autograd.grad(
            of, at, weights, create_graph=self.training, retain_graph=True
        )
        return gradient


def _passes_on(body, n_outputs):
    """Tell whether a body hands rows on as they are."""
    if any(True for _ in body.parameters()):
        return False
    probe = torch.arange(n_outputs, dtype=torch.float32).unsqueeze(0)
    with torch.no_grad():
        return torch.equal(body(probe), probe)


@dataclass(eq=False, repr=False, kw_only=True)
class ContractiveAutoencoder(OutlierDetector, BaseAutoencoder):
    r"""Autoencoder whose code hardly moves when the row does.

    Minimises the reconstruction loss plus the squared Frobenius norm of the Jacobian
    of the code h with respect to the row,

    .. math::
        \frac{1}{n} \sum_i L(g(h(x_i)), x_i)
        + w \left\| \frac{\partial h(x_i)}{\partial x_i} \right\|_F^2

    so that only the directions along which rows differ are kept. Rows are centred and
    scaled there, as the network sees them, and the loss is a mean over elements.

    Parameters
    ----------
    n_components : int, float, tuple of int or "auto", default="auto"
        Width of the code. A float in (0, 1): as many principal components as keep that
        share of the variance. "auto": half of the features, at most 32.
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
        What a reconstruction costs; None is ``SquaredError()``. By name:
        "squared_error", "absolute_error", "huber", "gaussian", "laplace",
        "binary_cross_entropy" (X in [0, 1]) or "poisson" (X >= 0). Of a frame with
        categories it is that of its numbers, standardised, see "Frames".
    code_activation : str, torch.nn.Module class or None, default=None
        Applied to the code; None is "sigmoid": a linear code could be contracted by a
        smaller scale alone.
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
    contraction_weight : float, default=1e-2
        Of the squared norm of the Jacobian, w.
    jacobian : {"auto", "closed_form", "exact", "projection"}, default="auto"
        How training has that norm. "closed_form": for an encoder of one layer; "exact":
        by automatic differentiation, a pass for each component; "projection": an
        unbiased estimate from random directions of the code. "auto": the first for an
        encoder of one layer, the second for up to 4 components, else the third.
    n_projections : int, default=1
        Random directions for each row and step with "projection".

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

    References
    ----------
    Rifai, S., Vincent, P., Muller, X., Glorot, X. and Bengio, Y. (2011). Contractive
    auto-encoders: explicit invariance during feature extraction. International
    Conference on Machine Learning.

    Hutchinson, M. F. (1990). A stochastic estimator of the trace of the influence
    matrix for Laplacian smoothing splines. Communications in Statistics 19.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import ContractiveAutoencoder
    >>> X = load_iris().data
    >>> ae = ContractiveAutoencoder(2, max_epochs=2, random_state=0).fit(X)
    >>> ae.jacobian_norm(X).shape
    (150,)
    """

    contraction_weight: float = 1e-2
    jacobian: str = "auto"
    n_projections: int = 1

    module_class = ContractiveModule

    _parameter_constraints = {
        **BaseAutoencoder._parameter_constraints,
        "contraction_weight": [Interval(Real, 0, None, closed="left")],
        "jacobian": [StrOptions({"auto", "closed_form", "exact", "projection"})],
        "n_projections": [Interval(Integral, 1, None, closed="left")],
        **OutlierDetector._parameter_constraints,
    }

    def jacobian_norm(self, X) -> np.ndarray:
        """Return how strongly each row's code answers to the row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        norms : ndarray of shape (n_samples,)
            Frobenius norm of the Jacobian of `transform`, exact, per unit of X. Its
            square, times ``scale_ ** 2``, is what training penalises. Of a frame with
            categories: per standard deviation of a number, per level.
        """
        check_is_fitted(self)

        def norm(net, batch):
            with torch.inference_mode(False):  # under which there are no gradients
                batch = batch.map(torch.Tensor.clone)
                squared = (net.closed_form if net.has_one_layer else net.exact)(batch)
            return squared.detach().sqrt()

        norms = self._predictor.map(self._samples(X), norm)
        return norms if np.ndim(self.scale_) else norms / self.scale_

    def _resolve(self):
        super()._resolve()
        if "token" in self._codec.fields.kinds:
            raise ValueError(
                "ContractiveAutoencoder needs rows along which a code has derivatives, "
                f"not the tokens that {self.architecture_!r} takes."
            )

    defaults = Defaults(code_activation="sigmoid")

    def _module_parameters(self):
        return {
            "contraction_weight": self.contraction_weight,
            "jacobian": self.jacobian,
            "n_projections": self.n_projections,
        }
