"""Clusters in the space of codes: memberships, their target, what they cost."""

import torch
from torch import nn

from skae.autoencoders.module import plus
from skae.autoencoders.neighbors.module import NeighborModule


class ClusterModule(NeighborModule):
    """:class:`Batch` to :class:`Forward`, the penalty being of clusters as well.

    There are none, and no penalty of them, before :meth:`start_clusters`.

    Parameters
    ----------
    n_clusters : int
    cluster_weight : float
        Of the divergence of memberships from their target.
    **kwargs
        Of :class:`NeighborModule`.
    """

    def __init__(self, n_clusters, cluster_weight, *, n_components, **kwargs):
        super().__init__(n_components=n_components, **kwargs)
        self.cluster_weight = cluster_weight
        # A vector, which neither decay nor the penalty of weights draws to 0.
        self.places = nn.Parameter(torch.zeros(n_clusters * n_components))
        self.register_buffer("sizes", torch.zeros(n_clusters))

    @property
    def centers(self):
        """The centres, shape (n_clusters, n_components)."""
        return self.places.view(len(self.sizes), -1)

    def start_clusters(self, centers):
        """Set the centres; the sizes of the clusters are not known yet."""
        with torch.no_grad():
            self.places.copy_(torch.as_tensor(centers).flatten())

    def memberships(self, code):
        """Return to which share codes belong to each cluster, (n, n_clusters).

        By Student's t-distribution around the centres, with one degree of freedom.
        """
        squares = (code.unsqueeze(1) - self.centers).square().sum(2)
        weights = 1 / (1 + squares)
        return weights / weights.sum(1, keepdim=True)

    def penalty(self, code, batch) -> torch.Tensor | None:
        """Return the weighted divergence, and what else is added to the loss."""
        penalty = super().penalty(code, batch)
        if not self.cluster_weight:
            return penalty
        found = self.memberships(code)
        divergence = batch.mean(divergences(found, sharpened(found, self.sizes)))
        weight = self.cluster_weight * self.sizes.any()  # 0 while there are none
        return plus(penalty, weight * divergence)


def sharpened(memberships, sizes):
    """Return the target of memberships, without gradient.

    Squared, and divided by the sizes of the clusters, which keeps large ones from
    swallowing the others (Xie et al. 2016).

    Parameters
    ----------
    memberships : Tensor of shape (n_samples, n_clusters)
    sizes : Tensor of shape (n_clusters,)
        Sums of the memberships of all training rows.
    """
    # An empty cluster asks for rows, but for no infinite share of them.
    target = memberships.detach().square() / sizes.clamp(min=1e-3)
    return target / target.sum(1, keepdim=True)


def divergences(memberships, target):
    """Return the Kullback-Leibler divergence of each row from its target, in nats."""
    least = torch.finfo(memberships.dtype).tiny
    ratio = target / memberships.clamp(min=least)
    return torch.special.xlogy(target, ratio).sum(1)
