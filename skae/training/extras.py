"""What users hand to skorch: callbacks and further parameters of the net."""

import copy
import inspect

import skorch

# skorch's parameters that an estimator sets from its own.
_OURS = {
    "module", "criterion", "optimizer", "lr", "max_epochs", "batch_size", "device",
    "callbacks", "seed", "loss", "weight_decay", "train_split", "warm_start", "dtype",
}  # fmt: skip
_SKORCHS = set(inspect.signature(skorch.NeuralNet).parameters) - {"kwargs"}


def check_extras(net_params, callbacks):
    """Raise for callbacks that are none and parameters that are not for `net_params`.

    Parameters
    ----------
    net_params : dict
    callbacks : list
    """
    taken = sorted(_OURS & set(net_params))
    if taken:
        raise ValueError(f"net_params holds {taken}: the estimator's own parameters.")
    for key in net_params:
        part = str(key).partition("__")[0]
        if part not in _SKORCHS:
            raise ValueError(
                f"net_params holds {key!r}, which is no parameter of the net, nor of a "
                "part of it, such as optimizer__betas."
            )
        if part in ("module", "criterion"):
            raise ValueError(f"net_params holds {key!r}: that is the estimator's own.")
    for key in ("dataset", "iterator_train", "iterator_valid"):
        value = net_params.get(key, skorch.dataset.Dataset)
        if not callable(value):
            raise TypeError(f"net_params[{key!r}] must be a class, not {value!r}.")
        further = [other for other in net_params if other.startswith(f"{key}__")]
        if further and key not in net_params:
            raise ValueError(
                f"net_params holds {further[0]!r}, which is for another {key!r}, such "
                "as torch.utils.data.DataLoader: give that too."
            )
    for callback in callbacks:
        named = isinstance(callback, tuple)
        if named and (len(callback) != 2 or not isinstance(callback[0], str)):
            raise TypeError(
                "callbacks takes callbacks or pairs of a name and one, not "
                f"{callback!r}."
            )
        one = callback[1] if named else callback
        kind = one if isinstance(one, type) else type(one)
        if not issubclass(kind, skorch.callbacks.Callback):
            raise TypeError(f"callbacks takes skorch callbacks, not {callback!r}.")


def copied(callbacks):
    """Return shallow copies of callbacks: what they hold is the user's own."""
    return None if callbacks is None else [_copied(callback) for callback in callbacks]


def _copied(callback):
    if isinstance(callback, tuple):
        name, one = callback
        return name, _copied(one)
    return callback if isinstance(callback, type) else copy.copy(callback)
