"""Missing cells of rows, of a variational model, by importance weights."""

import numpy as np
import torch

from skae.autoencoders.variational.normal import log_ratio
from skae.data.ragged import Ragged


def imputed(model, samples, n_draws, generator, draw):
    """Return rows with a value in each missing cell, in units of X.

    Codes are drawn from the posterior given the observed cells, x_o. The k-th counts by
    ``w_k = p(x_o | z_k) p(z_k) / q(z_k | x_o)``, and a missing cell is the mean of
    ``p(x_m | z_k)`` with weights in proportion to w_k, or a draw from the k-th, k drawn
    with these probabilities.

    Parameters
    ----------
    model : VariationalModel
        Trained.
    samples : Samples
    n_draws : int
        Codes of each row.
    generator : torch.Generator
    draw : bool
        Whether cells are drawn, not means.

    Returns
    -------
    ndarray or Ragged of the shape of X
        Observed cells as they are.

    References
    ----------
    Mattei, P.-A. and Frellsen, J. (2019). MIWAE: deep generative modelling and
    imputation of incomplete data sets. International Conference on Machine Learning.
    """
    criterion = model.net_.criterion_

    def compute(net, batch):
        mean, log_variance = net.posterior(batch)
        std = torch.exp(0.5 * log_variance)
        total = torch.full_like(mean[:, 0], -np.inf)
        rows, step = None, model._draws_per_pass(batch)
        for first in range(0, n_draws, step):
            shape = (min(step, n_draws - first), *mean.shape)
            noise = torch.randn(shape, generator=generator, dtype=mean.dtype).to(mean)
            codes = mean + std * noise
            output = net.decode_draws(codes, batch)
            weights = -log_ratio(noise, log_variance, codes)
            weights = weights - criterion.row_losses(output, batch)
            of_chunk = weights.logsumexp(0)
            total = torch.logaddexp(total, of_chunk)
            # What the codes before weigh less, now that there are more.
            share = torch.exp(of_chunk - total).unsqueeze(1)
            if draw:
                chosen = _chosen(weights, generator)
                new = output[chosen, torch.arange(len(mean), device=mean.device)]
                coins = torch.rand(share.shape, generator=generator, dtype=mean.dtype)
                rows = (
                    new
                    if rows is None
                    else torch.where(coins.to(mean) < share, new, rows)
                )
            else:
                weights = torch.exp(weights - of_chunk).unsqueeze(2)
                new = (criterion.reconstruction(output) * weights).sum(0)
                rows = new if rows is None else rows + share * (new - rows)
        if draw:
            rows = criterion.draw(rows.cpu(), generator)
        return rows, batch.lengths

    rows = model._predictor.map_rows(samples, compute)
    rows = model._predictor.fields.scaling.inverse(rows)
    X = samples.X
    if isinstance(X, Ragged):
        return Ragged(_joined(X.steps, rows.steps), X.lengths)
    return _joined(X if isinstance(X, np.ndarray) else X.toarray(), rows)


def _chosen(weights, generator):
    """Draw a number in proportion to weights, whose logarithms are given, of each row.

    Parameters
    ----------
    weights : Tensor of shape (n_draws, n_rows)
    generator : torch.Generator
        On the CPU.
    """
    uniform = torch.rand(weights.shape, generator=generator, dtype=weights.dtype)
    # The largest of logarithms with Gumbel noise is drawn as softmax has it.
    return (weights - torch.log(-torch.log(uniform)).to(weights)).argmax(0)


def _joined(X, rows):
    if X.dtype.kind != "f":
        return X
    return np.where(np.isnan(X), rows.astype(X.dtype), X)
