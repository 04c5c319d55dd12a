"""Sparsities: what keeps most units of a code silent, and how that is counted."""

import math
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real

import torch
from sklearn.base import BaseEstimator
from torch import nn

from skae._sklearn import Interval
from skae.data.batch import over_cells

_EPSILON = 1e-6  # keeps the logarithm of a mean activation finite


class Sparsity(BaseEstimator):
    """Base of the sparsities: a selection of units, a penalty, or both.

    A subclass overrides :meth:`penalty`, :meth:`select`, or :meth:`make_selector` for a
    selection that learns something; `code_activation` is what the estimator's
    ``code_activation=None`` stands for.
    """

    code_activation = "relu"
    selects = False  # whether units are set to zero that the activation leaves

    _parameter_constraints = {}

    def check(self, n_components, activation):
        """Raise ValueError if such a code cannot be made sparse this way.

        Parameters
        ----------
        n_components : int
        activation : torch.nn.Module
            Of the code.
        """

    def start(self, head, decoder):
        """Change the random start of the head and the decoder, in place."""

    def select(self, linear, activation, *, encoding=False):
        """Return the code.

        Parameters
        ----------
        linear : Tensor of shape (n_samples, n_components)
            What the head gives.
        activation : torch.nn.Module
            Of the code.
        encoding : bool
            Whether this is inference: a `transform` after training.

        Returns
        -------
        Tensor of shape (n_samples, n_components)
        """
        return activation(linear)

    def make_selector(self, n_components):
        """Make the module that selects: here one that calls :meth:`select`.

        What a selection learns in training and needs in inference is a buffer of its
        module: copied, stored and restored with the weights.

        Returns
        -------
        torch.nn.Module
            With ``forward(linear, activation, batch, *, encoding=False)``, which is
            :meth:`select` with the :class:`Batch` that is encoded.
        """
        return Selector(self)

    def penalty(self, code, batch):
        """Return what is added to the loss, a scalar, or None.

        Parameters
        ----------
        code : Tensor of shape (n_samples, n_components)
        batch : Batch
            What was encoded; ``batch.mean(values)`` is the mean over its rows.
        """

    def is_active(self, code):
        """Tell which units are active in which row, a boolean tensor like `code`."""
        return code != 0

    def make_revival(self, n_components, loss):
        """Return a module that revives dead units in training, or None."""


class Selector(nn.Module):
    """(n, n_components), before the activation, to the code: a rule without state."""

    def __init__(self, sparsity):
        super().__init__()
        self.sparsity = sparsity

    def forward(self, linear, activation, batch, *, encoding=False):
        """Return the code; see :meth:`Sparsity.select`."""
        return self.sparsity.select(linear, activation, encoding=encoding)


@dataclass(eq=False, repr=False)
class L1(Sparsity):
    r"""Penalises the size of activations.

    Adds :math:`w \sum_j |h_j|`, the mean over rows, to the loss, which is a mean over
    the elements of rows that are centred and scaled.

    Parameters
    ----------
    weight : float, default=1e-3
        Of the penalty, w.

    References
    ----------
    Olshausen, B. A. and Field, D. J. (1996). Emergence of simple-cell receptive field
    properties by learning a sparse code for natural images. Nature 381.

    Examples
    --------
    >>> from skae import L1
    >>> L1(1e-2)
    L1(weight=0.01)
    """

    weight: float = 1e-3

    _parameter_constraints = {"weight": [Interval(Real, 0, None, closed="left")]}

    def penalty(self, code, batch):
        """Return the weighted sum of absolute activations, its mean over rows."""
        return self.weight * batch.mean(code.abs().sum(1))


@dataclass(eq=False, repr=False)
class KLSparsity(Sparsity):
    r"""Penalises units whose mean activation is not the target.

    Adds to the loss

    .. math::
        w \sum_j \rho \log\frac{\rho}{m_j}
        + (1 - \rho) \log\frac{1 - \rho}{1 - m_j}

    the divergence of a Bernoulli variable of mean :math:`m_j`, the mean activation of
    unit j in the batch, from one of mean :math:`\rho`. Small batches make it larger.
    The code is a sigmoid's, or any other's in [0, 1].

    Parameters
    ----------
    target : float, default=0.05
        Mean activation that each unit should have, rho, in (0, 1).
    weight : float, default=0.03
        Of the penalty, w.

    References
    ----------
    Ng, A. (2011). Sparse autoencoder. CS294A lecture notes, Stanford University.

    Examples
    --------
    >>> from skae import KLSparsity
    >>> KLSparsity(target=0.1)
    KLSparsity(target=0.1)
    """

    target: float = 0.05
    _: KW_ONLY
    weight: float = 0.03

    code_activation = "sigmoid"

    _parameter_constraints = {
        "target": [Interval(Real, 0, 1, closed="neither")],
        "weight": [Interval(Real, 0, None, closed="left")],
    }

    def check(self, n_components, activation):
        """Raise ValueError if the activation leaves [0, 1]; see :class:`Sparsity`."""
        with torch.no_grad():
            reached = activation(torch.linspace(-100.0, 100.0, 2001).unsqueeze(1))
        if reached.min() < 0 or reached.max() > 1:
            raise ValueError(
                "sparsity=KLSparsity needs a code in [0, 1], which the activation "
                f"{type(activation).__name__} leaves. Use "
                'code_activation="sigmoid" (in a stack also activation="sigmoid" of '
                "its Dense), or sparsity=L1() or TopK()."
            )

    def start(self, head, decoder):
        """Start at the target: a mean activation of one half is left slowly."""
        nn.init.constant_(head.bias, math.log(self.target / (1 - self.target)))

    def penalty(self, code, batch):
        """Return the weighted sum of divergences over units."""
        mean = batch.mean(code).clamp(_EPSILON, 1 - _EPSILON)
        rho = torch.as_tensor(self.target, dtype=code.dtype, device=code.device)
        on = rho * torch.log(rho / mean)
        off = (1 - rho) * torch.log((1 - rho) / (1 - mean))
        return self.weight * (on + off).sum()

    def is_active(self, code):
        """Tell which activations are above one half; see :class:`Sparsity`."""
        return code > 0.5


@dataclass(eq=False, repr=False)
class TopK(Sparsity):
    r"""Keeps the k largest units of each row and sets all others to zero.

    The largest before the activation, which is applied to those kept.

    Units that have not been among them for `dead_after` training rows are dead: while
    there are any, the :math:`k_{aux}` largest of them are trained to explain what is
    left of the row, by the loss of the reconstruction with their share added, times
    `auxiliary_weight`.

    Parameters
    ----------
    k : int, default=32
        Units kept in each row.
    k_encoding : int or None, default=None
        Units kept after training, by `transform` and all that reconstructs or scores;
        None is k. Makhzani and Frey report better features with up to three times k.
        Like all parameters it takes effect in `fit`.
    auxiliary_weight : float, default=0.03125
        Of the loss that revives dead units; 0 leaves them dead.
    k_auxiliary : int or None, default=None
        Dead units that are trained at once in each row; None is k. More revive fewer:
        they share what is left of the row.
    dead_after : int, default=10000
        Training rows without activity after which a unit is dead.

    References
    ----------
    Makhzani, A. and Frey, B. (2014). k-sparse autoencoders. International Conference on
    Learning Representations.

    Gao, L., Dupre la Tour, T., Tillman, H., Goh, G., Troll, R., Radford, A.,
    Sutskever, I., Leike, J. and Wu, J. (2024). Scaling and evaluating sparse
    autoencoders. arXiv 2406.04093.

    Examples
    --------
    >>> from skae import TopK
    >>> TopK(25)
    TopK(k=25)
    """

    k: int = 32
    _: KW_ONLY
    k_encoding: int | None = None
    auxiliary_weight: float = 1 / 32
    k_auxiliary: int | None = None
    dead_after: int = 10_000

    selects = True

    _parameter_constraints = {
        "k": [Interval(Integral, 1, None, closed="left")],
        "k_encoding": [Interval(Integral, 1, None, closed="left"), None],
        "auxiliary_weight": [Interval(Real, 0, None, closed="left")],
        "k_auxiliary": [Interval(Integral, 1, None, closed="left"), None],
        "dead_after": [Interval(Integral, 1, None, closed="left")],
    }

    def check(self, n_components, activation):
        """Raise ValueError if k is more than there are units; see :class:`Sparsity`."""
        for name in ("k", "k_encoding"):
            if (getattr(self, name) or 0) > n_components:
                raise ValueError(
                    f"{name}={getattr(self, name)} of TopK is more than "
                    f"n_components={n_components}. Lower it or raise n_components."
                )

    def start(self, head, decoder):
        """Start one decoding layer as the transposed encoder (Gao et al. 2024).

        Each unit then decodes what it responds to, and fewer die at the beginning.
        """
        weights = [p for p in decoder.parameters() if p.ndim > 1]
        if len(weights) == 1 and weights[0].shape == head.weight.T.shape:
            weights[0].copy_(head.weight.T)

    def select(self, linear, activation, *, encoding=False):
        """Return the code with its k largest units; see :class:`Sparsity`."""
        k = int((encoding and self.k_encoding) or self.k)
        values, units = linear.topk(k, dim=1, sorted=False)
        return torch.zeros_like(linear).scatter(1, units, activation(values))

    def make_revival(self, n_components, loss):
        """Return the :class:`Revival`; None where its weight is 0."""
        if not self.auxiliary_weight:
            return None
        k = self.k_auxiliary or self.k
        return Revival(n_components, loss, self.auxiliary_weight, k, self.dead_after)


class Revival(nn.Module):
    """Trains units that are never among the chosen on what the others leave."""

    def __init__(self, n_components, loss, weight, k, dead_after):
        super().__init__()
        self.loss = loss
        self.weight = weight
        self.k = k
        self.dead_after = dead_after
        self.register_buffer("silent_rows", torch.zeros(n_components))

    def forward(self, batch, linear, result, decode):
        """Return the auxiliary loss, a scalar, or None while no unit is dead.

        Parameters
        ----------
        batch : Batch
            Whose x is the target.
        linear : Tensor of shape (n_samples, n_components)
            The code before its activation, which may have no gradient at dead units.
        result : Forward
        decode : callable
        """
        active = result.code.detach().abs().sum(0) > 0
        self.silent_rows += len(linear)
        self.silent_rows.masked_fill_(active, 0.0)
        alive = self.silent_rows < self.dead_after
        n_dead = len(alive) - int(alive.sum())
        if not n_dead:
            return None
        # Chosen without gradients: they are needed at k units of each row only.
        dead_only = linear.detach().masked_fill(alive, -torch.inf)
        units = dead_only.topk(min(self.k, n_dead), dim=1, sorted=False).indices
        code = torch.zeros_like(linear).scatter(1, units, linear.gather(1, units))
        added = decode(code) - decode(torch.zeros_like(code[:1]))
        output = result.output.detach() + added
        cells = self.loss.per_element(output, batch.compared)
        return self.weight * batch.mean(over_cells(cells, batch.observed))
