"""Objectives: an estimator and all that it trains, each in a place of its own."""

from skae.autoencoders.clustering import DeepEmbeddedClustering
from skae.autoencoders.conditional import ConditionalVariationalAutoencoder
from skae.autoencoders.contractive import ContractiveAutoencoder
from skae.autoencoders.denoising import DenoisingAutoencoder
from skae.autoencoders.neighbors import NeighborAutoencoder
from skae.autoencoders.pairs import EncoderDecoderRegressor
from skae.autoencoders.plain import Autoencoder
from skae.autoencoders.sparse import SparseAutoencoder
from skae.autoencoders.stacked import StackedAutoencoder
from skae.autoencoders.total_correlation import BetaTCVAE
from skae.autoencoders.variational import VariationalAutoencoder
from skae.autoencoders.wasserstein import WassersteinAutoencoder

__all__ = [
    "Autoencoder",
    "BetaTCVAE",
    "ConditionalVariationalAutoencoder",
    "ContractiveAutoencoder",
    "DeepEmbeddedClustering",
    "DenoisingAutoencoder",
    "EncoderDecoderRegressor",
    "NeighborAutoencoder",
    "SparseAutoencoder",
    "StackedAutoencoder",
    "VariationalAutoencoder",
    "WassersteinAutoencoder",
]
