"""The linear start: PCA where the network can express it, else the random start."""

import torch

_ROWS_COMPARED = 1000  # on which the start is compared with PCA


def start_linear(net, architecture, axes, rows, centre):
    """Start the net's module at the reconstruction along `axes`, if it gets there.

    Parameters
    ----------
    net : Net
    architecture : Architecture
    axes : ndarray of shape (n_axes, n_features)
        Orthonormal rows.
    rows : Rows
        The training rows.
    centre : ndarray of shape (n_features,) or None
        What PCA subtracts from the rows, if they are not centred already.
    """
    module = net.module_
    random_start = net.snapshot()["module"]
    axes = torch.tensor(axes, dtype=torch.float32, device=rows.device)
    architecture.start_linear(module, axes)
    net.settle()
    x = rows.take(slice(0, _ROWS_COMPARED))
    centred = x
    if centre is not None:
        centred = x - torch.tensor(centre, dtype=torch.float32, device=rows.device)
    with torch.inference_mode():
        output = module.output(x)
        error = (net.criterion_.loss.activation()(output) - x).square().mean()
        of_pca = (centred @ axes.T @ axes - centred).square().mean()
        spread = centred.square().mean()
    if not error <= 1.01 * of_pca + 1e-5 * spread:
        net.load_module(random_start)
