"""A density of codes: a flow that carries normal noise to them."""

import copy
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from skae.training.early_stopping import clearly_better
from skae.training.modes import own_modes
from skae.training.seeds import OwnDraws, make_generator

_WIDTH = 384  # of each hidden layer
_LAYERS = 3
_FREQUENCIES = 8  # of time, one and a half octaves apart
_BATCH = 512
_STEPS = (400, 6000)  # least and most, a step for every 4 rows in between
_EVERY = 100  # steps between looks at rows held out
_PATIENCE = 10  # looks without a better one
_PACE = 2e-3  # falls to zero by half a cosine
_AVERAGED = 0.995  # what the averaged weights keep at each step
_TIME = 0.5  # the logit of times on paths has this mean, and variance 1
_HELD_OUT = 0.1
_MOST_HELD_OUT = 2048
_LOOKS = 8192  # draws of noise and time, at least, that a look is made of
_SLOPES = 50  # of paths, when codes are drawn
_ROWS = 4096  # carried at once
_FEWEST = 20  # rows, below which the flow is the normal distribution of the codes
_LEAST = 1e-6  # variance along an axis of the codes, as a share of the largest


class CodeFlow:
    r"""A density of codes, learned by flow matching.

    A velocity field v carries rows x from normal noise e, at time 0, to codes z, at
    time 1. Along straight paths between the two, ``x = (1 - t) e + t z``, it is
    regressed on their directions (Lipman et al. 2023):

    .. math:: E_{t, e, z} \| v(x, t) - (z - e) \|^2

    Codes are whitened first. The field is that of the normal distribution, which is
    known, plus a network that starts at zero and whose averaged weights are kept where
    rows held out are carried best: few codes remain the normal distribution that has
    their mean and covariance, and none is learned by heart.

    Attributes
    ----------
    mean : ndarray of shape (n_components,)
    axes : ndarray of shape (n_axes, n_components)
        What whitened codes are multiplied by.
    weights : dict of str to ndarray
        Of the network; empty for the normal distribution alone.
    losses : list of float
        Of rows held out, at each look; the first is that of the normal distribution.

    References
    ----------
    Lipman, Y., Chen, R. T. Q., Ben-Hamu, H., Nickel, M. and Le, M. (2023). Flow
    matching for generative modeling. International Conference on Learning
    Representations.

    Zhang, H. et al. (2024). Mixed-type tabular data synthesis with score-based
    diffusion in latent space. International Conference on Learning Representations.
    """

    def fit(self, means, seed, stds=None, conditions=None):
        """Learn the density of codes.

        Parameters
        ----------
        means : ndarray of shape (n_samples, n_components)
        seed : int
        stds : ndarray of shape (n_samples, n_components), default=None
            Codes are drawn anew about their means in each step; None is codes that are
            certain.
        conditions : ndarray of shape (n_samples, n_conditions), default=None
            What each code is given.

        Returns
        -------
        self : object
        """
        means = np.asarray(means, dtype=np.float64)
        stds = np.zeros_like(means) if stds is None else stds.astype(np.float64)
        if conditions is None:
            conditions = np.empty((len(means), 0))
        self.mean = means.mean(axis=0)
        self.axes, whitening = _axes(means - self.mean, stds)
        self.weights, self.losses = {}, []
        if len(means) >= _FEWEST and len(self.axes):
            codes = _Codes(means - self.mean, stds, whitening, conditions)
            with own_modes(gradients=True):
                self._learn(codes, seed)
        return self

    def _learn(self, codes, seed):
        generator = make_generator(seed)
        rows = torch.randperm(len(codes), generator=generator)
        n_held = min(_MOST_HELD_OUT, max(math.ceil(_HELD_OUT * len(codes)), 10))
        held, rows = rows[:n_held], rows[n_held:]
        draws = codes.draws(held.repeat(math.ceil(_LOOKS / n_held)), generator)
        with OwnDraws(generator):
            field = _Field(len(self.axes), codes.conditions.shape[1], _WIDTH)
        averaged = copy.deepcopy(field).requires_grad_(False)

        def look():
            with torch.no_grad():
                return averaged.losses(*draws).reshape(-1, n_held).mean(0).numpy()

        start = look()
        best, waited = start.mean(), 0
        self.losses.append(float(best))
        optimizer = torch.optim.Adam(field.parameters(), lr=_PACE, fused=True)
        n_steps = min(_STEPS[0] + len(rows) // 4, _STEPS[1])
        size = min(_BATCH, len(rows))
        for step in range(n_steps):
            optimizer.param_groups[0]["lr"] = _pace(step, n_steps)
            chosen = rows[torch.randint(len(rows), (size,), generator=generator)]
            loss = field.losses(*codes.draws(chosen, generator)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            averaged.follow(field, min(_AVERAGED, (1 + step) / (10 + step)))
            if (step + 1) % _EVERY:
                continue
            losses = look()
            self.losses.append(float(losses.mean()))
            waited += 1
            if losses.mean() < best:
                best, waited = losses.mean(), 0
                if clearly_better(losses, start):
                    kept = averaged.state_dict().items()
                    self.weights = {name: w.numpy().copy() for name, w in kept}
            if waited == _PATIENCE:
                break

    def sample(self, n_samples, random_state, conditions=None):
        """Draw codes by a seed.

        Parameters
        ----------
        n_samples : int
        random_state : int
        conditions : ndarray of shape (n_samples, n_conditions), default=None

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
        """
        rng = np.random.default_rng(random_state)
        noise = rng.standard_normal((n_samples, len(self.axes)))
        if self.weights:
            if conditions is None:
                conditions = np.empty((n_samples, 0))
            with own_modes(gradients=False):
                noise = self._carried(noise, conditions)
        return self.mean + noise @ self.axes

    def _carried(self, noise, conditions):
        with OwnDraws(make_generator(0)):  # weights that are replaced at once
            width = len(self.weights["first.bias"])
            field = _Field(noise.shape[1], conditions.shape[1], width)
        weights = {name: torch.from_numpy(w) for name, w in self.weights.items()}
        field.requires_grad_(False).load_state_dict(weights)
        both = (torch.from_numpy(x).float().split(_ROWS) for x in (noise, conditions))
        carried = [field.carry(*parts) for parts in zip(*both, strict=True)]
        return torch.cat(carried).double().numpy()


class _Codes:
    """Codes of rows, whitened, to be drawn."""

    def __init__(self, means, stds, whitening, conditions):
        self.means, self.stds, self.whitening, self.conditions = (
            torch.from_numpy(np.ascontiguousarray(x)).float()
            for x in (means @ whitening, stds, whitening, conditions)
        )

    def __len__(self):
        return len(self.means)

    def draws(self, rows, generator):
        """Return places on paths from noise to codes, times, conditions, directions."""
        codes = self.means[rows]
        stds = self.stds[rows]
        noise = torch.empty_like(stds).normal_(generator=generator)
        codes = codes + (stds * noise) @ self.whitening
        noise = torch.empty_like(codes).normal_(generator=generator)
        time = torch.empty_like(codes[:, :1]).normal_(generator=generator)
        time = torch.sigmoid(_TIME + time)
        x = torch.lerp(noise, codes, time)
        return x, time, self.conditions[rows], codes - noise


def _axes(centred, stds):
    """Return what whitened codes are multiplied by, and what makes codes white."""
    covariance = centred.T @ centred / len(centred) + np.diag((stds**2).mean(axis=0))
    variances, axes = np.linalg.eigh(covariance)
    some = variances > max(_LEAST * variances.max(), np.finfo(np.float64).tiny)
    roots, axes = np.sqrt(variances[some]), axes[:, some]
    return (axes * roots).T, axes / roots


def _pace(step, n_steps):
    """Return the learning rate of a step."""
    warm = min(1.0, (step + 1) / 100)
    return _PACE * warm * 0.5 * (1 + math.cos(math.pi * step / n_steps))


class _Field(nn.Module):
    """Places (n, n_axes), times (n, 1), conditions (n, c) to velocities (n, n_axes)."""

    def __init__(self, n_axes, n_conditions, width):
        super().__init__()
        n_inputs = n_axes + 2 * _FREQUENCIES + n_conditions
        self.first = nn.Linear(n_inputs, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(_LAYERS - 1))
        self.last = nn.Linear(width, n_axes)
        # Units that differ over codes from the first step on: else hundreds are lost.
        for layer in self.hidden:
            nn.init.kaiming_normal_(layer.weight)
        sizes = (n_axes, 2 * _FREQUENCIES, n_conditions)
        of_codes, of_time, of_conditions = self.first.weight.data.split(sizes, 1)
        of_codes.normal_(0, 1 / n_axes**0.5)
        of_time.normal_(0, 0.5 / _FREQUENCIES**0.5)
        of_conditions.normal_()
        nn.init.normal_(self.first.bias)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x, time, conditions):
        """Return the velocity of the normal distribution, and what is learned."""
        angles = time * math.pi * 1.5 ** torch.arange(_FREQUENCIES).to(time)
        inputs = torch.cat((x, angles.sin(), angles.cos(), conditions), 1)
        hidden = F.silu(self.first(inputs))
        for layer in self.hidden:
            hidden = hidden + F.silu(layer(hidden))
        of_normal = (2 * time - 1) / (time.square() + (1 - time).square())
        return of_normal * x + self.last(hidden)

    def losses(self, x, time, conditions, direction):
        """Return the mean square of what is missed of the directions, by row."""
        return (self(x, time, conditions) - direction).square().mean(1)

    def follow(self, other, share):
        """Move to a moving average of the weights of another field."""
        mine = list(self.parameters())
        torch._foreach_lerp_(mine, [p.detach() for p in other.parameters()], 1 - share)

    def carry(self, x, conditions):
        """Carry noise to codes, by steps of Heun's method."""
        times = torch.linspace(0, 1, _SLOPES // 2 + 1, dtype=x.dtype)
        for now, then in zip(times, times[1:], strict=False):
            first = self(x, now.expand(len(x), 1), conditions)
            second = self(x + (then - now) * first, then.expand(len(x), 1), conditions)
            x = x + (then - now) * 0.5 * (first + second)
        return x
