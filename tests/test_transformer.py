"""Transformers: exact shapes, padding that takes no part, and that they learn."""

import copy
import math

import pytest
import torch
from torch import nn

from skae.architectures.attention import Patches
from skae.architectures.transformer import Transformer
from skae.data.batch import Batch
from skae.training.seeds import bind_generator, make_generator
from tests.modules import make_parts

SMALL = {"width": 8, "n_layers": 1, "n_heads": 2}


def _module(shape=(12, 2), n_components=3, **parameters):
    return make_parts(Transformer(**SMALL | parameters), shape, n_components)


def _rows(n, shape=(12, 2)):
    return torch.randn(n, math.prod(shape), generator=make_generator(1))


LENGTHS = torch.tensor([5, 1, 7, 4])


def _ragged(longest=7, vocabulary_size=None, dtype=torch.float32):
    """Rows of two channels or of tokens, 0 beyond their lengths, and the lengths."""
    n_channels = 2 if vocabulary_size is None else 1
    x = torch.randn(len(LENGTHS), 7, n_channels, generator=make_generator(2))
    if vocabulary_size is not None:
        x = (x.abs() * 10).floor() % vocabulary_size
    x = nn.functional.pad(x.to(dtype), (0, 0, 0, longest - 7))
    return (x * _within(longest).unsqueeze(2)).flatten(1), LENGTHS


def _within(longest=7):
    """Tell which steps of those rows are within their lengths, (4, longest)."""
    return torch.arange(longest) < LENGTHS.unsqueeze(1)


def _errors(module, x, n_steps=60):
    """Return the squared error before and after some steps of Adam."""
    optimizer = torch.optim.Adam(module.parameters(), 3e-3)
    errors = []
    for _ in range(n_steps):
        error = (module(x) - x).square().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(error.item())
    return errors[0], errors[-1]


# -- shapes


@pytest.mark.parametrize(
    "shape",
    [(140, 1), (141, 3), (5, 2), (1, 28, 28), (3, 27, 31), (2, 5, 28)],
    ids=str,
)
@pytest.mark.parametrize("patch_size", ["auto", 1, 4, 9])
def test_sizes_come_back_exactly(shape, patch_size):
    module = _module(shape, patch_size=patch_size)
    x = _rows(2, shape)
    assert module.body(x).shape == (2, module.body.n_outputs)
    output = module(x)
    assert output.shape == x.shape
    output.square().sum().backward()
    assert [name for name, p in module.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("patch_size", [1, 3])
@pytest.mark.parametrize("vocabulary_size", [None, 6])
def test_shapes_of_unequal_lengths(patch_size, vocabulary_size):
    x, lengths = _ragged(9, vocabulary_size)
    module = _module(
        (None, 1 if vocabulary_size else 2),
        patch_size=patch_size,
        vocabulary_size=vocabulary_size,
    )
    code = module.encode(Batch(x, lengths=lengths))
    if vocabulary_size:
        assert module.decoder(code, lengths).shape == (4, 7, 6)
        assert module.decoder(code, lengths, given=x).shape == (4, 9, 6)
    else:
        assert module.decoder(code, lengths).shape == (4, 14)
        assert module.decoder(code, lengths, given=x).shape == (4, 18)


@pytest.mark.parametrize(
    ("shape", "counts"),
    [
        ((140, 1), (28,)),
        ((141, 1), (29,)),
        ((32, 4), (32,)),
        ((1000, 1), (32,)),
        ((1, 28, 28), (7, 7)),
        ((1, 8, 8), (4, 4)),
        ((3, 5, 64), (5, 7)),
    ],
    ids=str,
)
def test_auto_patches(shape, counts):
    patches = _module(shape).body.patches
    assert patches.counts(patches.size) == counts


def test_auto_patches_are_single_steps_where_lengths_vary():
    assert _module((None, 2)).body.patches.patch_size == (1,)
    assert _module((None, 1), vocabulary_size=6).body.patches.patch_size == (1,)


@pytest.mark.parametrize("channels_last", [False, True])
def test_patches_are_neighbours_and_come_back(channels_last):
    shape = (5, 7, 2) if channels_last else (2, 5, 7)
    patches = Patches(shape, (2, 3), channels_last)
    x = torch.arange(70.0)[None]
    grid = patches.grid(x)
    split = patches.split(grid)
    assert split.shape == (1, 9, 12)
    assert torch.equal(split[0, 4].view(2, 3, 2), grid[0, 2:4, 3:6])
    assert torch.equal(patches.rows(patches.join(split, (5, 7))), x)


@pytest.mark.parametrize("patch_size", ["auto", (2, 3)])
def test_channels_last_is_a_permutation(patch_size):
    first = _module((3, 9, 16), patch_size=patch_size)
    last = _module((9, 16, 3), patch_size=patch_size, channels_last=True)
    x = _rows(2, (3, 9, 16)).view(2, 3, 9, 16)
    moved = x.movedim(1, -1)
    expected = first(x.flatten(1)).view_as(x).movedim(1, -1)
    torch.testing.assert_close(last(moved.flatten(1)).view_as(moved), expected)


@pytest.mark.parametrize(
    "changed",
    [
        {"width": 12},
        {"n_layers": 2},
        {"n_heads": 4},
        {"feedforward": 20},
        {"patch_size": 5},
        {"pooling": "mean"},
        {"pooling": "token"},
        {"positional_encoding": "learned"},
        {"activation": "tanh"},
        {"dropout": 0.5},
        {"code_dropout": 0.5},
        {"channels_last": True},
        {"vocabulary_size": 4},
    ],
    ids=repr,
)
def test_each_parameter_changes_the_outcome(changed):
    shape = (None, 1) if "vocabulary_size" in changed else (2, 9, 2)
    x = torch.ones(3, 6) if shape[0] is None else _rows(3, shape)
    lengths = torch.tensor([6, 6, 6]) if shape[0] is None else None
    default = _module(shape)(x, lengths)
    other = _module(shape, **changed)(x, lengths)
    assert default.shape != other.shape or not torch.allclose(default, other)


@pytest.mark.parametrize("positional_encoding", ["sinusoidal", "learned"])
@pytest.mark.parametrize("shape", [(6, 1), (1, 4, 4)], ids=str)
def test_order_matters(positional_encoding, shape):
    module = _module(
        shape, patch_size=1, pooling="mean", positional_encoding=positional_encoding
    )
    x = _rows(3, shape)
    code, mirrored = (module.encode(Batch(rows)) for rows in (x, x.flip(1)))
    assert (code - mirrored).abs().max() > 1e-4
    if shape == (1, 4, 4):
        transposed = x.view(3, 4, 4).transpose(1, 2).flatten(1)
        assert (code - module.encode(Batch(transposed))).abs().max() > 1e-4


# -- unequal lengths


RAGGED = [
    {},
    {"patch_size": 3},
    {"pooling": "token"},
    {"vocabulary_size": 6},
    {"vocabulary_size": 6, "patch_size": 3, "pooling": "token"},
]


def _ragged_module(dtype, **parameters):
    n_channels = 1 if "vocabulary_size" in parameters else 2
    return _module((None, n_channels), n_layers=2, **parameters).to(dtype)


@pytest.mark.parametrize("parameters", RAGGED, ids=repr)
@pytest.mark.parametrize(("dtype", "tol"), [("float32", 1e-6), ("float64", 1e-12)])
def test_padding_takes_no_part(parameters, dtype, tol):
    dtype = getattr(torch, dtype)
    module = _ragged_module(dtype, **parameters)
    vocabulary_size = parameters.get("vocabulary_size")
    decoded, gradients = [], []
    for longest in (7, 8, 20):
        x, lengths = _ragged(longest, vocabulary_size, dtype)
        output = module(x, lengths, x).unflatten(1, (longest, -1)).flatten(2)[:, :7]
        output = output.masked_fill(~_within().unsqueeze(2), 0)
        module.zero_grad()
        output.square().mean().backward()
        decoded.append((module.encode(Batch(x, lengths=lengths)), output))
        parts = (module.body, module.head, module.decoder)
        gradients.append([p.grad.clone() for part in parts for p in part.parameters()])
    close = {"atol": tol, "rtol": 0}
    for other in (1, 2):
        torch.testing.assert_close(decoded[other], decoded[0], **close)
        torch.testing.assert_close(gradients[other], gradients[0], **close)
    x, lengths = _ragged(20, vocabulary_size, dtype)
    n_channels = 1 if vocabulary_size else 2
    for row, length in enumerate(lengths):
        alone = module(x[row : row + 1, : length * n_channels], lengths[row : row + 1])
        together = decoded[0][1][row : row + 1, :length].view_as(alone)
        torch.testing.assert_close(alone, together, **close)


@pytest.mark.parametrize("parameters", [{}, {"patch_size": 3}, {"pooling": "token"}])
def test_steps_beyond_the_end_have_no_gradient(parameters):
    x, lengths = _ragged(9)
    x.requires_grad_()
    _ragged_module(torch.float32, **parameters)(x, lengths, x).square().sum().backward()
    within = _within(9).repeat_interleave(2, 1)
    assert (x.grad[within] != 0).all()
    assert (x.grad[~within] == 0).all()


# -- parts


def test_auto_pooling():
    for shape, batch, pooling in [
        ((12, 2), Batch(_rows(4)), "flatten"),
        ((None, 2), Batch(_ragged()[0], lengths=LENGTHS), "mean"),
    ]:
        auto = _module(shape).encode(batch)
        assert torch.equal(auto, _module(shape, pooling=pooling).encode(batch))


def test_auto_feedforward_is_twice_the_width():
    widths = [p.shape for p in _module().body.blocks[0].feedforward[1].parameters()]
    assert widths == [(16, 8), (16,)]


def test_attention_is_that_of_torch():
    block = _module(n_heads=2).body.blocks[0]
    hidden = torch.randn(3, 5, 8)
    observed = torch.arange(5) < torch.tensor([[5], [2], [1]])
    heads = block.queries_keys_values(block.attention_norm(hidden))
    heads = heads.view(3, 5, 3, 2, 4).permute(2, 0, 3, 1, 4)
    attended = nn.functional.scaled_dot_product_attention(
        *heads, attn_mask=observed[:, None, None]
    )
    expected = hidden + block.mix(attended.transpose(1, 2).flatten(2))
    expected = expected + block.feedforward(expected)
    torch.testing.assert_close(block(hidden, observed), expected)


def test_dropout_draws_from_its_own_generator():
    module = _module(dropout=0.5)
    x = _rows(4)
    state = torch.get_rng_state()
    outputs = []
    for seed in (0, 0, 1):
        bind_generator(module, make_generator(seed))
        outputs.append(module(x))
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.allclose(outputs[0], outputs[2])
    module.eval()
    assert torch.equal(module(x), module(x))


# -- numbers


@pytest.mark.parametrize(
    ("shape", "parameters"),
    [
        ((12, 2), {}),
        ((1, 8, 8), {}),
        ((12, 2), {"pooling": "token", "positional_encoding": "learned"}),
    ],
)
def test_training_lowers_the_error(shape, parameters):
    module = _module(shape, 5, **parameters)
    start = copy.deepcopy(module.state_dict())
    before, after = _errors(module, _rows(6, shape))
    assert after < 0.7 * before
    still = [name for name, p in module.state_dict().items() if p.equal(start[name])]
    assert still == []


def test_tokens_are_learned():
    x, lengths = _ragged(vocabulary_size=6)
    module = _module((None, 1), 8, vocabulary_size=6)
    within = _within()
    optimizer = torch.optim.Adam(module.parameters(), 1e-2)
    for _ in range(100):
        loss = nn.functional.cross_entropy(module(x, lengths)[within], x[within].long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    told = module(x, lengths).argmax(2)
    assert torch.equal(told[within], x[within].long())


def test_float64_agrees_with_float32():
    module = _module()
    x = _rows(3)
    single = module(x)
    double = module.double()(x.double())
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), single)


@pytest.mark.parametrize("shape", [(12, 2), (None, 2)], ids=str)
def test_second_derivatives(shape):
    module = _module(shape)
    x, lengths = _ragged() if shape[0] is None else (_rows(3), None)
    x.requires_grad_()
    (slope,) = torch.autograd.grad(
        module(x, lengths).square().sum(), x, create_graph=True
    )
    slope.square().sum().backward()
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    assert len(gradients) > 20
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert module.body.embed.weight.grad.abs().max() > 0


def test_rows_do_not_depend_on_each_other_in_inference():
    module = _module((1, 8, 8)).eval()
    x = _rows(5, (1, 8, 8))
    with torch.inference_mode():
        alone = torch.cat([module(row[None]) for row in x])
        torch.testing.assert_close(module(x), alone)


@pytest.mark.parametrize(
    ("parameters", "shape", "expected"),
    [
        ({}, (12, 2), 12 * 24),
        ({"feedforward": 50}, (12, 2), 12 * 50),
        ({"pooling": "token"}, (8, 2), 9 * 24),
        ({"patch_size": 1}, (40, 1), 2 * 40**2),
        ({"patch_size": 8}, (3, 32, 32), 3 * 32 * 32),
        ({"vocabulary_size": 100}, (9, 1), 9 * 100),
        ({"vocabulary_size": 5, "patch_size": 9}, (9, 1), 9 * 8),
    ],
)
def test_n_hidden_values_is_the_widest_layer(parameters, shape, expected):
    architecture = Transformer(**SMALL | parameters)
    assert architecture.n_hidden_values(shape) == expected


# -- errors


@pytest.mark.parametrize(
    ("parameters", "shape", "match"),
    [
        ({"width": 10, "n_heads": 4}, (12, 2), "width=10 .* n_heads=4"),
        ({"patch_size": 0}, (12, 2), "patch_size=0 .* at least 1"),
        ({"patch_size": (2, 2)}, (12, 2), "patch_size=.* each of 1 axes"),
        ({"patch_size": (2, 2.5)}, (1, 4, 4), r"patch_size=\(2, 2.5\)"),
        ({"pooling": "flatten"}, (None, 2), "pooling=.* one length"),
        ({"positional_encoding": "learned"}, (None, 2), "learned.* one length"),
        ({}, (12,), r"\(12,\): see input_shape"),
        ({}, (1, 4, 4, 4), "images of three axes"),
    ],
)
def test_what_is_refused(parameters, shape, match):
    architecture = Transformer(**SMALL | parameters)
    with pytest.raises(ValueError, match=match):
        architecture.make_body(shape, 2)
    with pytest.raises(ValueError, match=match):
        architecture.make_decoder(shape, 2, None, None)
