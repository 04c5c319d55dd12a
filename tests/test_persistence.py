"""Pickles and copies: the same numbers back, and training goes on the same."""

import copy
import importlib
import io
import pickle
import pickletools
from functools import partial

import cloudpickle
import joblib
import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import Autoencoder, Dense, Huber, StackedAutoencoder
from skae.persistence import TRUSTED_TYPES
from tests.discovery import ESTIMATORS, fitted, name_of
from tests.saved import saved


def _through_joblib(model):
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


WAYS = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "joblib": _through_joblib,
    "cloudpickle": lambda model: pickle.loads(cloudpickle.dumps(model)),
    "deepcopy": copy.deepcopy,
}
VARIANTS = {
    "defaults": {},
    "tied": {"architecture": Dense((8, 4), tied=True, activation=torch.nn.SELU)},
    "normed": {"architecture": Dense((8,), norm="batch", dropout=0.3)},
    "decayed": {"optimizer": "sgd", "weight_decay": 0.01, "loss": Huber(delta=0.5)},
    "class": {"optimizer": torch.optim.Adamax, "code_activation": torch.nn.Tanh},
}
METHODS = ("transform", "score_samples", "decision_function", "predict", "reconstruct")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", ESTIMATORS, ids=name_of)
def test_the_same_bits_come_back(way, variant, kind, small):
    if kind is StackedAutoencoder and variant == "normed":
        variant = "tied"  # layers that are trained one by one have no norm
    model = kind(2, max_epochs=3, random_state=0, **VARIANTS[variant])
    model = fitted(model, small)
    again = WAYS[way](model)
    for dtype in (np.float64, np.float32):
        for method in filter(partial(hasattr, model), METHODS):
            np.testing.assert_array_equal(
                getattr(model, method)(small.astype(dtype)),
                getattr(again, method)(small.astype(dtype)),
            )
    assert again.history_ == model.history_
    assert repr(again) == repr(model)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_partial_fit_goes_on_as_without_a_pickle(way, variant, small, rng):
    shared = dict(random_state=0, batch_size=16, **VARIANTS[variant])
    straight = Autoencoder(2, **shared)
    stopped = Autoencoder(2, **shared)
    batches = [small[:40], small[40:], small[:1], rng.normal(size=(33, 5))]
    for rows in batches:
        straight.partial_fit(rows)
        stopped = WAYS[way](stopped.partial_fit(rows))
    np.testing.assert_array_equal(straight.transform(small), stopped.transform(small))
    assert straight.offset_ == stopped.offset_
    assert straight.n_samples_seen_ == stopped.n_samples_seen_


def test_partial_fit_after_a_pickled_fit(small):
    model = Autoencoder(2, max_epochs=3, random_state=0).fit(small)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(
        model.partial_fit(small).transform(small),
        again.partial_fit(small).transform(small),
    )


def test_no_torch_object_is_pickled(small):
    model = Autoencoder(
        2, architecture=Dense((8,), dropout=0.1), max_epochs=2, random_state=0
    ).fit(small)
    model.transform(small)  # makes the float64 twin
    named = {
        str(argument)
        for operation, argument, _ in pickletools.genops(
            pickle.dumps(model, protocol=2)
        )
        if operation.name == "GLOBAL"
    }
    torch_names = {name for name in named if name.startswith("torch")}
    assert torch_names <= {"torch.optim.adam Adam"}  # a class, by reference


def test_a_changed_parameter_does_not_break_a_pickle(small):
    model = Autoencoder(2, max_epochs=3, random_state=0).fit(small)
    codes = model.transform(small)
    model.set_params(
        optimizer="sgd", architecture=Dense((3,)), n_components=1, loss="huber"
    )
    np.testing.assert_array_equal(WAYS["pickle"](model).transform(small), codes)


def test_unfitted_estimators_pickle():
    model = pickle.loads(pickle.dumps(Autoencoder(3, architecture=Dense((4,)))))
    assert repr(model) == repr(Autoencoder(3, architecture=Dense((4,))))


def test_loading_moves_no_global_generator(small):
    data = pickle.dumps(Autoencoder(2, max_epochs=1).fit(small))
    before = torch.get_rng_state()
    pickle.loads(data)
    assert torch.equal(before, torch.get_rng_state())


def test_a_copy_is_independent(small):
    model = Autoencoder(2, max_epochs=2, random_state=0).fit(small)
    codes = model.transform(small)
    copy.deepcopy(model).partial_fit(small)
    np.testing.assert_array_equal(model.transform(small), codes)


def test_a_pipeline(small):
    pipe = make_pipeline(StandardScaler(), Autoencoder(2, max_epochs=2)).fit(small)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(pipe)).transform(small), pipe.transform(small)
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_files_name_what_is_listed():
    """What moves breaks the files of users, unless the old path stays."""
    named = set()
    for model, _ in saved():
        named |= {
            str(argument).replace(" ", ".")
            for operation, argument, _ in pickletools.genops(
                pickle.dumps(model, protocol=2)
            )
            if operation.name == "GLOBAL"
        }
    assert {name for name in named if name.startswith(("skae", "torch"))} == {
        *TRUSTED_TYPES
    }


@pytest.mark.parametrize("path", TRUSTED_TYPES)
def test_listed_paths_stay(path):
    module, _, name = path.rpartition(".")
    assert isinstance(getattr(importlib.import_module(module), name), type)


@pytest.mark.cuda
def test_trained_on_cuda_loaded_without(small, monkeypatch):
    model = Autoencoder(2, max_epochs=3, device="cuda", random_state=0).fit(small)
    data, codes = pickle.dumps(model), model.transform(small)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    loaded = pickle.loads(data)
    assert loaded.device_ == "cpu"
    np.testing.assert_allclose(loaded.transform(small), codes, rtol=1e-4, atol=1e-5)
