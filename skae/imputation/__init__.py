"""Missing cells filled by autoencoders, beside scikit-learn's imputers."""

from skae.imputation.imputer import AutoencoderImputer

__all__ = ["AutoencoderImputer"]
