"""An objective with a penalty: the Wasserstein autoencoder (Tolstikhin et al. 2018)."""

from dataclasses import dataclass
from numbers import Real

import numpy as np
import torch
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from skae.extending import AutoencoderModule, BaseAutoencoder, OutlierDetector, plus

_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class WassersteinModule(AutoencoderModule):
    """Batch to Forward, with the discrepancy of codes from the prior as penalty."""

    def __init__(self, prior_weight, *, n_components, **kwargs):
        super().__init__(n_components=n_components, **kwargs)
        self.prior_weight = prior_weight
        self.generator = None  # set by training: what everything is drawn from

    def penalty(self, code, batch):
        """Return the weighted discrepancy, beside the penalties of every module."""
        prior = torch.empty_like(code).normal_(generator=self.generator)
        distance = self.prior_weight * discrepancy(code, prior)
        return plus(super().penalty(code, batch), distance)


def discrepancy(a, b):
    """Return the unbiased squared maximum mean discrepancy of two samples, a scalar.

    With the sum of inverse multiquadratic kernels C / (C + |x - y|^2), C being 2
    n_components times several scales.
    """
    n, n_components = a.shape
    if n == 1:
        return a.new_zeros(())

    def kernel(x, y):
        squares = torch.cdist(x, y).square()
        widths = (2 * n_components * scale for scale in _SCALES)
        return sum(width / (width + squares) for width in widths)

    def within(x):  # the diagonal, the kernel's value at 0, left out
        return (kernel(x, x).sum() - n * len(_SCALES)) / (n * (n - 1))

    return within(a) + within(b) - 2 * kernel(a, b).mean()


@dataclass(eq=False, repr=False, kw_only=True)
class WassersteinAutoencoder(OutlierDetector, BaseAutoencoder):
    """Autoencoder whose codes, all together, are distributed as a prior.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data
    >>> wae = WassersteinAutoencoder(2, max_epochs=5, random_state=0).fit(X)
    >>> wae.sample(3, random_state=0).shape
    (3, 4)
    """

    prior_weight: float = 1.0

    module_class = WassersteinModule

    _parameter_constraints = {
        **BaseAutoencoder._parameter_constraints,
        **OutlierDetector._parameter_constraints,
        "prior_weight": [Interval(Real, 0, None, closed="left")],
    }

    def _module_parameters(self):
        return {"prior_weight": self.prior_weight}

    def sample(self, n_samples=1, random_state=None):
        """Decode codes drawn from the prior, of shape (n_samples, n_features)."""
        check_is_fitted(self)
        rng = np.random.default_rng(random_state)
        rows = self._decode(rng.standard_normal((n_samples, self.n_components_)))
        return self._codec.restore(rows)
