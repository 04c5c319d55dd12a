"""How long a series is: told from the code, so that codes alone give it back."""

import torch
from torch import nn

_WEIGHT = 0.1  # of a squared standard deviation of log-lengths, beside the loss


class Lengths(nn.Module):
    """(n, n_components) to the numbers of steps of the series, (n,).

    The logarithm of the length is a linear function of the code, trained beside the
    reconstruction.

    Parameters
    ----------
    n_components, n_channels : int
    mean, std : float
        Of the logarithms of the lengths of the training rows.
    longest : int
        No series is longer.
    """

    def __init__(self, n_components, n_channels, mean, std, longest):
        super().__init__()
        self.linear = nn.Linear(n_components, 1)
        self.n_channels = n_channels
        self.mean = mean
        self.std = std
        self.longest = longest

    def of_rows(self, rows):
        """Return the lengths of padded rows."""
        return (~torch.isnan(rows[:, :: self.n_channels])).sum(1)

    def forward(self, code):
        """Return the lengths that the codes tell."""
        logarithms = self.mean + self.std * self.linear(code).squeeze(1)
        return torch.exp(logarithms).round().clamp(1, self.longest).long()

    def penalty(self, code, rows):
        """Return the weighted squared error of the log-lengths, a scalar."""
        wanted = (torch.log(self.of_rows(rows)) - self.mean) / (self.std or 1.0)
        return _WEIGHT * (self.linear(code).squeeze(1) - wanted).square().mean()

    def cut(self, rows, lengths):
        """Return rows of shape (n, n_steps * n_channels) with NaN beyond their end."""
        n_steps = rows.shape[1] // self.n_channels
        steps = torch.arange(n_steps, device=rows.device)
        beyond = (steps >= lengths.unsqueeze(1)).repeat_interleave(self.n_channels, 1)
        return rows.masked_fill(beyond, torch.nan)
