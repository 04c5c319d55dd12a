"""The linear path beside a network, which can start as PCA."""

import torch
from sklearn.utils._param_validation import StrOptions
from torch import nn

SHORTCUT_CHOICES = [StrOptions({"pca", "random"}), None]
_BEYOND_AXES = 1e-3  # size of the weights of components that no axis is left for


class ShortcutMixin:
    """For architectures with the parameters `shortcut` and `tied`.

    With a shortcut, the body's output ends in the row itself, and the decoder adds a
    linear map of the code to what its layers give. The decoder defines
    ``start_linear(decoding)`` and, not tied, ``start_effects(effects)``.
    """

    # What is left of the weights of the other path to the code, where the start is PCA.
    _kept_of_layers = 0.0

    @property
    def starts_linear(self):
        """Whether the linear path starts as PCA."""
        return self.shortcut == "pca"

    def start_linear(self, module, encoding, decoding):
        """Start at two linear maps; see :class:`Architecture`."""
        n_axes, n_values = encoding.shape
        with torch.no_grad():
            head = module.head
            nn.init.zeros_(head.bias)
            head.weight[:, :-n_values] *= self._kept_of_layers
            linear = head.weight[:, -n_values:]
            linear *= _BEYOND_AXES
            linear[:n_axes] = encoding
            module.decoder.start_linear(decoding)

    def start_effects(self, module, effects):
        """Start with the linear path of these inputs; see :class:`Architecture`."""
        if self.shortcut is not None and not self.tied:
            with torch.no_grad():
                module.decoder.start_effects(effects)
