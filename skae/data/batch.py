"""What a network sees of some rows: tensors by name, and the one way to average."""

from typing import NamedTuple

import torch


class Batch(NamedTuple):
    """Rows and what accompanies each of them; what is absent is None.

    Parameters
    ----------
    x : Tensor of shape (n_samples, n_values), or None
        Flat rows, centred and scaled; a neutral value, mostly 0, in missing cells, 0
        beyond the end of series. None where there are codes and no rows.
    observed : bool Tensor of shape (n_samples, n_values), or None
        Which cells are there; None is all of them.
    lengths : int Tensor of shape (n_samples,), or None
        Steps of series of unequal length; their other steps are not observed.
    condition : Tensor of shape (n_samples, n_conditions), or None
        What is known beside the row.
    target : Tensor of shape (n_samples, n_target_values), or None
        What the output is compared with; None is x.
    weight : Tensor of shape (n_samples,), or None
        How much each row counts; None is all alike.
    number : int Tensor of shape (n_samples,), or None
        Which of the training rows each is, where a part of the network asks for it.
    target_observed, target_lengths : Tensor or None
        Of the target, as `observed` and `lengths` of x.
    label : Tensor of shape (n_samples, n_outputs), or None
        What is to be predicted: the share of each class, or a standardised number.
    label_weight : Tensor of shape (n_samples,), or None
        How much the label counts; 0 where there is none.
    pair : int Tensor of shape (n_samples,), or None
        A number that a row and a neighbour of it share.
    """

    x: torch.Tensor | None = None
    observed: torch.Tensor | None = None
    lengths: torch.Tensor | None = None
    condition: torch.Tensor | None = None
    target: torch.Tensor | None = None
    weight: torch.Tensor | None = None
    number: torch.Tensor | None = None
    target_observed: torch.Tensor | None = None
    target_lengths: torch.Tensor | None = None
    label: torch.Tensor | None = None
    label_weight: torch.Tensor | None = None
    pair: torch.Tensor | None = None

    @property
    def n_samples(self):
        """How many rows there are."""
        return next(len(tensor) for tensor in self if tensor is not None)

    @property
    def compared(self):
        """What the output is compared with, shape (n_samples, n_values)."""
        return self.x if self.target is None else self.target

    @property
    def outcome(self):
        """What outputs are compared with, as a batch: this one if it has no target."""
        if self.target is None:
            return self
        return Batch(
            self.target,
            self.target_observed,
            self.target_lengths,
            self.condition,
            weight=self.weight,
        )

    def mean(self, values):
        """Return the weighted mean over rows, the first axis of `values`."""
        return mean_of_rows(values, self.weight)

    def map(self, function):
        """Return the batch with `function` applied to every tensor."""
        return Batch(*(None if t is None else function(t) for t in self))

    def to(self, device):
        """Return the batch on a device."""
        return self.map(lambda tensor: tensor.to(device, non_blocking=True))

    def split(self, sizes):
        """Return batches of consecutive rows, as many as each of `sizes` says."""
        parts = [
            [None] * len(sizes) if tensor is None else tensor.split(sizes)
            for tensor in self
        ]
        return [Batch(*of_each) for of_each in zip(*parts, strict=True)]

    @classmethod
    def joined(cls, parts):
        """Return the rows of several batches, one after the other."""
        if any(part.observed is not None for part in parts):
            parts = [part.marked() for part in parts]
        if any(part.target_observed is not None for part in parts):
            parts = [
                part._replace(target_observed=part.outcome.marked().observed)
                for part in parts
            ]
        together = zip(*parts, strict=True)
        return cls(*(None if of[0] is None else torch.cat(of) for of in together))

    def marked(self):
        """Return the batch with a mask of its cells, also where all are observed."""
        if self.observed is not None:
            return self
        return self._replace(observed=torch.ones_like(self.x, dtype=torch.bool))

    def repeated(self, times):
        """Return the rows again and again: (times * n_samples, ...)."""
        return self.map(lambda t: t.expand(times, *t.shape).flatten(0, 1))


def described(value):
    """Say what a value is, for messages: the shape of a tensor, else its type."""
    if isinstance(value, torch.Tensor):
        return f"a tensor of {value.dtype} and shape {tuple(value.shape)}"
    return type(value).__name__


def mean_of_rows(values, weight=None):
    """Return the mean over the first axis, each row counted by its weight."""
    if weight is None:
        return values.mean(0)
    shares = weight.to(values) / weight.sum()
    return (values.T @ shares) if values.ndim > 1 else values @ shares


def over_cells(cells, observed=None, *, as_sum=False):
    """Return one number for each row, from those of its observed cells.

    Parameters
    ----------
    cells : Tensor of shape (..., n_samples, n_values)
        Finite where they are not observed.
    observed : bool Tensor of shape (n_samples, n_values), or None
    as_sum : bool
        Whether the sum is returned, not the mean.

    Returns
    -------
    Tensor of shape (..., n_samples)
    """
    if observed is None:
        return cells.sum(-1) if as_sum else cells.mean(-1)
    total = (cells * observed).sum(-1)
    return total if as_sum else total / observed.sum(-1).clamp(min=1)
