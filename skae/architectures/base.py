"""The protocol of architectures: parameter objects that make the parts of a network."""

import math

from torch import nn

from skae._sklearn import BaseEstimator
from skae.codecs import Codec, table_codec


class Architecture(BaseEstimator):
    """Base of the architectures.

    A subclass is a keyword dataclass of its parameters and defines
    :meth:`make_body` and :meth:`make_decoder`. It never hears of penalties or devices,
    nor what a code means: the objective puts the head between body and decoder.

    The network sees flat rows, of shape (n_samples, n_values), whatever X is. `shape`
    is that of one row of X, n_values its product: ``(n_features,)`` for a table,
    ``(1, 28, 28)`` for an image, ``(n_steps, n_channels)`` for a series. None is a
    length that varies: rows then are as wide as the longest of a batch and 0 beyond
    their end, and modules are told their lengths.
    """

    vocabulary_size = None  # of tokens, for an architecture that takes them
    code_dropout = 0.0  # share of the code's units that training sets to zero

    _parameter_constraints = {}

    def has_linear_start(self, shape) -> bool:
        """Tell whether :meth:`set_linear_maps` is wanted before training.

        Parameters
        ----------
        shape : tuple of int or None
            Of a row.
        """
        return False

    def make_codec(self, X) -> Codec:
        """Make what turns X, as it is passed to `fit`, into flat rows, and back.

        Here a table: of shape (n_samples, n_features).

        Returns
        -------
        Codec
        """
        return table_codec(X)

    def n_hidden_values(self, shape) -> int:
        """Return how many values the widest layer has for a row: its use of memory.

        Parameters
        ----------
        shape : tuple of int
            Of a row, lengths included.
        """
        return math.prod(shape)

    def make_body(self, shape, n_components) -> nn.Module:
        """Make the encoder without its head.

        Parameters
        ----------
        shape : tuple of int or None
            Of a row.
        n_components : int
            The width of the code that the head will make of the body's output.

        Returns
        -------
        torch.nn.Module
            From (n_samples, n_values) to (n_samples, n_outputs); its attribute
            `n_outputs` says how many those are. Where lengths vary, ``forward(x,
            lengths)`` is told those of the rows, of shape (n_samples,).
        """
        raise NotImplementedError(f"{type(self).__name__} must define make_body.")

    def make_head(self, shape, n_outputs, n_components) -> nn.Module:
        """Make the layer that gives the code, before its activation: here linear.

        Parameters
        ----------
        shape : tuple of int or None
            Of a row.
        n_outputs : int
            Of the body.
        n_components : int

        Returns
        -------
        torch.nn.Module
            From (n_samples, n_outputs) to (n_samples, n_components), with `weight` and
            `bias`.
        """
        return nn.Linear(n_outputs, n_components)

    def code_shape(self, shape) -> tuple | None:
        """Return the shape of the maps that a code is; None where it has no positions.

        Parameters
        ----------
        shape : tuple of int or None
            Of a row.
        """
        return None

    def make_decoder(self, shape, n_components, body, head) -> nn.Module:
        """Make the decoder.

        Parameters
        ----------
        shape : tuple of int or None
            Of a row.
        n_components : int
        body, head : torch.nn.Module
            The encoder's, for a decoder that shares its weights.

        Returns
        -------
        torch.nn.Module
            From (n_samples, n_components) to (n_samples, n_values). One that is told
            lengths is a :class:`SequenceDecoder`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define make_decoder.")

    def set_linear_maps(self, module, encoding, decoding) -> None:
        """Set the weights so that the module is two linear maps, row to code to row.

        Parameters
        ----------
        module : torch.nn.Module
            With `body`, `head` and `decoder`.
        encoding, decoding : Tensor of shape (n_axes, n_features)
            What each component is in terms of the features, and what it adds to them;
            at most n_components of them.
        """
        raise NotImplementedError(f"{type(self).__name__} has no linear path.")

    def set_effects(self, module, effects) -> None:
        """Set the weights so that the last components add these rows to the output.

        Does nothing here: where there is no linear path, they stay random.

        Parameters
        ----------
        module : torch.nn.Module
            With `decoder`.
        effects : Tensor of shape (n_effects, n_features)
            Of each of the last n_effects inputs of the decoder.
        """

    def set_origin(self, module, mean, scale, to_output) -> None:
        """Start as if rows had been centred and scaled, where they are not.

        A layer that reads rows is divided by the scale, what the mean adds to it is
        taken from its bias, and what makes the output the mean is added to that of the
        last layer of the decoder. Does nothing here.

        Parameters
        ----------
        module : torch.nn.Module
            With `body`, `head` and `decoder`.
        mean : Tensor of shape (n_features,)
            Of the rows, which are as `fit` was given them; of channels where lengths
            vary.
        scale : float
            The root of the mean variance of their columns.
        to_output : callable
            From means, a tensor, to what the loss makes them of: undoes its output
            activation.
        """


class SequenceDecoder(nn.Module):
    """Base of the decoders of series: (n, n_components) to (n, n_steps * n_channels).

    Or to (n, n_steps, vocabulary_size) for tokens. A subclass defines
    ``forward(code, lengths=None, given=None)``: `lengths`, of shape (n,), are the steps
    of each row, None where all have those of `shape`; `given` are flat rows whose
    values before each step a decoder that `feeds_back` may read, None to read its own.
    """

    reads_rows = True
    feeds_back = False
