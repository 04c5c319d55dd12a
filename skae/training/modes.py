"""The modes of torch that skae runs under, whatever those of the caller are."""

from contextlib import ExitStack, contextmanager
from importlib import import_module

import torch

_KINDS = ("cpu", "cuda", "mps")


@contextmanager
def own_modes(*, gradients):
    """Run the block without the caller's autocast, default device and gradient mode.

    All of them are of this thread; nothing of the process is changed.

    Parameters
    ----------
    gradients : bool
        Whether operations are recorded, for training.
    """
    if gradients:
        import_module("torch._dynamo")  # any first optimizer's: not under our modes

    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(not gradients))
        stack.enter_context(torch.set_grad_enabled(gradients))
        for kind in _KINDS:
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield
