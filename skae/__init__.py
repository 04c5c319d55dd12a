"""Autoencoders as scikit-learn estimators."""

from skae.architectures import Architecture, Dense
from skae.autoencoders import (
    Autoencoder,
    ConditionalVariationalAutoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    StackedAutoencoder,
    VariationalAutoencoder,
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
    Gaussian,
    Huber,
    Laplace,
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
    "ConditionalVariationalAutoencoder",
    "ContractiveAutoencoder",
    "Corruption",
    "DenoisingAutoencoder",
    "Dense",
    "Gaussian",
    "GaussianNoise",
    "Huber",
    "KLSparsity",
    "L1",
    "Laplace",
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
    "VariationalAutoencoder",
]
