"""Networks without an estimator around them."""

import torch

from skae.autoencoders.plain import AutoencoderModule


class Parts(AutoencoderModule):
    """Body, head and decoder as the plain objective joins them; rows in, rows out."""

    def forward(self, x, lengths=None, given=None):
        return self.decode(self.encode(x), lengths, given)


def make_parts(architecture, shape, n_components):
    torch.manual_seed(0)
    return Parts(architecture, shape, n_components, None, 0.0)
