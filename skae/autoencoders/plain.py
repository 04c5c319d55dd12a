"""The plain autoencoder: a network that learns to reproduce its input."""

from dataclasses import dataclass

from torch import nn

from skae.activations import make_activation
from skae.base import BaseAutoencoder
from skae.engine.forward import Forward
from skae.outliers import ThresholdMixin


class AutoencoderModule(nn.Module):
    """(n, n_features) to :class:`Forward`: body, head, code, decoder.

    Parameters
    ----------
    architecture : Architecture
    n_features, n_components : int
    code_activation : str, torch.nn.Module class or None
    l1_penalty : float
        Weight of the sum of the absolute weights.
    """

    def __init__(
        self, architecture, n_features, n_components, code_activation, l1_penalty
    ):
        super().__init__()
        self.body = architecture.make_body(n_features, n_components)
        self.head = nn.Linear(self.body.n_outputs, n_components)
        self.code_activation = make_activation(code_activation)
        self.decoder = architecture.make_decoder(
            n_features, n_components, self.body, self.head
        )
        self.l1_penalty = l1_penalty

    def encode(self, x):
        """Return the code, shape (n, n_components)."""
        return self.code_activation(self.head(self.body(x)))

    def decode(self, code):
        """Return the decoder's output, before the loss's output activation."""
        return self.decoder(code)

    def forward(self, x):
        """Return output, code and penalty."""
        code = self.encode(x)
        return Forward(self.decode(code), code, self.penalty(x, code))

    def penalty(self, x, code):
        """Return what training adds to the loss, a scalar, or None."""
        if not (self.training and self.l1_penalty):
            return None
        weights = (p for p in self.parameters() if p.ndim > 1)
        return self.l1_penalty * sum(weight.abs().sum() for weight in weights)


@dataclass(eq=False, repr=False, kw_only=True)
class Autoencoder(ThresholdMixin, BaseAutoencoder):
    """Autoencoder that minimises the reconstruction loss and nothing else.

    An encoder f and a decoder g, trained together to minimise the mean over rows of
    ``loss(g(f(x)), x)``. With fewer components than features the code is a nonlinear
    counterpart of principal components; with more it needs a penalty or a
    regularised relative to mean something.

    PLACEHOLDER
    """

    _module_class = AutoencoderModule

    _parameter_constraints = {
        **BaseAutoencoder._parameter_constraints,
        **ThresholdMixin._parameter_constraints,
    }
