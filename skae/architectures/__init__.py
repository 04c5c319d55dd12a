"""Architectures: parameter objects that make the two halves of a network."""

from skae.architectures.base import Architecture
from skae.architectures.dense import Dense

__all__ = ["Architecture", "Dense"]
