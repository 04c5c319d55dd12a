"""Devices: which one is taken, and what CUDA gives beside the CPU."""

import numpy as np
import pytest
import torch

from skae import (
    Autoencoder,
    BinaryCrossEntropy,
    ContractiveAutoencoder,
    Dense,
    Poisson,
    VariationalAutoencoder,
)
from skae.training.devices import resolve_device
from tests.discovery import ESTIMATORS, fitted, name_of
from tests.test_architectures import CASES

SHARED = dict(max_epochs=3, random_state=0, batch_size=16)


def test_cpu_by_name_and_by_torch_device(small):
    codes = [
        Autoencoder(2, device=device, **SHARED).fit(small).transform(small)
        for device in ("cpu", torch.device("cpu"))
    ]
    np.testing.assert_array_equal(*codes)


def test_auto_takes_the_fastest_there_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve_device("auto") == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("auto") == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto") == "cuda"


def test_device_is_known_after_fit_only(small):
    model = Autoencoder(2, device="cpu", **SHARED)
    assert not hasattr(model, "device_")
    assert model.fit(small).device_ == "cpu"
    assert model.device == "cpu"


@pytest.mark.cuda
@pytest.mark.parametrize("share", [0.5, 0.0], ids=["resident", "copied ahead"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_cuda_learns_what_the_cpu_learns(share, dropout, digits, monkeypatch):
    monkeypatch.setattr("skae.data.rows._DEVICE_SHARE", share)
    architecture = Dense((64,), dropout=dropout)
    scores = {}
    for device in ("cpu", "cuda"):
        model = Autoencoder(
            8, architecture=architecture, device=device, random_state=0
        ).fit(digits)
        assert model.device_ == device
        assert next(model.net_.module_.parameters()).device.type == device
        scores[device] = model.score(digits)
        again = Autoencoder(
            8, architecture=architecture, device=device, random_state=0
        ).fit(digits)
        np.testing.assert_array_equal(again.transform(digits), model.transform(digits))
    assert scores["cuda"] == pytest.approx(scores["cpu"], rel=0.1)


@pytest.mark.cuda
def test_cuda_partial_fit_and_generators(small):
    before = torch.cuda.get_rng_state()
    model = Autoencoder(2, architecture=Dense((8,), dropout=0.2), device="cuda")
    for rows in (small, small[:1]):
        model.partial_fit(rows)
    assert torch.equal(before, torch.cuda.get_rng_state())
    assert model.transform(small).dtype == np.float64


@pytest.mark.cuda
@pytest.mark.parametrize("kind", ESTIMATORS, ids=name_of)
def test_cuda_every_estimator(kind, digits):
    model = fitted(kind(8, device="cuda", random_state=0, max_epochs=5), digits[:500])
    again = fitted(kind(8, device="cuda", random_state=0, max_epochs=5), digits[:500])
    np.testing.assert_array_equal(model.transform(digits), again.transform(digits))
    assert np.isfinite(model.score(digits))
    assert model.inverse_transform(model.transform(digits)).shape == digits.shape


@pytest.mark.cuda
@pytest.mark.parametrize("loss", [None, BinaryCrossEntropy(binarize=True), Poisson()])
def test_cuda_draws_and_bounds(loss, digits):
    model = VariationalAutoencoder(
        8, loss=loss, device="cuda", n_importance_samples=3, random_state=0
    ).fit(digits)
    assert model.sample(5, 0, draw=True, latent="mixture").shape == (5, 64)
    bound = model.log_likelihood(digits, 50, random_state=0)
    assert bound.mean() >= model.score(digits) - 0.1
    np.testing.assert_array_equal(
        bound, model.log_likelihood(digits, 50, random_state=0)
    )
    assert model.interpolate(digits[:2], digits[2:4]).shape == (2, 10, 64)


@pytest.mark.cuda
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    "kind", [Autoencoder, ContractiveAutoencoder, VariationalAutoencoder], ids=name_of
)
def test_cuda_every_architecture(case, kind):
    architecture, X = CASES[case]
    if kind is ContractiveAutoencoder and architecture.vocabulary_size is not None:
        pytest.skip("tokens have no derivatives")
    model = kind(
        3, architecture=architecture, device="cuda", max_epochs=3, random_state=0
    ).fit(X)
    codes = model.transform(X)
    assert np.isfinite(codes).all()
    assert len(model.reconstruct(X)) == len(model.inverse_transform(codes)) == len(X)
    assert np.isfinite(model.score(X))
