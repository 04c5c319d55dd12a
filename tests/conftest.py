import os

# One thread: results repeat across workers, and cores are left to pytest-xdist.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.preprocessing import StandardScaler


@pytest.fixture(scope="session")
def digits():
    return load_digits().data / 16


@pytest.fixture(scope="session")
def cancer():
    return StandardScaler().fit_transform(load_breast_cancer().data)


@pytest.fixture(scope="session")
def wine():
    return StandardScaler().fit_transform(load_wine().data)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def small(rng):
    """Sixty rows near a curve in five dimensions."""
    t = rng.uniform(-2, 2, size=(60, 2))
    mixed = np.column_stack((t, t**2, t[:, 0] * t[:, 1]))
    return mixed + 0.05 * rng.normal(size=mixed.shape)


def pytest_collection_modifyitems(items):
    """Skip what needs CUDA where there is none, and say so."""
    if torch.cuda.is_available():
        return
    for item in items:
        if "cuda" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))
