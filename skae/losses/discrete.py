"""Probabilities of zeros and ones, classes and counts: losses in nats, to draw from."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from skae._sklearn import StrOptions
from skae.activations import Exponential
from skae.losses.base import Loss

_EPSILON = 1e-7  # keeps the logarithm of a rate or a probability finite


@dataclass(eq=False, repr=False, kw_only=True)
class BinaryCrossEntropy(Loss):
    """Binary cross-entropy: the Bernoulli likelihood, for X in [0, 1].

    ``-x * log(p) - (1 - x) * log(1 - p)`` per element, in nats, with p the output after
    its activation.

    Parameters
    ----------
    output_activation : str or torch.nn.Module class, default="auto"
        Applied to the decoder's output; "auto" is the sigmoid, computed from the
        logits. What any other gives is cut to (0, 1).
    binarize : bool, default=False
        Whether training draws each value afresh in each step, 1 with probability x,
        as the input and as the target. Scores are those of the rows as they come.

    Examples
    --------
    >>> from skae import Autoencoder, BinaryCrossEntropy
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data[:100] > 8
    >>> ae = Autoencoder(8, loss=BinaryCrossEntropy(), max_epochs=2, random_state=0)
    >>> ae.fit(X).transform(X).shape
    (100, 8)
    """

    binarize: bool = False

    natural_activation = nn.Sigmoid
    range = (0.0, 1.0)
    is_likelihood = True

    _parameter_constraints = {
        **Loss._parameter_constraints,
        "binarize": ["boolean"],
    }

    def prepare(self, x, generator) -> torch.Tensor:
        """Return x, or zeros and ones drawn with x as the probability of a one."""
        if not self.binarize:
            return x
        return torch.empty_like(x).uniform_(generator=generator).lt_(x)

    def per_element(self, output, x) -> torch.Tensor:
        """Return the cross-entropy of each element, in nats."""
        if isinstance(self.activation(), nn.Sigmoid):
            return F.binary_cross_entropy_with_logits(output, x, reduction="none")
        p = self.reconstruction(output).clamp(_EPSILON, 1 - _EPSILON)
        return -x * torch.log(p) - (1 - x) * torch.log1p(-p)

    def reduced(self, output, x, *, reduction) -> torch.Tensor:
        """Return the sum or the mean, in one step from the logits."""
        if isinstance(self.activation(), nn.Sigmoid):
            return F.binary_cross_entropy_with_logits(output, x, reduction=reduction)
        return super().reduced(output, x, reduction=reduction)

    def draw(self, output, generator) -> torch.Tensor:
        """Draw zeros and ones."""
        return torch.bernoulli(self.reconstruction(output), generator=generator)


class MostProbable(nn.Module):
    """Scores (..., n_classes) to the number of the highest, as floats: (...)."""

    def forward(self, output):
        """Return the numbers of the classes."""
        return output.argmax(-1).to(output.dtype)


class CrossEntropy(Loss):
    """Cross-entropy: the probability of one class of many, for tokens.

    ``-log(softmax(output)[x])`` per token, in nats. It is the default loss of an
    architecture with a `vocabulary_size`, and the only one that these take.

    Parameters
    ----------
    output_activation : str, default="auto"
        Only "auto": the softmax gives probabilities, a reconstruction is the most
        probable token.

    Examples
    --------
    >>> from skae import CrossEntropy
    >>> CrossEntropy()
    CrossEntropy()
    """

    natural_activation = MostProbable
    range = (0.0, np.inf)
    kinds = ("token",)
    is_likelihood = True
    scores_classes = True

    _parameter_constraints = {"output_activation": [StrOptions({"auto"})]}

    def per_element(self, output, x) -> torch.Tensor:
        """Return the cross-entropy of each token, in nats.

        Parameters
        ----------
        output : Tensor of shape (..., n_tokens, n_classes)
        x : Tensor of shape (..., n_tokens)
            Whole numbers.
        """
        shape = x.shape
        losses = F.cross_entropy(
            output.reshape(-1, output.shape[-1]),
            x.reshape(-1).long(),
            reduction="none",
        )
        return losses.reshape(shape)

    def draw(self, output, generator) -> torch.Tensor:
        """Draw tokens, of shape (..., n_tokens)."""
        probabilities = output.softmax(-1)
        flat = probabilities.reshape(-1, output.shape[-1])
        drawn = torch.multinomial(flat, 1, generator=generator)
        return drawn.reshape(output.shape[:-1]).to(output.dtype)


class Poisson(Loss):
    """Poisson negative log-likelihood, for counts X >= 0.

    ``rate - x * log(rate) + log(x!)`` per element, in nats, with the rate the output
    after its activation.

    Parameters
    ----------
    output_activation : str or torch.nn.Module class, default="auto"
        Applied to the decoder's output; "auto" is the exponential, computed from the
        logarithm of the rate. What any other gives is cut to positive values.

    Examples
    --------
    >>> from skae import Autoencoder, Poisson
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data[:100]
    >>> ae = Autoencoder(8, loss=Poisson(), max_epochs=2, random_state=0).fit(X)
    >>> bool(ae.reconstruct(X).min() > 0)
    True
    """

    natural_activation = Exponential
    range = (0.0, np.inf)
    is_likelihood = True

    def per_element(self, output, x) -> torch.Tensor:
        """Return the negative log-likelihood of each element, in nats."""
        if isinstance(self.activation(), Exponential):
            rate, log_rate = torch.exp(output), output
        else:
            rate = self.reconstruction(output).clamp(min=_EPSILON)
            log_rate = torch.log(rate)
        return rate - x * log_rate + torch.lgamma(x + 1)

    def draw(self, output, generator) -> torch.Tensor:
        """Draw counts."""
        return torch.poisson(self.reconstruction(output), generator=generator)
