"""The modules of convolutional networks: rows to feature maps and back."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from skae.architectures.layers import BatchNorm
from skae.architectures.shortcut import DecoderWithPath

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


class ConvolutionalBody(nn.Module):
    """(n, n_values) to (n, values of the last maps [+ n_values if there is a path])."""

    def __init__(self, shape, channels_last, stages, n_last, appends_input):
        super().__init__()
        self.shape = tuple(shape)
        self.channels_last = channels_last
        self.stages = nn.Sequential(*(nn.Sequential(*stage) for stage in stages))
        self.appends_input = appends_input
        self.n_outputs = n_last + (math.prod(shape) if appends_input else 0)

    def hidden_layers(self):
        """Return the stages: each ends with its activation."""
        return [*self.stages]

    def forward(self, x):
        """Return the last maps, flat, and x beside them if there is a linear path."""
        maps = x.reshape(len(x), *self.shape)
        if self.channels_last:
            maps = maps.movedim(-1, 1)
        maps = self.stages(_packed(maps)).flatten(1)
        return torch.cat((maps, x), dim=1) if self.appends_input else maps


class MapsLinear(nn.Module):
    """(n, n_in * positions) to (n, n_out * positions): the same map at each of them.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    size : tuple of int
        Of the maps.
    """

    def __init__(self, n_in, n_out, size):
        super().__init__()
        self.size = tuple(size)
        self.convolution = CONVOLUTIONS[len(size)](n_in, n_out, 1)

    @property
    def weight(self):
        """What each channel is of those before it, (n_out, n_in, 1, ...)."""
        return self.convolution.weight

    @property
    def bias(self):
        """What is added to each channel, (n_out,)."""
        return self.convolution.bias

    def forward(self, flat):
        """Return flat maps of other channels."""
        maps = flat.unflatten(1, (self.convolution.in_channels, *self.size))
        return self.convolution(maps).flatten(1)


class ConvolutionalDecoder(DecoderWithPath):
    """(n, n_components) to (n, n_values), by a linear layer to the first maps."""

    def __init__(self, n_components, first, channels_last, stages, n_path, make_linear):
        super().__init__(n_components, n_path)
        self.first = first
        self.channels_last = channels_last
        self.linear = make_linear(n_components, first)
        self.stages = nn.Sequential(*(nn.Sequential(*stage) for stage in stages))

    @property
    def last(self):
        """The layer that gives the rows."""
        layers = reversed(self.stages[-1])
        return next(layer for layer in layers if hasattr(layer, "weight"))

    @property
    def last_bias(self):
        """What is added to each channel of a row."""
        return self.last.bias

    def hidden_layers(self):
        """Return what precedes the convolution of each stage: its activation."""
        layers = []
        for stage in self.stages:
            enlarging = (nn.Upsample, nn.modules.conv._ConvNd)
            at = next(
                n for n, layer in enumerate(stage) if isinstance(layer, enlarging)
            )
            layers.append(stage[at - 1])
        return layers

    def forward(self, code):
        """Return rows in the layout of the user's."""
        maps = self.linear(code).unflatten(1, self.first)
        rows = _rows(self.stages(_packed(maps)), self.channels_last)
        return self.with_path(rows, code)


class TiedConvolutionalDecoder(nn.Module):
    """(n, n_components) to (n, n_values) by the encoder's weights, transposed."""

    def __init__(self, body, head, first, channels_last, spare, between):
        super().__init__()
        # A tuple hides the encoder's layers: they are its parameters, not ours.
        self._encoder = (*(stage[0] for stage in body.stages), head)
        self.first = first
        self.channels_last = channels_last
        self.spare = spare
        self.between = nn.ModuleList(nn.Sequential(*layers) for layers in between)
        self.biases = nn.ParameterList(
            torch.zeros(layer.in_channels) for layer in reversed(self._encoder[:-1])
        )
        self.code_bias = nn.Parameter(torch.zeros(math.prod(first)))

    def hidden_layers(self):
        """Return what precedes the convolution of each stage: its activation."""
        return [*self.between]

    @property
    def last_bias(self):
        """What is added to each channel of a row."""
        return self.biases[-1]

    def forward(self, code):
        """Return rows in the layout of the user's."""
        *convolutions, head = self._encoder
        n_first = len(self.code_bias)
        maps, path = (code @ head.weight).tensor_split((n_first,), dim=1)
        maps = _packed((maps + self.code_bias).unflatten(1, self.first))
        for layer, bias, spare, between in zip(
            reversed(convolutions), self.biases, self.spare, self.between, strict=True
        ):
            maps = _TRANSPOSE[maps.ndim - 2](
                between(maps), layer.weight, bias, layer.stride, layer.padding, spare
            )
        rows = _rows(maps, self.channels_last)
        return rows + path if path.shape[1] else rows

    def set_linear_map(self, decoding):
        """Do nothing: the encoder's weights are set, and the biases are zero."""


class ResidualBlock(nn.Sequential):
    """(n, n_channels, *size) to the same; the layers' result is added to the input."""

    def forward(self, maps):
        """Return the maps and what the layers add to them."""
        return maps + super().forward(maps)


class ChannelNorm(BatchNorm):
    """(n, n_channels, *size) to the same, each channel normalised over the batch."""

    def _check_input_dim(self, input):
        """Allow any number of axes."""


def _packed(maps):
    """Return maps in the order in memory that is fast: of images, pixel by pixel."""
    if maps.ndim == 4:
        return maps.contiguous(memory_format=torch.channels_last)
    return maps.contiguous()


def _rows(maps, channels_last):
    """Return maps as flat rows in the layout of the user's."""
    return (maps.movedim(1, -1) if channels_last else maps).flatten(1)
