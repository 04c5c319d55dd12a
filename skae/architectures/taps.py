"""The outputs of hidden layers, seen while a network runs."""

from functools import partial

import torch


def outputs_of(layers, run):
    """Return what layers give while a module runs, each flat: (n, n_values).

    Parameters
    ----------
    layers : list of torch.nn.Module or of pairs of them
        Parts of the module. A pair reads the same steps, the second from the end: what
        they give stands side by side, step by step.
    run : callable
        Runs the module, once.

    Returns
    -------
    list of Tensor of shape (n_samples, n_values)
    """
    seen, handles = {}, []
    for layer in layers:
        for module in layer if isinstance(layer, tuple) else (layer,):
            handles.append(module.register_forward_hook(partial(_keep, seen)))
    try:
        run()
    finally:
        for handle in handles:
            handle.remove()
    return [_joined(layer, seen).flatten(1) for layer in layers]


def _keep(seen, module, given, output):
    # Recurrent layers give their last states beside the outputs.
    seen[module] = output[0] if isinstance(output, tuple) else output


def _joined(layer, seen):
    if not isinstance(layer, tuple):
        return seen[layer]
    forwards, backwards = layer
    return torch.cat((seen[forwards], seen[backwards].flip(1)), dim=2)
