"""The linear path beside a network, which can start as PCA."""

import math

import torch
from torch import nn

from skae._sklearn import StrOptions

SHORTCUT_CHOICES = [StrOptions({"pca", "random"}), None]
_BEYOND_AXES = 1e-3  # size of the weights of components that no axis is left for


class ShortcutMixin:
    """For architectures with the parameter `shortcut`, and perhaps `tied`.

    With a shortcut, the body's output ends in the row itself, and the decoder adds a
    linear map of the code to what its layers give. The decoder defines
    ``set_linear_map(decoding)`` and, not tied, ``set_effects(effects)``.
    """

    tied = False
    # What is left of the weights of the other path to the code, where the start is PCA.
    _kept_of_layers = 0.0

    def has_linear_start(self, shape) -> bool:
        """Tell whether the linear path starts as PCA; see :class:`Architecture`."""
        return self.shortcut == "pca" and self._n_path(shape) is not None

    def _n_path(self, shape):
        """Return how many values the linear path tells; None where there is none."""
        if self.shortcut is None or None in shape:
            return None
        return math.prod(shape)

    def set_linear_maps(self, module, encoding, decoding) -> None:
        """Start at two linear maps; see :class:`Architecture`."""
        n_axes, n_values = encoding.shape
        with torch.no_grad():
            head = module.head
            nn.init.zeros_(head.bias)
            head.weight[:, :-n_values] *= self._kept_of_layers
            linear = head.weight[:, -n_values:]
            linear *= _BEYOND_AXES
            linear[:n_axes] = encoding
            module.decoder.set_linear_map(decoding)

    def set_effects(self, module, effects) -> None:
        """Start with the linear path of these inputs; see :class:`Architecture`."""
        if self.shortcut is not None and not self.tied:
            with torch.no_grad():
                module.decoder.set_effects(effects)


class DecoderWithPath(nn.Module):
    """Base of decoders whose layer `last` gives rows that a linear path adds to.

    Parameters
    ----------
    n_components : int
    n_values : int or None
        Of a row; None is no path.
    """

    def __init__(self, n_components, n_values):
        super().__init__()
        self.path = None
        if n_values is not None:
            self.path = nn.Linear(n_components, n_values, bias=False)

    def with_path(self, rows, code):
        """Return flat rows and what the path adds to them."""
        return rows if self.path is None else rows + self.path(code)

    def set_linear_map(self, decoding):
        """Decode by these rows; nothing comes from other components or layers."""
        for parameter in (self.last.weight, self.last.bias, self.path.weight):
            nn.init.zeros_(parameter)
        self.path.weight[:, : len(decoding)] = decoding.T

    def set_effects(self, effects):
        """Let the last inputs add these rows; the other weights stay random."""
        self.path.weight[:, -len(effects) :] = effects.T
        nn.init.zeros_(self.last.bias)
