"""An autoencoder's network with a head on its code, and what both cost together."""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from skae.data.batch import mean_of_rows


class SupervisedForward(NamedTuple):
    """What a pass of a batch gives."""

    output: torch.Tensor  # of the head, (n_samples, n_outputs)
    # The autoencoder's pass, None where nothing is reconstructed.
    reconstruction: object = None


class Head(nn.Module):
    """Codes (n, n_components) to outputs (n, n_outputs): a linear map.

    Parameters
    ----------
    centre, spread : ndarray of shape (n_components,)
        What codes are standardised by.
    weight : ndarray of shape (n_outputs, n_components)
        Where it starts, for standardised codes.
    bias : ndarray of shape (n_outputs,)
    """

    def __init__(self, centre, spread, weight, bias):
        super().__init__()
        # A net makes of it what it trains in: float32, or float64 for a few rows.
        self.linear = nn.Linear(len(centre), len(bias), dtype=torch.float64)
        self.register_buffer("centre", torch.tensor(centre, dtype=torch.float64))
        self.register_buffer("spread", torch.tensor(spread, dtype=torch.float64))
        with torch.no_grad():
            self.linear.weight.copy_(torch.tensor(weight))
            self.linear.bias.copy_(torch.tensor(bias))

    def forward(self, code):
        """Return the outputs."""
        return self.linear((code - self.centre) / self.spread)


class SupervisedModule(nn.Module):
    """:class:`Batch` to :class:`SupervisedForward`.

    Parameters
    ----------
    autoencoder : class of AutoencoderModule
    parameters : dict
        Of the autoencoder.
    head : tuple
        Of the :class:`Head`.
    """

    def __init__(self, autoencoder, parameters, head):
        super().__init__()
        self.autoencoder = autoencoder(**parameters)
        self.head = Head(*head)
        self.reconstructs = True  # until the last part of training

    def forward(self, batch):
        """Return the outputs, in training those of corrupted rows."""
        if not (self.training and self.reconstructs):
            return SupervisedForward(self.head(self.autoencoder.encode(batch)))
        result = self.autoencoder(batch)
        return SupervisedForward(self.head(result.code), result)


class SupervisedCriterion(nn.Module):
    """What a pass costs: the label's loss, and a share of the reconstruction's.

    Parameters
    ----------
    loss : Loss
        Of rows as the network sees them.
    criterion : class of Criterion
    parameters : dict
        Of the criterion.
    of_labels : callable
        From outputs and labels to losses of rows, (n_samples,).
    unit : float
        What labels cost where rows tell nothing.
    reconstruction_weight : float
    """

    losses = ()  # none is in the units of X

    def __init__(
        self, loss, criterion, parameters, of_labels, unit, reconstruction_weight
    ):
        super().__init__()
        self.reconstruction = criterion(loss=loss, **parameters)
        self.of_labels = of_labels
        self.unit = unit
        self.reconstruction_weight = reconstruction_weight
        self.terms = {}

    def prepare(self, batch):
        """Return what a batch becomes in training, input and target."""
        return self.reconstruction.prepare(batch)

    def per_row(self, result, batch):
        """Return the losses of labels, shape (n_samples,): what is validated."""
        return self.of_labels(result.output, batch.label) / self.unit

    def forward(self, result, batch):
        """Return what is minimised, a scalar."""
        weight = batch.label_weight
        if batch.weight is not None:
            weight = weight * batch.weight
        label = mean_of_rows(self.per_row(result, batch), weight)
        n_rows = len(batch.x)
        self.terms = {"label": label.detach() * n_rows}
        if result.reconstruction is None or not self.reconstruction_weight:
            return label
        cost = self.reconstruction(result.reconstruction, batch)
        if self.reconstruction.as_sum:  # in nats of a row, not of a cell
            cost = cost / self.reconstruction.n_columns
        self.terms["reconstruction"] = cost.detach() * n_rows
        return label + self.reconstruction_weight * cost


def cross_entropy(output, label):
    """Return the cross-entropy of each row in nats, of logits and shares."""
    return -(label * F.log_softmax(output, dim=1)).sum(1)


def squared_error(output, label):
    """Return the squared error of each row."""
    return (output - label).square().sum(1)
