"""Shares of cells in the scores of a variational model, in nats."""

import numpy as np
import torch

from skae.autoencoders.variational.normal import (
    fixed_draws,
    log_ratio,
    surrounding_points,
)
from skae.roles.explanations import Explainer

N_DRAWS = 128  # of outlier_score="log_likelihood"


class EvidenceExplainer(Explainer):
    """Explanations of a :class:`VariationalModel`: what a score expects of cells.

    Of "log_likelihood", draws of the code count by their importance; what the bound
    gains by them is the code's share, with the divergence.
    """

    _scored_by = "elbo"

    @property
    def _has_code_share(self):
        return self._scored_by != "reconstruction_probability"

    def _score_cells(self, samples):
        if self._scored_by == "log_likelihood":
            return self._weighted_cells(samples)
        return self._expected_cells(samples)

    def _expected_cells(self, samples):
        """Return the posterior mean of the losses of cells, as `_expected_losses`."""
        points = torch.from_numpy(surrounding_points(self.n_components_))
        criterion = self.net_.criterion_

        def cells_of(net, batch):
            mean, log_variance = net.posterior(batch)
            std = torch.exp(0.5 * log_variance)
            total = 0.0
            for chunk in points.to(mean).split(self._draws_per_pass(batch)):
                outputs = net.decode_draws(mean + std * chunk.unsqueeze(1), batch)
                total = total + criterion.cells(outputs, batch).sum(0)
            return total / len(points)

        return self._mapped_cells(samples, cells_of)

    def _weighted_cells(self, samples):
        """Return mean losses of cells over the draws of the score, by their weights."""
        criterion = self.net_.criterion_
        draws = fixed_draws(N_DRAWS, self.n_components_)

        def cells_of(net, batch):
            mean, log_variance = net.posterior(batch)
            std = torch.exp(0.5 * log_variance)
            total, bound = 0.0, torch.full_like(mean[:, 0], -np.inf)
            for noise in draws.to(mean).split(self._draws_per_pass(batch)):
                codes = mean + std * noise
                output = net.decode_draws(codes, batch)
                weights = -log_ratio(noise.expand_as(codes), log_variance, codes)
                weights = weights - criterion.row_losses(output, batch)
                before, bound = bound, torch.logaddexp(bound, weights.logsumexp(0))
                share = torch.exp(weights - bound).unsqueeze(-1)
                cells = criterion.cells(output, batch)
                kept = torch.exp(before - bound).unsqueeze(-1)
                total = total * kept + (share * cells).sum(0)
            return total

        return self._mapped_cells(samples, cells_of)
