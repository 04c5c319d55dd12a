"""What watches a training run: the best weights, the progress bar."""

import numpy as np
from skorch.callbacks import Callback

_FEW_ROWS = 10  # validation rows at which two standard errors are asked for, not one


class BestWeights(Callback):
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
        self.kept_loss = self.start_rows.mean()
        self.epoch, self.kept_epoch = 0, 0
        self.lowest_loss = np.inf
        self.waited = 0

    def on_epoch_end(self, net, **kwargs):
        """Keep the weights if they are the best; stop if patience is out."""
        rows = net.valid_rows
        loss = rows.mean()
        self.epoch += 1
        if loss < self.kept_loss and (
            not self.cautious or clearly_better(rows, self.start_rows)
        ):
            self.kept = net.weights()
            self.kept_loss, self.kept_epoch = loss, self.epoch
        self.waited = 0 if loss < self.lowest_loss else self.waited + 1
        self.lowest_loss = min(loss, self.lowest_loss)
        net.enough = self.waited >= self.patience

    def on_train_end(self, net, **kwargs):
        """Restore the best weights."""
        net.load_weights(self.kept)


def clearly_better(losses, start_losses):
    """Tell whether the losses of rows are lower by more than one standard error.

    The gain of each row over its own start enters by its signed root: a few rows with
    huge losses would decide alone otherwise. The mean gain itself must be positive too.
    As the best of many epochs is tried, few rows must show more: 1 + 10 / n_rows
    standard errors.

    Parameters
    ----------
    losses, start_losses : ndarray of shape (n_rows,)

    Returns
    -------
    bool
    """
    gains = start_losses - losses
    roots = np.sign(gains) * np.sqrt(np.abs(gains))
    n_rows = len(roots)
    error = roots.std(ddof=1) / np.sqrt(n_rows) if n_rows > 1 else 0.0
    return bool(gains.mean() > 0 and roots.mean() > (1 + _FEW_ROWS / n_rows) * error)


class WarmUp(Callback):
    """Raise the weight of the divergence from zero, epoch by epoch.

    Parameters
    ----------
    epochs : int
        The first epoch in which the weight is whole is the one after them.
    """

    def __init__(self, epochs):
        self.epochs = epochs

    def on_epoch_begin(self, net, **kwargs):
        """Set the weight of this epoch."""
        done = len(net.history) - 1  # the history has begun this epoch's row
        net.criterion_.warm_up = min(1.0, done / self.epochs)


class Progress(Callback):
    """A progress bar over the epochs, with the losses of the last one."""

    def __init__(self, description):
        self.description = description

    def on_train_begin(self, net, **kwargs):
        """Open the bar."""
        from tqdm.auto import tqdm

        self.bar = tqdm(total=net.max_epochs, desc=self.description, unit="epoch")

    def on_epoch_end(self, net, **kwargs):
        """Move the bar on."""
        shown = {
            name: f"{net.history[-1][name]:.4g}"
            for name in ("train_loss", "valid_loss")
            if name in net.history[-1]
        }
        self.bar.set_postfix(shown, refresh=False)
        self.bar.update()

    def on_train_end(self, net, **kwargs):
        """Close the bar."""
        self.bar.close()
