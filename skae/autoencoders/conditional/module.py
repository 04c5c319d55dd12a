"""The module of a conditional variational autoencoder."""

import torch
from torch import nn

from skae.autoencoders.variational.module import VariationalModule, zeroed
from skae.autoencoders.variational.normal import squashed


class ConditionalModule(VariationalModule):
    """:class:`Batch`, with conditions, to :class:`VariationalForward`.

    The condition joins the code, for the decoder. In the encoder it weighs the body's
    outputs and shifts those of the heads. Codes to be decoded come with it, of shape
    (n, n_components + n_conditions).

    Parameters
    ----------
    n_conditions, n_components : int
    **kwargs
        Of :class:`VariationalModule`.
    """

    def __init__(self, n_conditions, *, n_components, **kwargs):
        super().__init__(
            n_components=n_components, n_inputs=n_components + n_conditions, **kwargs
        )
        self.condition_to_gate = zeroed(
            nn.Linear(n_conditions, self.body.n_outputs, bias=False)
        )
        self.condition_to_mean = nn.Linear(n_conditions, n_components, bias=False)
        self.condition_to_log_variance = zeroed(
            nn.Linear(n_conditions, n_components, bias=False)
        )

    def posterior(self, batch):
        """Return the means and the log-variances, each of shape (n, n_components)."""
        hidden = self.hidden(batch)
        log_variance = self.log_variance(hidden)
        log_variance = log_variance + self.condition_to_log_variance(batch.condition)
        return self._mean(hidden, batch), squashed(log_variance)

    def encode(self, batch):
        """Return the posterior mean, shape (n, n_components)."""
        return self._mean(self.hidden(batch), batch)

    def hidden(self, batch):
        """Return what the body makes of rows, gated by their conditions."""
        return super().hidden(batch) * (1 + self.condition_to_gate(batch.condition))

    def _mean(self, hidden, batch):
        mean = self.head(hidden)[:, : self.n_components]
        return self.code_activation(mean + self.condition_to_mean(batch.condition))

    def decode(self, code, batch):
        """Return the decoder's output for codes under the batch's conditions."""
        return super().decode(_joined(code, batch), batch)

    def lengths_of_codes(self, code, batch):
        """Return the lengths that codes tell under the batch's conditions."""
        return super().lengths_of_codes(_joined(code, batch), batch)

    def penalty(self, code, batch):
        """Return what is added to the loss; lengths are told under conditions too."""
        return super().penalty(_joined(code, batch), batch)


def _joined(code, batch):
    """Return what the decoder is given: codes beside their conditions."""
    return torch.cat((code, batch.condition), dim=-1)
