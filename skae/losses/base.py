"""The protocol of losses: what a reconstruction costs, read by every method alike."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils._param_validation import StrOptions
from torch import nn

from skae.activations import ACTIVATION_CHOICES, RANGES, make_activation

# Making a module costs as much as a small batch; output activations hold no state.
_shared_activation = lru_cache(maxsize=None)(make_activation)


@dataclass(eq=False, repr=False, kw_only=True)
class Loss(BaseEstimator):
    """Base of the losses: a negative log-likelihood per element, and its range.

    A subclass defines :meth:`per_element` and what sets it apart: `natural_activation`
    is what ``output_activation="auto"`` stands for, `range` the closed interval of X on
    which the loss is defined. Variational estimators take those that have no unit: a
    negative log-likelihood in nats, with nothing left out; with :meth:`draw` they draw
    rows too.
    """

    output_activation: str | type = "auto"

    natural_activation = nn.Identity
    range = (-np.inf, np.inf)
    is_density = False  # of a continuous X: the loss may be negative
    scores_classes = False  # the output has one axis more, a score for each class
    given_variance = None  # of a density whose width is not learned

    _parameter_constraints = {
        "output_activation": [StrOptions({"auto"}), *ACTIVATION_CHOICES]
    }

    def activation(self):
        """Return the module from the decoder's output to the reconstruction."""
        if self.output_activation == "auto":
            return _shared_activation(self.natural_activation)
        return _shared_activation(self.output_activation)

    def per_element(self, output, x):
        """Return the loss of each element.

        Parameters
        ----------
        output : Tensor of shape (n_samples, n_features)
            What the decoder gives, before the output activation.
        x : Tensor of shape (n_samples, n_features)
            The target.

        Returns
        -------
        Tensor of shape (n_samples, n_features)
        """
        raise NotImplementedError(f"{type(self).__name__} must define per_element.")

    def total(self, output, x, *learned):
        """Return the sum of :meth:`per_element`, a scalar: what a step trains on."""
        return self.per_element(output, x, *learned).sum()

    def draw(self, output, generator):
        """Draw a row for each row of the decoder's output.

        Parameters
        ----------
        output : Tensor of shape (n_samples, n_features)
        generator : torch.Generator

        Returns
        -------
        Tensor of shape (n_samples, n_features)
        """
        raise NotImplementedError(f"{type(self).__name__} must define draw.")

    def prepare(self, x, generator):
        """Return what training makes of a batch before it is corrupted and compared."""
        return x

    def start_dispersion(self, n_features, variance):
        """Return where the learned width of the likelihood starts, or None for none.

        A loss that learns one takes it as third argument of :meth:`per_element` and
        :meth:`draw`, and defines :meth:`dispersion`.

        Parameters
        ----------
        n_features : int
        variance : float
            Of the residuals at the start.

        Returns
        -------
        Tensor of shape () or (n_features,), or None
        """

    @property
    def target_range(self):
        """The values of X that training allows: `range` within what the output reaches.

        A pair (lowest, highest), both allowed.
        """
        reached = RANGES.get(type(self.activation()), (-np.inf, np.inf))
        return max(self.range[0], reached[0]), min(self.range[1], reached[1])

    @property
    def is_bounded(self):
        """Whether X has a range, so that columns are neither centred nor scaled."""
        return self.target_range != (-np.inf, np.inf)

    @property
    def is_likelihood(self):
        """Whether the loss is in nats, without a unit."""
        return self.unit(2.0) == 1.0

    def for_unit(self, scale):
        """Return this loss for targets that were divided by `scale`."""
        return clone(self)

    def unit(self, scale):
        """Return the factor from the loss of rows divided by `scale` to units of X."""
        return 1.0

    def shift(self, scale):
        """Return what an element's loss then still lacks: a density's logarithm."""
        return np.log(scale) if self.is_density else 0.0
