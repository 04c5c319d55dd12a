"""Objectives: one estimator class per kind of autoencoder."""

from skae.autoencoders.plain import Autoencoder

__all__ = ["Autoencoder"]
