"""Sparsities that penalise activity."""

import math
from dataclasses import KW_ONLY, dataclass
from numbers import Real

import torch
from torch import nn

from skae._sklearn import Interval
from skae.sparsity.base import Sparsity

_EPSILON = 1e-6  # keeps the logarithm of a mean activation finite


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

    def penalty(self, code, batch) -> torch.Tensor | None:
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

    def check(self, n_components, activation) -> None:
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

    def start(self, head, decoder) -> None:
        """Start at the target: a mean activation of one half is left slowly."""
        nn.init.constant_(head.bias, math.log(self.target / (1 - self.target)))

    def penalty(self, code, batch) -> torch.Tensor | None:
        """Return the weighted sum of divergences over units."""
        mean = batch.mean(code).clamp(_EPSILON, 1 - _EPSILON)
        rho = torch.as_tensor(self.target, dtype=code.dtype, device=code.device)
        on = rho * torch.log(rho / mean)
        off = (1 - rho) * torch.log((1 - rho) / (1 - mean))
        return self.weight * (on + off).sum()

    def is_active(self, code) -> torch.Tensor:
        """Tell which activations are above one half; see :class:`Sparsity`."""
        return code > 0.5
