"""Fully connected networks of any depth, with a linear path that starts as PCA."""

import math
import warnings
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real

import torch
from torch import nn
from torch.nn import functional as F

from skae._sklearn import Interval, StrOptions
from skae.activations import ACTIVATION_CHOICES, make_activation
from skae.architectures.base import Architecture
from skae.architectures.layers import BatchNorm, Dropout
from skae.architectures.origin import absorb, absorb_path
from skae.architectures.shortcut import SHORTCUT_CHOICES, ShortcutMixin
from skae.codecs import Codec, flat_codec


@dataclass(eq=False, repr=False)
class Dense(ShortcutMixin, Architecture):
    """Fully connected layers on both sides, beside a linear path from PCA to PCA.

    Encoder: features, `hidden_sizes`, code. Decoder: the same backwards, or as
    `decoder_sizes` say. With a `shortcut`, code and reconstruction are each the sum of
    a nonlinear and a linear path. The linear paths start as the principal component
    analysis of the training rows and the last layers of the nonlinear paths at zero, so
    that training starts at PCA and can only leave it for something better. Images,
    signals and windows are arrays of more axes; they are taken as flat rows, and come
    back in their shape.

    Parameters
    ----------
    hidden_sizes : tuple of int or "auto", default="auto"
        Units of the encoder's hidden layers, first to last; the decoder has them last
        to first. ``()`` is one linear layer on either side. "auto" is two layers, of
        four times as many units as features, within 128 and 512, and of half of that.
    decoder_sizes : tuple of int or None, default=None
        Units of the decoder's hidden layers, first to last; None is `hidden_sizes`,
        last to first. Not with `tied`.
    activation : str or torch.nn.Module class, default="relu"
        After every hidden layer: "relu", "leaky_relu", "elu", "selu", "gelu", "silu",
        "mish", "softplus", "sigmoid", "tanh", "exp", "identity", or a class.
    dropout : float, default=0.0
        Share of the hidden units that are set to zero in each training pass, in [0, 1).
    code_dropout : float, default=0.0
        Share of the units of the code that are set to zero in each training pass before
        they are decoded, in [0, 1). The others are scaled up.
    norm : {"batch", "layer"} or None, default=None
        Normalisation before each activation.
    tied : bool, default=False
        Whether the decoder's weights are the encoder's, transposed. Biases are its own.
    shortcut : {"pca", "random"} or None, default="pca"
        The linear path: from PCA, from a random start, or none. Where the start cannot
        reproduce PCA (a loss with a range, a code activation) it is random.

    References
    ----------
    Hinton, G. E. and Salakhutdinov, R. R. (2006). Reducing the dimensionality of data
    with neural networks. Science 313.

    Baldi, P. and Hornik, K. (1989). Neural networks and principal component analysis:
    learning from examples without local minima. Neural Networks 2.

    Examples
    --------
    >>> from skae import Autoencoder, Dense
    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data
    >>> ae = Autoencoder(2, architecture=Dense((32,), activation="tanh"), max_epochs=2)
    >>> ae.fit(X).transform(X).shape
    (150, 2)
    """

    hidden_sizes: tuple | list | str = "auto"
    _: KW_ONLY
    decoder_sizes: tuple | list | None = None
    activation: str | type = "relu"
    dropout: float = 0.0
    code_dropout: float = 0.0
    norm: str | None = None
    tied: bool = False
    shortcut: str | None = "pca"

    _parameter_constraints = {
        "hidden_sizes": [StrOptions({"auto"}), tuple, list],
        "decoder_sizes": [tuple, list, None],
        "activation": ACTIVATION_CHOICES,
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "code_dropout": [Interval(Real, 0, 1, closed="left")],
        "norm": [StrOptions({"batch", "layer"}), None],
        "tied": ["boolean"],
        "shortcut": SHORTCUT_CHOICES,
    }

    def make_codec(self, X) -> Codec:
        """Make the codec of tables or arrays; see :class:`Architecture`."""
        return flat_codec(X)

    def make_body(self, shape, n_components) -> nn.Module:
        """Make the hidden layers of the encoder; see :class:`Architecture`."""
        n_features = math.prod(shape)
        for name in ("dropout", "norm"):
            sizes = [*self._sizes(n_features), *(self.decoder_sizes or ())]
            if getattr(self, name) and not sizes:
                warnings.warn(
                    f"{name}={getattr(self, name)!r} of Dense does nothing: it acts "
                    "between layers, and hidden_sizes=() has none.",
                    stacklevel=2,
                )
        return DenseBody(
            [n_features, *self._sizes(n_features)], self._between, self.shortcut
        )

    def make_decoder(self, shape, n_components, body, head) -> nn.Module:
        """Make the decoder; see :class:`Architecture`."""
        n_features = math.prod(shape)
        if self.decoder_sizes is None:
            sizes = self._sizes(n_features)[::-1]
        else:
            sizes = _checked("decoder_sizes", self.decoder_sizes)
        if not self.tied:
            sizes = [n_components, *sizes]
            return DenseDecoder(sizes, n_features, self._between, self.shortcut)
        if self.decoder_sizes is not None:
            raise ValueError(
                f"decoder_sizes={self.decoder_sizes!r} of Dense cannot be had with "
                "tied=True: the decoder's weights are the encoder's."
            )
        return TiedDecoder(body, head, self._between, self.shortcut)

    def set_layers(self, module, layers) -> None:
        """Set the weights to those of one-layer networks, stacked.

        The linear path, if there is one, starts at zero on both sides.

        Parameters
        ----------
        module : torch.nn.Module
            With `body`, `head` and `decoder`.
        layers : list of torch.nn.Module
            The trained networks of ``Dense((), shortcut=None)``, first to last, as many
            as there are hidden layers and the code.
        """
        with torch.no_grad():
            for linear, layer in zip(
                (*module.body.linears, module.head), layers, strict=True
            ):
                _put(layer.head.weight, linear.weight)
                linear.bias.copy_(layer.head.bias)
            module.decoder.set_layers([layer.decoder for layer in layers])

    def set_origin(self, module, mean, scale, to_output) -> None:
        """Start as if rows were centred and scaled; see :class:`Architecture`."""
        # Tied, what the encoder is divided by would multiply the decoder.
        scale = 1.0 if self.tied else scale
        first = (*module.body.linears, module.head)[0]
        with torch.no_grad():
            absorb(first.weight, first.bias, mean, scale)
            if module.body.appends_input:
                absorb_path(module.head, mean, scale)
            module.decoder.last_bias.add_(to_output(mean))

    def _sizes(self, n_features):
        if self.hidden_sizes == "auto":
            first = min(max(4 * n_features, 128), 512)
            return [first, first // 2]
        return _checked("hidden_sizes", self.hidden_sizes)

    def _between(self, n_units):
        """Make what stands between two linear layers."""
        norms = {None: None, "batch": BatchNorm, "layer": nn.LayerNorm}
        layers = [
            norms[self.norm](n_units) if self.norm else None,
            make_activation(self.activation),
            Dropout(self.dropout) if self.dropout else None,
        ]
        return [layer for layer in layers if layer is not None]


def _checked(name, sizes):
    """Return sizes of layers as a list, or raise ValueError if they are none."""
    for size in sizes:
        if not isinstance(size, Integral) or isinstance(size, bool) or size < 1:
            raise ValueError(
                f"{name} of Dense must be integers of at least 1. Got {sizes!r}."
            )
    return list(sizes)


class DenseBody(nn.Module):
    """(n, n_features) to (n, last hidden size [+ n_features if there is a path])."""

    def __init__(self, sizes, between, shortcut):
        super().__init__()
        layers = []
        for n_inputs, n_units in zip(sizes, sizes[1:], strict=False):
            layers += [nn.Linear(n_inputs, n_units), *between(n_units)]
        self.layers = nn.Sequential(*layers)
        # Without hidden layers the features themselves are the body's output.
        self.appends_input = shortcut is not None and len(sizes) > 1
        self.n_outputs = sizes[-1] + (sizes[0] if self.appends_input else 0)

    @property
    def linears(self):
        """The linear layers, first to last."""
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]

    def hidden_layers(self):
        """Return the modules whose outputs are those of the hidden layers, in order."""
        layers = [*self.layers]
        before = [at for at, layer in enumerate(layers) if isinstance(layer, nn.Linear)]
        return [layers[at - 1] for at in (*before[1:], len(layers)) if layers]

    def forward(self, x):
        """Return the last hidden layer, and x beside it if there is a linear path."""
        hidden = x
        for layer in self.layers:
            hidden = layer(hidden)
        return torch.cat((hidden, x), dim=1) if self.appends_input else hidden


class DenseDecoder(DenseBody):
    """(n, n_components) to (n, n_features)."""

    def __init__(self, sizes, n_features, between, shortcut):
        super().__init__(sizes, between, shortcut)
        self.last = nn.Linear(self.n_outputs, n_features)
        self.n_components = sizes[0]

    @property
    def last_bias(self):
        """What is added to each value of a row."""
        return self.last.bias

    def forward(self, code):
        """Return the output of the nonlinear and the linear path."""
        return self.last(super().forward(code))

    def set_linear_map(self, decoding):
        """Decode by these rows; nothing comes from other components or layers."""
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        linear = self.last.weight[:, -self.n_components :]
        linear[:, : len(decoding)] = decoding.T

    def set_effects(self, effects) -> None:
        """Let the last inputs add these rows; the other weights stay random."""
        self.last.weight[:, -len(effects) :] = effects.T
        nn.init.zeros_(self.last.bias)

    def set_layers(self, decoders) -> None:
        """Take over the decoders of one-layer networks, in the encoder's order."""
        for linear, layer in zip(
            (*self.linears, self.last), reversed(decoders), strict=True
        ):
            _put(layer.last.weight, linear.weight)
            linear.bias.copy_(layer.last.bias)


class TiedDecoder(nn.Module):
    """(n, n_components) to (n, n_features) by the encoder's weights, transposed."""

    def __init__(self, body, head, between, shortcut):
        super().__init__()
        linears = body.linears
        # A tuple hides the encoder's layers: they are its parameters, not ours.
        self._encoder = (*linears, head)
        self.appends_input = body.appends_input
        self.between = nn.ModuleList(
            nn.Sequential(*between(layer.out_features)) for layer in reversed(linears)
        )
        self.biases = nn.ParameterList(
            torch.zeros(layer.in_features) for layer in reversed(linears)
        )
        n_inputs = body.n_outputs - (
            linears[0].in_features if self.appends_input else 0
        )
        self.code_bias = nn.Parameter(torch.zeros(n_inputs))

    def hidden_layers(self):
        """Return the modules whose outputs are those of the hidden layers, in order."""
        return [*self.between]

    @property
    def last_bias(self):
        """What is added to each value of a row."""
        return self.biases[-1] if len(self.biases) else self.code_bias

    def forward(self, code):
        """Return the output of the nonlinear and the linear path."""
        *linears, head = self._encoder
        hidden = code @ head.weight
        linear_path = None
        if self.appends_input:
            n_hidden = len(self.code_bias)
            hidden, linear_path = hidden[:, :n_hidden], hidden[:, n_hidden:]
        hidden = hidden + self.code_bias
        for layer, bias, between in zip(
            reversed(linears), self.biases, self.between, strict=True
        ):
            hidden = F.linear(between(hidden), layer.weight.t(), bias)
        return hidden if linear_path is None else hidden + linear_path

    def set_linear_map(self, decoding):
        """Cancel what the nonlinear path gives for a code of 0: f(0) may not be 0."""
        was_training = self.training
        self.eval()
        zero = self._encoder[-1].weight.new_zeros(1, self._encoder[-1].out_features)
        self.last_bias.sub_(self(zero)[0])
        self.train(was_training)

    def set_layers(self, decoders):
        """Take over the biases of tied one-layer networks; the weights are shared."""
        for bias, layer in zip(
            (self.code_bias, *self.biases), reversed(decoders), strict=True
        ):
            bias.copy_(layer.code_bias)


def _put(weight, into):
    """Copy a weight of (n_units, n_inputs); further inputs' weights become zero."""
    into[:, : weight.shape[1]] = weight
    into[:, weight.shape[1] :] = 0.0
