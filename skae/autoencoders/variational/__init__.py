"""The variational objective: module, bound, start, a model of the data."""

from skae.autoencoders.variational.bound import Bound
from skae.autoencoders.variational.estimator import VariationalAutoencoder
from skae.autoencoders.variational.model import VariationalModel
from skae.autoencoders.variational.module import VariationalForward, VariationalModule

__all__ = [
    "Bound",
    "VariationalAutoencoder",
    "VariationalForward",
    "VariationalModel",
    "VariationalModule",
]
