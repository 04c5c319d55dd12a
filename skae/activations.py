"""Activations by name: the one table that turns ``"relu"`` into a torch module."""

import torch
from torch import nn

from skae._sklearn import StrOptions


class Exponential(nn.Module):
    """exp(x), element by element; any shape in, the same shape out."""

    def forward(self, x):
        """Return exp(x)."""
        return torch.exp(x)


ACTIVATIONS = {
    "identity": nn.Identity,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "softplus": nn.Softplus,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "exp": Exponential,
}

# What the range of an activation is, where it is not the whole line.
RANGES = {
    nn.Sigmoid: (0.0, 1.0),
    nn.Tanh: (-1.0, 1.0),
    nn.ReLU: (0.0, float("inf")),
    nn.Softplus: (0.0, float("inf")),
    Exponential: (0.0, float("inf")),
}


# What undoes an activation, on the inside of its range.
INVERSES = {
    nn.Identity: lambda y: y,
    nn.ReLU: lambda y: y,
    nn.Sigmoid: torch.logit,
    nn.Tanh: torch.atanh,
    nn.Softplus: lambda y: y + torch.log(-torch.expm1(-y)),
    Exponential: torch.log,
}

# What draws in training.
_DRAWING = (nn.RReLU, nn.modules.dropout._DropoutNd)

# The constraint of a parameter that names an activation.
ACTIVATION_CHOICES = [StrOptions(set(ACTIVATIONS)), type]


def check_stateless(module, name):
    """Raise ValueError if an activation is more than a function of each value.

    Parameters
    ----------
    module : torch.nn.Module
    name : str
        Of the parameter and its value, for the message.
    """
    if [*module.parameters(), *module.buffers()]:
        raise ValueError(
            f"{name} has weights or a state, and nothing trains it. Use one that has "
            "none."
        )
    values = torch.linspace(-3, 3, 24).reshape(4, 6)
    with torch.no_grad():
        if (
            isinstance(module, _DRAWING)
            or module(values).shape != values.shape
            or not torch.allclose(module(values)[:1, :1], module(values[:1, :1]))
        ):
            raise ValueError(
                f"{name} is no function of single values: it draws, mixes them, or "
                "returns another shape."
            )


def make_activation(activation, name="activation"):
    """Build the module of an activation.

    Parameters
    ----------
    activation : str, torch.nn.Module class or None
        None is the identity.
    name : str
        Of the parameter, for messages.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    ValueError
        If there is none of that name.
    TypeError
        If it is a class of something else.
    """
    if activation is None:
        return nn.Identity()
    if isinstance(activation, str):
        if activation not in ACTIVATIONS:
            raise ValueError(
                f"{name}: there is no activation {activation!r}. There are: "
                f"{', '.join(ACTIVATIONS)}."
            )
        return ACTIVATIONS[activation]()
    if not issubclass(activation, nn.Module) or activation is nn.Module:
        raise TypeError(
            f"{name} takes a name or a torch.nn.Module class, not {activation}."
        )
    try:
        return activation()
    except TypeError as error:
        raise TypeError(
            f"{name}={activation} is no activation as it is: it needs arguments. Wrap "
            "it in a class of your own that needs none."
        ) from error
