"""The contraction: closed form, exact and estimated norms of the Jacobian."""

import inspect

import numpy as np
import pytest
import torch

from skae import Architecture, Autoencoder, ContractiveAutoencoder, Dense
from skae.autoencoders.contractive import ContractiveModule
from skae.data.batch import Batch
from skae.training.seeds import bind_generator, make_generator

SHARED = dict(max_epochs=10, batch_size=16, random_state=0, early_stopping=False)
DEEP = Dense((7, 5), activation="tanh")


def _module(architecture, jacobian="auto", activation="sigmoid", n_components=3, **kw):
    torch.manual_seed(0)
    module = ContractiveModule(
        kw.pop("contraction_weight", 0.5),
        jacobian,
        kw.pop("n_projections", 1),
        architecture=architecture,
        shape=(4,),
        n_components=n_components,
        code_activation=activation,
        l1_penalty=0.0,
    ).double()
    bind_generator(module, make_generator(0))
    return module


def _jacobian_norms(module, x):
    def encode(row):
        return module.encode(Batch(row[None]))[0]

    jacobians = [torch.autograd.functional.jacobian(encode, row) for row in x]
    return torch.stack([jacobian.square().sum() for jacobian in jacobians])


@pytest.fixture
def x():
    return torch.randn(6, 4, generator=make_generator(1)).double()


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "gelu", None])
@pytest.mark.parametrize("tied", [False, True])
def test_closed_form(activation, tied, x):
    module = _module(Dense((), tied=tied), activation=activation)
    assert module.jacobian == "closed_form"
    torch.testing.assert_close(
        module.closed_form(Batch(x)), _jacobian_norms(module, x), rtol=1e-9, atol=1e-12
    )
    if activation == "sigmoid":  # Rifai et al. 2011, section 2
        h = module.encode(Batch(x))
        weights = module.head.weight.square().sum(1)
        torch.testing.assert_close(
            module.closed_form(Batch(x)), (h * (1 - h)).square() @ weights
        )


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_exact(activation, x):
    module = _module(DEEP, activation=activation)
    assert module.jacobian == "exact"
    torch.testing.assert_close(module.exact(Batch(x)), _jacobian_norms(module, x))


def test_the_penalty_is_the_weighted_mean(x):
    for architecture in (Dense(()), DEEP):
        module = _module(architecture, contraction_weight=0.25).train()
        expected = 0.25 * _jacobian_norms(module, x).mean()
        found = module(Batch(x)).penalty
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
        assert module.eval()(Batch(x)).penalty.item() == pytest.approx(expected.item())


@pytest.mark.parametrize("n_projections", [1, 4])
def test_the_estimate_is_unbiased(n_projections, x):
    module = _module(
        DEEP, "projection", n_components=12, n_projections=n_projections
    ).eval()
    exact = _jacobian_norms(module, x)
    draws = torch.stack([module.projection(Batch(x)) for _ in range(2000)])
    error = draws.std(0) / 2000**0.5
    assert ((draws.mean(0) - exact).abs() < 4 * error).all()


def test_more_projections_vary_less(x):
    spread = [
        torch.stack(
            [
                _module_of.projection(Batch(x))
                for _module_of in [
                    _module(DEEP, "projection", n_components=12, n_projections=n)
                ]
                for _ in range(200)
            ]
        )
        .std(0)
        .mean()
        .item()
        for n in (1, 9)
    ]
    assert spread[1] == pytest.approx(spread[0] / 3, rel=0.3)


@pytest.mark.parametrize("jacobian", ["closed_form", "exact", "projection"])
def test_gradients_by_finite_differences(jacobian, x):
    architecture = Dense(()) if jacobian == "closed_form" else DEEP
    module = _module(architecture, jacobian).train()
    weight = module.head.weight if jacobian == "closed_form" else module.body.linears[0]
    weight = getattr(weight, "weight", weight)

    def penalty(at):
        bind_generator(module, make_generator(3))  # the same signs
        with torch.no_grad():
            kept = weight.clone()
            weight.copy_(at)
        value = module.penalty(None, Batch(x))
        with torch.no_grad():
            weight.copy_(kept)
        return value

    bind_generator(module, make_generator(3))
    (found,) = torch.autograd.grad(module.penalty(None, Batch(x)), weight)
    step = 1e-6
    for place in [(0, 0), (2, 1)]:
        moved = weight.detach().clone()
        moved[place] += step
        up = penalty(moved).item()
        moved[place] -= 2 * step
        down = penalty(moved).item()
        assert found[place].item() == pytest.approx((up - down) / (2 * step), rel=1e-4)


def test_auto_takes_the_cheapest_that_is_right(x):
    assert _module(Dense(())).jacobian == "closed_form"
    assert _module(DEEP, n_components=4).jacobian == "exact"
    assert _module(DEEP, n_components=5).jacobian == "projection"
    own = _module(Dense(()), activation=torch.nn.Softsign)
    assert own.jacobian == "exact"


@pytest.mark.parametrize(
    "parameters",
    [
        {"architecture": Dense(())},
        {"architecture": DEEP},
        {"architecture": DEEP, "jacobian": "projection"},
    ],
    ids=repr,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_jacobian_norm_is_that_of_transform(parameters, dtype, small):
    X = (10 * small).astype(dtype)
    model = ContractiveAutoencoder(2, **parameters, **SHARED).fit(X)
    norms = model.jacobian_norm(X)
    assert norms.shape == (60,)
    assert norms.dtype == dtype
    step = 1e-5
    wide = X.astype(np.float64)
    columns = [
        (model.transform(wide + step * e) - model.transform(wide - step * e))
        / (2 * step)
        for e in np.eye(5)
    ]
    expected = np.sqrt(np.square(columns).sum(axis=(0, 2)))
    np.testing.assert_allclose(
        norms, expected, rtol=1e-3 if dtype == np.float32 else 1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [
        {"architecture": Dense(())},
        {"architecture": Dense((32,)), "jacobian": "exact"},
        {"architecture": Dense((32,)), "jacobian": "projection"},
    ],
    ids=repr,
)
def test_a_larger_weight_contracts_more(parameters, digits):
    train, test = digits[:600], digits[600:]
    shared = {**SHARED, "max_epochs": 20}
    norms = [
        np.mean(
            ContractiveAutoencoder(8, contraction_weight=weight, **parameters, **shared)
            .fit(train)
            .jacobian_norm(test)
            ** 2
        )
        for weight in (0.0, 0.01, 0.3)
    ]
    assert norms[0] > 1.1 * norms[1] > 1.5 * norms[2]


def test_every_own_parameter_matters(digits):
    X = digits[:200]
    base = dict(architecture=Dense((16,)), contraction_weight=0.1, **SHARED)
    codes = ContractiveAutoencoder(6, **base).fit(X).transform(X)
    for change in (
        {"contraction_weight": 1.0},
        {"jacobian": "exact"},
        {"n_projections": 3},
    ):
        model = ContractiveAutoencoder(6, **{**base, **change}).fit(X)
        assert not np.allclose(codes, model.transform(X)), change
    own = set(inspect.signature(ContractiveAutoencoder).parameters) - set(
        inspect.signature(Autoencoder).parameters
    )
    assert own == {"contraction_weight", "jacobian", "n_projections"}


def test_the_code_is_a_sigmoid_unless_said(small):
    codes = ContractiveAutoencoder(2, **SHARED).fit(small).transform(small)
    assert 0 < codes.min() < codes.max() < 1
    linear = ContractiveAutoencoder(2, code_activation="identity", **SHARED).fit(small)
    assert linear.transform(small).min() < 0


def test_an_architecture_of_ones_own(small):
    class Bottleneck(Architecture):
        def make_body(self, shape, n_components):
            body = torch.nn.Sequential(torch.nn.Linear(shape[0], 8), torch.nn.Tanh())
            body.n_outputs = 8
            return body

        def make_decoder(self, shape, n_components, body, head):
            return torch.nn.Linear(n_components, shape[0])

    model = ContractiveAutoencoder(2, architecture=Bottleneck(), **SHARED).fit(small)
    assert (model.jacobian_norm(small) > 0).all()


def test_sparse_and_frames(small):
    import pandas as pd
    import scipy.sparse

    model = ContractiveAutoencoder(2, **SHARED).fit(small)
    expected = model.jacobian_norm(small)
    np.testing.assert_allclose(
        model.jacobian_norm(scipy.sparse.csr_matrix(small)), expected
    )
    frame = pd.DataFrame(small, columns=list("abcde"))
    model.fit(frame)
    np.testing.assert_allclose(model.jacobian_norm(frame), expected)
    assert np.isfinite(model.jacobian_norm(frame.mask(frame > 1))).all()
    with pytest.raises(ValueError, match="infinity"):
        model.jacobian_norm(frame.mask(frame > 1, np.inf))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"jacobian": "closed_form", "architecture": DEEP}, "encoder of one layer"),
        (
            {
                "jacobian": "closed_form",
                "architecture": Dense(()),
                "code_activation": torch.nn.Softsign,
            },
            "given by name",
        ),
        ({"jacobian": "finite"}, "The 'jacobian' parameter"),
        ({"contraction_weight": -1.0}, "The 'contraction_weight' parameter"),
        ({"n_projections": 0}, "The 'n_projections' parameter"),
    ],
)
def test_bad_parameters(parameters, message, small):
    with pytest.raises(ValueError, match=message):
        ContractiveAutoencoder(2, **parameters).fit(small)
