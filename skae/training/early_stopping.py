"""Early stopping: the best weights in memory, and when no better ones come."""

import numpy as np
from skorch.callbacks import Callback

_FEW_ROWS = 10  # validation rows at which two standard errors are asked for, not one


class EarlyStopping(Callback):
    """Keep the weights of the best epoch in memory, and stop when none gets better.

    The start, before any training, counts as well: only epochs that are clearly better
    replace it, see :func:`clearly_better`.

    Parameters
    ----------
    valid : Rows
        The rows that the net is validated on.
    patience : int
        Stop after so many epochs without a lower validation loss.
    cautious : bool
        Whether the start is kept unless an epoch is clearly better; else any epoch of
        lower loss replaces it.
    """

    def __init__(self, valid, patience, cautious=True):
        self.valid = valid
        self.patience = patience
        self.cautious = cautious

    def on_train_begin(self, net, **kwargs):
        """Take the start as the best so far."""
        self.start_rows = net.row_losses(self.valid)
        self.kept = net.weights()
        self.kept_loss = self._mean(self.start_rows)
        self.epoch, self.kept_epoch = 0, 0
        self.lowest_loss = np.inf
        self.waited = 0

    def on_epoch_end(self, net, **kwargs):
        """Keep the weights if they are the best; stop if patience is out."""
        rows = net.valid_rows
        loss = self._mean(rows)
        self.epoch += 1
        if loss < self.kept_loss and (
            not self.cautious
            or clearly_better(rows, self.start_rows, self.valid.weights())
        ):
            self.kept = net.weights()
            self.kept_loss, self.kept_epoch = loss, self.epoch
        self.waited = 0 if loss < self.lowest_loss else self.waited + 1
        self.lowest_loss = min(loss, self.lowest_loss)
        net.enough = self.waited >= self.patience

    def on_train_end(self, net, **kwargs):
        """Restore the best weights."""
        net.load_weights(self.kept)

    def _mean(self, losses):
        return np.average(losses, weights=self.valid.weights())


class UnlessWorse(Callback):
    """Where no rows validate: go back to the start if training made the loss larger.

    As from a start that is exact already, where steps follow rounding alone.

    Parameters
    ----------
    rows : Rows
        The training rows.
    """

    def __init__(self, rows):
        self.rows = rows
        self.kept_epoch = 0

    def on_train_begin(self, net, **kwargs):
        """Remember the start."""
        self.start_loss, self.start = self._loss(net), net.weights()

    def on_train_end(self, net, **kwargs):
        """Restore the start if it was better."""
        if self._loss(net) < self.start_loss:
            self.kept_epoch = len(net.history)
        else:
            net.load_weights(self.start)

    def _loss(self, net):
        return np.average(net.row_losses(self.rows), weights=self.rows.weights())


def clearly_better(losses, start_losses, weights=None):
    """Tell whether the losses of rows are lower by more than one standard error.

    The gain of each row over its own start enters by its signed root: a few rows with
    huge losses would decide alone otherwise. The mean gain itself must be positive too.
    As the best of many epochs is tried, few rows must show more: 1 + 10 / n_rows
    standard errors.

    Parameters
    ----------
    losses, start_losses : ndarray of shape (n_rows,)
    weights : ndarray of shape (n_rows,), or None
        How many rows each counts for.

    Returns
    -------
    bool
    """
    gains = start_losses - losses
    roots = np.sign(gains) * np.sqrt(np.abs(gains))
    n_rows = len(roots) if weights is None else weights.sum()
    mean = np.average(roots, weights=weights)
    error = 0.0
    if n_rows > 1:
        variance = np.average((roots - mean) ** 2, weights=weights) * n_rows
        error = np.sqrt(variance / (n_rows - 1) / n_rows)
    gain = np.average(gains, weights=weights)
    return bool(gain > 0 and mean > (1 + _FEW_ROWS / n_rows) * error)
