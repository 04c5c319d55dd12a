"""Randomness that belongs to one estimator and leaves the global generators alone."""

import threading
from contextlib import contextmanager
from functools import cache
from numbers import Integral

import numpy as np
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

_lock = threading.RLock()

_aten = torch.ops.aten
_MAKES_FLOATS = {_aten.empty, _aten.zeros, _aten.ones, _aten.rand, _aten.randn}

# Modules of torch that draw from the global generator and take no other.
_GLOBAL_DRAWERS = (nn.modules.dropout._DropoutNd, nn.RNNBase, nn.MultiheadAttention)


def draw_seed(random_state):
    """Draw the seed of one fit.

    Parameters
    ----------
    random_state : int, numpy.random.RandomState or None
        None gives fresh entropy: NumPy's global generator is neither read nor moved.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If it is something else.
    """
    if random_state is None:
        return int(np.random.SeedSequence().entropy % (2**31))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    is_number = isinstance(random_state, Integral) and not isinstance(
        random_state, bool
    )
    if not is_number or not 0 <= random_state < 2**32:
        raise ValueError(
            f"random_state={random_state!r} must be an integer from 0 to 2**32 - 1, a "
            "numpy.random.RandomState or None."
        )
    return int(random_state)


def make_generator(seed, device="cpu"):
    """Return a torch generator of its own, started at `seed`."""
    generator = torch.Generator(device=device)
    generator.manual_seed(seed)
    return generator


class OwnDraws(TorchDispatchMode):
    """Draw from a generator inside the block whatever would draw from torch's own.

    For code that takes no generator, such as the constructors of torch's layers. In
    this thread alone, on the CPU. Tensors are of float32 there, if nothing is said of
    their dtype, whatever torch's default is.

    Parameters
    ----------
    generator : torch.Generator

    Attributes
    ----------
    n_draws : int
        How often something was drawn that named no generator.
    """

    def __init__(self, generator):
        super().__init__()
        self.generator = generator
        self.n_draws = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        """Call an operation of torch, by the generator if it draws."""
        kwargs = kwargs or {}
        drawn = _taking_generator(function)
        if drawn is not None and kwargs.get("generator") is None:
            self.n_draws += 1
            function, kwargs = drawn, {**kwargs, "generator": self.generator}
        if function.overloadpacket in _MAKES_FLOATS:
            kwargs = {"dtype": torch.float32, **kwargs}
        return function(*args, **kwargs)


@cache
def _taking_generator(function):
    """Return the form of an operation that takes a generator; None if it draws not."""
    if torch.Tag.nondeterministic_seeded not in function.tags:
        return None
    name = function._overloadname
    named = "generator" if name == "default" else f"{name}_generator"
    for form in (name, named, name.replace("_", "_generator_")):
        found = getattr(function.overloadpacket, form, None)
        if found and "generator" in (part.name for part in found._schema.arguments):
            return found
    return None


@contextmanager
def global_draws(seed, device):
    """Seed torch's global generators inside the block and put them back after it.

    One thread at a time: for accelerators, whose kernels take no generator.
    """
    device = torch.device(device)
    on_cuda = device.type == "cuda"
    with _lock, torch.random.fork_rng(devices=[device] if on_cuda else []):
        torch.default_generator.manual_seed(seed)
        if on_cuda:
            torch.cuda.manual_seed(seed)
        yield


def bind_generator(module, generator):
    """Hand the generator to every submodule that has a place for one."""
    for part in module.modules():
        if "generator" in vars(part):
            part.generator = generator


def draws_globally(module):
    """Tell whether a training pass draws from torch's global generator."""
    return any(
        max(getattr(part, "p", 0), getattr(part, "dropout", 0)) > 0
        for part in module.modules()
        if isinstance(part, _GLOBAL_DRAWERS)
    )
