"""Autoencoders as scikit-learn estimators."""

from skae.architectures import Architecture, Dense
from skae.autoencoders import (
    Autoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    StackedAutoencoder,
)
from skae.corruption import (
    Corruption,
    GaussianNoise,
    MaskingNoise,
    SaltAndPepperNoise,
    SwapNoise,
)
from skae.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    Huber,
    Loss,
    Poisson,
    SquaredError,
)
from skae.sparsity import L1, KLSparsity, Sparsity, TopK

__version__ = "0.1.0.dev0"

__all__ = [
    "AbsoluteError",
    "Architecture",
    "Autoencoder",
    "BinaryCrossEntropy",
    "ContractiveAutoencoder",
    "Corruption",
    "DenoisingAutoencoder",
    "Dense",
    "GaussianNoise",
    "Huber",
    "KLSparsity",
    "L1",
    "Loss",
    "MaskingNoise",
    "Poisson",
    "SaltAndPepperNoise",
    "SparseAutoencoder",
    "Sparsity",
    "SquaredError",
    "StackedAutoencoder",
    "SwapNoise",
    "TopK",
]
