"""The role of a transformer: rows to codes and back."""

import copy
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skae.architectures.taps import outputs_of
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

    def hidden_representation(self, X, layer, *, side="encoder") -> np.ndarray:
        """Return what a hidden layer makes of rows.

        Layers are those of `Dense`, the stages of `Convolutional`, the recurrent layers
        of `Recurrent` and the blocks of `Transformer`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: images, series, tokens.
        layer : int
            0 is the first hidden layer. Negative numbers count from the last one: of
            the encoder the code, so that -2 is its last hidden layer, of the decoder
            its last hidden layer.
        side : {"encoder", "decoder"}, default="encoder"
            Whose layers are numbered.

        Returns
        -------
        outputs : ndarray of shape (n_samples, n_units)
            After the activation of the layer; maps of channels and steps of units are
            flat, channels or steps first.

        Raises
        ------
        ValueError
            If there is no such layer, or rows are of unequal length.
        """
        check_is_fitted(self)
        samples = self._samples(X)
        if side not in ("encoder", "decoder"):
            raise ValueError(f'side={side!r} must be "encoder" or "decoder".')
        module = self.net_.module_
        of_encoder = side == "encoder"
        part = module.body if of_encoder else module.decoder
        if not hasattr(part, "hidden_layers") or None in self._codec.shape:
            raise ValueError(
                f"architecture={self.architecture_!r} has no numbered hidden layers "
                "here: those of skae have, for rows of one length."
            )
        n_layers = len(part.hidden_layers())
        n_known = n_layers + of_encoder  # the code is the last layer of the encoder
        is_number = isinstance(layer, Integral) and not isinstance(layer, bool)
        if not is_number or not -n_known <= layer < n_known:
            code = f", the code is {n_layers}" if of_encoder else ""
            raise ValueError(
                f"layer={layer!r} does not exist: hidden layers of the {side} are 0 to "
                f"{n_layers - 1}{code}."
            )
        layer = int(layer) % n_known
        if of_encoder and layer == n_layers:
            return self._encode(samples)
        copies = {}  # whose hooks no other thread meets

        def compute(net, batch):
            if net not in copies:
                copies[net] = copy.deepcopy(net)
            net = copies[net]
            part = net.body if of_encoder else net.decoder

            def run():
                if of_encoder:
                    net.body(net.seen(batch))
                else:
                    net.decode(net.encode(batch), batch)

            (output,) = outputs_of([part.hidden_layers()[layer]], run)
            return output, None

        return self._predictor.map_rows(samples, compute)

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
