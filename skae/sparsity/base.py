"""What a sparsity is: a selection of units, a penalty, or both."""

import torch
from torch import nn

from skae._sklearn import BaseEstimator


class Sparsity(BaseEstimator):
    """Base of the sparsities: a selection of units, a penalty, or both.

    A subclass overrides :meth:`penalty`, :meth:`select`, or :meth:`make_selector` for a
    selection that learns something; `code_activation` is what the estimator's
    ``code_activation=None`` stands for.
    """

    code_activation = "relu"
    selects = False  # whether units are set to zero that the activation leaves

    _parameter_constraints = {}

    def check(self, n_components, activation) -> None:
        """Raise ValueError if such a code cannot be made sparse this way.

        Parameters
        ----------
        n_components : int
        activation : torch.nn.Module
            Of the code.
        """

    def start(self, head, decoder) -> None:
        """Change the random start of the head and the decoder, in place."""

    def select(self, linear, activation, *, encoding=False) -> torch.Tensor:
        """Return the code.

        Parameters
        ----------
        linear : Tensor of shape (n_samples, n_components)
            What the head gives.
        activation : torch.nn.Module
            Of the code.
        encoding : bool
            Whether this is inference: a `transform` after training.

        Returns
        -------
        Tensor of shape (n_samples, n_components)
        """
        return activation(linear)

    def make_selector(self, n_components) -> nn.Module:
        """Make the module that selects: here one that calls :meth:`select`.

        What a selection learns in training and needs in inference is a buffer of its
        module: copied, stored and restored with the weights.

        Returns
        -------
        torch.nn.Module
            With ``forward(linear, activation, batch, *, encoding=False)``, which is
            :meth:`select` with the :class:`Batch` that is encoded.
        """
        return Selector(self)

    def penalty(self, code, batch) -> torch.Tensor | None:
        """Return what is added to the loss, a scalar, or None.

        Parameters
        ----------
        code : Tensor of shape (n_samples, n_components)
        batch : Batch
            What was encoded; ``batch.mean(values)`` is the mean over its rows.
        """

    def is_active(self, code) -> torch.Tensor:
        """Tell which units are active in which row, a boolean tensor like `code`."""
        return code != 0

    def make_revival(self, n_components, loss) -> nn.Module | None:
        """Return a module that revives dead units in training, or None."""


class Selector(nn.Module):
    """(n, n_components), before the activation, to the code: a rule without state."""

    def __init__(self, sparsity):
        super().__init__()
        self.sparsity = sparsity

    def forward(self, linear, activation, batch, *, encoding=False):
        """Return the code; see :meth:`Sparsity.select`."""
        return self.sparsity.select(linear, activation, encoding=encoding)
