"""A density of rows of a frame: each column given those before it."""

import copy
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from skae.roles.levels import Levels
from skae.training.early_stopping import clearly_better
from skae.training.modes import own_modes
from skae.training.seeds import OwnDraws, make_generator

_WIDTH = 128  # of each layer, for each column
_LAYERS = 2
_WAVES = 6  # over the ranks of a number's levels
_SMOOTH = 4  # levels of a number, above which they have a place among one another
_DROPOUT = 0.2
_BATCH = (32, 256)  # rows: a 16th of them in between
_STEPS = (400, 1200)  # a step more for every 32 rows in between
_EVERY = 25  # steps between looks at rows held out
_PATIENCE = 8  # looks without a better one
_PACE = 2e-3  # falls to zero by half a cosine
_AVERAGED = 0.99  # what the averaged weights keep at each step
_HELD_OUT = 0.1
_MOST_HELD_OUT = 2048
_ROWS = 4096  # drawn, or looked at, at once
_FEWEST = 20  # rows, below which columns are independent


class RowDensity:
    r"""A density of rows of numbers and categories, of one column after another.

    .. math:: p(x) = \prod_j p(x_j | x_1, \dots, x_{j-1})

    Columns are :class:`Levels`. What a network sees of the columns before is the sum
    of a vector for each of their levels; on it each column has layers of its own, up to
    the probabilities of its levels (Larochelle and Murray 2011; Uria et al. 2016).
    Vectors and probabilities of the levels of a number have a part that is smooth in
    their rank. Output starts as shares of levels alone, columns independent; the
    averaged weights replace it where rows held out become clearly more probable, and
    are those of the best look at them. A missing cell says nothing, and costs nothing.

    Attributes
    ----------
    levels : Levels
    order : ndarray of int of shape (n_cells,)
        Of the cells of rows, as they are drawn.
    log_shares : ndarray of float32 of shape (n_levels,)
        Of all levels, in this order.
    weights : dict of str to ndarray
        Of the network; empty where columns are independent.
    losses : list of float
        Nats per row of rows held out, at each look.

    References
    ----------
    Larochelle, H. and Murray, I. (2011). The neural autoregressive distribution
    estimator. Artificial Intelligence and Statistics.

    Uria, B., Côté, M.-A., Gregor, K., Murray, I. and Larochelle, H. (2016). Neural
    autoregressive distribution estimation. Journal of Machine Learning Research.
    """

    def fit(self, rows, n_levels, seed, order=None, conditions=None):
        """Learn the density of rows.

        Parameters
        ----------
        rows : ndarray of float of shape (n_samples, n_cells)
            As of :class:`Levels`.
        n_levels : ndarray of int of shape (n_categories,)
            Of the last cells.
        seed : int
        order : ndarray of int of shape (n_cells,), default=None
            Of the cells; None is theirs.
        conditions : ndarray of shape (n_samples, n_conditions), default=None
            What each row is given.

        Returns
        -------
        self : object
        """
        self.levels = Levels(rows, n_levels)
        self.order = np.arange(rows.shape[1]) if order is None else np.asarray(order)
        if conditions is None:
            conditions = np.empty((len(rows), 0))
        levels = self.levels.of(rows)[:, self.order]
        self.log_shares = np.concatenate(
            [
                _log_shares(column, size)
                for column, size in zip(levels.T, self._sizes, strict=True)
            ]
        )
        self.weights, self.losses = {}, []
        if len(rows) >= _FEWEST:
            with own_modes(gradients=True):
                self._learn(
                    torch.from_numpy(levels),
                    torch.from_numpy(conditions).float(),
                    seed,
                )
        return self

    @property
    def is_learned(self):
        """Whether columns depend on those before, by the rows held out."""
        return bool(self.weights)

    @property
    def _sizes(self):
        """Levels of each cell, in the order of drawing."""
        return self.levels.sizes[self.order].tolist()

    def _network(self, n_conditions):
        """Return the network whose output is that of independent columns."""
        are_numbers = self.order < len(self.levels.values)
        log_shares = torch.from_numpy(self.log_shares)
        return _InTurn(self._sizes, are_numbers, n_conditions, log_shares)

    def _learn(self, levels, conditions, seed):
        generator = make_generator(seed)
        rows = torch.randperm(len(levels), generator=generator)
        n_held = min(_MOST_HELD_OUT, max(math.ceil(_HELD_OUT * len(levels)), 10))
        held, rows = rows[:n_held], rows[n_held:]
        with OwnDraws(generator):
            network = self._network(conditions.shape[1])
        averaged = copy.deepcopy(network).requires_grad_(False).eval()

        def look():
            with torch.no_grad():
                parts = held.split(_ROWS)
                losses = [averaged.losses(levels[p], conditions[p]) for p in parts]
            return torch.cat(losses).numpy()

        start = look()
        best, waited = start.mean(), 0
        self.losses.append(float(best))
        optimizer = torch.optim.Adam(network.parameters(), lr=_PACE, fused=True)
        n_steps = min(_STEPS[0] + len(rows) // 32, _STEPS[1])
        size = min(max(len(rows) // 16, _BATCH[0]), _BATCH[1], len(rows))
        for step in range(n_steps):
            optimizer.param_groups[0]["lr"] = _pace(step, n_steps)
            chosen = rows[torch.randint(len(rows), (size,), generator=generator)]
            with OwnDraws(generator):  # of dropout
                loss = network.losses(levels[chosen], conditions[chosen]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            averaged.follow(network, min(_AVERAGED, (1 + step) / (10 + step)))
            if (step + 1) % _EVERY:
                continue
            losses = look()
            self.losses.append(float(losses.mean()))
            waited += 1
            if losses.mean() < best:
                best, waited = losses.mean(), 0
                if clearly_better(losses, start):
                    kept = averaged.named_parameters()
                    self.weights = {name: w.numpy().copy() for name, w in kept}
            if waited == _PATIENCE:
                break

    def sample(self, n_samples, random_state, conditions=None):
        """Draw rows by a seed.

        Parameters
        ----------
        n_samples : int
        random_state : int
        conditions : ndarray of shape (n_samples, n_conditions), default=None

        Returns
        -------
        rows : ndarray of shape (n_samples, n_cells)
            Without missing cells.
        """
        generator = make_generator(random_state)
        if conditions is None:
            conditions = np.empty((n_samples, 0))
        with own_modes(gradients=False):
            with OwnDraws(make_generator(0)):  # weights that are replaced at once
                network = self._network(conditions.shape[1]).eval()
            weights = {name: torch.from_numpy(w) for name, w in self.weights.items()}
            network.load_state_dict(weights, strict=False)
            parts = torch.from_numpy(conditions).float().split(_ROWS)
            drawn = torch.cat([network.draw(part, generator) for part in parts])
        levels = np.empty(drawn.shape, dtype=np.int64)
        levels[:, self.order] = drawn.numpy()
        return self.levels.drawn(levels, np.random.default_rng(random_state))


def _log_shares(levels, size):
    """Return logarithms of shares of levels, none of 0: a row more has all alike."""
    counts = np.bincount(levels[levels >= 0], minlength=size) + 1 / size
    return np.log(counts / counts.sum()).astype(np.float32)


def _pace(step, n_steps):
    """Return the learning rate of a step."""
    warm = min(1.0, (step + 1) / 50)
    return _PACE * warm * 0.5 * (1 + math.cos(math.pi * step / n_steps))


class _InTurn(nn.Module):
    """Levels (n, n_cells), conditions (n, c) to probabilities of the level of each.

    Parameters
    ----------
    sizes : list of int
        Levels of each cell.
    are_numbers : array of bool of shape (n_cells,)
    n_conditions : int
    log_shares : Tensor of shape (n_levels,)
        Of the levels of all cells.
    """

    def __init__(self, sizes, are_numbers, n_conditions, log_shares):
        super().__init__()
        self.sizes, n_cells, n_levels = sizes, len(sizes), sum(sizes)
        sizes = torch.tensor(sizes)
        ranked = [_ranked(*cell) for cell in zip(sizes, are_numbers, strict=True)]
        constants = {
            "firsts": sizes.cumsum(0) - sizes,
            "ranked": torch.cat(ranked),
            "log_shares": log_shares,
            "shrunk": torch.arange(1, n_cells + 1).rsqrt().unsqueeze(1),
        }
        for name, constant in constants.items():
            self.register_buffer(name, constant, persistent=False)
        n_ranked = self.ranked.shape[1]

        def normal(*shape, std):
            return nn.Parameter(std * torch.randn(shape))

        def zeros(*shape):
            return nn.Parameter(torch.zeros(shape))

        self.seen = normal(n_levels, _WIDTH, std=0.5)
        self.seen_ranked = normal(n_cells, n_ranked, _WIDTH, std=n_ranked**-0.5)
        self.output = zeros(n_levels, _WIDTH)
        self.output_ranked = zeros(n_cells, n_ranked, _WIDTH)
        self.of_conditions = normal(n_conditions, n_cells * _WIDTH, std=0.5)
        self.first = normal(n_cells, _WIDTH, std=0.5)
        shape = n_cells, _WIDTH, _WIDTH
        self.hidden = nn.ParameterList(
            normal(*shape, std=_WIDTH**-0.5) for _ in range(_LAYERS)
        )
        self.shifts = nn.ParameterList(
            zeros(n_cells, 1, _WIDTH) for _ in range(_LAYERS)
        )

    def _of_levels(self, own, ranked):
        """Return a vector for each level: its own, and what its rank makes of it."""
        parts = (own.split(self.sizes), self.ranked.split(self.sizes), ranked)
        return torch.cat([torch.addmm(*part) for part in zip(*parts, strict=True)])

    def _start(self, conditions):
        """Return what each cell is told by conditions, (n, n_cells, width)."""
        of_conditions = conditions @ self.of_conditions
        return self.first + of_conditions.reshape(-1, *self.first.shape)

    def losses(self, levels, conditions):
        """Return minus the logarithms of the probabilities of rows, in nats."""
        there = levels >= 0
        seen = self._of_levels(self.seen, self.seen_ranked)
        seen = F.embedding(levels.clamp(min=0) + self.firsts, seen)
        seen = seen * there.unsqueeze(2)
        before = (seen.cumsum(1) - seen) * self.shrunk
        output = self._of_levels(self.output, self.output_ranked)
        hidden = F.silu(before + self._start(conditions)).transpose(0, 1)
        for weight, shift in zip(self.hidden, self.shifts, strict=True):
            hidden = F.dropout(hidden, _DROPOUT, self.training)
            hidden = hidden + F.silu(torch.baddbmm(shift, hidden, weight))
        losses = []
        cells = zip(
            hidden,
            self.log_shares.split(self.sizes),
            output.split(self.sizes),
            levels.T,
            strict=True,
        )
        for inputs, log_shares, weight, level in cells:
            logits = torch.addmm(log_shares, inputs, weight.T)
            losses.append(
                F.cross_entropy(logits, level, ignore_index=-1, reduction="none")
            )
        return torch.stack(losses, 1).sum(1)

    def draw(self, conditions, generator):
        """Draw the levels of as many rows as there are conditions, (n, n_cells)."""
        seen = self._of_levels(self.seen, self.seen_ranked)
        output = self._of_levels(self.output, self.output_ranked)
        start = self._start(conditions)
        before = torch.zeros_like(start[:, 0])
        drawn = []
        for cell, (first, size) in enumerate(
            zip(self.firsts.tolist(), self.sizes, strict=True)
        ):
            own = slice(first, first + size)
            hidden = F.silu(before * self.shrunk[cell] + start[:, cell])
            for weight, shift in zip(self.hidden, self.shifts, strict=True):
                hidden = hidden + F.silu(torch.addmm(shift[cell], hidden, weight[cell]))
            logits = torch.addmm(self.log_shares[own], hidden, output[own].T)
            noise = torch.empty_like(logits).exponential_(generator=generator)
            # The largest of logits with Gumbel noise is a draw of their softmax.
            drawn.append((logits - noise.log()).argmax(1))
            before = before + seen[own][drawn[-1]]
        return torch.stack(drawn, 1)

    def follow(self, other, share):
        """Move to a moving average of the weights of another network."""
        mine = list(self.parameters())
        torch._foreach_lerp_(mine, [p.detach() for p in other.parameters()], 1 - share)


def _ranked(size, is_number):
    """Return smooth functions of the ranks of levels of a number, 0 for categories."""
    functions = torch.zeros(size, 2 + _WAVES)
    if is_number and size > _SMOOTH:
        ranks = (torch.arange(size) + 0.5) / size
        scores = torch.special.ndtri(ranks)
        waves = [torch.cos(math.pi * n * ranks) for n in range(1, _WAVES + 1)]
        functions = torch.stack((scores, scores.square() - 1, *waves), 1)
    return functions
