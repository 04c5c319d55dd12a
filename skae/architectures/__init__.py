"""Architectures: parameter objects that make the two halves of a network."""

from skae.architectures.base import Architecture, SequenceDecoder
from skae.architectures.convolutional import Convolutional
from skae.architectures.dense import Dense
from skae.architectures.recurrent import Recurrent
from skae.architectures.transformer import Transformer

__all__ = [
    "Architecture",
    "Convolutional",
    "Dense",
    "Recurrent",
    "SequenceDecoder",
    "Transformer",
]
