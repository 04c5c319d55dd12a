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


class CodeDropout(Dropout):
    """(..., n_inputs) to the same; drops among the first inputs alone, the code."""

    def __init__(self, p, n_components):
        super().__init__(p)
        self.n_components = n_components

    def forward(self, x):
        """Return x with units of the code dropped, and what stands beside it kept."""
        if not self.training:
            return x
        code, beside = x.tensor_split((self.n_components,), dim=-1)
        code = super().forward(code)
        return torch.cat((code, beside), dim=-1) if beside.shape[-1] else code


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
