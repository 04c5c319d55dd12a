"""What watches a training run: the best weights, the progress bar."""

import copy

import numpy as np
from skorch.callbacks import Callback


class BestWeights(Callback):
    """Keep the weights of the best epoch in memory, and stop when none gets better.

    The start, before any training, counts as well: the best epoch replaces it only if
    its mean improvement over the validation rows, paired, exceeds one standard error.

    Parameters
    ----------
    valid : Rows
        The rows that the net is validated on.
    patience : int
        Stop after so many epochs without a better one.
    """

    def __init__(self, valid, patience):
        self.valid = valid
        self.patience = patience

    def on_train_begin(self, net, **kwargs):
        """Remember the start."""
        self.start = self._weights(net)
        self.start_rows = net.row_losses(self.valid)
        self.best, self.best_rows = None, None
        self.waited = 0

    def on_epoch_end(self, net, **kwargs):
        """Remember the weights if they are the best so far."""
        rows = net.valid_rows
        if self.best is None or rows.mean() < self.best_rows.mean():
            self.best, self.best_rows = self._weights(net), rows
            self.waited = 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            raise KeyboardInterrupt  # skorch's way to stop

    def on_train_end(self, net, **kwargs):
        """Restore the best weights, or the start's."""
        kept = self.start
        if self.best is not None:
            gain = self.start_rows - self.best_rows
            error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else 0.0
            if gain.mean() > error:
                kept = self.best
        net.module_.load_state_dict(kept)

    @staticmethod
    def _weights(net):
        return copy.deepcopy(net.module_.state_dict())


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
