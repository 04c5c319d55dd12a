"""Stacking: the layers' weights are the network's, sizes come from the architecture."""

import inspect

import numpy as np
import pytest
import torch

from skae import (
    Architecture,
    Autoencoder,
    BinaryCrossEntropy,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    Dense,
    KLSparsity,
    MaskingNoise,
    SparseAutoencoder,
    StackedAutoencoder,
    TopK,
)

SHARED = dict(max_epochs=3, batch_size=32, random_state=0)
LAYERS = {
    "default": None,
    "plain": Autoencoder(max_epochs=2),
    "denoising": DenoisingAutoencoder(max_epochs=2, corruption=MaskingNoise(0.2)),
    "sparse": SparseAutoencoder(max_epochs=2),
    "contractive": ContractiveAutoencoder(max_epochs=2),
}
every_layer = pytest.mark.parametrize("layer", LAYERS)


def _stack(layer="default", hidden_sizes=(12, 8), n_components=3, **parameters):
    dense = dict(activation="sigmoid", shortcut=None) | parameters.pop("dense", {})
    return StackedAutoencoder(
        n_components,
        architecture=Dense(hidden_sizes, **dense),
        layer=LAYERS[layer],
        **{**SHARED, **parameters},
    )


@every_layer
@pytest.mark.parametrize("activation", ["sigmoid", "relu", "tanh", "elu"])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("shortcut", [None, "pca"])
def test_without_fine_tuning_the_network_is_the_layers(
    layer, activation, tied, shortcut, digits
):
    X = digits[:120]
    dense = dict(activation=activation, tied=tied, shortcut=shortcut)
    model = _stack(layer, dense=dense, fine_tune=False).fit(X)
    assert [one.n_components_ for one in model.layers_] == [12, 8, 3]
    outputs = X
    for number, one in enumerate(model.layers_):
        outputs = one.transform(outputs)
        np.testing.assert_allclose(
            model.hidden_representation(X, number), outputs, atol=1e-6
        )
    np.testing.assert_allclose(model.transform(X), outputs, atol=1e-6)
    decoded = outputs
    for one in reversed(model.layers_):
        decoded = one.inverse_transform(decoded)
    np.testing.assert_allclose(model.inverse_transform(outputs), decoded, atol=1e-5)
    assert model.n_iter_ == model.max_epochs_ == 0
    assert model.history_ == []


def test_fine_tuning_improves_on_the_layers(digits):
    train, test = digits[:1200], digits[1200:]
    scores = [
        _stack(fine_tune=fine_tune, max_epochs=15).fit(train).score(test)
        for fine_tune in (False, True)
    ]
    assert scores[1] > scores[0]


@pytest.mark.slow
def test_pretraining_is_a_better_start(digits):
    """For sigmoid layers, at the same total of epochs."""
    train, test = digits[:1200], digits[1200:]
    dense = Dense((48, 32, 16), activation="sigmoid", shortcut=None)
    shared = dict(architecture=dense, batch_size=32, random_state=0)
    stacked = StackedAutoencoder(8, max_epochs=20, **shared).fit(train)
    plain = Autoencoder(8, max_epochs=100, **shared).fit(train)
    assert stacked.score(test) > plain.score(test)


def test_the_first_layer_has_the_stack_s_loss(rng):
    X = rng.uniform(size=(80, 6))
    model = _stack(loss=BinaryCrossEntropy()).fit(X)
    kinds = [type(one.loss_) for one in model.layers_]
    assert kinds[0] is BinaryCrossEntropy
    assert BinaryCrossEntropy not in kinds[1:]
    assert 0 < model.reconstruct(X).min() < model.reconstruct(X).max() < 1


def test_layers_come_from_the_stack_s_parameters(small):
    model = _stack(max_epochs=2, learning_rate=0.01, optimizer="sgd").fit(small)
    for one in model.layers_:
        assert one.get_params()["learning_rate"] == 0.01
        assert one.optimizer == "sgd"
        assert one.n_iter_ == 2
    assert len({one.random_state for one in model.layers_}) == 3


def test_the_layer_given_is_not_changed(small):
    layer = SparseAutoencoder(sparsity=KLSparsity(0.2), max_epochs=1)
    before = repr(layer)
    model = StackedAutoencoder(
        2,
        architecture=Dense((8,), activation="sigmoid"),
        layer=layer,
        code_activation="sigmoid",
        **SHARED,
    ).fit(small)
    assert repr(layer) == before
    assert not hasattr(layer, "net_")
    assert all(isinstance(one, SparseAutoencoder) for one in model.layers_)


def test_every_own_parameter_matters(small):
    codes = _stack().fit(small).transform(small)
    for changed in (_stack("denoising"), _stack(fine_tune=False)):
        assert not np.allclose(codes, changed.fit(small).transform(small))
    own = set(inspect.signature(StackedAutoencoder).parameters) - set(
        inspect.signature(Autoencoder).parameters
    )
    assert own == {"layer", "fine_tune"}


def test_partial_fit_pretrains_once(small):
    model = _stack()
    layers = model.partial_fit(small).layers_
    codes = model.transform(small)
    assert model.partial_fit(small).layers_ is layers
    assert not np.array_equal(codes, model.transform(small))


def test_warm_start_goes_on_without_pretraining(small):
    model = _stack(warm_start=True).fit(small)
    layers = model.layers_
    assert model.fit(small).layers_ is layers


def test_validation_rows_reach_every_layer(small):
    model = _stack(max_epochs=2).fit(small, X_val=small[:15])
    assert all("valid_loss" in one.history_[0] for one in model.layers_)
    assert "valid_loss" in model.history_[0]


def test_one_layer(small):
    model = _stack(hidden_sizes=()).fit(small)
    assert len(model.layers_) == 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"architecture": Architecture()}, "architecture must be Dense"),
        ({"architecture": Dense((4,), norm="batch")}, "norm='batch' of architecture"),
        ({"layer": StackedAutoencoder()}, "layer must be None or an object of"),
        ({"layer": Dense()}, "layer must be None or an object of Autoencoder"),
        ({"layer": Autoencoder}, "layer must be None or an object of Autoencoder"),
        ({"layer": Autoencoder(max_epochs=-1)}, "The 'max_epochs' parameter"),
        ({"layer": ContractiveAutoencoder(jacobian="no")}, "The 'jacobian' parameter"),
        ({"layer": Autoencoder(corruption=MaskingNoise(2))}, "The 'rate' parameter"),
        ({"fine_tune": False, "warm_start": True}, "goes on with the training of"),
        ({"layer": SparseAutoencoder(sparsity=TopK(2))}, "cannot be stacked"),
        (
            {
                "layer": SparseAutoencoder(sparsity=KLSparsity()),
                "architecture": Dense((4,), activation="relu"),
            },
            "KLSparsity needs a code in",
        ),
    ],
)
def test_bad_parameters(parameters, message, small):
    with pytest.raises(ValueError, match=message):
        StackedAutoencoder(2, **parameters).fit(small)


# -- hidden representations, of every dense estimator


@pytest.mark.parametrize("shortcut", [None, "pca"])
@pytest.mark.parametrize("norm", [None, "batch", "layer"])
def test_hidden_representations_are_the_layers_outputs(shortcut, norm, small):
    architecture = Dense((7, 6), shortcut=shortcut, norm=norm, dropout=0.2)
    model = Autoencoder(2, architecture=architecture, **SHARED).fit(small)
    shapes = [model.hidden_representation(small, i).shape for i in (0, 1, 2)]
    assert shapes == [(60, 7), (60, 6), (60, 2)]
    np.testing.assert_array_equal(
        model.hidden_representation(small, 2), model.transform(small)
    )
    for negative, positive in [(-1, 2), (-2, 1), (-3, 0)]:
        np.testing.assert_array_equal(
            model.hidden_representation(small, negative),
            model.hidden_representation(small, positive),
        )
    module = model.net_.module_for(np.dtype(np.float64))
    x = torch.from_numpy((small - model.mean_) / model.scale_)
    expected = module.body(x)[:, :6].detach()
    np.testing.assert_allclose(model.hidden_representation(small, 1), expected)
    assert model.hidden_representation(small, 0).min() == 0


def test_layers_that_do_not_exist(small):
    model = Autoencoder(2, architecture=Dense((7,)), **SHARED).fit(small)
    for layer in (2, -3, 1.0, True, "code"):
        with pytest.raises(ValueError, match=f"layer={layer!r} does not exist"):
            model.hidden_representation(small, layer)


class _Linear(Architecture):
    def make_body(self, shape, n_components):
        body = torch.nn.Linear(shape[0], 8)
        body.n_outputs = 8
        return body

    def make_decoder(self, shape, n_components, body, head):
        return torch.nn.Linear(n_components, shape[0])


def test_other_architectures_have_no_numbered_layers(small):
    model = Autoencoder(2, architecture=_Linear(), max_epochs=1).fit(small)
    with pytest.raises(ValueError, match="has no numbered hidden layers"):
        model.hidden_representation(small, 0)
