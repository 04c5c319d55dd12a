"""The linear start: PCA where the network can express it, else the random start."""

from contextlib import contextmanager

import numpy as np
import torch

from skae.activations import INVERSES
from skae.data.batch import over_cells

_MARGIN = 0.01  # of a range, or of a deviation, that a mean keeps from its end


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

    Returns
    -------
    bool
        Whether it got there: the weights are as they were before if not.
    """
    module = net.module_
    random_start = net.weights()
    batch = rows.take(slice(0, len(rows)))
    like = {"dtype": batch.x.dtype, "device": rows.device}
    axes = torch.tensor(axes, **like)
    size = _size(axes, variances)
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
        return False
    net.criterion_.start_dispersion(float(error))
    return True


def start_at_mean_row(net, architecture, columns, loss, rows):
    """Start at the mean row, where rows are not centred, if that is the better start.

    A network that has to learn the mean from 0 first does so by its units too, and many
    never speak again.

    Parameters
    ----------
    net : Net
    architecture : Architecture
    columns : Columns
        Of the training rows, or of their channels.
    loss : Loss
        Of rows of X.
    rows : Rows
        Training rows to compare the starts on.
    """
    inverse = INVERSES.get(type(loss.activation()))
    scale = float(np.sqrt(columns.variance.mean()))
    if inverse is None or not scale:
        return
    lowest, highest = loss.target_range
    # Away from the ends of the range, where a slope is left.
    margin = _MARGIN * (highest - lowest if highest - lowest < np.inf else scale)

    def to_output(means):
        return inverse(means.clamp(lowest + margin, highest - margin))

    mean = torch.tensor(columns.mean).to(net.module_.head.weight)
    with kept_if_better(net, rows):
        architecture.set_origin(net.module_, mean, scale, to_output)


def _size(axes, variances):
    """Return the deviations along axes, (n_axes, 1); 1 where codes are to keep them."""
    size = torch.ones_like(axes[:, :1])
    if variances is None:
        return size
    deviations = torch.tensor(variances).to(axes).sqrt().unsqueeze(1)
    is_spread = deviations > 1e-3 * deviations.sum()  # others: rounding alone
    return torch.where(is_spread, deviations, size)


def start_at_mixed_axes(net, architecture, axes, rows, scales, variances=None):
    """Start at the principal analysis of mixed data, if that is the better start.

    Parameters
    ----------
    net : Net
    architecture : Architecture
    axes : ndarray of shape (n_axes, n_features)
        Orthonormal rows, in the units of `scales`.
    rows : Rows
        Training rows to compare the starts on.
    scales : AxisScales
    variances : as of :func:`start_at_axes`
    """
    like = net.module_.head.weight
    axes = torch.tensor(axes, dtype=like.dtype, device=like.device)
    size = _size(axes, variances)
    set_mixed_maps(net, architecture, axes / size, axes * size, rows, scales)


def set_mixed_maps(net, architecture, encoding, decoding, rows, scales, known=None):
    """Set two linear maps of values in the units of `scales`, if rows gain by it.

    Parameters
    ----------
    net, architecture, rows, scales : as of :func:`start_at_mixed_axes`
    encoding, decoding : Tensor of shape (n_axes, n_features)
    known : callable or None
        Sets what else belongs to the start.
    """
    module, criterion = net.module_, net.criterion_
    batch = rows.take(slice(0, len(rows)))
    encoding = encoding * torch.tensor(scales.encoding).to(encoding)
    decoding = decoding * torch.tensor(scales.decoding).to(decoding)
    with kept_if_better(net, rows), torch.no_grad():
        architecture.set_linear_maps(module, encoding, decoding)
        if known is not None:
            known()
        net.ready()
        output = module.decode(module.encode(batch), batch)
        decoding = decoding * criterion.loss.best_factors(output, batch)
        architecture.set_linear_maps(module, encoding, decoding)
        residuals = criterion.reconstruction(output) - batch.x
        criterion.start_dispersion(float(criterion.loss.spread(residuals, batch)))


def _mean_square(residuals, batch):
    if batch.weight is None and batch.observed is None:
        return residuals.square().mean()
    return batch.mean(over_cells(residuals.square(), batch.observed))


@contextmanager
def kept_if_better(net, rows):
    """Undo what happens to the weights in the block if the rows cost more by it."""
    weights = net.weights()
    before = net.row_losses(rows).mean()
    net.load_weights(weights)  # what a selection has learned of the rows by it
    yield
    net.ready()
    if not net.row_losses(rows).mean() <= before:
        net.load_weights(weights)
