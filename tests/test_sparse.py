"""Sparsities: formulas, selections, gradients, dead units."""

import inspect

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from skae import (
    L1,
    BatchTopK,
    Dense,
    KLSparsity,
    SparseAutoencoder,
    Sparsity,
    SquaredError,
    TopK,
)
from skae.autoencoders.module import Forward
from skae.data.batch import Batch
from skae.sparsity.selections import Revival
from tests.discovery import SPARSITIES, name_of

WIDE = dict(
    architecture=Dense((), shortcut=None),
    batch_size=64,
    early_stopping=False,
    random_state=0,
)
every_sparsity = pytest.mark.parametrize(
    "sparsity", [L1(0.01), KLSparsity(0.1), TopK(2), BatchTopK(2)], ids=repr
)


def _fit(X, n_components=20, **parameters):
    return SparseAutoencoder(
        n_components, **{**WIDE, "max_epochs": 10, **parameters}
    ).fit(X)


@pytest.fixture
def code():
    return torch.rand(7, 4, generator=torch.Generator().manual_seed(0)).double()


# -- formulas


def test_l1_is_the_sum_of_absolute_activations(code):
    expected = 0.3 * np.abs(code.numpy() - 0.5).sum() / 7
    found = L1(0.3).penalty(code - 0.5, Batch(code)).item()
    assert found == pytest.approx(expected, rel=1e-12)


def test_kl_is_the_divergence_of_bernoullis(code):
    mean, rho = code.numpy().mean(axis=0), 0.1
    expected = rho * np.log(rho / mean) + (1 - rho) * np.log((1 - rho) / (1 - mean))
    found = KLSparsity(rho, weight=0.7).penalty(code, Batch(code)).item()
    assert found == pytest.approx(0.7 * expected.sum(), rel=1e-9)
    on_target = torch.full((5, 3), rho, dtype=torch.float64)
    penalty = KLSparsity(rho).penalty(on_target, Batch(on_target))
    assert penalty.item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("extreme", [0.0, 1.0])
def test_kl_is_finite_for_units_that_never_change(extreme):
    code = torch.full((5, 3), extreme, requires_grad=True)
    penalty = KLSparsity().penalty(code, Batch(code))
    penalty.backward()
    assert torch.isfinite(penalty)
    assert torch.isfinite(code.grad).all()


@pytest.mark.parametrize("k", [1, 3, 4])
def test_top_k_keeps_the_largest(k, code):
    identity, relu = nn.Identity(), nn.ReLU()
    selected = TopK(k).select(code, identity).numpy()
    assert ((selected != 0).sum(axis=1) == k).all()
    np.testing.assert_allclose(
        np.sort(selected, axis=1)[:, 4 - k :], np.sort(code, axis=1)[:, 4 - k :]
    )
    selected = TopK(k).select(code - 0.6, relu)
    n_positive = (code > 0.6).sum(1)
    assert torch.equal((selected != 0).sum(1), n_positive.clamp(max=k))


@pytest.mark.parametrize("sparsity", [L1(0.3), KLSparsity(0.2), TopK(2)], ids=repr)
def test_gradients_by_finite_differences(sparsity, code):
    if isinstance(sparsity, TopK):
        revival = Revival(4, SquaredError(), 0.5, 2, dead_after=1)
        decoder = nn.Linear(4, 3).double()
        x = torch.randn(7, 3, dtype=torch.float64)
        output = torch.randn(7, 3, dtype=torch.float64)
        result = Forward(output, torch.zeros_like(code), None)

        def penalty(code):
            return revival(Batch(x), code, result, decoder)
    else:

        def penalty(code):
            return sparsity.penalty(code, Batch(code))

    assert torch.autograd.gradcheck(penalty, code.requires_grad_())


# -- the selection of whole batches


def _selected(selector, code, *, encoding=False, weight=None):
    return selector(code, nn.ReLU(), Batch(code, weight=weight), encoding=encoding)


def test_batch_top_k_keeps_the_largest_of_the_batch(code):
    selector = BatchTopK(2).make_selector(4)
    selected = _selected(selector, code)
    largest = np.sort(code.numpy(), axis=None)[-14:]
    np.testing.assert_allclose(np.sort(selected[selected != 0]), largest)
    # A row has as many as it needs: not two of each.
    assert len(set((selected != 0).sum(1).tolist())) > 1


def test_a_weight_of_batch_top_k_is_a_number_of_rows(code):
    weight = torch.tensor([2.0, 1, 0, 3, 1, 1, 2], dtype=torch.float64)
    repeats = weight.long()
    weighted = _selected(BatchTopK(2).make_selector(4), code, weight=weight)
    repeated = _selected(
        BatchTopK(2).make_selector(4), code.repeat_interleave(repeats, 0)
    )
    seen = repeats > 0
    expected = weighted[seen].repeat_interleave(repeats[seen], 0)
    assert torch.equal(repeated, expected)


def test_the_threshold_is_the_moving_average_of_the_smallest_kept(code):
    """An ordinary mean until it has seen 1 / (1 - momentum) batches."""
    selector = BatchTopK(2, momentum=0.75).make_selector(4).train()
    smallest = []
    for shift in (0.0, 0.3, 0.1, 0.2, 0.5, 0.4):
        kept = _selected(selector, code + shift)
        smallest.append(kept[kept != 0].min().item())
    mean = np.mean(smallest[:4])
    for value in smallest[4:]:
        mean = 0.75 * mean + 0.25 * value
    assert selector.threshold.item() == pytest.approx(mean, rel=1e-6)
    before = selector.threshold.item()
    _selected(selector.eval(), code)  # validation rows leave it
    assert selector.threshold.item() == before


def test_the_code_of_a_row_does_not_depend_on_others(digits):
    model = _fit(digits[:500], sparsity=BatchTopK(3), max_epochs=40)
    codes = model.transform(digits)
    np.testing.assert_allclose(model.transform(digits[7:8]), codes[7:8], atol=1e-6)
    n_active = (codes != 0).sum(axis=1)
    assert n_active.mean() == pytest.approx(3, rel=0.1)
    assert n_active.min() < 3 < n_active.max()


def test_batch_top_k_spends_units_where_rows_need_them():
    """Rows of one part or of nine; five units per row on average."""
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(30, 40))
    n_parts = np.where(np.arange(1500) % 2, 1, 9)
    shares = rng.uniform(0.5, 1.5, (1500, 30))
    shares *= rng.random((1500, 30)).argsort(axis=1) < n_parts[:, None]
    X = shares @ parts
    models = [
        _fit(X[:1200], 60, sparsity=kind(5), max_epochs=60)
        for kind in (BatchTopK, TopK)
    ]
    errors = [-model.score(X[1200:]) for model in models]
    assert errors[0] < 0.85 * errors[1]
    n_active = (models[0].transform(X) != 0).sum(axis=1)
    assert n_active[n_parts == 9].mean() > 2 * n_active[n_parts == 1].mean()


# -- what they do to a fitted code


@every_sparsity
def test_the_default_activation_is_the_sparsity_s(sparsity, digits):
    codes = _fit(digits[:200], sparsity=sparsity).transform(digits[:200])
    assert codes.min() >= 0
    assert (codes.max() < 1) == isinstance(sparsity, KLSparsity)
    given = _fit(digits[:200], sparsity=L1(), code_activation="tanh")
    assert given.transform(digits[:200]).min() < 0


@pytest.mark.parametrize(
    ("sparsity", "weights"), [(L1, (1e-4, 1e-2, 1e-1)), (KLSparsity, (0.0, 0.03, 0.3))]
)
def test_a_larger_weight_lowers_the_penalty_of_unseen_rows(sparsity, weights, digits):
    train, test = digits[:1000], digits[1000:]
    found = [
        sparsity(weight=1.0).penalty(codes, Batch(codes)).item()
        for codes in (
            torch.from_numpy(
                _fit(train, sparsity=sparsity(weight=w), max_epochs=60).transform(test)
            )
            for w in weights
        )
    ]
    assert found[0] > 1.2 * found[1] > 1.2 * found[2]


def test_the_kl_target_is_approached(digits):
    for target in (0.05, 0.3):
        codes = _fit(
            digits, sparsity=KLSparsity(target, weight=1.0), max_epochs=60
        ).transform(digits)
        assert codes.mean() == pytest.approx(target, rel=0.4)


@pytest.mark.parametrize("k", [1, 5])
def test_top_k_bounds_the_non_zeros(k, digits):
    model = _fit(digits[:500], sparsity=TopK(k))
    n_active = (model.transform(digits) != 0).sum(axis=1)
    assert n_active.max() == k
    more = _fit(digits[:500], sparsity=TopK(k, k_encoding=3 * k))
    assert (more.transform(digits) != 0).sum(axis=1).max() > k
    linear = _fit(digits[:500], sparsity=TopK(k), code_activation="identity")
    assert ((linear.transform(digits) != 0).sum(axis=1) == k).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_frequencies_and_dead_units_are_those_of_the_codes(dtype, digits):
    X = digits.astype(dtype)
    for sparsity, active in [
        (TopK(2, auxiliary_weight=0.0), lambda codes: codes != 0),
        (KLSparsity(0.2), lambda codes: codes > 0.5),
    ]:
        model = _fit(X, 60, sparsity=sparsity, max_epochs=3)
        expected = active(model.transform(X)).mean(axis=0)
        np.testing.assert_allclose(model.activation_frequency_, expected)
        np.testing.assert_array_equal(model.dead_units_, np.flatnonzero(expected == 0))


def test_partial_fit_counts_its_rows(digits):
    model = SparseAutoencoder(20, sparsity=TopK(2), random_state=0)
    counts, n_rows = 0, 0
    for rows in (digits[:100], digits[100:150]):
        model.partial_fit(rows)
        counts = counts + (model.transform(rows) != 0).sum(axis=0)
        n_rows += len(rows)
        np.testing.assert_allclose(model.activation_frequency_, counts / n_rows)


# -- dead units


def test_a_silent_unit_is_revived_and_a_heard_one_is_not(code):
    revival = Revival(4, SquaredError(), 1.0, 4, dead_after=14)
    decoder = nn.Linear(4, 3).double()
    x = torch.randn(7, 3).double()
    heard = torch.zeros_like(code)
    heard[0, :2] = 1.0
    linear = code.clone().requires_grad_()
    result = Forward(decoder(heard).detach(), heard, None)
    assert revival(Batch(x), linear, result, decoder) is None
    loss = revival(Batch(x), linear, result, decoder)
    (gradient,) = torch.autograd.grad(loss, linear)
    assert (gradient[:, :2] == 0).all()
    assert (gradient[:, 2:] != 0).all()
    # Gao et al. 2024: what the dead units make of the residual.
    residual = x - decoder(heard)
    made = code[:, 2:] @ decoder.weight[:, 2:].T
    assert loss.item() == pytest.approx((residual - made).square().mean().item())


def test_revival_leaves_fewer_dead_units(digits):
    dead = [
        len(
            _fit(
                digits,
                100,
                sparsity=TopK(1, auxiliary_weight=weight, dead_after=200),
                max_epochs=40,
            ).dead_units_
        )
        for weight in (0.0, 0.25)
    ]
    assert dead[1] < 0.8 * dead[0]


@pytest.mark.parametrize(
    ("kind", "own"), [(TopK, {"k_encoding": 9}), (BatchTopK, {"momentum": 0.2})]
)
def test_every_parameter_of_a_selection_matters(kind, own, digits):
    """With rows that count as silent soon, so that units are revived."""
    changes = {
        "k": 4,
        "auxiliary_weight": 0.5,
        "k_auxiliary": 12,
        "dead_after": 1000,
        **own,
    }
    assert set(changes) == set(inspect.signature(kind).parameters)
    base = kind(3, dead_after=100)
    codes = _fit(digits[:300], 100, sparsity=base, max_epochs=8).transform(digits)
    for name, value in changes.items():
        sparsity = kind(3, dead_after=100).set_params(**{name: value})
        changed = _fit(digits[:300], 100, sparsity=sparsity, max_epochs=8)
        assert not np.allclose(codes, changed.transform(digits)), name


def test_revival_survives_a_pickle(digits):
    import pickle

    model = SparseAutoencoder(
        50, sparsity=TopK(2, dead_after=200), random_state=0, batch_size=50
    )
    other = clone(model)
    for start in range(0, 400, 100):
        rows = digits[start : start + 100]
        model.partial_fit(rows)
        other = pickle.loads(pickle.dumps(other.partial_fit(rows)))
    np.testing.assert_array_equal(model.transform(digits), other.transform(digits))


# -- parameters


@pytest.mark.parametrize("sparsity", SPARSITIES, ids=name_of)
def test_sparsities_are_cloned_and_trained_with(sparsity, digits):
    given = sparsity()
    if "k" in given.get_params():
        given.set_params(k=3)
    model = _fit(digits[:100], sparsity=given, max_epochs=2)
    assert model.sparsity_ is not given
    assert repr(model.sparsity_) == repr(given)


def test_defaults_are_a_dictionary(digits):
    """Four times as many units as features, one linear layer on either side."""
    model = SparseAutoencoder(max_epochs=1).fit(digits[:100])
    assert model.n_components_ == 4 * 64
    shapes = [tuple(p.shape) for p in model.net_.module_.parameters() if p.ndim == 2]
    assert shapes == [(256, 64), (64, 256)]


def test_the_default_is_l1(digits):
    models = [_fit(digits[:100], sparsity=value) for value in (None, L1(1e-3))]
    np.testing.assert_array_equal(*(m.transform(digits) for m in models))


def test_a_sparsity_of_ones_own(digits):
    class Hoyer(Sparsity):
        def penalty(self, code, batch):
            ratio = code.abs().sum(1).square() / code.square().sum(1)
            return 0.1 * batch.mean(ratio)

    codes = [
        _fit(digits[:200], sparsity=s, code_activation="sigmoid").transform(digits)
        for s in (Hoyer(), L1(0.0))
    ]
    assert not np.allclose(*codes)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sparsity": TopK(21)}, "k=21 of TopK is more than n_components=20"),
        ({"sparsity": TopK(2, k_encoding=50)}, "k_encoding=50 of TopK is more than"),
        ({"sparsity": TopK(0)}, "The 'k' parameter of TopK"),
        ({"sparsity": KLSparsity(0.0)}, "The 'target' parameter of KLSparsity"),
        ({"sparsity": KLSparsity(1.0)}, "The 'target' parameter of KLSparsity"),
        ({"sparsity": BatchTopK(21)}, "k=21 of BatchTopK is more than n_components=20"),
        ({"sparsity": BatchTopK(0)}, "The 'k' parameter of BatchTopK"),
        ({"sparsity": BatchTopK(2, momentum=1.0)}, "The 'momentum' parameter of"),
        ({"sparsity": BatchTopK(2), "code_activation": "tanh"}, "Tanh does not keep"),
        ({"sparsity": L1(-1.0)}, "The 'weight' parameter of L1"),
        ({"sparsity": "l1"}, "The 'sparsity' parameter of SparseAutoencoder"),
        (
            {"sparsity": KLSparsity(), "code_activation": "identity"},
            "KLSparsity needs a code in",
        ),
        ({"sparsity": KLSparsity(), "code_activation": "relu"}, "ReLU leaves"),
        ({"sparsity": KLSparsity(), "code_activation": nn.Tanh}, "code in .0, 1."),
    ],
)
def test_bad_parameters(parameters, message, digits):
    with pytest.raises(ValueError, match=message):
        _fit(digits[:50], **parameters)


def test_any_activation_within_zero_and_one_is_fine_for_kl(digits):
    _fit(digits[:50], sparsity=KLSparsity(), code_activation=nn.Hardsigmoid)
