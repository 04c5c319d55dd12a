"""Same seed, same bits; nothing global is touched."""

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from torch import nn

from skae import Architecture, Autoencoder, Dense


class TorchDropout(Architecture):
    """A user's own, with torch's dropout: it draws from the global generator."""

    def make_body(self, shape, n_components):
        body = nn.Sequential(nn.Linear(shape[0], 8), nn.ReLU(), nn.Dropout(0.3))
        body.n_outputs = 8
        return body

    def make_decoder(self, shape, n_components, body, head):
        return nn.Sequential(nn.Linear(n_components, 8), nn.Linear(8, shape[0]))


ARCHITECTURES = {
    "dense": None,
    "dropout": Dense((16,), dropout=0.3, norm="batch", shortcut="random"),
    "torch dropout": TorchDropout(),
}
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


def _model(architecture="dense", **parameters):
    return Autoencoder(
        2,
        architecture=ARCHITECTURES[architecture],
        max_epochs=4,
        batch_size=16,
        random_state=parameters.pop("random_state", 0),
        **parameters,
    )


def _codes(X, architecture="dense"):
    return _model(architecture).fit(X).transform(X)


@every_architecture
def test_refit_clone_pickle(architecture, small):
    model = _model(architecture).fit(small)
    codes = model.transform(small)
    for other in (model, clone(model), pickle.loads(pickle.dumps(model))):
        torch.rand(3), np.random.rand(3)
        np.testing.assert_array_equal(other.fit(small).transform(small), codes)


@every_architecture
def test_eight_fits_in_four_threads(architecture, small):
    expected = _codes(small, architecture)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: _codes(small, architecture), range(8)))
    for codes in found:
        np.testing.assert_array_equal(codes, expected)


@pytest.mark.slow
def test_another_process():
    script = (
        "import numpy as np, hashlib; from skae import Autoencoder;"
        "X = np.random.default_rng(0).normal(size=(60, 5));"
        "codes = Autoencoder(2, max_epochs=3, random_state=0).fit(X).transform(X);"
        "print(hashlib.sha256(codes.tobytes()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(digests) == 1


@pytest.mark.slow
def test_n_jobs(small):
    """Workers have one thread each; so has this process (see conftest)."""
    assert torch.get_num_threads() == 1
    codes = [
        Parallel(n_jobs=n_jobs)(delayed(_codes)(small) for _ in range(2))
        for n_jobs in (1, 2)
    ]
    np.testing.assert_array_equal(codes[0], codes[1])


@every_architecture
@pytest.mark.parametrize("random_state", [0, None])
def test_nothing_global_is_touched(architecture, random_state, small):
    def state():
        return (
            torch.get_rng_state().tolist(),
            str(np.random.get_state()),
            torch.get_default_dtype(),
            torch.get_num_threads(),
            torch.get_num_interop_threads(),
            torch.are_deterministic_algorithms_enabled(),
            torch.is_grad_enabled(),
        )

    before = state()
    model = _model(architecture, random_state=random_state).fit(small)
    model.partial_fit(small).transform(small)
    model.score_samples(small)
    assert state() == before


def test_a_failing_fit_touches_nothing_either(small):
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match="diverged"):
        _model("torch dropout", learning_rate=1e30).fit(small)
    assert torch.equal(before, torch.get_rng_state())


def test_seeds_and_random_states(small):
    codes = [
        _model("dropout", random_state=seed).fit(small).transform(small)
        for seed in (0, 1, None, None, np.random.RandomState(0))
    ]
    for i in range(len(codes)):
        for j in range(i):
            assert not np.array_equal(codes[i], codes[j])
    np.testing.assert_array_equal(
        codes[-1],
        _model("dropout", random_state=np.random.RandomState(0))
        .fit(small)
        .transform(small),
    )


def test_the_global_seed_does_not_matter(small):
    found = []
    for seed in (0, 1):
        state = np.random.get_state(), torch.get_rng_state()
        np.random.seed(seed), torch.manual_seed(seed)
        found.append(_codes(small, "torch dropout"))
        np.random.set_state(state[0]), torch.set_rng_state(state[1])
    np.testing.assert_array_equal(*found)


@every_architecture
def test_inference_is_deterministic(architecture, small):
    model = _model(architecture).fit(small)
    for method in (model.transform, model.score_samples, model.reconstruct):
        np.testing.assert_array_equal(method(small), method(small))
        np.testing.assert_allclose(
            method(small)[7:9], method(small[7:9]), rtol=1e-9, atol=1e-12
        )


def test_default_dtype_float64_is_respected(small):
    expected = _model().fit(small).score(small)
    torch.set_default_dtype(torch.float64)
    try:
        model = _model().fit(small)
        assert torch.get_default_dtype() is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert model.net_.module_.head.weight.dtype is torch.float32
    np.testing.assert_allclose(model.score(small), expected, rtol=0.05)
