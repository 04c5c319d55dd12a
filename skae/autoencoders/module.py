"""The torch module of an autoencoder: body, head, code, decoder."""

from typing import NamedTuple

import torch
from torch import nn

from skae.activations import make_activation
from skae.architectures.layers import CodeDropout
from skae.autoencoders.corrupted import Corrupt


class Forward(NamedTuple):
    """What one training pass of a batch gives."""

    output: torch.Tensor  # the decoder's, before the loss's output activation
    code: torch.Tensor  # of shape (n_samples, n_components)
    penalty: torch.Tensor | None = None  # a scalar, added to the loss
    # Which values count in the loss, (n_samples, n_values); None is all observed ones.
    counted: torch.Tensor | None = None


class AutoencoderModule(nn.Module):
    """:class:`Batch` to :class:`Forward`: body, head, code, decoder.

    Inference calls :meth:`encode` and :meth:`decode` alone, which know neither noise
    nor penalty; training calls :meth:`forward`.

    Parameters
    ----------
    architecture : Architecture
    shape : tuple of int or None
        Of one row; see :class:`Architecture`.
    n_components : int
    code_activation : str, torch.nn.Module class or None
    l1_penalty : float
        Weight of the sum of the absolute weights.
    corruption : Corruption or None
    columns : ColumnStatistics or None
        What a corruption knows of the columns.
    lengths : tuple of float, float and int, or None
        Of rows of unequal length: see :class:`Lengths`.
    n_inputs : int or None
        What the decoder reads; None is n_components.
    n_gaps : int or None
        Columns, channels where lengths vary, whose cells may be missing: what stands
        for a missing one is learned. None where training rows have no gaps.
    """

    def __init__(
        self,
        architecture,
        shape,
        n_components,
        code_activation=None,
        l1_penalty=0.0,
        corruption=None,
        columns=None,
        lengths=None,
        n_inputs=None,
        n_gaps=None,
    ):
        super().__init__()
        n_inputs = n_components if n_inputs is None else n_inputs
        self.n_components = n_components
        self.corrupt = None
        if corruption is not None:
            self.corrupt = Corrupt(corruption, columns)
        self.body = architecture.make_body(shape, n_inputs)
        _check_body(self.body, architecture)
        # As wide as what is decoded, for decoders that share its weights.
        self.head = architecture.make_head(shape, self.body.n_outputs, n_inputs)
        self.code_activation = make_activation(code_activation, "code_activation")
        self.decoder = architecture.make_decoder(shape, n_inputs, self.body, self.head)
        self.drop_code = None
        if architecture.code_dropout:
            self.drop_code = CodeDropout(architecture.code_dropout, n_components)
        if not isinstance(self.decoder, nn.Module):
            raise TypeError(
                f"{type(architecture).__name__}.make_decoder must return a "
                f"torch.nn.Module. Got {self.decoder!r}."
            )
        self.missing = None
        if n_gaps is not None:
            self.missing = nn.Parameter(torch.zeros(n_gaps))
        self.lengths = None
        if lengths is not None:
            self.lengths = Lengths(n_inputs, *lengths)
        self.reads_rows = getattr(self.decoder, "reads_rows", False)
        # A decoder that is fed with corrupted rows leaves the encoder the clean ones.
        self.spares_encoder = getattr(corruption, "spares_encoder", False) and getattr(
            self.decoder, "feeds_back", False
        )
        self.l1_penalty = l1_penalty

    def hidden(self, batch):
        """Return what the body makes of rows, shape (n, n_outputs)."""
        if batch.lengths is None:
            return self.body(self.seen(batch))
        return self.body(self.seen(batch), batch.lengths)

    def seen(self, batch):
        """Return the rows that the body reads, with what stands for missing cells."""
        x, observed = batch.x, batch.observed
        if self.missing is None or observed is None:
            return x
        n_values, n_columns = x.shape[1], len(self.missing)
        lost = self.missing.repeat(n_values // n_columns) * ~observed
        if batch.lengths is not None:
            cells = torch.arange(n_values, device=x.device)
            lost = lost * (cells < (batch.lengths * n_columns).unsqueeze(1))
        return x + lost

    def encode(self, batch):
        """Return the code, shape (n, n_components)."""
        return self.code_activation(self.head(self.hidden(batch)))

    def decode(self, code, batch):
        """Return the decoder's output, before the loss's output activation.

        Parameters
        ----------
        code : Tensor of shape (n, n_components)
        batch : Batch
            What is known beside the codes. Its `lengths`, or those that the codes tell
            if it has none; its rows x, if it has them, feed decoders that feed back.

        Returns
        -------
        Tensor of shape (n, n_values)
        """
        dropped = code if self.drop_code is None else self.drop_code(code)
        if not self.reads_rows:
            return self.decoder(dropped)
        lengths = batch.lengths
        if lengths is None and self.lengths is not None:
            lengths = self.lengths(code)
        return self.decoder(dropped, lengths, batch.x)

    def lengths_of_codes(self, code, batch):
        """Return the lengths (n,) that codes tell, or None where all are the same."""
        return None if self.lengths is None else self.lengths(code)

    def corrupted(self, batch):
        """Return what training encodes, and what it feeds decoders with."""
        corrupted = batch if self.corrupt is None else self.corrupt(batch)
        if self.spares_encoder and batch.target is None:
            return batch, corrupted
        return corrupted, corrupted

    def forward(self, batch):
        """Return the :class:`Forward` of a training pass."""
        encoded, fed = self.corrupted(batch)
        code = self.encode(encoded)
        return Forward(
            self.decode(code, fed.outcome),
            code,
            self.penalty(code, encoded),
            self.counted(batch, fed),
        )

    def counted(self, batch, corrupted):
        """Return which values count in the loss, a mask; None is all observed ones."""
        corruption = None if self.corrupt is None else self.corrupt.corruption
        if getattr(corruption, "counted", "all") == "all" or not self.corrupt.training:
            return None
        hidden = ~corrupted.observed
        return hidden if batch.observed is None else hidden & batch.observed

    def penalty(self, code, batch):
        """Return what is added to the loss, a scalar, or None.

        Parameters
        ----------
        code : Tensor of shape (n, n_components)
        batch : Batch
            What was encoded, corrupted if there is a corruption.
        """
        penalty = None
        if self.lengths is not None:
            penalty = self.lengths.penalty(code, batch.outcome)
        if not self.l1_penalty:
            return penalty
        weights = (p for p in self.parameters() if p.ndim > 1)
        size = sum(weight.abs().sum() for weight in weights)
        return plus(penalty, self.l1_penalty * size)


def plus(penalty, other):
    """Add two losses or penalties, each a tensor or None."""
    if penalty is None or other is None:
        return other if penalty is None else penalty
    return penalty + other


def _check_body(body, architecture):
    if not isinstance(body, nn.Module) or not hasattr(body, "n_outputs"):
        raise TypeError(
            f"{type(architecture).__name__}.make_body must return a torch.nn.Module "
            f"that says its number of outputs as n_outputs. Got {body!r}."
        )


class Lengths(nn.Module):
    """(n, n_components) to the numbers of steps of the series, (n,).

    The logarithm of the length is a linear function of the code, trained beside the
    reconstruction, so that codes alone give series back.

    Parameters
    ----------
    n_components : int
    mean, std : float
        Of the logarithms of the lengths of the training rows.
    longest : int
        No series is longer.
    """

    weight = 0.1  # of a squared standard deviation of log-lengths, beside the loss

    def __init__(self, n_components, mean, std, longest):
        super().__init__()
        self.linear = nn.Linear(n_components, 1)
        self.mean = mean
        self.std = std
        self.longest = longest

    def forward(self, code):
        """Return the lengths that the codes tell."""
        logarithms = self.mean + self.std * self.linear(code).squeeze(1)
        return torch.exp(logarithms).round().clamp(1, self.longest).long()

    def penalty(self, code, batch):
        """Return the weighted squared error of the log-lengths, a scalar."""
        wanted = (torch.log(batch.lengths.to(code)) - self.mean) / (self.std or 1.0)
        errors = self.linear(code).squeeze(1) - wanted
        return self.weight * batch.mean(errors.square())
