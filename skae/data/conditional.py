"""What a missing cell is, given those of its row that are observed: a normal model."""

from dataclasses import dataclass, replace

import numpy as np
import torch

WIDEST = 256  # columns, up to which there is a model
_WIDEST_SOLVED = 32  # columns, up to which systems of all of them are solved
_N_FACTORS = 24  # that stand for the covariance of more columns
MOST_ROWS = 5000  # that a model is fitted to
_BLOCK_ELEMENTS = 2**20  # of the systems solved at once
_RIDGES = (0.003, 0.01, 0.03, 0.1)  # on covariances of columns of variance 1
_RIDGE = 0.01  # where none is chosen
_FEWEST_TO_CHOOSE = 40  # rows
_SHARE_HELD_OUT = 0.2  # of the observed cells, by which a ridge is chosen
_MOST_STEPS = 30  # of EM
_STEP_WORK = 1e8  # multiplications of a step, beyond which fewer rows do
_ROWS_ENOUGH = 1000
_STEPS_TO_CHOOSE = 10
_CLOSE = 1e-3  # change of a correlation from one step to the next


@dataclass(frozen=True)
class Conditional:
    """A normal distribution of rows, and the mean of missing cells under it.

    Of z, a row less `mean` and divided by `deviation`, the covariance is
    ``loadings @ loadings.T + diag(noise)``, or `covariance` where columns are few. With
    o the observed cells of the row, m the missing ones, the mean of z_m is
    ``C_mo C_oo^-1 z_o``: of all linear functions of z_o that of least squared error.

    Parameters
    ----------
    mean, deviation : ndarray of shape (n_columns,)
        In the units of the rows that it is asked for.
    covariance : ndarray of shape (n_columns, n_columns), or None
    loadings : ndarray of shape (n_columns, n_factors), or None
    noise : ndarray of shape (n_columns,), or None
    """

    mean: np.ndarray
    deviation: np.ndarray
    covariance: np.ndarray | None = None
    loadings: np.ndarray | None = None
    noise: np.ndarray | None = None

    @classmethod
    def of_covariance(cls, mean, deviation, covariance):
        """Return the model of a covariance of standardised columns.

        Parameters
        ----------
        mean, deviation : ndarray of shape (n_columns,)
        covariance : ndarray of shape (n_columns, n_columns)
            Positive definite.
        """
        if len(mean) <= _WIDEST_SOLVED:
            return cls(mean, deviation, covariance)
        values, vectors = np.linalg.eigh(covariance)
        rest = values[:-_N_FACTORS].mean()
        sizes = np.sqrt(np.maximum(values[-_N_FACTORS:] - rest, 0.0))
        loadings = vectors[:, -_N_FACTORS:] * sizes
        noise = np.diag(covariance) - (loadings**2).sum(axis=1)
        least = np.minimum(_RIDGE, np.diag(covariance))
        return cls(mean, deviation, loadings=loadings, noise=np.maximum(noise, least))

    @classmethod
    def of_columns(cls, columns):
        """Return the model of :class:`Columns` that know their covariance."""
        deviation = _deviation(columns.variance)
        correlation = columns.covariance / np.outer(deviation, deviation)
        correlation += _RIDGE * np.eye(len(deviation))
        return cls.of_covariance(columns.mean, deviation, correlation)

    def scaled(self, centre, scale):
        """Return the model of rows less `centre`, divided by `scale`."""
        mean, deviation = (self.mean - centre) / scale, self.deviation / scale
        return replace(self, mean=mean, deviation=deviation)

    def filled(self, x, observed):
        """Return rows with conditional means in missing cells.

        Parameters
        ----------
        x : Tensor of shape (n, n_columns)
            What stands in missing cells has no influence. It is not changed.
        observed : bool Tensor of the same shape

        Returns
        -------
        Tensor of the same shape
            A row is the same whatever other rows there are, up to rounding.
        """
        gaps = (~observed).any(1)
        if not gaps.any():
            return x
        # Single precision is no match for the condition of covariances.
        dtype = torch.float32 if x.device.type == "mps" else torch.float64
        mean, deviation, *model = (
            None if of is None else torch.as_tensor(of, dtype=dtype, device=x.device)
            for of in vars(self).values()
        )
        kept = observed[gaps]
        z = ((x[gaps].to(dtype) - mean) / deviation).masked_fill(~kept, 0.0)
        step = max(1, _BLOCK_ELEMENTS // min(len(mean), _WIDEST_SOLVED) ** 2)
        parts = zip(z.split(step), kept.split(step), strict=True)
        means = torch.cat([_conditional_means(*part, *model) for part in parts])
        result = x.clone()
        result[gaps] = torch.where(kept, x[gaps], (means * deviation + mean).to(x))
        return result


def _conditional_means(z, observed, covariance, loadings, noise):
    """Return the conditional means of standardised rows, 0 where missing."""
    kept = observed.to(z)
    if covariance is not None:
        # A missing cell is a system of its own: 1 * a = 0.
        systems = covariance * kept.unsqueeze(2) * kept.unsqueeze(1)
        systems.diagonal(dim1=1, dim2=2).add_(1 - kept)
        factors, _ = torch.linalg.cholesky_ex(systems)
        return torch.cholesky_solve(z.unsqueeze(2), factors).squeeze(2) @ covariance
    n_factors = loadings.shape[1]
    weighted = loadings / noise.unsqueeze(1)
    products = (weighted.unsqueeze(2) * loadings.unsqueeze(1)).flatten(1)
    systems = (kept @ products).unflatten(1, (n_factors, n_factors))
    systems.diagonal(dim1=1, dim2=2).add_(1.0)
    factors, _ = torch.linalg.cholesky_ex(systems)
    scores = torch.cholesky_solve((z @ weighted).unsqueeze(2), factors).squeeze(2)
    return scores @ loadings.T


def fitted_conditional(rows, mean, variance, weight=None, *, rng):
    """Fit a normal model to rows that may have gaps.

    By EM, with a ridge on the covariance that held-out cells choose. It starts from the
    covariance of pairs; where columns are many it stays there.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_columns)
        NaN where a cell is missing.
    mean, variance : ndarray of shape (n_columns,)
        Of the columns.
    weight : ndarray of shape (n_rows,), or None
        How much each row counts.
    rng : numpy.random.Generator
        Draws the cells held out.

    Returns
    -------
    Conditional

    References
    ----------
    Dempster, A. P., Laird, N. M. and Rubin, D. B. (1977). Maximum likelihood from
    incomplete data via the EM algorithm. Journal of the Royal Statistical Society B 39.
    """
    deviation = _deviation(variance)
    z = (rows - mean) / deviation
    ridge = _RIDGE
    if len(z) >= _FEWEST_TO_CHOOSE and weight is None:
        z = z[rng.permutation(len(z))]
        ridge = _chosen_ridge(z[:_ROWS_ENOUGH], rng)
        if z.shape[1] <= _WIDEST_SOLVED:
            z = z[: max(_ROWS_ENOUGH, int(_STEP_WORK / z.shape[1] ** 3))]
    shift, covariance = _fit(z, ridge, weight, _MOST_STEPS)
    return Conditional.of_covariance(mean + shift * deviation, deviation, covariance)


def _deviation(variance):
    return np.where(variance > 0, np.sqrt(variance), 1.0)


def _chosen_ridge(z, rng):
    """Return the ridge by which cells are told best that are hidden from the fit."""
    observed = ~np.isnan(z)
    hidden = observed & (rng.random(z.shape) < _SHARE_HELD_OUT)
    shown = np.where(hidden, np.nan, z)
    zeros, ones = np.zeros(z.shape[1]), np.ones(z.shape[1])
    kept = torch.from_numpy(observed & ~hidden)
    errors = []
    for ridge in _RIDGES:
        mean, covariance = _fit(shown, ridge, None, _STEPS_TO_CHOOSE)
        model = Conditional.of_covariance(zeros + mean, ones, covariance)
        filled = model.filled(torch.from_numpy(shown), kept).numpy()
        errors.append(np.mean((filled - z)[hidden] ** 2) if hidden.any() else 0.0)
    return _RIDGES[int(np.argmin(errors))]


def _fit(z, ridge, weight, n_steps):
    """Return mean and covariance of standardised rows with gaps, by EM."""
    observed = ~np.isnan(z)
    share = np.full(len(z), 1 / len(z)) if weight is None else weight / weight.sum()
    mean, covariance = _of_pairs(np.where(observed, z, 0.0), observed, share, ridge)
    if observed.all() or len(mean) > _WIDEST_SOLVED:
        return mean, covariance
    x = torch.from_numpy(np.where(observed, z, 0.0))
    kept, share = torch.from_numpy(observed), torch.from_numpy(share)
    mean, covariance = torch.from_numpy(mean), torch.from_numpy(covariance)
    identity = torch.eye(len(mean), dtype=torch.float64)
    for _ in range(n_steps):
        rows, rest = _expected(x, kept, share, mean, covariance)
        mean = share @ rows
        centred = rows - mean
        before = covariance
        covariance = (centred * share.unsqueeze(1)).T @ centred + rest
        covariance += ridge * identity
        if (covariance - before).abs().max() < _CLOSE:
            break
    return mean.numpy(), covariance.numpy()


def _of_pairs(z, observed, share, ridge):
    """Return the mean and a positive definite covariance, of pairs of cells."""
    weighted = observed * share[:, None]
    mean = (z * weighted).sum(axis=0) / np.maximum(weighted.sum(axis=0), 1e-12)
    centred = np.where(observed, z - mean, 0.0)
    together = weighted.T @ observed
    covariance = (centred * weighted).T @ centred / np.maximum(together, 1e-12)
    if not observed.all():
        values, vectors = np.linalg.eigh(covariance)
        covariance = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return mean, covariance + ridge * np.eye(len(mean))


def _expected(x, kept, share, mean, covariance):
    """Return the rows filled, and the mean of the covariances of missing cells."""
    filled, rest = [], torch.zeros_like(covariance)
    step = max(1, _BLOCK_ELEMENTS // covariance.numel())
    for rows, seen, shares in zip(
        x.split(step), kept.split(step), share.split(step), strict=True
    ):
        weight = seen.to(rows)
        systems = covariance * weight.unsqueeze(2) * weight.unsqueeze(1)
        systems.diagonal(dim1=1, dim2=2).add_(1 - weight)
        factors, _ = torch.linalg.cholesky_ex(systems)
        z = ((rows - mean) * weight).unsqueeze(2)
        means = mean + torch.cholesky_solve(z, factors).squeeze(2) @ covariance
        filled.append(torch.where(seen, rows, means))
        explained = torch.linalg.solve_triangular(
            factors, covariance * weight.unsqueeze(2), upper=False
        )
        left = covariance - explained.transpose(1, 2) @ explained
        lost = 1 - weight
        rest += torch.einsum("nij,ni,nj->ij", left, lost * shares.unsqueeze(1), lost)
    return torch.cat(filled), rest
