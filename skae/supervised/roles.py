"""What an autoencoder with a head does beside predicting: codes and reconstructions."""

from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted


class EncoderRoles(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Encode and decode by `encoder_`.

    A class that mixes this in has `encoder_`, `coef_` and `intercept_`.
    """

    def transform(self, X) -> np.ndarray:
        """Encode rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: frames, images, series.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            In the dtype of X if that is a float.
        """
        check_is_fitted(self)
        return self.encoder_._encode(self.encoder_._samples(X))

    def inverse_transform(self, X) -> Any:
        """Decode codes to rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            In units of the training rows and in their form.
        """
        check_is_fitted(self)
        return self.encoder_.inverse_transform(X)

    def reconstruct(self, X) -> Any:
        """Encode and decode rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: frames, images, series.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            In units of X and in its form.
        """
        check_is_fitted(self)
        return self.encoder_.reconstruct(X)

    @property
    def _n_features_out(self):
        return self.encoder_.n_components_

    def _decisions(self, X):
        """Return what the head gives for rows, (n_samples, n_outputs)."""
        check_is_fitted(self)
        codes = self.encoder_._encode(self.encoder_._samples(X))
        weight = self.coef_.astype(codes.dtype).reshape(-1, codes.shape[1])
        return codes @ weight.T + np.asarray(self.intercept_, dtype=codes.dtype)
