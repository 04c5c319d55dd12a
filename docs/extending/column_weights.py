"""A loss of one's own: squared error in which each column has a weight."""

from dataclasses import dataclass

import torch

from skae.extending import Loss


@dataclass(eq=False, repr=False, kw_only=True)
class WeightedSquaredError(Loss):
    """Squared error, each column times a weight.

    Parameters
    ----------
    output_activation : str or torch.nn.Module class, default="auto"
        Applied to the decoder's output; "auto" is the identity.
    weights : tuple of float or None, default=None
        One for each column of X; None is 1 for all.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import Autoencoder
    >>> X = load_iris().data
    >>> loss = WeightedSquaredError(weights=(10.0, 1.0, 1.0, 1.0))
    >>> ae = Autoencoder(2, loss=loss, max_epochs=5, random_state=0).fit(X)
    >>> ae.reconstruct(X).shape
    (150, 4)
    """

    weights: tuple | None = None

    _parameter_constraints = {
        **Loss._parameter_constraints,
        "weights": [tuple, list, None],
    }

    def per_element(self, output, x):
        """Return the weighted squared error of each element, in units of X squared."""
        squares = (self.reconstruction(output) - x).square()
        if self.weights is None:
            return squares
        if len(self.weights) != x.shape[-1]:
            raise ValueError(
                f"weights={self.weights!r} of WeightedSquaredError must be one for "
                f"each of {x.shape[-1]} columns."
            )
        return squares * torch.tensor(self.weights, dtype=x.dtype, device=x.device)
