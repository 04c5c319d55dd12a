"""The progress bar."""

from skorch.callbacks import Callback


class Progress(Callback):
    """A progress bar over the epochs, with the losses of the last one.

    Parameters
    ----------
    description : str
    in_units : callable
        From a list of epochs, as of the history, to the same in units of X.
    """

    def __init__(self, description, in_units):
        self.description = description
        self.in_units = in_units

    def on_train_begin(self, net, **kwargs):
        """Open the bar."""
        from tqdm.auto import tqdm

        self.bar = tqdm(total=net.max_epochs, desc=self.description, unit="epoch")

    def on_epoch_end(self, net, **kwargs):
        """Move the bar on."""
        (epoch,) = self.in_units([net.history[-1]])
        shown = {
            name: f"{epoch[name]:.4g}"
            for name in ("train_loss", "valid_loss")
            if name in epoch
        }
        self.bar.set_postfix(shown, refresh=False)
        self.bar.update()

    def on_train_end(self, net, **kwargs):
        """Close the bar."""
        self.bar.close()
