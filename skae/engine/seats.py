"""What may take skorch's seats: optimizers by name, callbacks, further parameters."""

import inspect

import skorch
import torch

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

# skorch's parameters that an estimator sets from its own.
_NOT_FOR_NET_PARAMS = {
    "module", "criterion", "optimizer", "lr", "max_epochs", "batch_size", "device",
    "callbacks", "seed", "loss", "weight_decay", "train_split", "warm_start",
}  # fmt: skip


def resolve_optimizer(optimizer):
    """Return the class of an optimizer that is given by name or as a class."""
    if isinstance(optimizer, str):
        return OPTIMIZERS[optimizer]
    if not issubclass(optimizer, torch.optim.Optimizer):
        raise TypeError(
            f"optimizer is a name or a torch.optim.Optimizer class, not {optimizer}."
        )
    return optimizer


def check_extras(net_params, callbacks):
    """Raise for callbacks that are none and for parameters that are set elsewhere."""
    taken = sorted(_NOT_FOR_NET_PARAMS & set(net_params))
    if taken:
        raise ValueError(f"net_params holds {taken}: the estimator's own parameters.")
    for callback in callbacks:
        kind = callback if isinstance(callback, type) else type(callback)
        if not issubclass(kind, skorch.callbacks.Callback | tuple):
            raise TypeError(f"callbacks takes skorch callbacks, not {callback!r}.")


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
    if kwargs.get("weight_decay") and "param_groups" not in kwargs:
        parameters = [p for group in args[0] for p in group["params"]]
        matrices = [p for p in parameters if p.ndim > 1]
        others = [p for p in parameters if p.ndim <= 1]
        args = ([{"params": matrices}, {"params": others, "weight_decay": 0.0}],)
    return args, kwargs
