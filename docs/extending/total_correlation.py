"""A criterion of one's own: the bound of beta-TCVAE (Chen et al. 2018)."""

import math
from dataclasses import dataclass
from numbers import Real

import torch
from sklearn.utils._param_validation import Interval

from skae.extending import Bound, OutlierDetector, VariationalModel, plus


class TotalCorrelationBound(Bound):
    """The bound with its divergence in three parts, of which one has a weight.

    Index-code mutual information, total correlation and divergence of each unit, as
    estimated from a batch by minibatch weighted sampling.
    """

    def __init__(self, correlation_weight, n_rows, **kwargs):
        super().__init__(**kwargs)
        self.correlation_weight = correlation_weight
        self.n_rows = n_rows

    def per_row(self, result, batch):
        """Return what is minimised, row by row, shape (n_samples,)."""
        loss = self.row_losses(result.output, batch)
        codes, mean, log_variance = result.codes, result.code, result.log_variance
        given = _log_normal(codes, mean, log_variance).sum(1)
        prior = _log_normal(codes, torch.zeros_like(codes), torch.zeros_like(codes))
        # Of each code under the posterior of every row: (n, n, n_components).
        pairs = _log_normal(codes.unsqueeze(1), mean, log_variance)
        constant = math.log(self.n_rows * len(codes))
        joint = torch.logsumexp(pairs.sum(2), 1) - constant
        units = (torch.logsumexp(pairs, 1) - constant).sum(1)
        information, correlation = given - joint, joint - units
        apart = units - prior.sum(1)
        divergence = information + self.correlation_weight * correlation + apart
        self.record(batch, reconstruction=loss, total_correlation=correlation)
        return plus(loss + self.weight * divergence, result.penalty)

    def forward(self, result, batch):
        """Return what is minimised, a scalar: the mean of :meth:`per_row`."""
        return batch.mean(self.per_row(result, batch))


def _log_normal(x, mean, log_variance):
    squares = (x - mean).square() * torch.exp(-log_variance)
    return -0.5 * (squares + log_variance + math.log(2 * math.pi))


@dataclass(eq=False, repr=False, kw_only=True)
class TotalCorrelationVAE(OutlierDetector, VariationalModel):
    """Variational autoencoder whose units are made independent of each other.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data
    >>> vae = TotalCorrelationVAE(2, max_epochs=5, random_state=0).fit(X)
    >>> vae.sample(3, random_state=0).shape
    (3, 4)
    """

    correlation_weight: float = 6.0

    criterion_class = TotalCorrelationBound

    _parameter_constraints = {
        **VariationalModel._parameter_constraints,
        **OutlierDetector._parameter_constraints,
        "correlation_weight": [Interval(Real, 0, None, closed="left")],
    }

    def _criterion_parameters(self):
        return {
            **super()._criterion_parameters(),
            "correlation_weight": self.correlation_weight,
            "n_rows": self.n_samples_seen_,
        }
