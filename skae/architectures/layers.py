"""Layers that architectures share: dropout and norm that keep skae's promises."""

from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional as F


class Dropout(nn.Module):
    """Any shape to the same shape; drops by a generator of its own in training."""

    def __init__(self, p):
        super().__init__()
        self.p = p
        self.generator = None

    def forward(self, x):
        """Return x with a share `p` of its elements zero and the rest scaled up."""
        if not self.training:
            return x
        kept = torch.empty_like(x).bernoulli_(1 - self.p, generator=self.generator)
        return x * kept.div_(1 - self.p)


def make_dropout(p):
    """Make what drops a share `p` of the elements in training; nothing for 0."""
    return Dropout(p) if p else nn.Identity()


@contextmanager
def running_statistics(module):
    """Normalise batches inside the block as in inference: each row by itself."""
    norms = [
        part
        for part in module.modules()
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.training
    ]
    for norm in norms:
        norm.eval()
    try:
        yield
    finally:
        for norm in norms:
            norm.train()


class BatchNorm(nn.BatchNorm1d):
    """(n, n_units) to the same; a batch of one row takes the running statistics."""

    def forward(self, x):
        """Return x normalised per unit."""
        if self.training and len(x) == 1:
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias,
                training=False, eps=self.eps,
            )  # fmt: skip
        return super().forward(x)
