"""Dense networks: shapes, tying, the shortcut and its edges, the articles' networks."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from torch import nn

from skae import (
    Autoencoder,
    BinaryCrossEntropy,
    Dense,
    Poisson,
    Recurrent,
    SlidingWindows,
    SquaredError,
    StackedAutoencoder,
    Transformer,
)
from skae.architectures.layers import Dropout
from skae.autoencoders.module import AutoencoderModule
from skae.data.batch import Batch
from skae.training.seeds import make_generator
from tests.discovery import ESTIMATORS


def _module(architecture, n_features=6, n_components=2, code_activation=None):
    torch.manual_seed(0)
    return AutoencoderModule(
        architecture, (n_features,), n_components, code_activation, 0.0
    )


def _at_start(X, n_components, **parameters):
    """An estimator that has not moved from its start."""
    return Autoencoder(
        n_components, max_epochs=1, learning_rate=1e-12, random_state=0, **parameters
    ).fit(X)


def _pca(X, n_components):
    pca = PCA(n_components).fit(X)
    return pca.inverse_transform(pca.transform(X))


@pytest.fixture
def X(rng):
    return rng.normal(size=(80, 6)) @ rng.normal(size=(6, 6)) + rng.normal(size=6)


@pytest.mark.parametrize("hidden_sizes", [(), (7,), (7, 5), [9, 8, 7], "auto"])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("shortcut", ["pca", "random", None])
@pytest.mark.parametrize("norm", [None, "batch", "layer"])
def test_shapes(hidden_sizes, tied, shortcut, norm):
    module = _module(
        Dense(hidden_sizes, tied=tied, shortcut=shortcut, norm=norm, dropout=0.1)
    )
    x = torch.randn(5, 6)
    result = module(Batch(x))
    assert result.output.shape == x.shape
    assert result.code.shape == (5, 2)
    result.output.sum().backward()
    unused = [name for name, p in module.named_parameters() if p.grad is None]
    assert unused == []


def test_plain_widths():
    module = _module(Dense((7, 5), shortcut=None))
    widths = [tuple(p.shape) for p in module.parameters() if p.ndim == 2]
    assert widths == [(7, 6), (5, 7), (2, 5), (5, 2), (7, 5), (6, 7)]


def test_auto_sizes():
    for n_features, first in [(3, 128), (64, 256), (784, 512)]:
        weight = _module(Dense(), n_features).body.layers[0].weight
        assert weight.shape == (first, n_features)


@pytest.mark.parametrize(
    "activation", ["relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish",
                   "softplus", "sigmoid", "tanh", "exp", "identity", nn.Hardtanh],
)  # fmt: skip
def test_activations(activation, X):
    architecture = Dense((8,), activation=activation)
    layers = _module(architecture).body.layers
    assert len(layers) == 2
    _at_start(X, 2, architecture=architecture)


# -- tying


def test_tied_weights_are_transposes_whatever_the_depth():
    module = _module(Dense((7, 5), tied=True, shortcut=None, activation="tanh"))
    w1, w2 = (layer.weight for layer in module.body.layers if hasattr(layer, "weight"))
    decoder = module.decoder
    code = torch.randn(4, 2)
    hidden = torch.tanh(code @ module.head.weight + decoder.code_bias)
    hidden = torch.tanh(hidden @ w2 + decoder.biases[0])
    expected = hidden @ w1 + decoder.biases[1]
    torch.testing.assert_close(module.decode(code, Batch()), expected)
    assert all(p.ndim == 1 for p in decoder.parameters())


def test_tied_linear_path_is_the_transpose():
    module = _module(Dense((7,), tied=True, shortcut="random"))
    linear = module.head.weight[:, 7:]
    for layer in module.body.layers:
        if hasattr(layer, "weight"):
            nn.init.zeros_(layer.weight)
    code = torch.randn(4, 2)
    torch.testing.assert_close(module.decode(code, Batch()), code @ linear)


def test_tied_weights_stay_tied_in_training_and_in_copies(X):
    import copy
    import pickle

    model = Autoencoder(2, architecture=Dense((8,), tied=True), random_state=0).fit(X)
    for module in (
        model.net_.module_,
        pickle.loads(pickle.dumps(model)).net_.module_,
        copy.deepcopy(model.net_.module_),
    ):
        assert module.decoder._encoder[-1] is module.head
        assert module.decoder._encoder[0] is module.body.layers[0]


# -- the shortcut


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("hidden_sizes", [(), (8,), (8, 5), (8, 8, 8)])
@pytest.mark.parametrize("activation", ["relu", "sigmoid", "softplus"])
@pytest.mark.parametrize("norm", [None, "batch", "layer"])
def test_training_starts_at_pca(tied, hidden_sizes, activation, norm, X):
    architecture = Dense(hidden_sizes, tied=tied, activation=activation, norm=norm)
    model = _at_start(X, 3, architecture=architecture)
    np.testing.assert_allclose(model.reconstruct(X), _pca(X, 3), atol=1e-4)
    codes = PCA(3).fit_transform(X)
    np.testing.assert_allclose(
        np.abs(model.transform(X) * model.scale_), np.abs(codes), atol=1e-4
    )


@pytest.mark.parametrize("tied", [False, True])
def test_the_start_is_no_trap(tied, digits):
    """Both halves of the nonlinear path begin to move."""
    shared = dict(random_state=0, early_stopping=False, max_epochs=30)
    architecture = Dense((64,), tied=tied)
    model = Autoencoder(4, architecture=architecture, **shared).fit(digits)
    linear = Autoencoder(4, architecture=Dense((), tied=tied), **shared).fit(digits)
    assert model.score(digits) > 0.9 * linear.score(digits)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("hidden_sizes", [(), (8,)])
@pytest.mark.parametrize(("n_components", "rank"), [(6, 3), (20, 6), (50, 6)])
def test_components_beyond_the_rank(tied, hidden_sizes, n_components, rank, rng):
    X = rng.normal(size=(80, rank)) @ rng.normal(size=(rank, 6))
    architecture = Dense(hidden_sizes, tied=tied)
    model = _at_start(X, n_components, architecture=architecture)
    np.testing.assert_allclose(model.reconstruct(X), X, atol=1e-4)
    head = model.net_.module_.head.weight[rank:, -6:]
    assert 0 < head.abs().max() < 0.01
    if not tied:
        decoder = model.net_.module_.decoder.last.weight[:, -n_components:]
        assert (decoder[:, rank:] == 0).all()


def test_no_hidden_layer_means_one_linear_path():
    module = _module(Dense((), shortcut="pca"))
    assert sum(p.ndim == 2 for p in module.parameters()) == 2


def test_random_and_absent_shortcuts_do_not_start_at_pca(X):
    for shortcut in ("random", None):
        model = _at_start(X, 3, architecture=Dense((8,), shortcut=shortcut))
        assert np.abs(model.reconstruct(X) - _pca(X, 3)).max() > 0.1


@pytest.mark.parametrize(
    "parameters",
    [
        {"loss": BinaryCrossEntropy()},
        {"loss": Poisson()},
        {"loss": SquaredError(output_activation="sigmoid")},
        {"code_activation": "relu"},
        {"code_activation": "sigmoid"},
    ],
    ids=repr,
)
def test_where_the_start_cannot_be_pca_it_is_random(parameters, rng):
    X = rng.uniform(size=(80, 6))
    started = _at_start(X, 3, **parameters)
    random = _at_start(X, 3, architecture=Dense(shortcut="random"), **parameters)
    np.testing.assert_array_equal(started.transform(X), random.transform(X))


def test_an_identity_code_activation_keeps_the_start(X):
    model = _at_start(X, 3, code_activation="identity")
    np.testing.assert_allclose(model.reconstruct(X), _pca(X, 3), atol=1e-4)


@pytest.mark.parametrize("loss", ["absolute_error", "huber"])
def test_other_losses_of_the_residual_start_at_pca_too(loss, X):
    model = _at_start(X, 3, loss=loss)
    np.testing.assert_allclose(model.reconstruct(X), _pca(X, 3), atol=1e-4)


def test_a_large_table_starts_at_the_pca_of_a_sample(monkeypatch, rng):
    monkeypatch.setattr("skae.data.statistics._COVARIANCE_WORK", 30_000 * 36 / 3)
    X = rng.normal(size=(30_000, 6)) * [5, 4, 1, 0.5, 0.2, 0.1]
    monkeypatch.setattr("skae.data.samples.BLOCK_BYTES", 6 * 4 * 1000)
    model = _at_start(X, 2, architecture=Dense(()))
    assert -model.score(X) == pytest.approx(((X - _pca(X, 2)) ** 2).mean(), rel=1e-3)


def test_wide_rows_start_at_the_pca_of_a_sample(monkeypatch, rng):
    monkeypatch.setattr("skae.data.statistics._WIDEST_COVARIANCE", 10)
    monkeypatch.setattr("skae.data.statistics._SAMPLE_ELEMENTS", 20 * 100)
    X = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 20))
    model = _at_start(X, 2, architecture=Dense(()))
    assert -model.score(X) < 1e-6 * X.var()


# -- dropout


def test_dropout_drops_its_share_by_its_own_generator():
    dropout = Dropout(0.25)
    dropout.generator = make_generator(0)
    x = torch.ones(1000, 50)
    state = torch.get_rng_state()
    dropped = dropout(x)
    assert torch.equal(state, torch.get_rng_state())
    assert (dropped == 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.01)
    dropout.generator = make_generator(0)
    assert torch.equal(dropout(x), dropped)
    assert torch.equal(dropout.eval()(x), x)


@pytest.mark.parametrize("module", [Dense((5,)), Recurrent(4), Transformer(8)])
def test_code_dropout_drops_units_of_the_code(module):
    """In training alone, what is left being scaled up; conditions beside it stay."""
    architecture = module.set_params(code_dropout=0.25)
    shape = (6,) if isinstance(architecture, Dense) else (3, 2)
    module = AutoencoderModule(architecture, shape, 4, n_inputs=6)
    drop, seen = module.drop_code, []
    drop.generator = make_generator(0)
    module.decoder.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    code = torch.ones(500, 6)
    module.decode(code, Batch(torch.zeros(500, 6)))
    module.eval().decode(code, Batch(torch.zeros(500, 6)))
    dropped, kept = seen
    assert (dropped[:, :4] == 0).double().mean().item() == pytest.approx(0.25, abs=0.03)
    assert dropped.unique().tolist() == pytest.approx([0, 1, 4 / 3])
    assert (dropped[:, 4:] == 1).all()
    assert torch.equal(kept, code)


# -- a decoder that is no mirror


@pytest.mark.parametrize("sizes", [(), (4,), [10, 9, 8]])
@pytest.mark.parametrize("hidden_sizes", [(), (8,)])
def test_a_decoder_of_other_sizes(sizes, hidden_sizes, X):
    architecture = Dense(hidden_sizes, decoder_sizes=sizes)
    model = _at_start(X, 3, architecture=architecture)
    np.testing.assert_allclose(model.reconstruct(X), _pca(X, 3), atol=1e-4)
    module = model.net_.module_
    assert [linear.out_features for linear in module.decoder.linears] == list(sizes)
    assert [linear.out_features for linear in module.body.linears] == [*hidden_sizes]


def test_decoders_that_cannot_be_had(X):
    for model, message in (
        (Autoencoder(architecture=Dense((8,), decoder_sizes=(0,))), "decoder_sizes of"),
        (
            Autoencoder(architecture=Dense((8,), decoder_sizes=(8,), tied=True)),
            r"decoder_sizes=\(8,\) of Dense cannot be had with tied=True",
        ),
        (
            StackedAutoencoder(architecture=Dense((8,), decoder_sizes=(8,))),
            r"decoder_sizes=\(8,\) of architecture cannot be stacked",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(X)


# -- the articles' networks


def test_784_64_784_with_relu_code_and_sigmoid_output(rng):
    X = rng.uniform(size=(100, 784)).astype(np.float32)
    model = Autoencoder(
        64,
        architecture=Dense((), shortcut=None),
        code_activation="relu",
        loss=SquaredError(output_activation="sigmoid"),
        max_epochs=2,
    ).fit(X)
    shapes = [tuple(p.shape) for p in model.net_.module_.parameters()]
    assert shapes == [(64, 784), (64,), (784, 64), (784,)]
    codes = model.transform(X)
    assert codes.min() == 0 < codes.max()
    assert 0 <= model.reconstruct(X).min() <= model.reconstruct(X).max() <= 1


def test_784_1000_500_250_30(rng):
    """Hinton and Salakhutdinov 2006."""
    X = rng.uniform(size=(64, 784)).astype(np.float32)
    model = Autoencoder(
        30,
        architecture=Dense((1000, 500, 250), activation="sigmoid", shortcut=None),
        loss=BinaryCrossEntropy(),
        max_epochs=1,
    ).fit(X)
    widths = [p.shape[0] for p in model.net_.module_.parameters() if p.ndim == 2]
    assert widths == [1000, 500, 250, 30, 250, 500, 1000, 784]


# -- arrays of more axes


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_arrays_are_flat_rows_and_come_back(cls, rng):
    X = rng.random((40, 2, 3, 2)).astype(np.float32)
    y = np.arange(40) % 2
    model, flat = (cls(2, max_epochs=2, random_state=0) for _ in range(2))
    model.fit(X, y)
    flat.fit(X.reshape(40, -1), y)
    codes = model.transform(X)
    np.testing.assert_array_equal(codes, flat.transform(X.reshape(40, -1)))
    rows = flat.inverse_transform(codes).reshape(X.shape)
    np.testing.assert_array_equal(model.inverse_transform(codes), rows)
    assert model.reconstruction_error(X, per_feature=True).shape == X.shape
    with pytest.raises(ValueError, match=r"expects \(n_samples, 2, 3, 2\)"):
        model.transform(X.reshape(40, -1))


def test_windows_of_one_series(rng):
    series = rng.normal(size=(60, 2))
    pipe = make_pipeline(SlidingWindows(8), Autoencoder(3, max_epochs=2)).fit(series)
    assert pipe.inverse_transform(pipe.transform(series)).shape == series.shape


def test_arrays_without_values_are_refused():
    with pytest.raises(ValueError, match="Rows of X have the shape .0, 3., which hold"):
        Autoencoder().fit(np.zeros((5, 0, 3)))
