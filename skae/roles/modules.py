"""A trained autoencoder as plain torch modules, for code that knows nothing of skae."""

import copy

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skae.data.batch import Batch


class TorchModules:
    """Encoder and decoder from tensor to tensor, in units of X, in float32.

    A class that mixes this in has `net_`, `_codec` and `_fields`.
    """

    @property
    def encoder_(self) -> nn.Module:
        """Rows in units of X to codes: a module of its own, in evaluation mode."""
        return Encoder(*self._plain_parts())

    @property
    def decoder_(self) -> nn.Module:
        """Codes to rows in units of X: a module of its own, in evaluation mode."""
        module, shape, centre, scale = self._plain_parts()
        read = copy.deepcopy(self.net_.criterion_.loss).reconstruction
        return Decoder(module, shape, centre, scale, read)

    @property
    def reconstructor_(self) -> nn.Module:
        """Rows to their reconstructions, both in units of X: a module of its own."""
        return nn.Sequential(self.encoder_, self.decoder_).eval()

    def _plain_parts(self):
        check_is_fitted(self)
        shape = self._codec.shape
        if None in shape:
            raise AttributeError(
                "Plain modules are for rows of one shape. Use net_.module_, which "
                "takes a Batch."
            )
        module = copy.deepcopy(self.net_.module_for(np.float32)).eval()
        scaling = self._fields.scaling
        n_values = int(np.prod(shape))
        centre = np.zeros(n_values) if scaling.centre is None else scaling.centre
        return module, shape, centre, np.broadcast_to(scaling.scale, n_values)


class _InUnits(nn.Module):
    """Holds a trained module, and what rows are centred and divided by."""

    def __init__(self, module, shape, centre, scale):
        super().__init__()
        self.module = module
        self.shape = shape
        like = next(module.parameters())
        for name, values in (("centre", centre), ("scale", scale)):
            self.register_buffer(name, torch.tensor(np.array(values)).to(like))
        self.eval()


class Encoder(_InUnits):
    """(n, *shape) or (n, n_values) in units of X to codes (n, n_components)."""

    def forward(self, x):
        """Return the codes of rows."""
        x = x.flatten(1).to(self.centre.dtype)
        return self.module.encode(Batch((x - self.centre) / self.scale))


class Decoder(_InUnits):
    """Codes (n, n_components) to rows (n, *shape) in units of X."""

    def __init__(self, module, shape, centre, scale, read):
        super().__init__(module, shape, centre, scale)
        self.read = read

    def forward(self, code):
        """Return the rows that codes stand for."""
        code = code.to(self.centre.dtype)
        rows = self.read(self.module.decode(code, Batch()))
        return (rows * self.scale + self.centre).unflatten(1, self.shape)
