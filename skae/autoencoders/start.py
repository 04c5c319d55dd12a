"""The linear start: PCA where the network can express it, else the random start."""

from contextlib import contextmanager

import torch

from skae.data.batch import over_cells


def start_at_axes(net, architecture, axes, rows, centre, variances=None):
    """Start the net's module at the reconstruction along `axes`, if it gets there.

    Parameters
    ----------
    net : Net
    architecture : Architecture
    axes : ndarray of shape (n_axes, n_features)
        Orthonormal rows.
    rows : Rows
        Training rows to compare with PCA on.
    centre : ndarray of shape (n_features,) or None
        What PCA subtracts from the rows, if they are not centred already.
    variances : ndarray of shape (n_axes,) or None
        Of the rows along the axes, where codes are to have a variance of 1; None leaves
        them the lengths that they have.
    """
    module = net.module_
    random_start = net.weights()
    batch = rows.take(slice(0, len(rows)))
    like = {"dtype": batch.x.dtype, "device": rows.device}
    axes = torch.tensor(axes, **like)
    size = torch.ones(len(axes), 1, **like)
    if variances is not None:
        deviations = torch.tensor(variances, **like).sqrt().unsqueeze(1)
        is_spread = deviations > 1e-3 * deviations.sum()  # others: rounding alone
        size = torch.where(is_spread, deviations, size)
    architecture.set_linear_maps(module, axes / size, axes * size)
    net.ready()
    x = centred = batch.x
    if centre is not None:
        centred = x - torch.tensor(centre, **like)
    with torch.inference_mode():
        output = module.decode(module.encode(batch), batch)
        error = _mean_square(net.criterion_.reconstruction(output) - x, batch)
        of_pca = _mean_square(centred @ axes.T @ axes - centred, batch)
        spread = _mean_square(centred, batch)
    if not error <= 1.01 * of_pca + 1e-5 * spread:
        net.load_weights(random_start)
        return
    net.criterion_.start_dispersion(float(error))


def _mean_square(residuals, batch):
    if batch.weight is None and batch.observed is None:
        return residuals.square().mean()
    return batch.mean(over_cells(residuals.square(), batch.observed))


@contextmanager
def kept_if_better(net, rows):
    """Undo what happens to the weights in the block if the rows cost more by it."""
    before, weights = net.row_losses(rows).mean(), net.weights()
    yield
    net.ready()
    if not net.row_losses(rows).mean() <= before:
        net.load_weights(weights)
