"""The likelihood of frames: of each column by what it holds, all in one loss."""

import numpy as np
import torch
from sklearn.base import clone
from torch.nn import functional as F

from skae.data.batch import over_cells
from skae.losses.base import check_cells, check_drawn
from skae.losses.discrete import Poisson

_LEAST_RATE = 1e-6
_LOWEST = -1e30  # no logit is lower
_FACTORS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5)


class ColumnLosses:
    """The loss of each cell of a frame, for rows as the network sees them.

    An output of 0 is the mean row: of a category it adds to the logarithms of the
    shares of its levels, of a count to that of its mean, of numbers to their means.
    Numbers cost what `loss` says of standardised numbers, categories their
    cross-entropy, counts their Poisson likelihood.

    Parameters
    ----------
    loss : Loss
        Of numbers.
    fields : Fields
        With the centres and the scales of training rows.
    columns : Columns
        What the first pass learned of the flat rows.
    as_sum : bool
        Whether cells are in nats, to be summed. Else those of categories and counts are
        divided by what the mean row costs, as the squared error of a standardised
        number is: 1 for a row that tells nothing.
    """

    scores_classes = False

    def __init__(self, loss, fields, columns, as_sum):
        self.loss = clone(loss)
        self.poisson = Poisson()
        self.n_numbers = int(fields.of_kind("number").sum())
        n_counts = int(fields.of_kind("count").sum())
        numbers = slice(0, self.n_numbers)
        counts = slice(self.n_numbers, self.n_numbers + n_counts)
        self.n_measured = counts.stop  # which are no categories
        self.number_scale = fields.scaling.scale[numbers]
        cell, first = fields.cells, [field.columns.start for field in fields.fields]
        in_order = np.argsort(first)  # of the flat rows
        self.n_levels = [
            fields.fields[number].n_levels for number in in_order[self.n_measured :]
        ]
        weights = np.ones(len(first))
        if not as_sum:
            weights = self._weights(fields, columns)
        self.is_weighted = bool((weights != 1).any())
        n_levels = np.array(self.n_levels, dtype=np.int64)
        category = np.repeat(np.arange(len(n_levels)), n_levels)
        shares = columns.mean[self.n_measured :]
        self.arrays = {
            "cell": cell,
            "first_values": np.array(first),
            "order": np.argsort(in_order),
            "weights": weights,
            "centre": fields.scaling.centre[counts],
            "scale": fields.scaling.scale[counts],
            "shares": shares,
            "log_shares": _log_shares(shares, n_levels, columns.n_observations),
            "category": category,
            "membership": np.eye(len(self.n_levels))[category],
        }
        self._tensors = {}

    def __getstate__(self):
        return {**vars(self), "_tensors": {}}

    def _tensor(self, name, like):
        """Return an array as a tensor on the device, floats of the dtype of `like`."""
        key = name, like.device, like.dtype
        if key not in self._tensors:
            tensor = torch.from_numpy(self.arrays[name]).to(like.device)
            if tensor.is_floating_point():
                tensor = tensor.to(like.dtype)
            self._tensors[key] = tensor
        return self._tensors[key]

    @staticmethod
    def _weights(fields, columns):
        """Return one divided by what the mean row costs in each column."""
        weights = np.ones(len(fields.fields))
        for number, field in enumerate(fields.fields):
            cost = 1.0
            if field.kind == "category":
                shares = columns.mean[field.columns]
                cost = -np.sum(shares * np.log(np.where(shares > 0, shares, 1.0)))
            elif field.kind == "count":
                # Half of the deviance, to second order: that of a Poisson is 1.
                mean = columns.mean[field.columns.start]
                variance = columns.variance[field.columns.start]
                cost = 0.5 * variance / mean if mean > 0 else 1.0
            weights[number] = 1.0 / cost if cost > 0 else 1.0
        return weights

    # -- what a criterion asks of a loss

    def of_cells(self, values):
        """Return the first value of each cell, shape (..., n_samples, n_cells)."""
        return values.index_select(-1, self._tensor("first_values", values))

    def per_element(self, output, x, *learned):
        """Return the loss of each cell, shape (..., n_samples, n_cells)."""
        parts = []
        if self.n_numbers:
            out, numbers = self._numbers(output), self._numbers(x)
            cells = self.loss.per_element(out, numbers, *learned)
            parts.append(check_cells(cells, numbers, self.loss))
        if self._has_counts:
            counts = self._counts(x)
            cells = self.poisson.per_element(self._log_rates(output), counts)
            if self.is_weighted:  # what a rate that is the count costs is left out
                cells = cells - _saturated(counts)
            parts.append(cells)
        if self.n_levels:
            logits, membership = self._logits(output), self._tensor("membership", x)
            highest, total = self._totals(logits)
            there = x[..., self.n_measured :] + self._tensor("shares", x)
            parts.append(highest + total.log() - (there * logits) @ membership)
        cells = torch.cat(parts, -1).index_select(-1, self._tensor("order", output))
        return cells * self._tensor("weights", cells) if self.is_weighted else cells

    def reduced(self, output, x, *learned, reduction):
        """Return the "sum" or the "mean" of all cells."""
        return getattr(self.per_element(output, x, *learned), reduction)()

    def best_factors(self, output, batch):
        """Return what deviations of logarithms, each output, are best multiplied by.

        A linear map gives them to first order, too large where a share is small. The
        losses of rows choose for each category and count; numbers stay.

        Returns
        -------
        Tensor of shape (n_values,)
        """
        learned = [] if (start := self.start_dispersion(0, 1.0)) is None else [start]
        learned = [one.to(output) for one in learned]
        costs = []
        for factor in _FACTORS:
            cells = self.per_element(factor * output, batch.compared, *learned)
            if batch.observed is not None:
                cells = cells.masked_fill(~self.of_cells(batch.observed), 0.0)
            costs.append(batch.mean(cells))
        chosen = torch.stack(costs).nan_to_num(torch.inf).argmin(0)
        factors = torch.tensor(_FACTORS).to(output)[chosen]
        factors = factors.index_select(0, self._tensor("cell", output))
        self._numbers(factors).fill_(1.0)
        return factors

    def spread(self, residuals, batch):
        """Return the mean square of residuals of numbers, 1 where there are none."""
        if not self.n_numbers:
            return 1.0
        observed = batch.observed
        if observed is not None:
            observed = self._numbers(observed)
        return batch.mean(over_cells(self._numbers(residuals).square(), observed))

    def reconstruction(self, output):
        """Return the means of rows, as the network sees them: shares of levels."""
        parts = []
        if self.n_numbers:
            parts.append(self.loss.reconstruction(self._numbers(output)))
        if self._has_counts:
            parts.append(self._seen(torch.exp(self._log_rates(output))))
        if self.n_levels:
            logits = self._logits(output)
            highest, total = self._totals(logits)
            category = self._tensor("category", logits)
            lowered = logits - (highest + total.log()).index_select(-1, category)
            parts.append(torch.exp(lowered) - self._tensor("shares", logits))
        return torch.cat(parts, -1)

    def draw(self, output, generator, *learned):
        """Draw rows: a level of each category, numbers where there is a likelihood."""
        parts = []
        if self.n_numbers:
            out = self._numbers(output)
            numbers = self.loss.reconstruction(out)
            if self.loss.is_likelihood:
                drawn = self.loss.draw(out, generator, *learned)
                check_drawn(drawn, numbers, self.loss)
                numbers = drawn
            parts.append(numbers)
        if self._has_counts:
            rates = torch.exp(self._log_rates(output))
            parts.append(self._seen(torch.poisson(rates, generator=generator)))
        if self.n_levels:
            logits = self._logits(output)
            noise = torch.empty_like(logits).exponential_(generator=generator)
            # The largest of logits with Gumbel noise is a draw of their softmax.
            noisy = (logits - noise.log()).split(self.n_levels, -1)
            drawn = [F.one_hot(part.argmax(-1), part.shape[-1]) for part in noisy]
            shares = self._tensor("shares", logits)
            parts.append(torch.cat(drawn, -1).to(logits) - shares)
        return torch.cat(parts, -1)

    def prepare(self, x, generator):
        """Return what training makes of the numbers of a batch; see :class:`Loss`."""
        numbers = self.loss.prepare(self._numbers(x), generator)
        return torch.cat((numbers.to(x), x[..., self.n_numbers :]), -1)

    @property
    def prepares(self):
        """Whether :meth:`prepare` does anything."""
        return self.loss.prepares and self.n_numbers > 0

    def start_dispersion(self, n_features, variance):
        """Return where the learned width of the likelihood of numbers starts."""
        if not self.n_numbers:
            return None
        return self.loss.start_dispersion(self.n_numbers, variance)

    def dispersion(self, learned, scale=1.0):
        """Return the learned width of each number, in units of X."""
        scale = torch.from_numpy(self.number_scale)
        return self.loss.dispersion(learned.expand(len(scale)), scale)

    @property
    def given_variance(self):
        """As of the loss of numbers."""
        return self.loss.given_variance

    # -- outputs of a network as parameters of likelihoods

    def _numbers(self, values):
        return values[..., : self.n_numbers]

    @property
    def _has_counts(self):
        return self.n_measured > self.n_numbers

    def _log_rates(self, output):
        mean = self._tensor("centre", output).clamp(min=_LEAST_RATE)
        return output[..., self.n_numbers : self.n_measured] + mean.log()

    def _counts(self, x):
        """Return counts, which the network sees standardised."""
        seen = x[..., self.n_numbers : self.n_measured]
        counts = seen * self._tensor("scale", seen) + self._tensor("centre", seen)
        return counts.clamp(min=0.0)

    def _seen(self, counts):
        """Return counts as the network sees them."""
        return (counts - self._tensor("centre", counts)) / self._tensor("scale", counts)

    def _logits(self, output):
        """Return logarithms of the shares of levels, but for a constant."""
        return output[..., self.n_measured :] + self._tensor("log_shares", output)

    def _totals(self, logits):
        """Return the highest logit of each category, and the sum of their exponentials.

        The latter relative to the former: tensors of shape (..., n_categories).
        """
        category = self._tensor("category", logits)
        with torch.no_grad():
            shape = (*logits.shape[:-1], len(self.n_levels))
            highest = logits.new_full(shape, _LOWEST)
            places = category.expand(logits.shape)
            highest.scatter_reduce_(-1, places, logits, "amax")
        lowered = logits - highest.index_select(-1, category)
        return highest, torch.exp(lowered) @ self._tensor("membership", logits)


def _log_shares(shares, n_levels, n_rows):
    """Return logarithms of shares of levels, none of 0: a row more has all alike."""
    per_level = 1 / np.repeat(n_levels, n_levels)
    return np.log((shares * n_rows + per_level) / (n_rows + 1))


def _saturated(counts):
    """Return what counts cost under a rate that is the count itself."""
    return counts - torch.xlogy(counts, counts) + torch.lgamma(counts + 1)
