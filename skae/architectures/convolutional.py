"""Convolutional networks for signals, images and volumes of any size."""

import math
from dataclasses import KW_ONLY, dataclass
from itertools import pairwise
from numbers import Integral, Real

import torch
from torch import nn

from skae._sklearn import Interval, StrOptions
from skae.activations import ACTIVATION_CHOICES, make_activation
from skae.architectures.base import Architecture
from skae.architectures.dense import Dense
from skae.architectures.layers import Dropout
from skae.architectures.maps import (
    CONVOLUTIONS,
    ChannelNorm,
    ConvolutionalBody,
    ConvolutionalDecoder,
    ResidualBlock,
    TiedConvolutionalDecoder,
)
from skae.architectures.origin import absorb, absorb_path, of_channels
from skae.architectures.shortcut import SHORTCUT_CHOICES, ShortcutMixin
from skae.architectures.spatial import CodeOfMapsMixin
from skae.codecs import Codec, array_codec

_TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_PADS = {1: nn.ZeroPad1d, 2: nn.ZeroPad2d, 3: nn.ZeroPad3d}
_POOLS = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}

_AUTO_CHANNELS = (32, 64, 128)
_AUTO_LENGTH = 4  # that a second stage of "auto" leaves of the shortest axis at least
_THREE_STAGES = 64  # length of the shortest axis from which "auto" has three stages
_GROUP_SIZE = 8  # channels that group norm takes together


@dataclass(eq=False, repr=False)
class Convolutional(CodeOfMapsMixin, ShortcutMixin, Architecture):
    """Convolutions that shrink signals, images or volumes, and others that undo it.

    Encoder: one stage for each of `channels`, which convolves and divides the length
    of every axis by `stride`; the code is linear in the last feature maps. Decoder: the
    same backwards, to exactly the lengths that the encoder saw. Rows are of the shape
    (n_channels, length), (n_channels, height, width) or (n_channels, depth, height,
    width); rows of a table are signals of one channel.

    With a `shortcut`, a linear path runs beside the stages, as in :class:`Dense`: it
    starts as the principal component analysis of the training rows, and the stages can
    only better that.

    Parameters
    ----------
    channels : tuple of int or "auto", default="auto"
        Feature maps of the encoder's stages, first to last; the decoder has them last
        to first. ``()`` is one linear layer on either side. "auto" is (32, 64), with
        128 more where the shortest axis is at least 64 long; (32,) where two stages
        would leave less than 4 of it, and () where its length is 1.
    code_channels : int or None, default=None
        Channels of a code that is maps of the size of the last stage's, each position
        made of those below it alone: `n_components` is their number times the
        positions, its "auto" or a tuple such as (4, 7, 7), which implies
        `code_channels`. `transform` gives them flat. There is no linear path then. None
        is a code without positions.
    input_shape : tuple of int or None, default=None
        Shape of a row where X is a table, such as (1, 28, 28). None reads a row of a
        table as a signal of one channel.
    channels_last : bool, default=False
        Whether channels are the last axis of X, not the one after the samples.
    kernel_size : int, default=4
        Positions along each axis that a convolution sees. Of transposed convolutions, a
        multiple of `stride` reaches all positions alike, which leaves no checkerboard.
    stride : int, default=2
        What a stage divides the length of every axis by.
    downsampling : {"stride", "pool"}, default="stride"
        Whether the convolution itself takes strides, or a maximum is taken after it.
    upsampling : {"transposed", "nearest"}, default="transposed"
        A transposed convolution, or a convolution after copying the nearest value,
        which leaves no checkerboard with any kernel and takes longer.
    activation : str or torch.nn.Module class, default="gelu"
        After every convolution but the last: "relu", "leaky_relu", "elu", "selu",
        "gelu", "silu", "mish", "softplus", "sigmoid", "tanh", "exp", "identity", or a
        class.
    norm : {"batch", "group"} or None, default=None
        Normalisation before each activation: of each channel over the rows of a batch,
        or of groups of about 8 channels within each row.
    n_residual_blocks : int, default=0
        Blocks in each stage of two convolutions whose result is added to their input.
    dropout : float, default=0.0
        Share of the hidden units that are set to zero in each training pass, in [0, 1).
    code_dropout : float, default=0.0
        Share of the units of the code that are set to zero in each training pass before
        they are decoded, in [0, 1). The others are scaled up.
    tied : bool, default=False
        Whether the decoder's weights are the encoder's, transposed. Biases are its own.
        Needs strides, transposed convolutions and no residual blocks.
    shortcut : {"pca", "random"} or None, default="pca"
        The linear path: from PCA, from a random start, or none. Where the start cannot
        reproduce PCA (a loss with a range, a code activation) it is random.

    References
    ----------
    Masci, J., Meier, U., Cireşan, D. and Schmidhuber, J. (2011). Stacked convolutional
    auto-encoders for hierarchical feature extraction. ICANN.

    He, K., Zhang, X., Ren, S. and Sun, J. (2016). Deep residual learning for image
    recognition. CVPR.

    Odena, A., Dumoulin, V. and Olah, C. (2016). Deconvolution and checkerboard
    artifacts. Distill.

    Examples
    --------
    >>> from skae import Autoencoder, Convolutional
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().images[:, None]
    >>> ae = Autoencoder(2, architecture=Convolutional((8, 16)), max_epochs=2)
    >>> ae.fit(X).transform(X).shape
    (1797, 2)
    >>> ae.reconstruct(X).shape
    (1797, 1, 8, 8)
    """

    channels: tuple | list | str = "auto"
    _: KW_ONLY
    code_channels: int | None = None
    input_shape: tuple | list | None = None
    channels_last: bool = False
    kernel_size: int = 4
    stride: int = 2
    downsampling: str = "stride"
    upsampling: str = "transposed"
    activation: str | type = "gelu"
    norm: str | None = None
    n_residual_blocks: int = 0
    dropout: float = 0.0
    code_dropout: float = 0.0
    tied: bool = False
    shortcut: str | None = "pca"

    _parameter_constraints = {
        "channels": [StrOptions({"auto"}), tuple, list],
        "code_channels": [Interval(Integral, 1, None, closed="left"), None],
        "input_shape": [tuple, list, None],
        "channels_last": ["boolean"],
        "kernel_size": [Interval(Integral, 1, None, closed="left")],
        "stride": [Interval(Integral, 1, None, closed="left")],
        "downsampling": [StrOptions({"stride", "pool"})],
        "upsampling": [StrOptions({"transposed", "nearest"})],
        "activation": ACTIVATION_CHOICES,
        "norm": [StrOptions({"batch", "group"}), None],
        "n_residual_blocks": [Interval(Integral, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "code_dropout": [Interval(Real, 0, 1, closed="left")],
        "tied": ["boolean"],
        "shortcut": SHORTCUT_CHOICES,
    }

    def make_body(self, shape, n_components) -> nn.Module:
        """Make the stages of the encoder; see :class:`Architecture`."""
        maps = self._maps(shape)
        if len(maps) == 1:
            return self._linear.make_body((math.prod(shape),), n_components)
        return ConvolutionalBody(
            shape,
            self.channels_last,
            [self._down(*pair) for pair in pairwise(maps)],
            math.prod(maps[-1]),
            appends_input=self._n_path(shape) is not None,
        )

    def make_decoder(self, shape, n_components, body, head) -> nn.Module:
        """Make the decoder; see :class:`Architecture`."""
        maps = self._maps(shape)[::-1]
        if len(maps) == 1:
            flat = (math.prod(shape),)
            return self._linear.make_decoder(flat, n_components, body, head)
        if not self.tied:
            return ConvolutionalDecoder(
                n_components,
                maps[0],
                self.channels_last,
                [
                    self._up(*pair, is_last=pair[1] is maps[-1])
                    for pair in pairwise(maps)
                ],
                self._n_path(shape),
                self._from_code,
            )
        changes = (self.downsampling, self.upsampling, self.n_residual_blocks)
        if changes != ("stride", "transposed", 0):
            raise ValueError(
                'tied=True needs downsampling="stride", upsampling="transposed" and '
                "n_residual_blocks=0: other stages have no transpose. Got "
                "{!r}, {!r} and {}.".format(*changes)
            )
        spare = [self._spare(small, large) for small, large in pairwise(maps)]
        between = [self._between(n_channels) for n_channels, *_ in maps[:-1]]
        return TiedConvolutionalDecoder(
            body, head, maps[0], self.channels_last, spare, between
        )

    def set_origin(self, module, mean, scale, to_output) -> None:
        """Start as if rows were centred and scaled; see :class:`Architecture`."""
        body = module.body
        if not isinstance(body, ConvolutionalBody):
            self._linear.set_origin(module, mean, scale, to_output)
            return
        scale = 1.0 if self.tied else scale
        first = next(part for part in body.stages[0] if hasattr(part, "weight"))
        channels = of_channels(mean, body.shape, self.channels_last)
        with torch.no_grad():
            absorb(first.weight, first.bias, channels, scale)
            if body.appends_input:
                absorb_path(module.head, mean, scale)
            module.decoder.last_bias.add_(to_output(channels))

    @property
    def _kept_of_layers(self):
        # Tied, zero is a saddle for smooth activations: neither half sees a slope.
        # A fifth adds a fraction of a percent to the error of PCA.
        return 0.2 if self.tied else 0.0

    @property
    def _linear(self):
        """What is left where there is no stage."""
        return Dense((), tied=self.tied, shortcut=self.shortcut)

    def make_codec(self, X) -> Codec:
        """Make the codec of images or flat rows; see :class:`Architecture`."""
        return array_codec(X, self.input_shape, self.channels_last)

    def n_hidden_values(self, shape) -> int:
        """Return how many values the widest maps of one row have."""
        maps = self._maps(shape)
        counts = [math.prod(shape) for shape in maps]
        if self.downsampling == "pool" or self.upsampling == "nearest":
            # A stage's channels, before they are pooled or after they are copied.
            counts += [
                small[0] * math.prod(large[1:]) for large, small in pairwise(maps)
            ]
        return max(counts)

    def _maps(self, shape):
        """Return the shapes of the maps of one row, before and after each stage."""
        if len(shape) - 1 not in CONVOLUTIONS:
            raise ValueError(
                "Convolutional takes rows of channels and one to three axes. Got rows "
                f"of the shape {tuple(shape)}: see input_shape."
            )
        first = (shape[-1], *shape[:-1]) if self.channels_last else tuple(shape)
        is_auto = self.channels == "auto"
        channels = _AUTO_CHANNELS if is_auto else self.channels
        if is_auto and min(first[1:]) < _THREE_STAGES:
            channels = channels[:2]
        maps = [first]
        for n_channels in channels:
            is_number = isinstance(n_channels, Integral) and n_channels is not True
            if not is_number or n_channels < 1:
                raise ValueError(
                    "channels of Convolutional must be integers of at least 1. Got "
                    f"{self.channels!r}."
                )
            size = maps[-1][1:]
            too_short = [length for length in size if self._is_too_short(length)]
            if is_auto and too_short:
                break
            if too_short:
                raise ValueError(
                    f"An axis of length {too_short[0]} is too short for stage "
                    f"{len(maps)} of channels={self.channels!r} with kernel_size="
                    f"{self.kernel_size} and stride={self.stride}; rows start at "
                    f"{first[1:]}. Pass fewer channels, a smaller kernel or stride, or "
                    'channels="auto".'
                )
            size = tuple(self._shrunk(length) for length in size)
            if is_auto and len(maps) > 1 and min(size) < _AUTO_LENGTH:
                break
            maps.append((n_channels, *size))
        return maps

    @property
    def _padding(self):
        return (self.kernel_size - 1) // 2

    def _is_too_short(self, length):
        misses = length + 2 * self._padding < self.kernel_size
        return (length == 1 < self.stride) or (misses and self.downsampling == "stride")

    def _shrunk(self, length):
        if self.downsampling == "pool":
            return math.ceil(length / self.stride)
        return (length + 2 * self._padding - self.kernel_size) // self.stride + 1

    def _spare(self, small, large):
        """Return by how much transposed convolutions fall short of each axis."""
        reached = self.kernel_size - self.stride - 2 * self._padding
        return tuple(
            length - n_steps * self.stride - reached
            for n_steps, length in zip(small[1:], large[1:], strict=True)
        )

    @property
    def _has_bias(self):
        return self.norm != "batch"  # which would subtract it

    def _norm(self, n_channels):
        if self.norm == "batch":
            return ChannelNorm(n_channels)
        n_groups = math.gcd(n_channels, max(n_channels // _GROUP_SIZE, 1))
        return nn.GroupNorm(n_groups, n_channels)

    def _between(self, n_channels):
        """Make what stands between two convolutions."""
        layers = [
            self._norm(n_channels) if self.norm else None,
            make_activation(self.activation),
            Dropout(self.dropout) if self.dropout else None,
        ]
        return [layer for layer in layers if layer is not None]

    def _same(self, n_inputs, n_outputs, n_axes, bias):
        """Make a convolution that keeps the length of every axis."""
        convolve = CONVOLUTIONS[n_axes](
            n_inputs, n_outputs, self.kernel_size, padding=self._padding, bias=bias
        )
        if self.kernel_size % 2:
            return [convolve]
        return [_PADS[n_axes]((0, 1) * n_axes), convolve]

    def _down(self, large, small):
        """Make a stage of the encoder, from maps of one shape to the next."""
        n_axes = len(large) - 1
        if self.downsampling == "pool":
            layers = [
                *self._same(large[0], small[0], n_axes, self._has_bias),
                _POOLS[n_axes](self.stride, ceil_mode=True),
            ]
        else:
            convolve = CONVOLUTIONS[n_axes](
                large[0], small[0], self.kernel_size, self.stride, self._padding,
                bias=self._has_bias,
            )  # fmt: skip
            layers = [convolve]
        return [*layers, *self._between(small[0]), *self._blocks(small[0], n_axes)]

    def _up(self, small, large, is_last):
        """Make a stage of the decoder; the next one starts with norm and activation."""
        n_axes = len(small) - 1
        bias = is_last or self._has_bias
        layers = [*self._between(small[0]), *self._blocks(small[0], n_axes)]
        if self.upsampling == "nearest":
            layers += [nn.Upsample(size=large[1:])]
            return [*layers, *self._same(small[0], large[0], n_axes, bias)]
        spare = self._spare(small, large)
        layers += [
            _TRANSPOSED[n_axes](
                small[0], large[0], self.kernel_size, self.stride, self._padding,
                output_padding=tuple(max(n_positions, 0) for n_positions in spare),
                bias=bias,
            )
        ]  # fmt: skip
        # Where maps were pooled, even kernels reach one too far: pad by -1, from the
        # last axis to the first.
        excess = [n for short in reversed(spare) for n in (0, min(short, 0))]
        return [*layers, _PADS[n_axes](tuple(excess))] if any(excess) else layers

    def _blocks(self, n_channels, n_axes):
        """Make the residual blocks of a stage."""
        return [
            ResidualBlock(
                *self._same(n_channels, n_channels, n_axes, self._has_bias),
                *self._between(n_channels),
                *self._same(n_channels, n_channels, n_axes, self._has_bias),
                *([self._norm(n_channels)] if self.norm else []),
            )
            for _ in range(self.n_residual_blocks)
        ]
