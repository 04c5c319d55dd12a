"""Autoencoders as scikit-learn estimators."""

from skae.architectures import Architecture, Dense
from skae.autoencoders import Autoencoder
from skae.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    Huber,
    Loss,
    Poisson,
    SquaredError,
)

__version__ = "0.1.0.dev0"

__all__ = [
    "AbsoluteError",
    "Architecture",
    "Autoencoder",
    "BinaryCrossEntropy",
    "Dense",
    "Huber",
    "Loss",
    "Poisson",
    "SquaredError",
]
