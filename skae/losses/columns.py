"""The likelihood of frames: of each column by what it holds, all in one loss."""

from typing import NamedTuple

import numpy as np
import torch
from sklearn.base import clone

from skae.data.batch import over_cells
from skae.losses.base import check_cells, check_drawn
from skae.losses.discrete import Poisson

_PAD = -1e30  # the logit of a level that is none
_LEAST_RATE = 1e-6
_FACTORS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5)


class _Group(NamedTuple):
    """Categories of about as many levels, padded to the same number."""

    values: np.ndarray  # (n_categories, n_levels): where in the flat row
    is_level: np.ndarray  # the same shape: False where padded
    log_shares: np.ndarray  # the same shape, `_PAD` where padded


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
        self.n_cells = len(fields.fields)
        is_number = fields.of_kind("number")
        self.number_scale = fields.scaling.scale[is_number]
        self.groups, order = self._grouped(fields, columns)
        arrays = {
            "numbers": np.flatnonzero(is_number),
            "counts": np.flatnonzero(fields.of_kind("count")),
            "first_values": np.array([f.columns.start for f in fields.fields]),
            "shares": np.where(fields.of_kind("category"), columns.mean, 0.0),
            "weights": np.ones(self.n_cells),
        }
        arrays["centre"] = fields.scaling.centre[arrays["counts"]]
        arrays["scale"] = fields.scaling.scale[arrays["counts"]]
        cell = fields.cells
        arrays["cell"] = cell
        order = [*cell[arrays["numbers"]], *cell[arrays["counts"]], *order]
        arrays["order"] = np.argsort(order)
        if not as_sum:
            arrays["weights"] = self._weights(fields, columns)
        self.is_weighted = bool((arrays["weights"] != 1).any())
        for number, group in enumerate(self.groups):
            for name, values in group._asdict().items():
                arrays[f"{name}_{number}"] = values
        self.arrays = arrays
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
    def _grouped(fields, columns):
        """Return the groups of categories, and their cells in the order of these."""
        by_size = {}
        for number, field in enumerate(fields.fields):
            if field.kind == "category":
                size = int(np.ceil(np.log2(max(field.n_levels, 2))))
                by_size.setdefault(size, []).append((number, field))
        groups, order = [], []
        for _, members in sorted(by_size.items()):
            width = max(field.n_levels for _, field in members)
            values = np.zeros((len(members), width), dtype=np.int64)
            is_level = np.zeros(values.shape, dtype=bool)
            log_shares = np.full(values.shape, _PAD)
            for row, (_, field) in enumerate(members):
                n_levels, start = field.n_levels, field.columns.start
                values[row] = start
                values[row, :n_levels] = np.arange(start, start + n_levels)
                is_level[row, :n_levels] = True
                log_shares[row, :n_levels] = np.log(_shares(field, columns))
            order += [number for number, _ in members]
            groups.append(_Group(values, is_level, log_shares))
        return groups, order

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

    def _groups_like(self, like):
        for number in range(len(self.groups)):
            names = (f"{name}_{number}" for name in _Group._fields)
            yield _Group(*(self._tensor(name, like) for name in names))

    def _has(self, name):
        return len(self.arrays[name]) > 0

    # -- what a criterion asks of a loss

    def of_cells(self, values):
        """Return the first value of each cell, shape (..., n_samples, n_cells)."""
        return self._taken(values, "first_values")

    def per_element(self, output, x, *learned):
        """Return the loss of each cell, shape (..., n_samples, n_cells)."""
        parts = []
        if self._has("numbers"):
            out, numbers = self._taken(output, "numbers"), self._taken(x, "numbers")
            cells = self.loss.per_element(out, numbers, *learned)
            parts.append(check_cells(cells, numbers, self.loss))
        if self._has("counts"):
            counts = self._counts(self._taken(x, "counts"))
            cells = self.poisson.per_element(self._log_rates(output), counts)
            if self.is_weighted:  # what a rate that is the count costs is left out
                cells = cells - _saturated(counts)
            parts.append(cells)
        for group in self._groups_like(output):
            logits = _logits(output, group)
            there = (x + self._tensor("shares", x))[..., group.values] * group.is_level
            parts.append(logits.logsumexp(-1) - (there * logits).sum(-1))
        cells = torch.cat(parts, -1)[..., self._tensor("order", output)]
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
        factors = factors[self._tensor("cell", output)]
        factors[self._tensor("numbers", output)] = 1.0
        return factors

    def spread(self, residuals, batch):
        """Return the mean square of residuals of numbers, 1 where there are none."""
        if not self._has("numbers"):
            return 1.0
        squares = self._taken(residuals, "numbers").square()
        observed = batch.observed
        if observed is not None:
            observed = self._taken(observed, "numbers")
        return batch.mean(over_cells(squares, observed))

    def reconstruction(self, output):
        """Return the means of rows, as the network sees them: shares of levels."""
        numbers = rates = None
        if self._has("numbers"):
            numbers = self.loss.reconstruction(self._taken(output, "numbers"))
        if self._has("counts"):
            rates = torch.exp(self._log_rates(output))
        shares = [_logits(output, g).softmax(-1) for g in self._groups_like(output)]
        return self._together(output, numbers, rates, shares)

    def draw(self, output, generator, *learned):
        """Draw rows: a level of each category, numbers where there is a likelihood."""
        numbers = drawn = None
        if self._has("numbers"):
            out = self._taken(output, "numbers")
            numbers = self.loss.reconstruction(out)
            if self.loss.is_likelihood:
                drawn_numbers = self.loss.draw(out, generator, *learned)
                check_drawn(drawn_numbers, numbers, self.loss)
                numbers = drawn_numbers
        if self._has("counts"):
            rates = torch.exp(self._log_rates(output))
            drawn = torch.poisson(rates, generator=generator)
        levels = []
        for group in self._groups_like(output):
            logits = _logits(output, group)
            draws = torch.empty_like(logits).exponential_(generator=generator)
            level = (logits - draws.log()).argmax(-1, keepdim=True)
            levels.append(torch.zeros_like(logits).scatter(-1, level, 1.0))
        return self._together(output, numbers, drawn, levels)

    def prepare(self, x, generator):
        """Return what training makes of the numbers of a batch; see :class:`Loss`."""
        numbers = self.loss.prepare(self._taken(x, "numbers"), generator)
        return x.index_copy(-1, self._tensor("numbers", x), numbers.to(x))

    @property
    def prepares(self):
        """Whether :meth:`prepare` does anything."""
        return self.loss.prepares and self._has("numbers")

    def start_dispersion(self, n_features, variance):
        """Return where the learned width of the likelihood of numbers starts."""
        n_numbers = len(self.arrays["numbers"])
        return self.loss.start_dispersion(n_numbers, variance) if n_numbers else None

    def dispersion(self, learned, scale=1.0):
        """Return the learned width of each number, in units of X."""
        scale = torch.from_numpy(self.number_scale)
        return self.loss.dispersion(learned.expand(len(scale)), scale)

    @property
    def given_variance(self):
        """As of the loss of numbers."""
        return self.loss.given_variance

    # -- outputs of a network as parameters of likelihoods

    def _taken(self, values, name):
        return values.index_select(-1, self._tensor(name, values))

    def _log_rates(self, output):
        mean = self._tensor("centre", output).clamp(min=_LEAST_RATE)
        return self._taken(output, "counts") + mean.log()

    def _counts(self, seen):
        """Return counts, which the network sees standardised."""
        counts = seen * self._tensor("scale", seen) + self._tensor("centre", seen)
        return counts.clamp(min=0.0)

    def _together(self, output, numbers, counts, levels):
        """Return rows as the network sees them, of what is known of each kind."""
        rows = torch.zeros_like(output)
        if numbers is not None:
            rows[..., self._tensor("numbers", rows)] = numbers.to(rows)
        if counts is not None:
            counts = counts - self._tensor("centre", rows)
            counts = counts / self._tensor("scale", rows)
            rows[..., self._tensor("counts", rows)] = counts
        shares = self._tensor("shares", rows)
        for group, of_group in zip(self._groups_like(output), levels, strict=True):
            values = group.values[group.is_level]
            rows[..., values] = of_group[..., group.is_level] - shares[values]
        return rows


def _logits(output, group):
    """Return logarithms of the shares of levels, but for a constant."""
    return output[..., group.values] + group.log_shares


def _shares(field, columns):
    """Return the shares of levels, none of them 0: one row more has all alike."""
    n_rows = columns.n_observations
    return (columns.mean[field.columns] * n_rows + 1 / field.n_levels) / (n_rows + 1)


def _saturated(counts):
    """Return what counts cost under a rate that is the count itself."""
    return counts - torch.xlogy(counts, counts) + torch.lgamma(counts + 1)
