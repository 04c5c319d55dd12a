"""Transformers for series, images and tokens: patches that attend to each other."""

import math
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real

import torch
from torch import nn
from torch.nn import functional as F

from skae._sklearn import Interval, StrOptions
from skae.activations import ACTIVATION_CHOICES
from skae.architectures.attention import Block, LearnedPositions, Patches, Sinusoids
from skae.architectures.base import Architecture, SequenceDecoder
from skae.architectures.origin import absorb, of_channels
from skae.codecs import (
    Codec,
    TokensCodec,
    array_codec,
    count_axes,
    is_ragged,
    sequence_codec,
)

_MOST_PATCHES = {1: 32, 2: 7}  # along an axis of series and of images, for "auto"


@dataclass(eq=False, repr=False)
class Transformer(Architecture):
    """Patches that attend to each other, on both sides of the code.

    A row is cut into patches: runs of steps of a series, rectangles of an image, single
    tokens. Encoder: each patch is embedded by a linear map, told its position, and
    passes blocks in which every patch reads all others; what they are then makes the
    code. Decoder: the code is spread over the positions, these pass blocks of their
    own, and each tells its patch. All are told at once: none is fed with another.

    X is an array of series, of shape (n_samples, n_steps, n_channels), or of images, of
    shape (n_samples, n_channels, height, width), or a list of arrays of shape (n_steps,
    n_channels) of unequal length, or a table, whose rows are read as series of one
    channel or in `input_shape`. With a `vocabulary_size` it is a list of sequences of
    whole numbers, or a matrix of them. Steps beyond the end of a series take no part in
    anything. Lengths that patches do not divide are completed by zeros inside.

    Parameters
    ----------
    width : int, default=64
        Values that stand for a patch between the layers; a multiple of `n_heads`.
    n_layers : int, default=2
        Blocks on either side.
    n_heads : int, default=4
        Ways in which the patches of a block read each other, side by side.
    feedforward : int or "auto", default="auto"
        Units of the hidden layer of each block; "auto" is twice the `width`.
    patch_size : int, tuple of int or "auto", default="auto"
        Positions of a patch along each axis. "auto" is as many as make at most 32
        patches of a series and 7 along each axis of an image; 1 for tokens and where
        lengths vary. Time and memory grow as the square of the number of patches.
    pooling : {"auto", "mean", "token", "flatten"}, default="auto"
        What the code is made of: the mean of the patches, a token of its own that reads
        them (Dosovitskiy et al. 2021), or all of them, side by side. "auto" is
        "flatten", which reconstructs best, and "mean" where lengths vary.
    positional_encoding : {"sinusoidal", "learned"}, default="sinusoidal"
        How the encoder is told where a patch is: by waves of many lengths, or by a
        vector for each position, which needs rows of one length.
    activation : str or torch.nn.Module class, default="gelu"
        After the hidden layer of each block: "relu", "leaky_relu", "elu", "selu",
        "gelu", "silu", "mish", "softplus", "sigmoid", "tanh", "exp", "identity", or a
        class.
    dropout : float, default=0.0
        Share of the values that are set to zero in what each half of a block adds, in
        each training pass, in [0, 1).
    code_dropout : float, default=0.0
        Share of the units of the code that are set to zero in each training pass before
        they are decoded, in [0, 1). The others are scaled up.
    input_shape : tuple of int or None, default=None
        (n_steps, n_channels) of the rows of a table, or the three lengths of an image.
        None: series of one channel.
    channels_last : bool, default=False
        Whether channels are the last axis of images. Of series they always are.
    vocabulary_size : int or None, default=None
        How many tokens there are; they are 0 and above. None: X is no tokens.
    padding_token : int or None, default=None
        What the rows of a matrix of tokens end in where they are shorter.

    References
    ----------
    Vaswani, A., Shazeer, N., Parmar, N., Uszkoreit, J., Jones, L., Gomez, A. N.,
    Kaiser, L. and Polosukhin, I. (2017). Attention is all you need. Advances in Neural
    Information Processing Systems 30.

    Dosovitskiy, A., Beyer, L., Kolesnikov, A., Weissenborn, D., Zhai, X., et al.
    (2021). An image is worth 16x16 words: transformers for image recognition at scale.
    International Conference on Learning Representations.

    Nie, Y., Nguyen, N. H., Sinthong, P. and Kalagnanam, J. (2023). A time series is
    worth 64 words: long-term forecasting with transformers. International Conference on
    Learning Representations.

    Xiong, R., Yang, Y., He, D., Zheng, K., Zheng, S., et al. (2020). On layer
    normalization in the transformer architecture. International Conference on Machine
    Learning.

    Examples
    --------
    >>> from skae import Autoencoder, Transformer
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().images[:100, None]
    >>> ae = Autoencoder(2, architecture=Transformer(16), max_epochs=2, random_state=0)
    >>> ae.fit(X).transform(X).shape
    (100, 2)
    >>> ae.reconstruct(X).shape
    (100, 1, 8, 8)
    """

    width: int = 64
    _: KW_ONLY
    n_layers: int = 2
    n_heads: int = 4
    feedforward: int | str = "auto"
    patch_size: int | tuple | list | str = "auto"
    pooling: str = "auto"
    positional_encoding: str = "sinusoidal"
    activation: str | type = "gelu"
    dropout: float = 0.0
    code_dropout: float = 0.0
    input_shape: tuple | list | None = None
    channels_last: bool = False
    vocabulary_size: int | None = None
    padding_token: int | None = None

    _parameter_constraints = {
        "width": [Interval(Integral, 1, None, closed="left")],
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "n_heads": [Interval(Integral, 1, None, closed="left")],
        "feedforward": [
            StrOptions({"auto"}), Interval(Integral, 1, None, closed="left"),
        ],
        "patch_size": [
            StrOptions({"auto"}), Interval(Integral, 1, None, closed="left"),
            tuple, list,
        ],
        "pooling": [StrOptions({"auto", "mean", "token", "flatten"})],
        "positional_encoding": [StrOptions({"sinusoidal", "learned"})],
        "activation": ACTIVATION_CHOICES,
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "code_dropout": [Interval(Real, 0, 1, closed="left")],
        "input_shape": [tuple, list, None],
        "channels_last": ["boolean"],
        "vocabulary_size": [Interval(Integral, 2, None, closed="left"), None],
        "padding_token": [Integral, None],
    }  # fmt: skip

    def make_codec(self, X) -> Codec:
        """Make the codec of series, images or tokens; see :class:`Architecture`."""
        if self.vocabulary_size is not None:
            return TokensCodec(X, self.vocabulary_size, self.padding_token)
        of_images = len(self.input_shape or ()) > 2
        if not is_ragged(X) and (of_images or count_axes(X) > 3):
            return array_codec(X, self.input_shape, self.channels_last, most_axes=4)
        return sequence_codec(X, self.input_shape)

    def make_body(self, shape, n_components) -> nn.Module:
        """Make the encoder without its head; see :class:`Architecture`."""
        return TransformerBody(self, self._patches(shape))

    def make_decoder(self, shape, n_components, body, head) -> nn.Module:
        """Make the decoder; see :class:`Architecture`."""
        return TransformerDecoder(self, self._patches(shape), n_components)

    def n_hidden_values(self, shape) -> int:
        """Return the values of the widest layer; see :class:`Architecture`."""
        patches = self._patches(shape)
        n_positions = patches.n_patches() + (self.pooling == "token")
        n_outputs = self.vocabulary_size or patches.n_channels
        n_units = max(3 * self.width, self._feedforward)
        return max(
            n_positions * n_units,
            self.n_heads * n_positions**2,
            math.prod(patches.size) * max(n_outputs, self._step_width(patches)),
        )

    def set_origin(self, module, mean, scale, to_output) -> None:
        """Start as if rows were centred and scaled; see :class:`Architecture`."""
        patches, embed = module.body.patches, module.body.embed
        channels = of_channels(mean, patches.shape, not patches.channels_first)
        of_patch = channels.repeat(math.prod(patches.patch_size))
        with torch.no_grad():
            absorb(embed.weight, embed.bias, of_patch, scale)
            module.decoder.last.bias.add_(to_output(of_patch))

    @property
    def _feedforward(self):
        return 2 * self.width if self.feedforward == "auto" else self.feedforward

    def _step_width(self, patches):
        """Return how many values stand for a step or pixel before it is in a patch."""
        return patches.n_channels if self.vocabulary_size is None else self.width

    def _patches(self, shape):
        """Return how rows of this shape are cut into patches."""
        if self.width % self.n_heads:
            raise ValueError(
                f"width={self.width} of Transformer must be a multiple of n_heads="
                f"{self.n_heads}."
            )
        n_axes = len(shape) - 1
        if n_axes not in _MOST_PATCHES:
            raise ValueError(
                "Transformer takes series of the shape (n_steps, n_channels) and "
                f"images of three axes. Got rows of the shape {tuple(shape)}: see "
                "input_shape."
            )
        patch_size = self.patch_size
        if isinstance(patch_size, Integral):
            patch_size = (patch_size,) * n_axes
        if patch_size == "auto":
            spatial = Patches(shape, (), self.channels_last).size
            most = _MOST_PATCHES[n_axes]
            patch_size = [math.ceil((length or 1) / most) for length in spatial]
            if self.vocabulary_size is not None:
                patch_size = [1]
        if len(patch_size) != n_axes or not all(
            isinstance(step, Integral) and step is not True and step > 0
            for step in patch_size
        ):
            raise ValueError(
                f"patch_size={self.patch_size!r} of Transformer must be an integer of "
                f"at least 1, or one for each of {n_axes} axes."
            )
        patches = Patches(shape, tuple(patch_size), self.channels_last)
        if patches.varies and self.positional_encoding == "learned":
            raise ValueError(
                'positional_encoding="learned" of Transformer needs rows of one '
                'length. Use "sinusoidal".'
            )
        if patches.varies and self.pooling == "flatten":
            raise ValueError(
                'pooling="flatten" of Transformer needs rows of one length. Use "mean" '
                'or "token".'
            )
        return patches

    def _blocks(self):
        return nn.ModuleList(
            Block(
                self.width,
                self.n_heads,
                self._feedforward,
                self.activation,
                self.dropout,
            )
            for _ in range(self.n_layers)
        )


class TransformerBody(nn.Module):
    """(n, n_values) to (n, n_outputs): the patches after the blocks, pooled."""

    def __init__(self, architecture, patches):
        super().__init__()
        width = architecture.width
        self.patches = patches
        self.pooling = architecture.pooling
        if self.pooling == "auto":
            self.pooling = "mean" if patches.varies else "flatten"
        self.tokens = None
        n_inputs = math.prod(patches.patch_size) * architecture._step_width(patches)
        if architecture.vocabulary_size is not None:
            self.tokens = nn.Embedding(architecture.vocabulary_size, width)
        self.embed = nn.Linear(n_inputs, width)
        if architecture.positional_encoding == "learned":
            self.positions = LearnedPositions(patches.n_patches(), width)
        else:
            self.positions = Sinusoids(width)
        self.summary = None
        if self.pooling == "token":
            self.summary = nn.Parameter(torch.empty(width))
            nn.init.normal_(self.summary, std=0.02)
        self.blocks = architecture._blocks()
        self.norm = nn.LayerNorm(width)
        n_positions = patches.n_patches() if self.pooling == "flatten" else 1
        self.n_outputs = n_positions * width

    def hidden_layers(self):
        """Return the blocks."""
        return [*self.blocks]

    def forward(self, x, lengths=None):
        """Return what summarises each row, of the lengths (n,) if they vary."""
        hidden, observed = self._embedded(self.patches.grid(x), lengths)
        if self.summary is not None:
            summary = self.summary.expand(len(x), 1, -1)
            hidden = torch.cat((summary, hidden), dim=1)
            observed = None if observed is None else F.pad(observed, (1, 0), value=True)
        for block in self.blocks:
            hidden = block(hidden, observed)
        return self._pooled(self.norm(hidden), observed)

    def _embedded(self, grid, lengths):
        """Return the patches as the blocks read them, and which are observed."""
        size = grid.shape[1:-1]
        observed = None
        if lengths is not None:
            observed = torch.arange(size[0], device=grid.device) < lengths.unsqueeze(1)
            # 0 there already, but no slope of the code either.
            grid = grid.masked_fill(~observed.unsqueeze(-1), 0.0)
        if self.tokens is not None:
            grid = self.tokens(grid.squeeze(-1).long())
            grid = grid.masked_fill(~observed.unsqueeze(-1), 0.0)
        hidden = self.embed(self.patches.split(grid))
        hidden = self.positions(hidden, self.patches.counts(size))
        if observed is not None:
            observed = observed[:, :: self.patches.patch_size[0]]
        return hidden, observed

    def _pooled(self, hidden, observed):
        if self.pooling == "token":
            return hidden[:, 0]
        if self.pooling == "flatten":
            return hidden.flatten(1)
        if observed is None:
            return hidden.mean(1)
        weights = observed.to(hidden).unsqueeze(2)
        return (hidden * weights).sum(1) / weights.sum(1)


class TransformerDecoder(SequenceDecoder):
    """(n, n_components) to (n, n_values), all patches at once; `given` is ignored.

    Where lengths are fixed the code has a linear map of its own to each patch, else
    one for all, and positions tell them apart.
    """

    def __init__(self, architecture, patches, n_components):
        super().__init__()
        self.patches = patches
        self.of_tokens = architecture.vocabulary_size is not None
        n_starts = 1 if patches.varies else patches.n_patches()
        self.start = nn.Linear(n_components, n_starts * architecture.width)
        self.positions = Sinusoids(architecture.width)
        self.blocks = architecture._blocks()
        self.norm = nn.LayerNorm(architecture.width)
        n_outputs = architecture.vocabulary_size or patches.n_channels
        self.last = nn.Linear(
            architecture.width, math.prod(patches.patch_size) * n_outputs
        )

    def hidden_layers(self):
        """Return the blocks."""
        return [*self.blocks]

    def forward(self, code, lengths=None, given=None):
        """Return the rows of codes; see :class:`SequenceDecoder`."""
        size, observed = self.patches.size, None
        if lengths is not None:
            size, observed = self._lengths(lengths, given)
        counts = self.patches.counts(size)
        starts = self.start(code).unflatten(1, (-1, self.norm.normalized_shape[0]))
        hidden = self.positions(starts, counts)
        for block in self.blocks:
            hidden = block(hidden, observed)
        grid = self.patches.join(self.last(self.norm(hidden)), size)
        return grid if self.of_tokens else self.patches.rows(grid)

    def _lengths(self, lengths, given):
        """Return how many steps to tell, and which patches of them are told."""
        if given is None:
            n_steps = int(lengths.max())
        else:
            n_steps = given.shape[1] // self.patches.n_channels
        firsts = torch.arange(
            0, n_steps, self.patches.patch_size[0], device=lengths.device
        )
        return (n_steps,), firsts < lengths.unsqueeze(1)
