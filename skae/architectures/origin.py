"""How a network starts where rows are neither centred nor scaled."""

import torch


def absorb(weight, bias, mean, scale):
    """Let a layer read rows as if they had been centred and scaled before it.

    Parameters
    ----------
    weight : Tensor of shape (n_units, n_inputs, ...)
        Further axes are those of a kernel. Changed, as `bias` is.
    bias : Tensor of shape (n_units,) or None
        None where a norm follows, which subtracts what it would add.
    mean : Tensor of shape (n_inputs,)
        Of each input.
    scale : float
    """
    weight /= scale
    if bias is not None:
        of_inputs = weight.flatten(2).sum(2) if weight.ndim > 2 else weight
        bias -= of_inputs @ mean


def absorb_path(head, mean, scale):
    """Do the same to the part of a head that reads the row itself, its last inputs."""
    absorb(head.weight[:, -len(mean) :], head.bias, mean, scale)


def of_channels(values, shape, channels_last):
    """Return the means of flat values over the positions of each channel.

    Parameters
    ----------
    values : Tensor of shape (n_values,)
        Of a row of `shape`; of channels already where a length varies.
    shape : tuple of int or None
    channels_last : bool

    Returns
    -------
    Tensor of shape (n_channels,)
    """
    if None in shape:
        return values
    values = values.reshape(shape)
    values = values if channels_last else torch.movedim(values, 0, -1)
    return values.flatten(0, -2).mean(0)
