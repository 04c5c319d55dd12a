"""Nested state dicts: tensors to NumPy arrays and back, for pickles."""

import numpy as np
import torch


def to_arrays(state):
    """Copy a nested state dict, its tensors as NumPy arrays."""
    if isinstance(state, torch.Tensor):
        return state.detach().cpu().numpy().copy()
    if isinstance(state, dict):
        return {key: to_arrays(value) for key, value in state.items()}
    return [to_arrays(value) for value in state] if isinstance(state, list) else state


def to_tensors(state):
    """Copy a nested state dict, its NumPy arrays as tensors."""
    if isinstance(state, np.ndarray):
        return torch.tensor(state)
    if isinstance(state, dict):
        return {key: to_tensors(value) for key, value in state.items()}
    return [to_tensors(value) for value in state] if isinstance(state, list) else state
