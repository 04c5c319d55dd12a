"""Encoder-decoders: rows of one kind to rows of another."""

from skae.autoencoders.pairs.estimator import EncoderDecoderRegressor

__all__ = ["EncoderDecoderRegressor"]
