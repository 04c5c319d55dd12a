"""Parts of transformers: patches, positions and blocks of attention, in any order."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from skae.activations import make_activation
from skae.architectures.layers import make_dropout

_LONGEST_WAVE = 10_000.0  # of sinusoidal positions, over 2 pi (Vaswani et al. 2017)


class Patches:
    """How rows are cut into patches and put together again.

    Parameters
    ----------
    shape : tuple of int or None
        Of a row: (n_steps, n_channels), or that of an image.
    patch_size : tuple of int
        Positions of a patch along each axis.
    channels_last : bool
        Whether the channels of images are their last axis.
    """

    def __init__(self, shape, patch_size, channels_last):
        self.shape = tuple(shape)
        self.patch_size = patch_size
        self.channels_first = len(shape) == 3 and not channels_last
        self.n_channels = shape[0] if self.channels_first else shape[-1]
        self.size = self.shape[1:] if self.channels_first else self.shape[:-1]
        self.varies = self.size[0] is None

    def counts(self, size):
        """Return how many patches there are along axes of these lengths."""
        return tuple(
            math.ceil(length / step)
            for length, step in zip(size, self.patch_size, strict=True)
        )

    def n_patches(self):
        """Return how many patches a row has, where the lengths are fixed."""
        return math.prod(self.counts(self.size))

    def grid(self, x):
        """Return flat rows with their axes, channels last."""
        if self.varies:
            return x.unflatten(1, (-1, self.n_channels))
        grid = x.unflatten(1, self.shape)
        return grid.movedim(1, -1) if self.channels_first else grid

    def rows(self, grid):
        """Undo :meth:`grid`."""
        return (grid.movedim(-1, 1) if self.channels_first else grid).flatten(1)

    def split(self, grid):
        """Return patches: (n, *size, n_channels) to (n, n_patches, patch values)."""
        n_axes = len(self.patch_size)
        padding = [0, 0]
        for length, step in zip(
            grid.shape[-2:0:-1], self.patch_size[::-1], strict=True
        ):
            padding += [0, -length % step]
        grid = F.pad(grid, padding) if any(padding) else grid
        for axis, step in enumerate(self.patch_size):
            grid = grid.unflatten(1 + 2 * axis, (-1, step))
        which, within = range(1, 2 * n_axes, 2), range(2, 2 * n_axes + 1, 2)
        grid = grid.permute(0, *which, *within, 2 * n_axes + 1)
        return grid.flatten(1 + n_axes).flatten(1, n_axes)

    def join(self, patches, size):
        """Undo :meth:`split`, to axes of these lengths."""
        n_axes = len(self.patch_size)
        grid = patches.unflatten(2, (*self.patch_size, -1))
        grid = grid.unflatten(1, self.counts(size))
        pairs = [axis for i in range(1, n_axes + 1) for axis in (i, i + n_axes)]
        grid = grid.permute(0, *pairs, 2 * n_axes + 1)
        for axis, length in enumerate(size, start=1):
            grid = grid.flatten(axis, axis + 1).narrow(axis, 0, length)
        return grid


class Sinusoids(nn.Module):
    """(n, n_positions or 1, width) to (n, n_positions, width): waves are added."""

    def __init__(self, width):
        super().__init__()
        self.width = width

    def forward(self, hidden, counts):
        """Return hidden with the waves of positions of these counts along each axis."""
        n_waves = math.ceil(self.width / (2 * len(counts)))
        powers = torch.arange(n_waves, dtype=hidden.dtype, device=hidden.device)
        rates = torch.exp(powers * (-math.log(_LONGEST_WAVE) / n_waves))
        waves = []
        for axis, count in enumerate(counts):
            numbers = torch.arange(count, dtype=hidden.dtype, device=hidden.device)
            angles = numbers.unsqueeze(1) * rates
            wave = torch.cat((angles.sin(), angles.cos()), dim=1)
            others = [1] * len(counts)
            others[axis] = count
            waves.append(wave.view(*others, -1).expand(*counts, -1))
        return hidden + torch.cat(waves, dim=-1)[..., : self.width].flatten(0, -2)


class LearnedPositions(nn.Module):
    """(n, n_positions, width) to the same: a vector for each position is added."""

    def __init__(self, n_positions, width):
        super().__init__()
        self.vectors = nn.Parameter(torch.empty(n_positions, width))
        nn.init.normal_(self.vectors, std=0.02)

    def forward(self, hidden, counts):
        """Return hidden with the vectors."""
        return hidden + self.vectors


class Block(nn.Module):
    """(n, n_positions, width) to the same: attention, then a layer for each position.

    Each reads a normalised copy of what it adds to (Xiong et al. 2020).
    """

    def __init__(self, width, n_heads, feedforward, activation, dropout):
        super().__init__()
        self.n_heads = n_heads
        self.attention_norm = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.feedforward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, feedforward),
            make_activation(activation),
            nn.Linear(feedforward, width),
        )
        self.dropout = make_dropout(dropout)

    def forward(self, hidden, observed=None):
        """Return hidden after the block; positions not `observed` are not read."""
        hidden = hidden + self.dropout(self._attend(hidden, observed))
        return hidden + self.dropout(self.feedforward(hidden))

    def _attend(self, hidden, observed):
        # By hand: the fused kernels have no second derivative.
        heads = self.queries_keys_values(self.attention_norm(hidden))
        heads = heads.unflatten(2, (3, self.n_heads, -1)).permute(2, 0, 3, 1, 4)
        queries, keys, values = heads.unbind(0)
        queries = queries / math.sqrt(queries.shape[-1])
        scores = queries @ keys.transpose(2, 3)
        if observed is not None:
            lowest = torch.finfo(scores.dtype).min
            penalty = torch.zeros_like(observed, dtype=scores.dtype)
            penalty = penalty.masked_fill(~observed, lowest)
            scores = scores + penalty[:, None, None]  # faster than to fill scores
        return self.mix((scores.softmax(3) @ values).transpose(1, 2).flatten(2))
