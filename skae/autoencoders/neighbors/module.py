"""What keeps codes of neighbours together and all others apart."""

import torch

from skae.autoencoders.module import AutoencoderModule, plus


class NeighborModule(AutoencoderModule):
    """:class:`Batch` to :class:`Forward`, the penalty being of pairs of neighbours.

    Parameters
    ----------
    neighbor_weight : float
        Of the penalty.
    **kwargs
        Of :class:`AutoencoderModule`.
    """

    def __init__(self, neighbor_weight, *, n_components, **kwargs):
        super().__init__(n_components=n_components, **kwargs)
        self.neighbor_weight = neighbor_weight

    def penalty(self, code, batch) -> torch.Tensor | None:
        """Return the weighted loss of the pairs, and the weights' penalty."""
        penalty = super().penalty(code, batch)
        if batch.pair is None or not self.neighbor_weight:
            return penalty
        return plus(penalty, self.neighbor_weight * pair_loss(code, batch.pair))


def pair_loss(code, pair):
    """Return how hard it is to tell the other of a pair among all codes, in nats.

    The mean over rows of ``-log(w(i, j) / sum_k w(i, k))``, j being the other row of
    the pair and k every other row, with ``w = 1 / (1 + squared distance)``.

    Parameters
    ----------
    code : Tensor of shape (n_samples, n_components)
    pair : int Tensor of shape (n_samples,)
        The same number for two rows; a row that has it alone does not count.

    Returns
    -------
    Tensor
        A scalar.
    """
    norms = code.square().sum(1)
    squares = (norms.unsqueeze(1) + norms - 2 * code @ code.T).clamp(min=0)
    itself = torch.eye(len(code), dtype=torch.bool, device=code.device)
    logits = -torch.log1p(squares)
    is_other = (pair.unsqueeze(1) == pair) & ~itself
    has_other = is_other.any(1)
    near = torch.where(is_other, logits, 0.0).sum(1)
    # A finite number: the row of a batch of one has no others to sum over.
    among = logits.masked_fill(itself, torch.finfo(code.dtype).min).logsumexp(1)
    losses = torch.where(has_other, among - near, 0.0)
    return losses.sum() / has_other.sum().clamp(min=1)
