"""The role of a transformer: rows to codes and back."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skae.data.checks import as_codes
from skae.data.frames import in_memory
from skae.data.samples import Samples


class CodeTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Encode and decode.

    A class that mixes this in has `_samples`, `_predictor`, `_codec` and `net_`.
    """

    def transform(self, X) -> np.ndarray:
        """Encode rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: images, series, tokens.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            In the dtype of X if that is a float.
        """
        check_is_fitted(self)
        return self._encode(self._samples(X))

    def hidden_representation(self, X, layer) -> np.ndarray:
        """Return what a layer of a dense encoder makes of rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: images, series, tokens.
        layer : int
            0 is the first hidden layer; the last one is the code. Negative numbers
            count from there: -1 is the code, -2 the last hidden layer.

        Returns
        -------
        outputs : ndarray of shape (n_samples, n_units)
            After the activation of the layer.

        Raises
        ------
        ValueError
            If there is no such layer.
        """
        check_is_fitted(self)
        samples = self._samples(X)
        body = self.net_.module_.body
        if not hasattr(body, "hidden_outputs"):
            raise ValueError(
                f"architecture={self.architecture_!r} has no numbered hidden layers; "
                "Dense has."
            )
        sizes = [linear.out_features for linear in body.linears]
        is_number = isinstance(layer, Integral) and not isinstance(layer, bool)
        if not is_number or not -len(sizes) - 1 <= layer <= len(sizes):
            raise ValueError(
                f"layer={layer!r} does not exist: hidden layers are 0 to "
                f"{len(sizes) - 1}, the code is {len(sizes)}."
            )
        if layer in (-1, len(sizes)):
            return self._encode(samples)
        layer %= len(sizes) + 1
        return self._predictor.map(
            samples,
            lambda net, batch: net.body.hidden_outputs(batch.x)[layer],
            sizes[layer],
        )

    def inverse_transform(self, X) -> Any:
        """Decode codes to rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            In units of the training rows, and in their form: an array of the shape of
            images, a list of series, a frame with the names of the features.
        """
        check_is_fitted(self)
        rows = self._decode(as_codes(self, X, self.n_components_))
        return self._codec.restore_new(rows, X)

    def _samples(self, X, name="X"):
        """Return X, which was not trained on, as samples."""
        return Samples(self._codec.rows(self, in_memory(X, name), name=name))

    def _encode(self, samples):
        """Return the codes of samples."""
        return self._predictor.encode(samples)

    def _decode(self, codes, condition=None, read=None, lengths=None):
        """Decode codes to flat rows in units of X.

        `read` makes rows of the decoder's output; None their means. `lengths` are the
        steps of the rows, where they vary; None those that the codes tell.
        """
        read = self.net_.criterion_.reconstruction if read is None else read
        codes = Samples(codes, condition=condition, lengths=lengths)
        return self._predictor.decode(codes, read)

    def get_feature_names_out(self, input_features=None) -> np.ndarray:
        """Return the names of the components: the class's name and a number.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Compared with `feature_names_in_` where X is a table.

        Returns
        -------
        names : ndarray of str of shape (n_components,)
        """
        check_is_fitted(self)
        return super().get_feature_names_out(
            input_features if self._codec.is_table else None
        )

    @property
    def _n_features_out(self):
        return self.n_components_
