"""The module of a variational autoencoder: codes drawn from their posterior."""

from typing import NamedTuple

import torch
from torch import nn

from skae.autoencoders.module import AutoencoderModule
from skae.autoencoders.variational.normal import divergence, log_ratio, squashed


class VariationalForward(NamedTuple):
    """What one training pass of a batch gives, with one draw of each code or several.

    Of several draws, `codes` and `output` have an axis more, the first.
    """

    output: torch.Tensor  # the decoder's, before the loss's output activation
    code: torch.Tensor  # the posterior means, (n_samples, n_components)
    penalty: torch.Tensor | None  # a scalar, added to the loss
    log_variance: torch.Tensor  # of the posterior, (n_samples, n_components)
    codes: torch.Tensor  # what was drawn of it and decoded
    # In nats: of the units, (n_samples, n_components), or of several draws,
    # (n_draws, n_samples).
    divergence: torch.Tensor


class VariationalModule(AutoencoderModule):
    """:class:`Batch` to :class:`VariationalForward`.

    Parameters
    ----------
    n_draws : int
        Draws of the code per row.
    **kwargs
        Of :class:`AutoencoderModule`.
    """

    def __init__(self, n_draws=1, *, architecture, shape, n_components, **kwargs):
        super().__init__(architecture, shape, n_components, **kwargs)
        self.n_draws = n_draws
        self.generator = None
        n_outputs = self.body.n_outputs
        self.log_variance = zeroed(
            architecture.make_head(shape, n_outputs, n_components)
        )

    def posterior(self, batch):
        """Return the means and the log-variances, each of shape (n, n_components)."""
        hidden = self.hidden(batch)
        mean = self.code_activation(self.head(hidden))
        return mean, squashed(self.log_variance(hidden))

    def decode_draws(self, codes, batch):
        """Decode codes of shape (..., n, n_components), drawn for the rows."""
        if codes.ndim == 2:
            return self.decode(codes, batch)
        output = self.decode(codes.flatten(0, 1), batch.repeated(len(codes)))
        return output.unflatten(0, codes.shape[:2])

    def forward(self, batch):
        """Return the :class:`VariationalForward` of a training pass."""
        batch, fed = self.corrupted(batch)
        mean, log_variance = self.posterior(batch)
        several = () if self.n_draws == 1 else (self.n_draws,)
        noise = mean.new_empty(*several, *mean.shape).normal_(generator=self.generator)
        codes = torch.addcmul(mean, torch.exp(0.5 * log_variance), noise)
        output = self.decode_draws(codes, fed)
        if several:
            kl = log_ratio(noise, log_variance, codes)
        else:
            kl = divergence(mean, log_variance)
        penalty = self.penalty(mean, batch)
        return VariationalForward(output, mean, penalty, log_variance, codes, kl)


def zeroed(linear):
    """Return a linear layer with its weights set to zero: a constant log-variance."""
    for parameter in linear.parameters():
        nn.init.zeros_(parameter)
    return linear
