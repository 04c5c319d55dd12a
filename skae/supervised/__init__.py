"""Autoencoders that learn labels or numbers beside the rows."""

from skae.supervised.classifier import AutoencoderClassifier
from skae.supervised.regressor import AutoencoderRegressor

__all__ = ["AutoencoderClassifier", "AutoencoderRegressor"]
