"""Convolutional networks: exact sizes, tying, layouts, and that they learn."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from skae import (
    Autoencoder,
    ConditionalVariationalAutoencoder,
    ContractiveAutoencoder,
    Convolutional,
    SquaredError,
    VariationalAutoencoder,
)
from skae.autoencoders.module import AutoencoderModule
from skae.data.batch import Batch
from skae.training.seeds import make_generator
from tests.modules import make_parts


def _module(architecture, shape=(1, 8, 8), n_components=3):
    return make_parts(architecture, shape, n_components)


def _rows(n, shape=(1, 8, 8)):
    return torch.randn(n, math.prod(shape), generator=make_generator(1))


def _trained(module, x, n_steps):
    """Return the squared error before and after some steps of Adam."""
    optimizer = torch.optim.Adam(module.parameters(), 3e-3)
    errors = []
    for _ in range(n_steps):
        error = ((module(x) - x) ** 2).mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(error.item())
    return errors[0], errors[-1]


SHAPES = [
    (1, 28, 28), (1, 27, 27), (2, 31, 31), (3, 5, 7), (1, 28), (2, 27), (1, 9, 8, 7),
]  # fmt: skip
SAMPLING = [
    ("stride", "transposed"), ("stride", "nearest"),
    ("pool", "transposed"), ("pool", "nearest"),
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    ("kernel_size", "stride"), [(1, 2), (2, 1), (3, 1), (3, 2), (3, 3), (4, 2), (5, 3)]
)
@pytest.mark.parametrize(("downsampling", "upsampling"), SAMPLING)
def test_sizes_come_back_exactly(shape, kernel_size, stride, downsampling, upsampling):
    architecture = Convolutional(
        (4, 3),
        kernel_size=kernel_size,
        stride=stride,
        downsampling=downsampling,
        upsampling=upsampling,
    )
    module = _module(architecture, shape)
    x = _rows(2, shape)
    maps = module.body(x)
    assert maps.shape == (2, module.body.n_outputs)
    output = module(x)
    assert output.shape == x.shape
    output.square().sum().backward()
    unused = [name for name, p in module.named_parameters() if p.grad is None]
    assert unused == []


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    ("kernel_size", "stride"), [(1, 2), (2, 1), (3, 1), (3, 2), (3, 3), (4, 2), (5, 3)]
)
def test_tied_sizes_come_back_exactly(shape, kernel_size, stride):
    architecture = Convolutional(
        (4, 3), kernel_size=kernel_size, stride=stride, tied=True
    )
    assert _module(architecture, shape)(_rows(2, shape)).shape == _rows(2, shape).shape


@pytest.mark.parametrize(
    ("shape", "widths"),
    [
        ((1, 28, 28), [32, 64]),
        ((3, 64, 70), [32, 64, 128]),
        ((1, 8, 8), [32]),
        ((1, 100), [32, 64, 128]),
        ((1, 20), [32, 64]),
        ((1, 2), [32]),
        ((1, 1), []),
    ],
    ids=str,
)
def test_auto_channels(shape, widths):
    module = _module(Convolutional(), shape)
    stages = getattr(module.body, "stages", ())
    assert [stage[0].out_channels for stage in stages] == widths
    assert module(_rows(2, shape)).shape == (2, math.prod(shape))


@pytest.mark.parametrize("length", range(1, 9))
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 6])
@pytest.mark.parametrize("stride", [1, 2, 5])
@pytest.mark.parametrize("downsampling", ["stride", "pool"])
def test_auto_takes_any_length(length, kernel_size, stride, downsampling):
    architecture = Convolutional(
        kernel_size=kernel_size, stride=stride, downsampling=downsampling
    )
    assert _module(architecture, (1, length))(torch.ones(2, length)).shape[1] == length


def test_no_stage_is_linear():
    module = _module(Convolutional(()), (1, 6))
    x = _rows(4, (1, 6))
    torch.testing.assert_close(
        module(x[:2] + x[2:]) - module(x[:2]), module(x[2:]) - module(0 * x[2:])
    )


@pytest.mark.parametrize("size", [(8, 8), (6,), (5, 4, 6)])
@pytest.mark.parametrize("tied", [False, True])
def test_channels_last_is_a_permutation(size, tied):
    parameters = {"channels": (4,), "tied": tied, "shortcut": None}
    first = _module(Convolutional(**parameters), (3, *size))
    last = _module(Convolutional(**parameters, channels_last=True), (*size, 3))
    x = _rows(2, (3, *size)).view(2, 3, *size)
    moved = x.movedim(1, -1)
    expected = first(x.flatten(1)).view_as(x).movedim(1, -1)
    torch.testing.assert_close(last(moved.flatten(1)).view_as(moved), expected)


@pytest.mark.parametrize(
    "changed",
    [
        {"channels": (4, 7)},
        {"channels_last": True},
        {"kernel_size": 5},
        {"stride": 3},
        {"downsampling": "pool"},
        {"upsampling": "nearest"},
        {"activation": "tanh"},
        {"norm": "batch"},
        {"norm": "group"},
        {"n_residual_blocks": 1},
        {"dropout": 0.5},
        {"code_dropout": 0.5},
        {"code_channels": 1},
        {"tied": True},
        {"shortcut": None},
    ],
    ids=repr,
)
def test_each_parameter_changes_the_outcome(changed):
    shape = (2, 9, 4)
    x = _rows(3, shape)
    default = _module(Convolutional((4,)), shape)(x)
    architecture = Convolutional(**{"channels": (4,)} | changed)
    n_units = math.prod(architecture.code_shape(shape) or (3,))
    other = _module(architecture, shape, n_units)(x)
    assert not torch.allclose(default, other)


# -- norm, dropout and residual blocks


@pytest.mark.parametrize("norm", ["batch", "group"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 9), (1, 2), (1, 4, 5, 6)], ids=str)
def test_one_row_in_training(norm, shape):
    module = _module(Convolutional((8,), norm=norm, n_residual_blocks=1), shape)
    _trained(module, _rows(5, shape), 2)
    x = _rows(1, shape)
    torch.testing.assert_close(module(x), module.eval()(x))


def test_batch_norm_is_over_rows_and_positions():
    architecture = Convolutional(
        (4,), norm="batch", activation="identity", shortcut=None
    )
    module = _module(architecture)
    maps = module.body(_rows(50)).view(50, 4, 16).transpose(0, 1).flatten(1)
    torch.testing.assert_close(maps.mean(1), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(maps.std(1), torch.ones(4), atol=1e-2, rtol=0)


@pytest.mark.parametrize(
    ("n_channels", "n_groups"), [(1, 1), (7, 1), (8, 1), (20, 2), (32, 4), (64, 8)]
)
def test_groups_are_of_about_eight_channels(n_channels, n_groups):
    body = _module(Convolutional((n_channels,), norm="group")).body
    groups = [layer for layer in body.modules() if isinstance(layer, nn.GroupNorm)]
    assert [layer.num_groups for layer in groups] == [n_groups]


def test_a_residual_block_adds_to_its_input():
    body = _module(Convolutional((4,), n_residual_blocks=1)).body
    x = _rows(3)
    plain = _module(Convolutional((4,))).body
    plain.load_state_dict(body.state_dict(), strict=False)
    block = body.stages[0][-1]
    nn.init.zeros_(block[-1].weight)
    nn.init.zeros_(block[-1].bias)
    torch.testing.assert_close(body(x), plain(x))


def test_dropout_draws_from_its_own_generator():
    module = _module(Convolutional((4,), dropout=0.5, shortcut=None))
    module.body.stages[0][-1].generator = make_generator(0)
    state = torch.get_rng_state()
    kept = module.body(torch.ones(200, 64))
    assert torch.equal(state, torch.get_rng_state())
    still = module.body.eval()(torch.ones(200, 64))
    share = (kept == 0)[still > 0].float().mean().item()
    assert share == pytest.approx(0.5, abs=0.03)


# -- tying


def test_tied_is_the_transpose():
    """<decode(code), x> = <code, encode(x)> where all is linear and without bias."""
    module = _module(Convolutional((4, 3), tied=True, activation="identity"))
    for name, parameter in module.named_parameters():
        if "bias" in name:
            nn.init.zeros_(parameter)
    x, code = _rows(5), _rows(5, (3,))
    torch.testing.assert_close(
        (module.decoder(code) * x).sum(1), (code * module.head(module.body(x))).sum(1)
    )


def test_tied_shares_weights_and_gradients():
    module = _module(Convolutional((4, 3), tied=True))
    assert all(p.ndim == 1 for p in module.decoder.parameters())
    convolve = module.body.stages[0][0]
    x = _rows(5)
    code = module.head(module.body(x)).detach()
    module.decoder(code).square().sum().backward()
    assert convolve.weight.grad.abs().max() > 0
    assert convolve.bias.grad is None
    assert module.head.weight.grad.abs().max() > 0


def test_tied_weights_stay_tied_in_copies():
    module = copy.deepcopy(_module(Convolutional((4, 3), tied=True)))
    assert module.decoder._encoder[-1] is module.head
    assert module.decoder._encoder[0] is module.body.stages[0][0]


# -- the linear path


def _at_start(X, n_components, **parameters):
    """Return an estimator that has not moved from its start."""
    return Autoencoder(
        n_components, max_epochs=1, learning_rate=1e-12, random_state=0, **parameters
    ).fit(X)


def _through_pca(X, n_components):
    rows = X.reshape(len(X), -1)
    pca = PCA(n_components).fit(rows)
    return pca.inverse_transform(pca.transform(rows)).reshape(X.shape)


@pytest.fixture
def images(rng):
    """Smooth images of two channels, (60, 2, 5, 6)."""
    return rng.normal(size=(60, 2, 5, 6)).cumsum(axis=2).cumsum(axis=3) + 3


@pytest.mark.parametrize(
    "parameters",
    [
        {"channels": ()},
        {"channels": (), "tied": True},
        {"channels": (), "channels_last": True},
        {"channels_last": True},
        {"norm": "batch", "n_residual_blocks": 1},
        {"downsampling": "pool", "upsampling": "nearest"},
        {"downsampling": "pool", "activation": "sigmoid"},
    ],
    ids=repr,
)
def test_training_starts_at_pca(parameters, images):
    model = _at_start(images, 3, architecture=Convolutional(**parameters))
    expected = _through_pca(images, 3)
    np.testing.assert_allclose(model.reconstruct(images), expected, atol=1e-4)


@pytest.mark.parametrize("norm", [None, "batch"])
def test_tied_training_starts_near_pca(norm, images):
    model = _at_start(images, 3, architecture=Convolutional(tied=True, norm=norm))
    error = np.mean((model.reconstruct(images) - images) ** 2)
    assert error < 1.01 * np.mean((_through_pca(images, 3) - images) ** 2)


@pytest.mark.parametrize("shortcut", ["random", None])
def test_other_shortcuts_start_elsewhere(shortcut, images):
    model = _at_start(images, 3, architecture=Convolutional(shortcut=shortcut))
    difference = model.reconstruct(images) - _through_pca(images, 3)
    assert np.abs(difference).max() > 0.1


def test_a_range_starts_at_random(images):
    images = (images - images.min()) / np.ptp(images)
    loss = SquaredError(output_activation="sigmoid")
    model = _at_start(images, 3, architecture=Convolutional(), loss=loss)
    pca = np.mean((_through_pca(images, 3) - images) ** 2)
    assert np.mean((model.reconstruct(images) - images) ** 2) > 2 * pca


@pytest.mark.parametrize("tied", [False, True])
def test_the_start_is_no_trap(tied, digits):
    images = digits.reshape(-1, 1, 8, 8)
    model = Autoencoder(
        4,
        architecture=Convolutional(tied=tied),
        early_stopping=False,
        max_epochs=16,
        random_state=0,
    ).fit(images)
    error = np.mean((model.reconstruct(images) - images) ** 2)
    assert error < 0.9 * np.mean((_through_pca(images, 4) - images) ** 2)


def test_no_path_means_fewer_weights():
    counts = [
        sum(p.numel() for p in _module(Convolutional(shortcut=shortcut)).parameters())
        for shortcut in ("pca", "random", None)
    ]
    assert counts[0] == counts[1] == counts[2] + 2 * 3 * 64


# -- numbers


@pytest.mark.slow
@pytest.mark.parametrize("norm", [None, "batch", "group"])
@pytest.mark.parametrize("parameters", [{}, {"tied": True}, {"n_residual_blocks": 1}])
@pytest.mark.parametrize("shape", [(1, 8, 8), (2, 11), (1, 5, 4, 6)], ids=str)
def test_training_lowers_the_error(norm, parameters, shape):
    module = _module(Convolutional((8, 8), norm=norm, **parameters), shape, 5)
    before, after = _trained(module, _rows(6, shape), 120)
    assert after < 0.7 * before


def test_float64_agrees_with_float32():
    architecture = Convolutional((4, 3), norm="group", n_residual_blocks=1)
    module = _module(architecture)
    x = _rows(3)
    single = module(x)
    double = module.double()(x.double())
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), single)


@pytest.mark.parametrize(("downsampling", "upsampling"), SAMPLING)
@pytest.mark.parametrize("norm", [None, "batch", "group"])
def test_second_derivatives(downsampling, upsampling, norm):
    architecture = Convolutional(
        (4,),
        downsampling=downsampling,
        upsampling=upsampling,
        norm=norm,
        activation="tanh",
        n_residual_blocks=1,
    )
    module = _module(architecture)
    x = _rows(3).requires_grad_()
    (slope,) = torch.autograd.grad(module(x).square().sum(), x, create_graph=True)
    slope.square().sum().backward()
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    assert len(gradients) > 5
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert next(module.body.parameters()).grad.abs().max() > 0


@pytest.mark.parametrize("parameters", [{}, {"tied": True}, {"norm": "batch"}])
def test_rows_do_not_depend_on_each_other_in_inference(parameters):
    module = _module(Convolutional((4, 3), **parameters)).eval()
    x = _rows(5)
    with torch.inference_mode():
        alone = torch.cat([module(row[None]) for row in x])
        torch.testing.assert_close(module(x), alone)


def test_n_hidden_values_is_the_widest_map():
    shape = (1, 8, 8)
    for (downsampling, upsampling), expected in zip(
        SAMPLING, [8 * 16, 8 * 64, 8 * 64, 8 * 64], strict=True
    ):
        architecture = Convolutional(
            (8, 4), downsampling=downsampling, upsampling=upsampling
        )
        assert architecture.n_hidden_values(shape) == expected
    assert Convolutional((1,)).n_hidden_values((3, 8)) == 24


# -- errors


@pytest.mark.parametrize(
    ("parameters", "shape", "match"),
    [
        ({"channels": (4, 4, 4)}, (1, 4, 9), "length 1 is too short for stage 3"),
        ({"channels": (4,), "kernel_size": 2}, (1, 1), "length 1 .* stage 1"),
        (
            {"channels": (4, 4), "kernel_size": 4, "stride": 1}, (1, 2),
            "length 1 .* kernel_size=4",
        ),
        ({"channels": (4, 0)}, (1, 8), "integers of at least 1"),
        ({"channels": (4.5,)}, (1, 8), "integers of at least 1"),
        ({}, (8,), "one to three axes"),
        ({}, (1, 2, 3, 4, 5), "one to three axes"),
    ],
)  # fmt: skip
def test_what_a_body_refuses(parameters, shape, match):
    with pytest.raises(ValueError, match=match):
        Convolutional(**parameters).make_body(shape, 2)


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"downsampling": "pool"}, "downsampling"),
        ({"upsampling": "nearest"}, "upsampling"),
        ({"n_residual_blocks": 2}, "n_residual_blocks=0"),
    ],
)
def test_what_tying_refuses(parameters, match):
    with pytest.raises(ValueError, match=match):
        _module(Convolutional((4,), tied=True, **parameters))


# -- codes of maps


@pytest.mark.parametrize("size", [(8, 8), (9,), (4, 5, 6)])
def test_a_unit_of_a_map_sees_and_tells_its_surroundings_alone(size):
    shape = (1, *size)
    architecture = Convolutional((4,), kernel_size=2, stride=2, code_channels=3)
    code_shape = architecture.code_shape(shape)
    assert code_shape == (3, *(length // 2 for length in size))
    module = _module_of(architecture, shape, math.prod(code_shape))
    x = torch.rand(1, math.prod(shape))
    moved = x.clone()
    moved[0, 0] += 1  # in the first corner
    code = module.encode(Batch(x)).reshape(code_shape)
    changed = (module.encode(Batch(moved)).reshape(code_shape) != code).any(0)
    assert changed.flatten()[0]
    assert changed.sum() == 1
    rows = module.decode(code.reshape(1, -1), Batch()).reshape(size)
    corner = (slice(None), *(0 for _ in size))
    code = code.clone()
    code[corner] += 1
    moved = module.decode(code.reshape(1, -1), Batch()).reshape(size)
    places = (moved != rows).nonzero()
    assert len(places) == 2 ** len(size)
    assert places.max() == 1


def _module_of(architecture, shape, n_components):
    torch.manual_seed(0)
    return AutoencoderModule(architecture, shape, n_components).eval()


@pytest.mark.parametrize(
    "estimator", [Autoencoder, VariationalAutoencoder, ContractiveAutoencoder]
)
def test_a_code_of_maps_is_flat_to_the_user(estimator, rng):
    X = rng.uniform(size=(60, 1, 8, 8)).astype(np.float32)
    shared = dict(max_epochs=2, random_state=0)
    model = estimator((2, 2, 2), architecture=Convolutional((4, 4)), **shared).fit(X)
    assert model.architecture.code_channels is None
    assert model.architecture_.code_channels == 2
    codes = model.transform(X)
    assert codes.shape == (60, 8)
    assert model.inverse_transform(codes).shape == X.shape
    assert model.get_feature_names_out().shape == (8,)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.transform(X), codes)
    other = estimator(architecture=Convolutional((4, 4), code_channels=2), **shared)
    np.testing.assert_array_equal(other.fit(X).transform(X), codes)


@pytest.mark.parametrize(
    ("n_components", "architecture", "message"),
    [
        ((2, 3, 2), Convolutional((4, 4)), r"n_components=\(2, 3, 2\) does not fit"),
        (9, Convolutional((4, 4), code_channels=2), r"n_components=9 does not .* 8 or"),
        ((2, 2), None, r"n_components=\(2, 2\) is the shape of maps, which are"),
        ((2, 8, 8), Convolutional(()), "needs a stage and no tied weights"),
        ((2, 2, 2), Convolutional((4, 4), tied=True), "needs a stage and no tied"),
        ((0.5, 2, 2), Convolutional((4, 4)), "The 'code_channels' parameter of"),
    ],
)
def test_maps_that_no_code_can_be(n_components, architecture, message, rng):
    model = Autoencoder(n_components, architecture=architecture)
    with pytest.raises(ValueError, match=message):
        model.fit(rng.uniform(size=(60, 1, 8, 8)))


def test_conditions_have_no_place_in_maps(rng):
    model = ConditionalVariationalAutoencoder((2, 2, 2), max_epochs=1)
    model.set_params(architecture=Convolutional((4, 4)))
    with pytest.raises(ValueError, match="holds 8 values here, and nothing beside"):
        model.fit(rng.uniform(size=(60, 1, 8, 8)), np.arange(60) % 2)
