"""Sparsities that keep the largest units, and how silent ones are revived."""

from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real

import torch
from torch import nn

from skae._sklearn import Interval
from skae.data.batch import over_cells
from skae.sparsity.base import Sparsity

_TIE = 1e-6  # of an activation: equal rows are kept alike, whatever rounding says


@dataclass(eq=False, repr=False)
class _LargestUnits(Sparsity):
    """Base of selections of the largest units; those never kept are revived."""

    k: int = 32
    _: KW_ONLY
    auxiliary_weight: float = 1 / 32
    k_auxiliary: int | None = None
    dead_after: int = 10_000

    selects = True

    _parameter_constraints = {
        "k": [Interval(Integral, 1, None, closed="left")],
        "auxiliary_weight": [Interval(Real, 0, None, closed="left")],
        "k_auxiliary": [Interval(Integral, 1, None, closed="left"), None],
        "dead_after": [Interval(Integral, 1, None, closed="left")],
    }

    def check(self, n_components, activation) -> None:
        """Raise ValueError if k is more than there are units; see :class:`Sparsity`."""
        self._check_count("k", self.k, n_components)

    def _check_count(self, name, value, n_components):
        if value > n_components:
            raise ValueError(
                f"{name}={value} of {type(self).__name__} is more than "
                f"n_components={n_components}. Lower it or raise n_components."
            )

    def start(self, head, decoder) -> None:
        """Start one decoding layer as the transposed encoder (Gao et al. 2024).

        Each unit then decodes what it responds to, and fewer die at the beginning.
        """
        weights = [p for p in decoder.parameters() if p.ndim > 1]
        if len(weights) == 1 and weights[0].shape == head.weight.T.shape:
            weights[0].copy_(head.weight.T)

    def make_revival(self, n_components, loss) -> nn.Module | None:
        """Return the :class:`Revival`; None where its weight is 0."""
        if not self.auxiliary_weight:
            return None
        k = self.k_auxiliary or self.k
        return Revival(n_components, loss, self.auxiliary_weight, k, self.dead_after)


@dataclass(eq=False, repr=False)
class TopK(_LargestUnits):
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
    auxiliary_weight : float, default=0.03125
        Of the loss that revives dead units; 0 leaves them dead.
    k_auxiliary : int or None, default=None
        Dead units that are trained at once in each row; None is k. More revive fewer:
        they share what is left of the row.
    dead_after : int, default=10000
        Training rows without activity after which a unit is dead.
    k_encoding : int or None, default=None
        Units kept after training, by `transform` and all that reconstructs or scores;
        None is k. Makhzani and Frey report better features with up to three times k.
        Like all parameters it takes effect in `fit`.

    See Also
    --------
    BatchTopK : k units on average, more of rows that need more.

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

    _: KW_ONLY
    k_encoding: int | None = None

    _parameter_constraints = {
        **_LargestUnits._parameter_constraints,
        "k_encoding": [Interval(Integral, 1, None, closed="left"), None],
    }

    def check(self, n_components, activation) -> None:
        """Raise ValueError if k or k_encoding is more than there are units."""
        super().check(n_components, activation)
        self._check_count("k_encoding", self.k_encoding or 0, n_components)

    def select(self, linear, activation, *, encoding=False) -> torch.Tensor:
        """Return the code with its k largest units; see :class:`Sparsity`."""
        k = int((encoding and self.k_encoding) or self.k)
        values, units = linear.topk(k, dim=1, sorted=False)
        return torch.zeros_like(linear).scatter(1, units, activation(values))


@dataclass(eq=False, repr=False)
class BatchTopK(_LargestUnits):
    """Keeps the k largest units per row on average, and sets all others to zero.

    In training the n k largest activations of a batch of n rows are kept, so that rows
    may have more of them or fewer. After it those above a threshold are, the moving
    average of the smallest that was kept: the code of a row does not depend on others.

    Units that are silent for `dead_after` training rows are revived as by
    :class:`TopK`.

    Parameters
    ----------
    k : int, default=32
        Units kept in each row, on average.
    auxiliary_weight : float, default=0.03125
        Of the loss that revives dead units; 0 leaves them dead.
    k_auxiliary : int or None, default=None
        Dead units that are trained at once in each row; None is k. More revive fewer:
        they share what is left of the row.
    dead_after : int, default=10000
        Training rows without activity after which a unit is dead.
    momentum : float, default=0.99
        Of the moving average, in [0, 1).

    See Also
    --------
    TopK : Exactly k units of each row.

    References
    ----------
    Bussmann, B., Leask, P. and Nanda, N. (2024). BatchTopK sparse autoencoders. arXiv
    2412.06410.

    Examples
    --------
    >>> from skae import BatchTopK
    >>> BatchTopK(25)
    BatchTopK(k=25)
    """

    _: KW_ONLY
    momentum: float = 0.99

    _parameter_constraints = {
        **_LargestUnits._parameter_constraints,
        "momentum": [Interval(Real, 0, 1, closed="left")],
    }

    def check(self, n_components, activation) -> None:
        """Raise ValueError as for TopK, or if activations are not at least 0."""
        super().check(n_components, activation)
        with torch.no_grad():
            least = activation(torch.linspace(-100.0, 100.0, 2001).unsqueeze(1)).min()
        if least < 0:
            raise ValueError(
                "sparsity=BatchTopK compares activations of at least 0, which "
                f"{type(activation).__name__} does not keep to. Use "
                'code_activation="relu", or sparsity=TopK().'
            )

    def make_selector(self, n_components) -> nn.Module:
        """Return the :class:`BatchSelector`, whose state is the threshold."""
        return BatchSelector(self.k, self.momentum)


class BatchSelector(nn.Module):
    """(n, n_components), before the activation, to a code of k n units that speak."""

    def __init__(self, k, momentum):
        super().__init__()
        self.k = k
        self.momentum = momentum
        self.register_buffer("threshold", torch.zeros(()))
        self.register_buffer("n_batches", torch.zeros(()))

    def forward(self, linear, activation, batch, *, encoding=False):
        """Return the code: by the threshold after training, else by the batch."""
        code = activation(linear)
        if encoding:
            return code * (code > self.threshold)
        smallest = self._smallest_kept(code.detach(), batch.weight)
        # The start is scored before any step: it has to have a threshold, too.
        if self.training or not self.n_batches:
            self._follow(smallest)
        return code * (code >= (1 - _TIE) * smallest)

    def _smallest_kept(self, code, weight):
        """Return the smallest activation kept, k for each row of weight 1, a scalar."""
        if weight is None:
            kept = code.flatten().topk(self.k * len(code), sorted=False)
            return kept.values.min()
        values, order = code.flatten().sort(descending=True)
        counted = weight.unsqueeze(1).expand_as(code).flatten()[order].cumsum(0)
        last = torch.searchsorted(counted, self.k * weight.sum() - 1e-6)
        return values[last]

    def _follow(self, smallest):
        """Let the threshold follow the smallest activation that is kept."""
        self.n_batches += 1
        # Less of the past while there is little of it.
        share = torch.clamp(1 / self.n_batches, min=1 - self.momentum)
        self.threshold += share * (smallest - self.threshold)


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
        observed = batch.observed
        if observed is not None:
            observed = self.loss.of_cells(observed)
        return self.weight * batch.mean(over_cells(cells, observed))
