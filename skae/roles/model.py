"""The role of a model of the data: reconstructions and what they cost."""

from typing import Any

import torch
from sklearn.utils.validation import check_is_fitted

from skae.data.frames import in_memory


class DataModel:
    """Reconstruct rows, and tell the loss of each row or cell.

    A class that mixes this in has `_samples`, `_predictor`, `_network_loss`, `_codec`
    and `net_`.
    """

    def reconstruct(self, X) -> Any:
        """Encode and decode rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: images, series, tokens.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            In units of X and in its form: a frame of its kind, with its columns and
            index, if it is one.
        """
        check_is_fitted(self)
        X = in_memory(X)
        return self._codec.restore_like(self._reconstruct(self._samples(X)), X)

    def reconstruction_error(self, X, *, per_feature=False) -> Any:
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
            frame with the names of the features, a list of arrays. NaN where a cell is
            missing.
        """
        check_is_fitted(self)
        return self._errors(X, per_feature)

    def score(self, X, y=None) -> float:
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
        return -float(self._row_losses(self._samples(X)).mean())

    def _reconstruct(self, samples):
        """Return flat rows, in units of X, from the codes of samples alone."""
        read = self.net_.criterion_.reconstruction

        def compute(net, batch):
            output = net.decode(net.encode(batch), batch._replace(x=None))
            return read(output), batch.lengths

        rows = self._predictor.map_rows(samples, compute)
        return self._predictor.fields.scaling.inverse(rows)

    def _errors(self, X, per_feature, *condition):
        X = in_memory(X)
        samples = self._samples(X, *condition)
        if per_feature:
            cells = self._cell_losses(samples)
            return self._codec.restore_like(cells, X, cells=True)
        return self._reconstruction_losses(samples)

    def _cell_losses(self, samples):
        """Return the loss of each cell, in units of X."""
        criterion = self.net_.criterion_
        return self._mapped_cells(
            samples,
            lambda net, batch: criterion.cells(
                net.decode(net.encode(batch), batch), batch
            ),
        )

    def _mapped_cells(self, samples, cells_of):
        """Return ``cells_of(net, batch)`` in units of X, NaN where one is missing."""

        def compute(net, batch):
            cells = cells_of(net, batch)
            cells = cells.masked_fill(cells.isnan(), torch.inf)  # of what overflowed
            observed = self.net_.criterion_.observed_cells(batch)
            if observed is not None:
                cells = cells.masked_fill(~observed, torch.nan)
            return cells, batch.lengths

        losses = self._predictor.map_rows(
            samples, compute, value_range=self.loss_.range
        )
        return self._network_loss.of_cells(losses)

    def _reconstruction_losses(self, samples):
        """Return the loss of the reconstruction of each row, in units of X."""
        return self._row_losses(samples)

    def _row_losses(self, samples):
        """Return the loss of each row, in units of X."""
        criterion = self.net_.criterion_

        def compute(net, batch):
            return criterion.row_losses(net.decode(net.encode(batch), batch), batch)

        losses = self._predictor.map(samples, compute, value_range=self.loss_.range)
        return self._network_loss.of_rows(losses, samples)
