"""Randomness that belongs to one estimator and leaves the global generators alone."""

import threading
from contextlib import contextmanager
from numbers import Integral

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import nn

_lock = threading.RLock()

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
    """
    if random_state is None:
        return int(np.random.SeedSequence().entropy % (2**31))
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def make_generator(seed, device="cpu"):
    """Return a torch generator of its own, started at `seed`."""
    generator = torch.Generator(device=device)
    generator.manual_seed(seed)
    return generator


@contextmanager
def global_draws(seed, device="cpu"):
    """Seed torch's global generators inside the block and put them back after it.

    One thread at a time: for code that takes no generator, such as the
    constructors of torch's layers.
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
