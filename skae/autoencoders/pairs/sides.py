"""Two architectures as one: an encoder of rows, a decoder of other rows."""

from dataclasses import dataclass

from torch import nn

from skae.architectures import Architecture
from skae.architectures.shortcut import ShortcutMixin
from skae.codecs import Codec


@dataclass(eq=False, repr=False, kw_only=True)
class Sides(Architecture):
    """The body that one architecture makes for X, the decoder of another for y.

    Parameters
    ----------
    encoder, decoder : Architecture
    target_shape : tuple of int or None
        Of a row of y; `shape` in the methods is that of a row of X.
    """

    encoder: Architecture
    decoder: Architecture
    target_shape: tuple

    @property
    def vocabulary_size(self):
        """How many tokens X has, if it is of tokens."""
        return self.encoder.vocabulary_size

    @property
    def code_dropout(self):
        """Share of the code that is dropped: the larger of both sides'."""
        return max(self.encoder.code_dropout, self.decoder.code_dropout)

    def has_linear_start(self, shape) -> bool:
        """Tell whether both sides have a linear path; see :class:`Architecture`."""
        sides = (self.encoder, shape), (self.decoder, self.target_shape)
        return all(
            isinstance(side, ShortcutMixin) and side.has_linear_start(of_side)
            for side, of_side in sides
        )

    def make_codec(self, X) -> Codec:
        """Make the codec of X; see :class:`Architecture`."""
        return self.encoder.make_codec(X)

    def n_hidden_values(self, shape) -> int:
        """Return the values of the encoder's widest layer."""
        return self.encoder.n_hidden_values(shape)

    def make_body(self, shape, n_components) -> nn.Module:
        """Make the encoder without its head; see :class:`Architecture`."""
        return self.encoder.make_body(shape, n_components)

    def make_head(self, shape, n_outputs, n_components) -> nn.Module:
        """Make the layer that gives the code; see :class:`Architecture`."""
        return self.encoder.make_head(shape, n_outputs, n_components)

    def code_shape(self, shape) -> tuple | None:
        """Return the shape of the encoder's maps; see :class:`Architecture`."""
        return self.encoder.code_shape(shape)

    def make_decoder(self, shape, n_components, body, head) -> nn.Module:
        """Make the decoder of rows of y; see :class:`Architecture`."""
        return self.decoder.make_decoder(self.target_shape, n_components, body, head)

    def set_linear_maps(self, module, encoding, decoding) -> None:
        """Set the weights to two linear maps, from rows of X to rows of y."""
        # What the encoder does: its head, then whatever decoder there is.
        self.encoder.set_linear_maps(module, encoding, decoding)
