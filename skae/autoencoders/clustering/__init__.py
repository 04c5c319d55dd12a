"""Deep embedded clustering."""

from skae.autoencoders.clustering.estimator import DeepEmbeddedClustering

__all__ = ["DeepEmbeddedClustering"]
