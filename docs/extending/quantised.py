"""An objective of one's own: codes from a codebook (van den Oord et al. 2017)."""

from dataclasses import dataclass
from numbers import Integral, Real

import torch
from sklearn.utils._param_validation import Interval
from torch import nn

from skae.extending import (
    AutoencoderModule,
    BaseAutoencoder,
    Forward,
    OutlierDetector,
    plus,
)


class QuantisedModule(AutoencoderModule):
    """Batch to Forward; what is decoded is the nearest entry of a codebook."""

    def __init__(self, n_codes, commitment, *, n_components, **kwargs):
        super().__init__(n_components=n_components, **kwargs)
        self.commitment = commitment
        self.codebook = nn.Parameter(torch.randn(n_codes, n_components))

    def nearest(self, code):
        """Return the entries of the codebook that are nearest to codes."""
        return self.codebook[torch.cdist(code, self.codebook).argmin(1)]

    def decode(self, code, batch):
        """Decode the nearest entries; gradients reach the code unchanged."""
        quantised = code + (self.nearest(code) - code).detach()
        return super().decode(quantised, batch)

    def forward(self, batch):
        """Return the pass with what draws codes and their entries together."""
        encoded, fed = self.corrupted(batch)
        code = self.encode(encoded)
        entry = self.nearest(code)
        apart = (entry - code.detach()).square().sum(1)
        apart = apart + self.commitment * (code - entry.detach()).square().sum(1)
        penalty = plus(self.penalty(code, encoded), batch.mean(apart))
        return Forward(self.decode(code, fed), code, penalty)


@dataclass(eq=False, repr=False, kw_only=True)
class QuantisedAutoencoder(OutlierDetector, BaseAutoencoder):
    """Autoencoder that decodes the nearest of a few learned codes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data
    >>> vq = QuantisedAutoencoder(2, n_codes=8, max_epochs=5, random_state=0).fit(X)
    >>> vq.reconstruct(X).shape
    (150, 4)
    """

    n_codes: int = 32
    commitment: float = 0.25

    module_class = QuantisedModule

    _parameter_constraints = {
        **BaseAutoencoder._parameter_constraints,
        **OutlierDetector._parameter_constraints,
        "n_codes": [Interval(Integral, 1, None, closed="left")],
        "commitment": [Interval(Real, 0, None, closed="left")],
    }

    def _module_parameters(self):
        return {"n_codes": self.n_codes, "commitment": self.commitment}

    def _start(self, start):
        """Keep the random start: PCA's codes are far from the codebook."""
