"""The caller's modes of torch change nothing, and other threads change no draw."""

import pickle
import threading
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from sklearn.base import clone

from skae import Autoencoder, Corruption, Dense, Recurrent, Transformer
from tests.discovery import CONDITIONAL, ESTIMATORS, fitted, name_of

every_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)


@contextmanager
def _default_dtype():
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def _warnings_as_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


MODES = {
    "warnings as errors": _warnings_as_errors,
    "float64 by default": _default_dtype,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "meta device by default": lambda: torch.device("meta"),
}
every_mode = pytest.mark.parametrize("mode", MODES)


def _results(model, X):
    """Return what a model makes of rows, by all that computes."""
    model = fitted(model, X)
    results = [model.transform(X), model.reconstruct(X), model.reconstruction_error(X)]
    results.append(model.inverse_transform(results[0]))
    if hasattr(model, "sample"):
        results.append(model.sample(3, random_state=0))
    if hasattr(model, "score_samples"):
        results.append(model.score_samples(X))
    for rows in (X[:20], X[20:40]):
        labels = [np.arange(20) % 3] if type(model) in CONDITIONAL else []
        results.append(model.partial_fit(rows, *labels).transform(X))
    return results


@every_mode
@every_estimator
def test_modes_of_the_caller_change_nothing(estimator, mode, small):
    X = small.astype(np.float32)
    model = estimator(2, max_epochs=2, random_state=0)
    expected = _results(model, X)
    with MODES[mode]():
        found = _results(model, X)
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)
    with MODES[mode]():  # of rows in double precision, by the converted twin
        codes = model.transform(small)
    np.testing.assert_array_equal(codes, model.transform(small))


@every_mode
@pytest.mark.parametrize("architecture", [Recurrent(4), Transformer(8)], ids=name_of)
def test_modes_change_nothing_of_series_either(architecture, mode, rng):
    X = [rng.normal(size=(n, 1)) for n in rng.integers(3, 8, 50)]
    model = Autoencoder(2, architecture=architecture, max_epochs=1, random_state=0)
    expected = model.fit(X).transform(X)
    with MODES[mode]():
        found = model.fit(X).transform(X)
        lengths = [len(row) for row in model.reconstruct(X)]
    np.testing.assert_array_equal(found, expected)
    assert lengths == [len(row) for row in X]


@pytest.mark.parametrize("mode", MODES)
def test_modes_of_the_caller_stay_as_they_are(mode, small):
    def state():
        return (
            torch.get_default_dtype(),
            torch.get_default_device(),
            torch.is_autocast_enabled("cpu"),
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
        )

    with MODES[mode]():
        before = state()
        model = Autoencoder(2, max_epochs=1).fit(small)
        assert state() == before
        model.transform(small)
        assert state() == before
        with pytest.raises(ValueError, match="infinity"):
            model.fit(np.full_like(small, np.inf))
        assert state() == before


ARCHITECTURES = {
    "dense": Dense((8,), dropout=0.2, norm="batch"),
    "recurrent": Recurrent(4, n_layers=2, dropout=0.2),
    "transformer": Transformer(8, dropout=0.2),
}


@pytest.fixture
def drawing():
    """A thread that draws from torch's global generator all the time."""
    done, n_draws = threading.Event(), [0]

    def draw():
        while not done.is_set():
            torch.rand(10)
            n_draws[0] += 1

    thread = threading.Thread(target=draw)
    thread.start()
    yield n_draws
    done.set()
    thread.join()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_thread_that_draws_changes_no_fit(architecture, rng, drawing):
    X = rng.normal(size=(40, 6))
    if architecture != "dense":
        X = X[:, :, None]
    codes = [
        Autoencoder(
            2, architecture=ARCHITECTURES[architecture], max_epochs=2, random_state=0
        )
        .fit(X)
        .transform(X)
        for _ in range(8)
    ]
    assert drawing[0] > 100
    for other in codes[1:]:
        np.testing.assert_array_equal(codes[0], other)


def test_a_fit_changes_no_draw_of_other_threads(small):
    """What a thread draws while another fits is what it would draw without it."""
    state = torch.get_rng_state()
    try:
        expected = _draws_while(lambda: None)
        found = _draws_while(lambda: Autoencoder(2, max_epochs=2).fit(small))
    finally:
        torch.set_rng_state(state)
    assert torch.equal(expected, found)


def _draws_while(work):
    torch.manual_seed(0)
    thread = threading.Thread(target=work)
    thread.start()
    drawn = torch.cat([torch.rand(5) for _ in range(3000)])
    thread.join()
    return drawn


class DrawsGlobally(Corruption):
    """A user's own, which does not use the generator that it is given."""

    def corrupt(self, x, columns, generator):
        return torch.nn.functional.dropout(x + torch.randn_like(x), 0.1)


def test_what_a_user_draws_by_torch_is_seeded_as_well(small):
    model = Autoencoder(2, corruption=DrawsGlobally(), max_epochs=3, random_state=0)
    codes = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        first = model.fit(small).transform(small)
        restored = pickle.loads(pickle.dumps(model))
        codes.append((first, restored.partial_fit(small).transform(small)))
        assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(*codes)
    other = clone(model).set_params(random_state=1).fit(small)
    assert other.history_[0]["train_loss"] != model.history_[0]["train_loss"]
