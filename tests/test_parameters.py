"""Every parameter changes the outcome."""

import inspect

import numpy as np
import pytest
import torch
from skorch.callbacks import EpochScoring

from skae import Autoencoder, Dense, SquaredError
from skae.data.batch import Batch

# A random start: with PCA's, validation may rightly keep the start whatever is set.
BASE = {
    "max_epochs": 8,
    "random_state": 0,
    "batch_size": 16,
    "architecture": Dense((16,), shortcut="random"),
}

# parameter: (value, the parameters that it is compared under)
CHANGES = {
    "n_components": (3, {}),
    "architecture": (Dense((4,)), {}),
    "loss": ("absolute_error", {}),
    "code_activation": ("tanh", {}),
    "max_epochs": (2, {}),
    "batch_size": (60, {}),
    "optimizer": ("sgd", {"learning_rate": 0.1}),
    "learning_rate": (1e-2, {}),
    "schedule": ("constant", {}),
    "weight_decay": (0.1, {}),
    "l1_penalty": (0.1, {}),
    "early_stopping": (False, {"learning_rate": 0.05}),
    "validation_fraction": (0.5, {}),
    "patience": (1, {"max_epochs": 60, "learning_rate": 0.02}),
    "random_state": (1, {}),
    "net_params": ({"optimizer__betas": (0.5, 0.9)}, {}),
}


def _codes(small, **parameters):
    model = Autoencoder(2).set_params(**{**BASE, **parameters})
    return model.fit(small).transform(small)


@pytest.mark.parametrize("name", CHANGES)
def test_the_codes_change(name, small):
    value, under = CHANGES[name]
    before = _codes(small, **under)
    after = _codes(small, **{**under, name: value})
    assert before.shape != after.shape or not np.allclose(before, after, rtol=1e-3)


def test_every_parameter_is_covered():
    elsewhere = {
        "device",  # test_devices.py
        "callbacks",  # test_callbacks.py
        "verbose",  # test_callbacks.py
        "warm_start",  # test_fit.py
        "contamination",  # test_outliers.py
        "novelty",  # test_thresholds.py
        "corruption",  # test_corruption.py
        "columns",  # test_frames.py
    }
    assert set(CHANGES) | elsewhere == set(inspect.signature(Autoencoder).parameters)


DENSE_CHANGES = {
    "hidden_sizes": (16, 8),
    "decoder_sizes": (8,),
    "activation": "tanh",
    "dropout": 0.5,
    "code_dropout": 0.5,
    "norm": "batch",
    "tied": True,
    "shortcut": None,
}


@pytest.mark.parametrize("name", DENSE_CHANGES)
def test_every_parameter_of_dense_changes_the_codes(name, small):
    plain = _codes(small, architecture=Dense((16,)), early_stopping=False)
    changed = Dense((16,)).set_params(**{name: DENSE_CHANGES[name]})
    assert not np.allclose(
        plain, _codes(small, architecture=changed, early_stopping=False), rtol=1e-3
    )


def test_dense_changes_are_complete():
    assert set(DENSE_CHANGES) == set(inspect.signature(Dense).parameters)


def test_output_activation_changes_the_reconstruction(rng):
    X = rng.uniform(size=(60, 5))
    plain = Autoencoder(2, **BASE).fit(X)
    squashed = Autoencoder(
        2, loss=SquaredError(output_activation="sigmoid"), **BASE
    ).fit(X)
    codes = np.full((1, 2), 50.0)
    assert np.abs(plain.inverse_transform(codes)).max() > 1
    assert squashed.inverse_transform(codes).max() <= 1


@pytest.mark.parametrize(
    "optimizer",
    ["adam", "adamw", "nadam", "radam", "rmsprop", "adagrad", "sgd", "lbfgs"]
    + [torch.optim.Adadelta, torch.optim.Adamax],
)
def test_optimizers_lower_the_loss(optimizer, digits):
    model = Autoencoder(
        4,
        architecture=Dense((), shortcut=None),
        optimizer=optimizer,
        learning_rate=0.02,
        max_epochs=5,
        early_stopping=False,
        random_state=0,
    ).fit(digits[:300])
    assert model.history_[-1]["train_loss"] < model.history_[0]["train_loss"]


def test_weight_decay_shrinks_weights_and_spares_biases(digits):
    X = digits[:300] + 5
    shared = dict(
        architecture=Dense((), shortcut="random"),
        max_epochs=100,
        learning_rate=0.01,
        random_state=0,
        early_stopping=False,
    )
    free = Autoencoder(4, **shared).fit(X).net_.module_
    decayed = Autoencoder(4, weight_decay=1.0, **shared).fit(X).net_
    assert decayed.module_.head.weight.norm() < 0.2 * free.head.weight.norm()
    with_bias = [
        group
        for group in decayed.optimizer_.param_groups
        if any(p is decayed.module_.head.bias for p in group["params"])
    ]
    assert [group["weight_decay"] for group in with_bias] == [0.0]


def test_l1_penalty_zeroes_weights(digits):
    shared = dict(
        architecture=Dense((), shortcut="random"),
        max_epochs=100,
        learning_rate=0.01,
        random_state=0,
        early_stopping=False,
    )
    norms = [
        Autoencoder(4, l1_penalty=weight, **shared)
        .fit(digits[:300])
        .net_.module_.head.weight.abs()
        .sum()
        for weight in (0.0, 0.1)
    ]
    assert norms[1] < 0.3 * norms[0]


def test_penalty_is_the_sum_of_absolute_weights_and_has_its_gradient():
    model = Autoencoder(2, l1_penalty=0.5, max_epochs=1).fit(np.eye(4))
    module = model.net_.module_.train()
    batch = Batch(torch.eye(4).to(module.head.weight))
    penalty = module(batch).penalty
    weights = [p for p in module.parameters() if p.ndim > 1]
    assert penalty.item() == pytest.approx(
        0.5 * sum(w.abs().sum().item() for w in weights), rel=1e-5
    )
    for weight, gradient in zip(
        weights, torch.autograd.grad(penalty, weights), strict=True
    ):
        torch.testing.assert_close(gradient, 0.5 * weight.sign())
    # Validation compares what is minimised.
    assert module.eval()(batch).penalty.item() == pytest.approx(penalty.item())


def test_n_components_as_a_share_of_variance(cancer):
    from sklearn.decomposition import PCA

    model = Autoencoder(0.9, max_epochs=1).fit(cancer)
    assert model.n_components_ == PCA(0.9).fit(cancer).n_components_


def test_n_components_auto_is_half_of_the_features_at_most_32(rng):
    for n_features, expected in [(1, 1), (2, 1), (9, 4), (64, 32), (200, 32)]:
        X = rng.normal(size=(30, n_features))
        assert Autoencoder(max_epochs=1).fit(X).n_components_ == expected


def test_net_params_reach_skorch(small):
    from torch.utils.data import DataLoader

    model = Autoencoder(
        2, max_epochs=2, net_params={"iterator_train": DataLoader}, random_state=0
    ).fit(small)
    assert model.net_.iterator_train is DataLoader
    assert np.isfinite(model.score(small))


def test_epoch_scoring_name(small):
    model = Autoencoder(
        2, callbacks=[EpochScoring("neg_mean_squared_error", name="mse")], max_epochs=2
    ).fit(small)
    assert all(row["mse"] < 0 for row in model.history_)


def test_other_iterators_and_groups_of_parameters(small):
    from torch.utils.data import DataLoader

    loaders = {"iterator_train": DataLoader, "iterator_valid": DataLoader}
    model = Autoencoder(2, max_epochs=2, net_params=loaders, random_state=0)
    assert np.isfinite(model.fit(small).history_[-1]["valid_loss"])
    group = {"optimizer__param_groups": [("*", {"weight_decay": 5.0})]}
    shared = dict(BASE, early_stopping=False, max_epochs=30)
    plain = Autoencoder(2, **shared).fit(small)
    decayed = Autoencoder(2, net_params=group, **shared).fit(small)
    sizes = [model.net_.module_.head.weight.norm() for model in (plain, decayed)]
    assert sizes[1] < 0.7 * sizes[0]
