"""The conditional objective: a variational model of the rows, given what is known."""

from skae.autoencoders.conditional.estimator import ConditionalVariationalAutoencoder

__all__ = ["ConditionalVariationalAutoencoder"]
