"""What clustering does between epochs: sizes of clusters, and when to stop."""

import torch
from skorch.callbacks import Callback


class Renewal(Callback):
    """Renew the sizes of the clusters after each epoch; stop when labels stay.

    Parameters
    ----------
    rows : callable
        From what the net trains on to each row once.
    tol : float
        Stop where a smaller share of the labels changed in an epoch.
    """

    def __init__(self, rows, tol):
        self.rows = rows
        self.tol = tol

    def on_train_begin(self, net, X=None, **kwargs):
        """Take the labels of the start."""
        self.trained_on = self.rows(X)
        self.labels = self._renewed(net)

    def on_epoch_end(self, net, **kwargs):
        """Record the share of labels that changed, and stop where it is small."""
        labels = self._renewed(net)
        changed = float((labels != self.labels).double().mean())
        self.labels = labels
        net.history.record("changed_labels", changed)
        net.enough = changed < self.tol

    def _renewed(self, net):
        """Set the sizes of the clusters, and return the labels of all rows."""
        net.ready()
        module, labels = net.module_, []
        with torch.no_grad():
            sizes = torch.zeros_like(module.sizes)
            for batch in net.get_iterator(self.trained_on, training=False):
                found = module.memberships(module.encode(batch))
                sizes += found.sum(0)
                labels.append(found.argmax(1))
            module.sizes.copy_(sizes)
        return torch.cat(labels)
