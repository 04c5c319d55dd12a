"""Recurrent networks for series and tokens: one step after the other, any length."""

from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real

import torch
from torch import nn
from torch.nn import functional as F

from skae._sklearn import Interval, StrOptions
from skae.architectures.base import Architecture, SequenceDecoder
from skae.architectures.layers import make_dropout
from skae.architectures.origin import absorb, absorb_path, of_channels
from skae.architectures.shortcut import (
    SHORTCUT_CHOICES,
    DecoderWithPath,
    ShortcutMixin,
)
from skae.codecs import Codec, TokensCodec, sequence_codec

_CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


@dataclass(eq=False, repr=False)
class Recurrent(ShortcutMixin, Architecture):
    """Recurrent layers over the steps of a series, on both sides of the code.

    The encoder reads the steps one by one; its last state and the mean of its outputs,
    of both directions, summarise the series for the code. The decoder starts from the
    code, is given it at every step, and tells the steps, last one first unless
    `reverse_target` is off.

    X is an array of shape (n_samples, n_steps, n_channels), a list of arrays of shape
    (n_steps, n_channels) of unequal length, or a table, whose rows are read as series
    of one channel or in `input_shape`. With a `vocabulary_size` it is a list of
    sequences of whole numbers, or a matrix of them. Steps beyond the end of a series
    take no part in anything. A list comes back as a list: the code tells the length.

    Where X is an array, its series of one length, a linear path runs beside the layers,
    as in :class:`Dense`: it starts as the principal component analysis of the training
    rows, and the layers can only better that. ``shortcut=None`` leaves it out.

    Parameters
    ----------
    hidden_size : int, default=64
        Units of each layer, in each direction.
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Long short-term memory (Hochreiter and Schmidhuber 1997), gated units (Cho et
        al. 2014), or plain ones with the hyperbolic tangent. On a CPU, torch takes
        about three times as long for "gru" as for the others.
    n_layers : int, default=1
        On either side.
    bidirectional : bool, default=True
        Whether the encoder reads backwards too.
    feedback : bool, default=False
        Whether each step of the decoder is told the one before it: the true one while
        training and scoring, which then rates each step given those before it, and its
        own when codes are decoded. Without, the code alone says everything.
    reverse_target : bool, default=True
        Whether the decoder begins with the last step (Srivastava et al. 2015).
    dropout : float, default=0.0
        Share of the values that are set to zero between layers and before the output
        in each training pass, in [0, 1).
    code_dropout : float, default=0.0
        Share of the units of the code that are set to zero in each training pass before
        they are decoded, in [0, 1). The others are scaled up.
    input_shape : tuple of int or None, default=None
        (n_steps, n_channels) of the rows of a table. None: one channel.
    vocabulary_size : int or None, default=None
        How many tokens there are; they are 0 and above. None: X is no tokens.
    embedding_size : int, default=64
        Width of what stands for a token.
    padding_token : int or None, default=None
        What the rows of a matrix of tokens end in where they are shorter.
    shortcut : {"pca", "random"} or None, default="pca"
        The linear path: from PCA, from a random start, or none. Where the start cannot
        reproduce PCA (a loss with a range, a code activation) it is random. There is
        none for lists, tokens and decoders with `feedback`.

    References
    ----------
    Srivastava, N., Mansimov, E. and Salakhutdinov, R. (2015). Unsupervised learning of
    video representations using LSTMs. International Conference on Machine Learning.

    Hochreiter, S. and Schmidhuber, J. (1997). Long short-term memory. Neural
    Computation 9.

    Cho, K., van Merrienboer, B., Gulcehre, C., Bahdanau, D., Bougares, F., Schwenk, H.
    and Bengio, Y. (2014). Learning phrase representations using RNN encoder-decoder for
    statistical machine translation. Empirical Methods in Natural Language Processing.

    Bowman, S. R., Vilnis, L., Vinyals, O., Dai, A. M., Jozefowicz, R. and Bengio, S.
    (2016). Generating sentences from a continuous space. Conference on Computational
    Natural Language Learning.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import Autoencoder, Recurrent
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 3)).cumsum(axis=0) for n in rng.integers(5, 12, 50)]
    >>> ae = Autoencoder(4, architecture=Recurrent(16), max_epochs=2, random_state=0)
    >>> ae.fit(X).transform(X).shape
    (50, 4)
    >>> [series.shape for series in ae.reconstruct(X[:2])] == [x.shape for x in X[:2]]
    True
    """

    hidden_size: int = 64
    _: KW_ONLY
    cell: str = "lstm"
    n_layers: int = 1
    bidirectional: bool = True
    feedback: bool = False
    reverse_target: bool = True
    dropout: float = 0.0
    code_dropout: float = 0.0
    input_shape: tuple | list | None = None
    vocabulary_size: int | None = None
    embedding_size: int = 64
    padding_token: int | None = None
    shortcut: str | None = "pca"

    _parameter_constraints = {
        "hidden_size": [Interval(Integral, 1, None, closed="left")],
        "cell": [StrOptions(set(_CELLS))],
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "bidirectional": ["boolean"],
        "feedback": ["boolean"],
        "reverse_target": ["boolean"],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "code_dropout": [Interval(Real, 0, 1, closed="left")],
        "input_shape": [tuple, list, None],
        "vocabulary_size": [Interval(Integral, 2, None, closed="left"), None],
        "embedding_size": [Interval(Integral, 1, None, closed="left")],
        "padding_token": [Integral, None],
        "shortcut": SHORTCUT_CHOICES,
    }

    def make_codec(self, X) -> Codec:
        """Make the codec of series or tokens; see :class:`Architecture`."""
        if self.vocabulary_size is not None:
            return TokensCodec(X, self.vocabulary_size, self.padding_token)
        return sequence_codec(X, self.input_shape)

    def n_hidden_values(self, shape) -> int:
        """Return the values of the widest layer; see :class:`Architecture`."""
        n_steps, n_channels = shape
        return n_steps * max(4 * self.hidden_size, self.vocabulary_size or n_channels)

    def make_body(self, shape, n_components) -> nn.Module:
        """Make the recurrent layers of the encoder; see :class:`Architecture`."""
        return RecurrentBody(self, shape)

    def make_decoder(self, shape, n_components, body, head) -> nn.Module:
        """Make the decoder; see :class:`Architecture`."""
        kind = FeedbackDecoder if self.feedback else RecurrentDecoder
        return kind(self, shape, n_components)

    def set_origin(self, module, mean, scale, to_output) -> None:
        """Start as if rows were centred and scaled; see :class:`Architecture`."""
        decoder = module.decoder
        shape = decoder.n_steps, decoder.n_channels
        channels = of_channels(mean, shape, channels_last=True)
        with torch.no_grad():
            for cell in module.body.layers[0]:
                absorb(cell.weight_ih_l0, cell.bias_ih_l0, channels, scale)
            if module.body.appends_input:
                absorb_path(module.head, mean, scale)
            decoder.last.bias.add_(to_output(channels))

    def _n_path(self, shape):
        """Return the values of the linear path: what is fed back leaves no place."""
        return None if self.feedback else super()._n_path(shape)


class StepInput(nn.Module):
    """(n, n_steps * n_channels), 0 beyond the end, to (n, n_steps, n_outputs)."""

    def __init__(self, architecture, n_channels):
        super().__init__()
        self.n_channels = n_channels
        self.embedding = None
        self.n_outputs = n_channels
        if architecture.vocabulary_size is not None:
            self.n_outputs = architecture.embedding_size
            self.embedding = nn.Embedding(
                architecture.vocabulary_size, architecture.embedding_size
            )

    def forward(self, x):
        """Return the steps as layers read them."""
        steps = x.unflatten(1, (-1, self.n_channels))
        if self.embedding is None:
            return steps
        return self.embedding(steps.squeeze(2).long())


class RecurrentBody(nn.Module):
    """(n, n_steps * n_channels) to (n, n_outputs): last outputs, mean [, the row]."""

    def __init__(self, architecture, shape):
        super().__init__()
        self.input = StepInput(architecture, shape[1])
        n_path = architecture._n_path(shape)
        self.appends_input = n_path is not None
        n_directions = 1 + architecture.bidirectional
        self.n_outputs = 2 * n_directions * architecture.hidden_size + (n_path or 0)
        # A layer for each direction, not one for both: only packed sequences could tell
        # that one where rows end, and those take up to ten times as long on a CPU.
        self.layers = nn.ModuleList()
        n_inputs = self.input.n_outputs
        for _ in range(architecture.n_layers):
            cells = [
                _CELLS[architecture.cell](
                    n_inputs, architecture.hidden_size, batch_first=True
                )
                for _ in range(n_directions)
            ]
            self.layers.append(nn.ModuleList(cells))
            n_inputs = n_directions * architecture.hidden_size
        self.dropout = make_dropout(architecture.dropout)

    def hidden_layers(self):
        """Return the layers, a pair for the two directions."""
        return [tuple(cells) if len(cells) > 1 else cells[0] for cells in self.layers]

    def forward(self, x, lengths=None):
        """Return what summarises each series, of the lengths (n,) if they vary."""
        # A penalty on derivatives along x needs second ones, which cuDNN has not.
        if x.requires_grad and torch.backends.cudnn.enabled:
            with torch.backends.cudnn.flags(enabled=False):
                return self._summary(x, lengths)
        return self._summary(x, lengths)

    def _summary(self, x, lengths):
        steps = self.input(x)
        for number, cells in enumerate(self.layers):
            if number:
                steps = self.dropout(steps)
            steps, states = self._run(cells, steps, lengths)
        if lengths is None:
            path = (x,) if self.appends_input else ()
            return torch.cat((*states, steps.mean(1), *path), dim=1)
        beyond = torch.arange(steps.shape[1], device=x.device) >= lengths.unsqueeze(1)
        total = steps.masked_fill(beyond.unsqueeze(2), 0.0).sum(1)
        return torch.cat((*states, total / lengths.unsqueeze(1).to(total)), dim=1)

    def _run(self, cells, steps, lengths):
        """Return the outputs of the steps and the last ones, of each direction."""
        outputs, last = [], []
        for number, cell in enumerate(cells):
            backwards = number == 1
            told, _ = cell(reversed_steps(steps, lengths) if backwards else steps)
            if lengths is None:
                last.append(told[:, -1])
            else:
                rows = torch.arange(len(told), device=told.device)
                last.append(told[rows, lengths - 1])
            outputs.append(reversed_steps(told, lengths) if backwards else told)
        return torch.cat(outputs, dim=2), last


class RecurrentDecoder(DecoderWithPath, SequenceDecoder):
    """(n, n_components) to the steps, each from the code and the state before it."""

    def __init__(self, architecture, shape, n_components):
        super().__init__(n_components, architecture._n_path(shape))
        self.n_steps, self.n_channels = shape
        self.of_tokens = architecture.vocabulary_size is not None
        self.reverse = architecture.reverse_target
        self.hidden_size = architecture.hidden_size
        self.start = nn.Linear(
            n_components, architecture.n_layers * architecture.hidden_size
        )
        self.layers = nn.ModuleList()
        n_inputs = n_components + self._make_feedback(architecture)
        for _ in range(architecture.n_layers):
            layer = _CELLS[architecture.cell](
                n_inputs, architecture.hidden_size, batch_first=True
            )
            self.layers.append(layer)
            n_inputs = architecture.hidden_size
        self.dropout = make_dropout(architecture.dropout)
        self.last = nn.Linear(
            architecture.hidden_size, architecture.vocabulary_size or self.n_channels
        )

    def hidden_layers(self):
        """Return the layers, which give steps in the order in which they are told."""
        return [*self.layers]

    def _make_feedback(self, architecture):
        """Make what reads the step before; return how many values it gives."""
        return 0

    def forward(self, code, lengths=None, given=None):
        """Return the steps of each series; see :class:`SequenceDecoder`."""
        n_steps = self.n_steps if lengths is None else self._longest(lengths, given)
        steps = self._steps(code, n_steps, lengths, given)
        if self.reverse:
            steps = reversed_steps(steps, lengths)
        return steps if self.of_tokens else self.with_path(steps.flatten(1), code)

    def _longest(self, lengths, given):
        """Return how many steps to tell: those of the rows, padding included."""
        if given is None:
            return int(lengths.max())
        return given.shape[1] // self.n_channels

    def _steps(self, code, n_steps, lengths, given):
        """Return the outputs in the order in which they are told."""
        inputs = code.unsqueeze(1).expand(-1, n_steps, -1)
        return self._run(inputs, self._first_states(code))[0]

    def _first_states(self, code):
        """Return the state that each layer starts from."""
        states = torch.tanh(self.start(code)).unflatten(1, (-1, self.hidden_size))
        states = states.transpose(0, 1).unsqueeze(1).contiguous()
        if isinstance(self.layers[0], nn.LSTM):
            return [(state, torch.zeros_like(state)) for state in states]
        return list(states)

    def _run(self, steps, states):
        """Return the outputs of these steps and the states after them."""
        after = []
        for layer, state in zip(self.layers, states, strict=True):
            steps, state = layer(steps, state)
            steps = self.dropout(steps)
            after.append(state)
        return self.last(steps), after


class FeedbackDecoder(RecurrentDecoder):
    """(n, n_components) to the steps, each from the code and the step before it."""

    feeds_back = True

    def _make_feedback(self, architecture):
        self.input = StepInput(architecture, self.n_channels)
        return self.input.n_outputs

    def _steps(self, code, n_steps, lengths, given):
        if given is None:
            return self._own_steps(code, n_steps)
        before = self.input(given)
        if self.reverse:
            before = reversed_steps(before, lengths)
        before = F.pad(before, (0, 0, 1, -1))  # nothing is before the first
        inputs = torch.cat((code.unsqueeze(1).expand(-1, n_steps, -1), before), dim=2)
        return self._run(inputs, self._first_states(code))[0]

    def _own_steps(self, code, n_steps):
        """Tell the steps one by one, each fed with the one before."""
        states = self._first_states(code)
        before = code.new_zeros(len(code), 1, self.input.n_outputs)
        told = []
        for _ in range(n_steps):
            step, states = self._run(torch.cat((code.unsqueeze(1), before), 2), states)
            told.append(step)
            if self.of_tokens:
                before = self.input.embedding(step.argmax(2))
            else:
                before = step
        return torch.cat(told, dim=1)


def reversed_steps(steps, lengths):
    """Return steps of shape (n, n_steps, ...) last one first, ends where they were."""
    if lengths is None:
        return steps.flip(1)
    numbers = torch.arange(steps.shape[1], device=steps.device)
    ends = lengths.unsqueeze(1)
    order = torch.where(numbers < ends, ends - 1 - numbers, numbers)
    return steps.gather(1, order.unsqueeze(2).expand(-1, -1, steps.shape[2]))
