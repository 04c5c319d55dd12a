"""Finds every public class of skae by kind: a new class is tested without a list."""

import skae
from skae.architectures import Architecture
from skae.base import BaseAutoencoder
from skae.corruption import Corruption
from skae.losses import Loss
from skae.sparsity import Sparsity

PUBLIC = [getattr(skae, name) for name in skae.__all__]


def _of_kind(kind):
    return [
        value
        for value in PUBLIC
        if isinstance(value, type) and issubclass(value, kind) and value is not kind
    ]


ESTIMATORS = _of_kind(BaseAutoencoder)
ARCHITECTURES = _of_kind(Architecture)
CORRUPTIONS = _of_kind(Corruption)
LOSSES = _of_kind(Loss)
SPARSITIES = _of_kind(Sparsity)
NESTED = ARCHITECTURES + CORRUPTIONS + LOSSES + SPARSITIES


def name_of(value):
    """Name a parametrised case."""
    return value.__name__ if isinstance(value, type) else repr(value)
