"""Networks without an estimator around them."""

import torch

from skae.autoencoders.module import AutoencoderModule
from skae.data.batch import Batch

LENGTHS = (1.0, 1.0, 99)  # mean and deviation of logarithms, and the longest


class Parts(AutoencoderModule):
    """Body, head and decoder as the plain objective joins them; rows in, rows out."""

    def forward(self, x, lengths=None, given=None):
        code = self.encode(Batch(x, lengths=lengths))
        return self.decode(code, Batch(given, lengths=lengths))


def make_parts(architecture, shape, n_components):
    torch.manual_seed(0)
    lengths = LENGTHS if shape[0] is None else None
    return Parts(architecture, shape, n_components, lengths=lengths)
