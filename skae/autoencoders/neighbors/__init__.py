"""Objectives of pairs of neighbours."""

from skae.autoencoders.neighbors.estimator import NeighborAutoencoder

__all__ = ["NeighborAutoencoder"]
