"""What a fitted autoencoder says of rows: codes, reconstructions and errors."""

import math
from numbers import Integral

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skae.engine.batches import (
    Scaling,
    contiguous_blocks,
    dense_rows,
    with_beside,
    working_dtype,
)
from skae.ragged import Ragged
from skae.validation import RowCheck, as_codes, as_rows, like_input


class InferenceMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """The roles of a transformer and of a model, block by block over `net_`."""

    def transform(self, X):
        """Encode rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: images, series, tokens.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components_)
            In the dtype of X if that is a float.
        """
        check_is_fitted(self)
        return self._encode(as_rows(self, X))

    def hidden_representation(self, X, layer):
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
        X = as_rows(self, X)
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
            return self._encode(X)
        layer %= len(sizes) + 1
        return self._map(
            X, lambda net, x: net.body.hidden_outputs(x)[layer], sizes[layer]
        )

    def inverse_transform(self, X):
        """Decode codes to rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components_)

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            In units of the training rows, and in their form: an array of the shape of
            images, a list of series.
        """
        check_is_fitted(self)
        rows = self._decode(as_codes(self, X, self.n_components_))
        return self._codec.restore(rows)

    def reconstruct(self, X):
        """Encode and decode rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: images, series, tokens.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            In units of X and in its form.
        """
        check_is_fitted(self)
        return self._codec.restore(self._reconstruct(as_rows(self, X)))

    def reconstruction_error(self, X, *, per_feature=False):
        """Return the loss of each row's reconstruction, or of each of its cells.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: images, series, tokens.
        per_feature : bool, default=False
            Whether to return the cells. Their mean over a row is the row's loss, their
            sum where the estimator is variational.

        Returns
        -------
        error : ndarray of shape (n_samples,), or (n_samples, n_features)
            In units of the loss: of X squared for squared error, nats for a likelihood,
            negative where a density is above 1. Per feature it has the form of X: a
            frame with the names of the features, a list of arrays.
        """
        check_is_fitted(self)
        rows = as_rows(self, X)
        if per_feature:
            return like_input(self, X, self._cell_losses(rows))
        return self._reconstruction_losses(rows)

    def score(self, X, y=None):
        """Return minus the mean loss of the rows, without penalties.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: images, series, tokens.
        y : Ignored

        Returns
        -------
        score : float
            Higher is better. Scores of different losses do not compare. Of a
            variational estimator it is the mean evidence lower bound, in nats.
        """
        check_is_fitted(self)
        return -float(self._row_losses(as_rows(self, X)).mean())

    # Private twins of a validated X. `beside` is what stands beside the rows for the
    # network, an array of shape (n_samples, n), or None.

    def _encode(self, X, beside=None):
        return self._map(
            X, lambda net, x: net.encode(x), self.n_components_, beside=beside
        )

    def _decode(self, codes, beside=None, read=None):
        """Decode codes; `read` makes rows of the decoder's output, None their means."""
        read = self.net_.criterion_.reconstruction if read is None else read
        decoded = self._map(
            codes,
            lambda net, code: net.decode_rows(code, read),
            self._n_values_decoded,
            scaling=Scaling(None),
            beside=beside,
        )
        return self._scaling.inverse(decoded)

    def _reconstruct(self, X, beside=None):
        read = self.net_.criterion_.reconstruction
        rows = self._map(
            X, lambda net, x: net.reconstruction(x, read), X.shape[1], beside=beside
        )
        return self._scaling.inverse(rows)

    def _cell_losses(self, X, beside=None):
        """Return the loss of each cell, in units of X; NaN beyond the end of a row."""
        criterion = self.net_.criterion_

        def compute(net, x):
            losses = criterion.per_element(net.output(x), x)
            return torch.where(net.rows(x).isnan(), torch.nan, losses)

        losses = self._map(
            X, compute, X.shape[1], value_range=self.loss_.range, beside=beside
        )
        losses *= self.loss_.unit(self.scale_)
        losses += self.loss_.shift(self.scale_)
        return losses

    def _reconstruction_losses(self, X, beside=None):
        return self._row_losses(X, beside)

    def _row_losses(self, X, beside=None):
        """Return the loss of each row, in units of X."""
        criterion = self.net_.criterion_
        losses = self._map(
            X,
            lambda net, x: criterion.row_losses(net.output(x), x),
            value_range=self.loss_.range,
            beside=beside,
        )
        losses *= self.loss_.unit(self.scale_)
        losses += self._row_shift(X)
        return losses

    def _map(
        self,
        X,
        compute,
        *width,
        scaling=None,
        value_range=(-np.inf, np.inf),
        beside=None,
    ):
        """Apply ``compute(module, rows)`` to blocks of X, in the dtype of X.

        Returns an ndarray of shape (n_samples, *width).
        """
        scaling = self._scaling if scaling is None else scaling
        dtype = working_dtype(X.dtype)
        module = self.net_.module_for(dtype)
        device = next(module.parameters()).device
        check = self._row_check(value_range)
        has_range = value_range != (-np.inf, np.inf)
        ragged = isinstance(X, Ragged)
        if ragged:
            check.all(X)
        results = np.full((X.shape[0], *width), np.nan, dtype=dtype)
        with torch.inference_mode():
            for start, stop in contiguous_blocks(
                X, self.n_components_, self._n_hidden_values
            ):
                rows = scaling.take(X, slice(start, stop), dtype)
                # A sum that is finite clears the block at the price of one read.
                if not ragged and (has_range or not torch.isfinite(rows.sum())):
                    check(dense_rows(X, slice(start, stop)), start)
                rows = with_beside(rows, beside, slice(start, stop))
                result = compute(module, rows.to(device)).cpu().numpy()
                within = results[start:stop]
                if width:  # of ragged rows a block may be narrower
                    within = within[:, : result.shape[1]]
                within[...] = result
        return results

    @property
    def _n_values_decoded(self):
        """How many values a row that is decoded from a code has at most."""
        lengths = self.net_.module_.lengths
        *_, n_channels = shape = self._codec.shape
        return math.prod(shape) if lengths is None else lengths.longest * n_channels

    @property
    def _n_hidden_values(self):
        """How many values a row is in the network's widest layer."""
        shape = self._codec.shape
        if shape[0] is None:
            shape = (self.net_.module_.lengths.longest, *shape[1:])
        return self.architecture_.n_hidden_values(shape)

    def _row_check(self, value_range=None, name="X"):
        return RowCheck(
            owner=type(self).__name__,
            loss=type(self.loss_).__name__,
            value_range=self.loss_.target_range if value_range is None else value_range,
            columns=getattr(self, "feature_names_in_", None),
            name=name,
            place=self._codec.place,
        )

    @property
    def device_(self):
        """The device that the network is on, "cpu", "cuda" or "mps"."""
        check_is_fitted(self)
        return self.net_.device

    @property
    def input_shape_(self):
        """The shape of one row of X; None stands for a length that varies."""
        check_is_fitted(self)
        return self._codec.shape

    @property
    def _scaling(self):
        return Scaling(self.mean_, self.scale_)

    def get_feature_names_out(self, input_features=None):
        """Return the names of the components: the class's name and a number.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Compared with `feature_names_in_` where X is a table.

        Returns
        -------
        names : ndarray of str of shape (n_components_,)
        """
        check_is_fitted(self)
        return super().get_feature_names_out(
            input_features if self._codec.is_table else None
        )

    @property
    def _n_features_out(self):
        return self.n_components_
