"""The role of an explanation: which columns make a row strange, and what they miss."""

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skae.codecs.frames import as_frame, index_of
from skae.data.frames import in_memory, kind_of_frame, names_of
from skae.data.ragged import Ragged
from skae.data.samples import dense_rows, working_dtype
from skae.roles.residuals import UsualRows

CODE = "(code)"  # the name of what belongs to no column
_METHODS = ("auto", "removal", "loss")
_TRIED = 16  # columns of a row whose loss is largest, of which one is taken out
_MOST_REMOVED = 8  # columns of a row
_ORDINARY = 0.2  # of normal rows have a larger loss than a row that is left alone
_BLOCK_VALUES = 2**22  # of the rows that are tried at once
_ROUNDING = 1e-3  # of a row's losses: less belongs to columns
_USUAL_ROWS = 1000  # that tell which residuals and codes are usual
_MOST_VALUES = 512  # cells and units of the code, whose covariance is worth its price


class Explainer:
    """Tell the share of each column in the score of a row.

    A class that mixes this in has `score_samples`, `_outlier_losses`, which is minus
    the scores of samples, and the methods of :class:`DataModel`.
    """

    # What rows are compared with, of which columns are taken out; None is by the loss.
    _usual = None

    def explain(self, X, *, method="auto", return_expected=False) -> Any:
        """Tell which columns make a row strange: the share of each in its score.

        The shares of a row sum to minus its `score_samples`. A strange value spoils
        the code, and by it the reconstruction of other columns. In tables columns are
        therefore taken out of a row, by treating them as missing: first the one
        without which the loss falls most, then again until a fifth of normal rows have
        a larger loss than what is left, at most 8. Where losses are no nats, what is
        left is compared by the Mahalanobis distance of its residuals and its code among
        those of training rows (of at most 512 columns and units). Each column taken out
        has for its share what the loss falls by, all others have their own loss beside
        what is left.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: images, series, tokens.
        method : {"auto", "removal", "loss"}, default="auto"
            "removal" as above, about 20 times the price of `score_samples` for each
            column that is taken out; for tables only. "loss": the loss of each cell,
            beside all others, at the price of `score_samples`. "auto": removal for
            tables, else the losses.
        return_expected : bool, default=False
            Whether to return what was expected in the place of X, too.

        Returns
        -------
        shares : frame of shape (n_samples, n_features), or array or list like X
            In units of `score_samples`; 0 where a cell is missing. Of a table it is a
            frame of X's kind, of pandas where X is an array. What belongs to no column,
            as a divergence of the code, is its last column, "(code)", where the score
            has such a part. Of images it is an array of maps, of series there is a
            value for each step and channel; their sum is without that part.
        expected : like X
            Reconstruction of the rows without what was taken out of them, in units of X
            and in its form. Returned if `return_expected` is True.
        """
        check_is_fitted(self)
        return self._explain(X, method, return_expected)

    def _explain(self, X, method, return_expected, *condition):
        if method not in _METHODS:
            raise ValueError(f"method={method!r} must be one of {_METHODS}.")
        X = in_memory(X)
        samples = self._samples(X, *condition)
        losses = self._outlier_losses(samples)
        cells = self._score_cells(samples)
        columns = None
        if method != "loss":
            columns = self._removable(samples, cells)
        if method == "removal" and columns is None:
            raise ValueError(
                "method='removal' takes columns out of a table, and X is none. Set "
                "method='loss'."
            )
        gaps, fallen = samples, None
        if columns is not None:
            gaps, fallen, cells = self._without_strange(samples, losses, cells, columns)
        shares, rest = self._shares(losses, cells, fallen)
        shares = self._framed(shares, rest, losses, X)
        if not return_expected:
            return shares
        return shares, self._codec.restore_like(self._reconstruct(gaps), X)

    def _score_cells(self, samples):
        """Return the loss of each cell as it is part of the score, NaN if missing."""
        return self._cell_losses(samples)

    def _learn_usual(self, samples):
        """Keep which residuals and codes training rows have, of a table."""
        n_rows = min(len(samples), _USUAL_ROWS)
        rows = samples[np.linspace(0, len(samples) - 1, n_rows).astype(int)]
        cells = self._score_cells(rows)
        n_values = cells.shape[1] + self.n_components_
        if n_values <= _MOST_VALUES and self._removable(rows, cells) is not None:
            self._usual = UsualRows.of(
                self._residuals(rows, cells),
                self._encode(rows),
                is_diagonal=self._codec.fields.by_column,
            )

    def _residuals(self, samples, cells):
        """Return the roots of the losses of cells, of numbers alone with a sign."""
        roots = np.sqrt(np.maximum(cells.astype(np.float64), 0))
        if self._codec.fields.by_column:
            return roots
        x = np.asarray(dense_rows(samples.X, slice(None)), dtype=np.float64)
        return np.copysign(roots, x - self._reconstruct(samples))

    @property
    def _has_code_share(self):
        """Whether a part of the score is of the code, and of no column."""
        return False

    def _removable(self, samples, cells):
        """Return the columns of flat rows that each cell of a table is, or None."""
        if not self._codec.is_table or isinstance(samples.X, Ragged):
            return None
        fields = self._codec.fields
        columns = np.arange(samples.shape[1])[:, None]
        if fields.by_column:
            columns = [np.r_[field.columns] for field in fields.fields]
        return columns if len(columns) == cells.shape[1] else None

    def _without_strange(self, samples, losses, cells, columns):
        """Take strange columns out of rows; see :meth:`explain`.

        Parameters
        ----------
        samples : Samples
        losses : ndarray of shape (n_samples,)
        cells : ndarray of shape (n_samples, n_cells)
        columns : sequence of ndarray of int
            Of the flat rows, for each cell.

        Returns
        -------
        samples : Samples
            With NaN in the columns taken out.
        fallen : ndarray of shape (n_samples, n_cells)
            What the loss, summed over cells, fell by with each of them.
        cells : ndarray of shape (n_samples, n_cells)
            The losses of those left, NaN in the place of the others.
        """
        n_tried = min(_TRIED, len(columns))
        step = max(1, _BLOCK_VALUES // (n_tried * samples.shape[1]))
        parts = []
        for start in range(0, len(samples), step):
            rows = slice(start, start + step)
            parts.append(
                self._block_without(samples[rows], losses[rows], cells[rows], columns)
            )
        X, fallen, cells = (np.concatenate(part) for part in zip(*parts, strict=True))
        return replace(samples, X=X), fallen, cells

    def _block_without(self, samples, losses, cells, columns):
        dtype = working_dtype(samples.dtype)
        X = np.array(dense_rows(samples.X, slice(None)), dtype=dtype)
        samples = replace(samples, X=X)
        losses, cells = losses * self._n_summed(cells), cells.copy()
        fallen = np.zeros_like(cells)
        rows, ordinary = np.arange(len(X)), np.inf
        if hasattr(self, "_reference"):
            ordinary = self._reference.exceeded_by(_ORDINARY)
        for _ in range(_MOST_REMOVED):
            rows = rows[(~np.isnan(cells[rows])).sum(axis=1) > 1]
            if not len(rows):
                break
            taken, after = self._strangest(samples, cells, rows, columns)
            with np.errstate(invalid="ignore"):  # infinite losses
                gain = losses[rows] - after
            is_less = gain > 0
            rows, taken = rows[is_less], taken[is_less]
            fallen[rows, taken] = gain[is_less]
            losses[rows] = after[is_less]
            for row, cell in zip(rows, taken, strict=True):
                X[row, columns[cell]] = np.nan
            if not len(rows):
                break
            cells[rows] = self._score_cells(samples[rows])
            left = losses[rows] / self._n_summed(cells[rows])
            rows = rows[left > ordinary]
        return X, fallen, cells

    def _strangest(self, samples, cells, rows, columns):
        """Return the cell without which a row is least strange, and the loss then.

        Those are tried whose own loss is largest.
        """
        tried = np.argsort(np.nan_to_num(-cells[rows], nan=np.inf), axis=1)[:, :_TRIED]
        n_rows, n_tried = tried.shape
        trial = samples[np.repeat(rows, n_tried)]
        for number, cell in enumerate(tried.ravel()):
            trial.X[number, columns[cell]] = np.nan
        losses = self._outlier_losses(trial).reshape(n_rows, n_tried)
        losses = losses * self._n_summed(cells[rows], n_removed=1)[:, None]
        compared = losses
        if self._usual is not None:
            residuals = self._residuals(trial, self._score_cells(trial))
            compared = self._usual.distances(residuals, self._encode(trial))
            compared = compared.reshape(n_rows, n_tried)
        is_missing = np.isnan(np.take_along_axis(cells[rows], tried, axis=1))
        best = np.where(is_missing, np.inf, compared).argmin(axis=1)
        each = np.arange(n_rows)
        return tried[each, best], losses[each, best]

    def _n_summed(self, cells, n_removed=0):
        """Return how many cells the score of a row is the mean of; 1 if it is a sum."""
        if self.criterion_class.as_sum:
            return np.ones(len(cells))
        if isinstance(cells, Ragged):
            observed = Ragged(~np.isnan(cells.steps), cells.lengths)
            return np.maximum(_row_sums(observed), 1)
        return np.maximum((~np.isnan(cells)).sum(axis=1) - n_removed, 1)

    def _shares(self, losses, cells, fallen):
        """Return the share of each cell in the losses of rows, and what is left."""
        n_summed = self._n_summed(cells)
        if fallen is not None:
            if not self.criterion_class.as_sum:
                n_summed = n_summed + (fallen > 0).sum(axis=1)
            shares = np.where(np.isnan(cells), 0, cells) + fallen
            shares /= n_summed[:, None]
        elif isinstance(cells, Ragged):
            steps = np.where(np.isnan(cells.steps), 0, cells.steps)
            steps = steps / np.repeat(n_summed, cells.lengths)[:, None]
            shares = Ragged(steps, cells.lengths)
        else:
            shares = np.where(np.isnan(cells), 0, cells) / n_summed[:, None]
        with np.errstate(invalid="ignore"):  # infinite losses
            rest = losses - _row_sums(shares)
        return shares, np.where(np.isfinite(rest), rest, 0)

    def _framed(self, shares, rest, losses, X):
        """Return shares in the form of X, those of a table as a frame."""
        if not self._codec.is_table:
            return self._codec.restore_like(shares, X, cells=True)
        table = shares
        if not self._codec.fields.by_column:
            table = self._codec.restore(shares, cells=True)
        table = np.where(np.isnan(table), 0, table)  # beyond the end of a text
        names = names_of(X)
        if self._codec.fields.by_column:
            names = self._codec.names
        if names is None:
            names = getattr(self, "feature_names_in_", None)
        if names is None:
            names = [f"x{number}" for number in range(table.shape[1])]
        finite = np.isfinite(losses)
        scale = np.abs(losses) + np.abs(table).sum(axis=1)
        if self._has_code_share or (np.abs(rest) > _ROUNDING * scale)[finite].any():
            table, names = np.column_stack((table, rest)), [*names, CODE]
        return as_frame(table, kind_of_frame(X) or "pandas", names, index_of(X))


def _row_sums(values):
    """Return the sum of each row of an array or a Ragged."""
    if isinstance(values, Ragged):
        return np.add.reduceat(values.steps.sum(axis=1), values.starts)
    return values.sum(axis=1)
