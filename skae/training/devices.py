"""Which device a net runs on."""

import torch


def present_devices():
    """Return the types of the devices that are there, the fastest first."""
    devices = ["cpu"]
    if torch.backends.mps.is_available():
        devices.insert(0, "mps")
    if torch.cuda.is_available():
        devices.insert(0, "cuda")
    return devices


def resolve_device(device):
    """Return the name of a device that is there.

    Parameters
    ----------
    device : str or torch.device
        "auto" is CUDA if present, else MPS, else the CPU.

    Raises
    ------
    ValueError
        If the device is unknown or absent.
    """
    present = present_devices()
    if device == "auto":
        return present[0]
    allowed = "'auto' or one of " + ", ".join(repr(name) for name in present)
    try:
        wanted = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"device={device!r} is not a device; use {allowed}."
        ) from error
    absent = wanted.type not in present or (
        wanted.type == "cuda" and (wanted.index or 0) >= torch.cuda.device_count()
    )
    if absent:
        raise ValueError(f"device={device!r} is not there; use {allowed}.")
    return str(wanted)
