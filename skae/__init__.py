"""Autoencoders as scikit-learn estimators."""

from skae.architectures import (
    Architecture,
    Convolutional,
    Dense,
    Recurrent,
    Transformer,
)
from skae.autoencoders import (
    Autoencoder,
    BetaTCVAE,
    ConditionalVariationalAutoencoder,
    ContractiveAutoencoder,
    DeepEmbeddedClustering,
    DenoisingAutoencoder,
    EncoderDecoderRegressor,
    NeighborAutoencoder,
    SparseAutoencoder,
    StackedAutoencoder,
    VariationalAutoencoder,
    WassersteinAutoencoder,
)
from skae.columns import Columns
from skae.corruption import (
    Corruption,
    GaussianNoise,
    HiddenCells,
    MaskingNoise,
    SaltAndPepperNoise,
    SwapNoise,
    WordDropout,
)
from skae.distortion import Blur, FunctionCorruption
from skae.imputation import AutoencoderImputer
from skae.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    CrossEntropy,
    Gaussian,
    Huber,
    Laplace,
    Loss,
    Poisson,
    SquaredError,
)
from skae.preprocessing.text import SubwordTokenizer
from skae.preprocessing.windows import SlidingWindows
from skae.sparsity import L1, BatchTopK, KLSparsity, Sparsity, TopK
from skae.supervised import AutoencoderClassifier, AutoencoderRegressor

__version__ = "0.1.0.dev0"

__all__ = [
    "AbsoluteError",
    "Architecture",
    "Autoencoder",
    "AutoencoderClassifier",
    "AutoencoderImputer",
    "AutoencoderRegressor",
    "BatchTopK",
    "BetaTCVAE",
    "BinaryCrossEntropy",
    "Blur",
    "Columns",
    "ConditionalVariationalAutoencoder",
    "ContractiveAutoencoder",
    "Convolutional",
    "Corruption",
    "CrossEntropy",
    "DeepEmbeddedClustering",
    "DenoisingAutoencoder",
    "Dense",
    "EncoderDecoderRegressor",
    "FunctionCorruption",
    "Gaussian",
    "GaussianNoise",
    "HiddenCells",
    "Huber",
    "KLSparsity",
    "L1",
    "Laplace",
    "Loss",
    "MaskingNoise",
    "NeighborAutoencoder",
    "Poisson",
    "Recurrent",
    "SaltAndPepperNoise",
    "SlidingWindows",
    "SparseAutoencoder",
    "Sparsity",
    "SquaredError",
    "StackedAutoencoder",
    "SubwordTokenizer",
    "SwapNoise",
    "TopK",
    "Transformer",
    "VariationalAutoencoder",
    "WassersteinAutoencoder",
    "WordDropout",
]
