"""Objectives: one estimator class per kind of autoencoder."""

from skae.autoencoders.contractive import ContractiveAutoencoder
from skae.autoencoders.denoising import DenoisingAutoencoder
from skae.autoencoders.plain import Autoencoder
from skae.autoencoders.sparse import SparseAutoencoder
from skae.autoencoders.stacked import StackedAutoencoder

__all__ = [
    "Autoencoder",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "SparseAutoencoder",
    "StackedAutoencoder",
]
