"""The parameters of an encoder-decoder that are its own."""

from dataclasses import dataclass
from numbers import Integral

from skae._sklearn import Interval, StrOptions
from skae.architectures import Architecture
from skae.autoencoders.parameters import Width


@dataclass(eq=False, repr=False, kw_only=True)
class TwoArchitectures(Width):
    """The networks on either side of the code."""

    encoder: Architecture | None = None
    decoder: Architecture | None = None

    _parameter_constraints = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "encoder": [Architecture, None],
        "decoder": [Architecture, None],
    }
