"""Finds every public class of skae by kind: a new class is tested without a list."""

import numpy as np
from sklearn.utils import get_tags
from sklearn.utils.validation import _num_samples

import skae
from skae.architectures import Architecture
from skae.autoencoders.base import BaseAutoencoder, BaseNetwork
from skae.corruption import Corruption
from skae.losses import Loss
from skae.roles.outliers import OutlierDetector
from skae.sparsity import Sparsity
from skae.supervised.base import SupervisedAutoencoder

PUBLIC = [getattr(skae, name) for name in skae.__all__]


def _of_kind(kind):
    return [
        value
        for value in PUBLIC
        if isinstance(value, type) and issubclass(value, kind) and value is not kind
    ]


ESTIMATORS = _of_kind(BaseAutoencoder)
PAIRED = [kind for kind in _of_kind(BaseNetwork) if kind not in ESTIMATORS]
ARCHITECTURES = _of_kind(Architecture)
CORRUPTIONS = _of_kind(Corruption)
ALL_LOSSES = _of_kind(Loss)
LOSSES = [kind for kind in ALL_LOSSES if not kind.scores_classes]  # of numbers
SPARSITIES = _of_kind(Sparsity)
CONDITIONAL = [kind for kind in ESTIMATORS if get_tags(kind()).target_tags.required]
DETECTORS = _of_kind(OutlierDetector)
SUPERVISED = _of_kind(SupervisedAutoencoder)
NESTED = ARCHITECTURES + CORRUPTIONS + ALL_LOSSES + SPARSITIES


def dimmed(x, generator):
    """Return rows of X, each with less of it: a function that corrupts."""
    factors = x.new_empty(len(x), *[1] * (x.ndim - 1))
    return x * factors.uniform_(0.5, 1, generator=generator)


def made(kind, **parameters):
    """Return an object of a kind; one that takes a function has one."""
    if kind is skae.FunctionCorruption:
        parameters = {"function": dimmed, **parameters}
    return kind(**parameters)


def name_of(value):
    """Name a parametrised case."""
    return value.__name__ if isinstance(value, type) else repr(value)


def fitted(model, X, **kwargs):
    """Fit a model to rows, of three labels in turn where it needs labels."""
    if type(model) in CONDITIONAL:
        return model.fit(X, np.arange(_num_samples(X)) % 3, **kwargs)
    return model.fit(X, **kwargs)
