"""What may take skorch's seats: optimizers by name, callbacks, further parameters."""

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
