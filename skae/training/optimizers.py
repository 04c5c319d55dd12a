"""Optimizers by name, their arguments, and the one vector that they step on."""

import inspect
from itertools import accumulate

import torch
from torch import nn

OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "sgd": torch.optim.SGD,
    "lbfgs": torch.optim.LBFGS,
}

_ELEMENTWISE = {kind for name, kind in OPTIMIZERS.items() if name != "lbfgs"}
_MOST_ELEMENTS = 2**15  # beyond, adding to gradients costs more than many tensors
_ALIGNED = 16  # elements: sums repeat bit for bit only where memory is aligned


def resolve_optimizer(optimizer):
    """Return the class of an optimizer that is given by name or as a class."""
    if isinstance(optimizer, str):
        return OPTIMIZERS[optimizer]
    if not issubclass(optimizer, torch.optim.Optimizer):
        raise TypeError(
            f"optimizer is a name or a torch.optim.Optimizer class, not {optimizer}."
        )
    if issubclass(optimizer, torch.optim.SparseAdam):
        raise ValueError(
            "optimizer=SparseAdam is for sparse gradients, which networks of skae do "
            "not have. Use Adam."
        )
    return optimizer


def optimizer_arguments(optimizer, weight_decay, args, kwargs):
    """Return skorch's arguments of an optimizer, made fused and sparing of biases.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer class
    weight_decay : float
        Of weights; biases and other vectors have none.
    args, kwargs : tuple, dict
        As skorch makes them, parameter groups first.
    """
    accepted = inspect.signature(optimizer).parameters
    if "fused" in accepted and "foreach" not in kwargs:
        kwargs.setdefault("fused", True)
    # AdamW decays by default: skae's 0 means 0.
    if "weight_decay" in accepted:
        kwargs.setdefault("weight_decay", weight_decay)
    elif weight_decay:
        raise ValueError(
            f"weight_decay={weight_decay} cannot be had: {optimizer.__name__} takes no "
            "weight_decay. Use l1_penalty or another optimizer."
        )
    if kwargs.get("weight_decay"):
        args = ([part for group in args[0] for part in _by_decay(group)],)
    return args, kwargs


def _by_decay(group):
    """Return the parameters of a group that decay, and those that do not."""
    matrices = [p for p in group["params"] if p.ndim > 1]
    others = [p for p in group["params"] if p.ndim <= 1]
    return {**group, "params": matrices}, {
        **group,
        "params": others,
        "weight_decay": 0.0,
    }


class FlatParameters:
    """Parameters as views of one vector, which costs an optimizer one step.

    Parameters
    ----------
    parameters : list of torch.nn.Parameter
        Of one dtype, on one device.
    """

    def __init__(self, parameters):
        self.parameters = parameters
        sizes = [-(-p.numel() // _ALIGNED) * _ALIGNED for p in parameters]
        self._starts = [0, *accumulate(sizes)]
        self.vector = nn.Parameter(parameters[0].new_zeros(self._starts[-1]))
        self.vector.grad = torch.zeros_like(self.vector)
        self.link()

    def link(self):
        """Make all parameters and their gradients views, where they are none yet."""
        for parameter, start in zip(self.parameters, self._starts, strict=False):
            stop = start + parameter.numel()
            value = self.vector.data[start:stop].view_as(parameter)
            if parameter.data_ptr() != value.data_ptr():
                value.copy_(parameter.data)
                parameter.data = value
            parameter.grad = self.vector.grad[start:stop].view_as(parameter)

    def zero_grad(self):
        """Set all gradients to zero."""
        self.vector.grad.zero_()


def flatten(optimizer, args, kwargs):
    """Return the flat parameters that an optimizer may step on, or None.

    It may where its steps are element by element and treat all of them alike.
    """
    (groups,) = args
    parameters = [p for group in groups for p in group["params"]]
    is_alike = len(groups) == 1 and not kwargs.get("weight_decay")
    is_alike = is_alike and set(groups[0]) == {"params"}
    is_known = optimizer in _ELEMENTWISE and parameters
    if not is_known or not is_alike or len({p.dtype for p in parameters}) > 1:
        return None
    if sum(p.numel() for p in parameters) > _MOST_ELEMENTS:
        return None
    return FlatParameters(parameters)
