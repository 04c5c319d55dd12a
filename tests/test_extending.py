"""One's own objectives, architectures, losses, corruptions, sparsities."""

import ast
import doctest
import math
import pickle
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator
from torch import nn

from skae import (
    L1,
    Architecture,
    Autoencoder,
    Corruption,
    Dense,
    Loss,
    Recurrent,
    SparseAutoencoder,
    Sparsity,
    SquaredError,
    VariationalAutoencoder,
)
from skae.extending import (
    AutoencoderModule,
    BaseAutoencoder,
    Batch,
    Codec,
    Criterion,
    OutlierDetector,
    ScaledLoss,
)
from tests.discovery import name_of

DOCS = Path(__file__).parents[1] / "docs"
FILES = sorted((DOCS / "extending").glob("*.py"))
sys.path.insert(0, str(DOCS / "extending"))  # so that pickles find their classes

from batch_top_k import BatchTopK
from column_weights import WeightedSquaredError
from letters import Letters
from quantised import QuantisedAutoencoder
from total_correlation import TotalCorrelationVAE
from wasserstein import WassersteinAutoencoder, discrepancy

OBJECTIVES = [QuantisedAutoencoder, WassersteinAutoencoder, TotalCorrelationVAE]
EXTENDED = [
    *(kind() for kind in OBJECTIVES),
    SparseAutoencoder(sparsity=BatchTopK(1)),
    Autoencoder(loss=WeightedSquaredError()),
]
CHECKS = [
    pytest.param(
        instance,
        check,
        id=f"{getattr(check, 'func', check).__name__}-{number}-{estimator!r}",
        marks=[] if isinstance(estimator, QuantisedAutoencoder) else pytest.mark.slow,
    )
    for estimator in EXTENDED
    for number, (instance, check) in enumerate(estimator_checks_generator(estimator))
]


@pytest.mark.slow
@pytest.mark.parametrize(("instance", "check"), CHECKS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_check_estimator(instance, check):
    check(instance)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files_are_short_and_build_on_the_contract_alone(path):
    source = path.read_text()
    assert len(source.splitlines()) <= 120
    imported = {
        node.module
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module.startswith("skae")
    }
    assert imported == {"skae.extending"}


def test_code_of_the_page_runs():
    page = (DOCS / "extending.rst").read_text()
    blocks = re.findall(r"code-block:: python\n\n((?:    .*\n|\n)+)", page)
    assert blocks
    for block in blocks:
        exec(compile("".join(re.sub("(?m)^    ", "", block)), "extending.rst", "exec"))


def test_every_file_is_on_the_page():
    page = (DOCS / "extending.rst").read_text()
    assert [path.name for path in FILES if f"extending/{path.name}" not in page] == []


@pytest.mark.parametrize("estimator", EXTENDED, ids=name_of)
@pytest.mark.parametrize(
    "architecture", [Dense((8,)), Dense((8,), tied=True), Recurrent(6)], ids=name_of
)
def test_clone_pickle_and_repeat(estimator, architecture, rng):
    X = rng.normal(size=(50, 6))
    if isinstance(architecture, Recurrent):
        X = [rng.normal(size=(n, 1)) for n in rng.integers(3, 9, 50)]
    model = clone(estimator).set_params(
        n_components=3, architecture=architecture, max_epochs=2, random_state=0
    )
    codes = model.fit(X).transform(X)
    assert np.isfinite(codes).all()
    assert len(model.reconstruct(X)) == 50
    assert len(model.inverse_transform(codes)) == 50
    np.testing.assert_array_equal(clone(model).fit(X).transform(X), codes)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.transform(X), codes)
    np.testing.assert_array_equal(loaded.score_samples(X), model.score_samples(X))


@pytest.mark.parametrize("estimator", EXTENDED, ids=name_of)
def test_training_moves_every_weight(estimator, digits):
    start = clone(estimator).set_params(
        max_epochs=1, learning_rate=1e-12, early_stopping=False, random_state=0
    )
    start = start.set_params(n_components=4).fit(digits[:200])
    later = clone(start).set_params(learning_rate=1e-3, max_epochs=5).fit(digits[:200])
    moved = dict(later.net_.module_.named_parameters())
    for name, weight in start.net_.module_.named_parameters():
        assert not torch.equal(weight, moved[name]), name
    assert later.history_[-1]["train_loss"] < start.history_[0]["train_loss"]


@pytest.mark.parametrize(
    ("estimator", "changed"),
    [
        (QuantisedAutoencoder(), {"n_codes": 4}),
        (QuantisedAutoencoder(), {"commitment": 2.0}),
        (WassersteinAutoencoder(), {"prior_weight": 10.0}),
        (TotalCorrelationVAE(), {"correlation_weight": 1.0}),
        (SparseAutoencoder(sparsity=BatchTopK(4)), {"sparsity__k": 2}),
        (SparseAutoencoder(sparsity=BatchTopK(4)), {"sparsity__momentum": 0.1}),
        (
            Autoencoder(loss=WeightedSquaredError()),
            {"loss__weights": (9.0, 1.0, 1.0, 1.0, 1.0)},
        ),
    ],
    ids=str,
)
def test_every_parameter_changes_the_outcome(estimator, changed, small):
    architecture = Dense((8,), shortcut="random")
    estimator = clone(estimator).set_params(
        n_components=8, max_epochs=10, random_state=0, architecture=architecture
    )
    plain = estimator.set_params(early_stopping=False).fit(small).reconstruct(small)
    other = clone(estimator).set_params(**changed).fit(small).reconstruct(small)
    assert not np.allclose(plain, other, rtol=1e-3)


# -- what the extensions claim


def test_discrepancy_is_the_estimate_by_definition(rng):
    a, b = rng.normal(size=(2, 5, 3))

    def kernel(x, y):
        square = np.sum((x - y) ** 2)
        scales = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
        return sum(6 * scale / (6 * scale + square) for scale in scales)

    within = sum(
        kernel(x[i], x[j]) for x in (a, b) for i in range(5) for j in range(5) if i != j
    )
    between = sum(kernel(x, y) for x in a for y in b)
    expected = within / 20 - 2 * between / 25
    found = discrepancy(torch.from_numpy(a), torch.from_numpy(b))
    assert float(found) == pytest.approx(expected)


def test_a_larger_prior_weight_brings_codes_to_the_prior(digits):
    distances = []
    for weight in (0.0, 10.0):
        model = WassersteinAutoencoder(
            4, prior_weight=weight, max_epochs=15, early_stopping=False, random_state=0
        ).fit(digits[:500])
        codes = torch.from_numpy(model.transform(digits[:500]))
        prior = torch.randn(
            codes.shape, generator=torch.Generator().manual_seed(1)
        ).double()
        distances.append(float(discrepancy(codes, prior)))
    assert distances[1] < 0.2 * distances[0]


def test_the_parts_of_the_divergence_add_up_to_it(small):
    """With weight 1 they are log q(code | x) - log p(code), whatever the estimates."""
    model = TotalCorrelationVAE(
        2, correlation_weight=1.0, max_epochs=2, random_state=0
    ).fit(small)
    module, criterion = model.net_.module_, model.net_.criterion_
    batch = Batch(torch.randn(7, 5))
    result = module(batch)
    log_q = torch.distributions.Normal(
        result.code, torch.exp(0.5 * result.log_variance)
    ).log_prob(result.codes)
    log_p = torch.distributions.Normal(0.0, 1.0).log_prob(result.codes)
    expected = criterion.row_losses(result.output, batch) + (log_q - log_p).sum(1)
    torch.testing.assert_close(criterion.per_row(result, batch), expected)


def test_total_correlation_is_lowered_by_its_weight(rng):
    """Of units that say the same thing, one has to go."""
    t = rng.normal(size=(400, 1))
    X = np.hstack((t, t)) @ rng.normal(size=(2, 6)) + 0.3 * rng.normal(size=(400, 6))
    correlations = []
    for weight in (0.0, 20.0):
        model = TotalCorrelationVAE(
            2, correlation_weight=weight, max_epochs=60, early_stopping=False,
            architecture=Dense((16,), shortcut="random"), random_state=0,
        ).fit(X)  # fmt: skip
        mean, std = model.posterior(X)
        codes = mean + std * np.random.default_rng(0).normal(size=mean.shape)
        correlations.append(abs(np.corrcoef(codes.T)[0, 1]))
    assert correlations[1] < correlations[0] or correlations[1] < 0.1


def test_batch_top_k_keeps_k_on_average_and_rows_alone(digits):
    model = SparseAutoencoder(
        128, sparsity=BatchTopK(8), max_epochs=10, random_state=0
    ).fit(digits[:1000])
    codes = model.transform(digits[:1000])
    active = (codes != 0).sum(axis=1)
    assert 5 < active.mean() < 11
    assert active.std() > 0  # rows have more or fewer
    threshold = float(model.net_.module_.select.threshold)
    assert threshold > 0
    assert codes[codes != 0].min() > threshold
    np.testing.assert_allclose(model.transform(digits[:1]), codes[:1], rtol=1e-9)
    loaded = pickle.loads(pickle.dumps(model))
    assert float(loaded.net_.module_.select.threshold) == threshold


def test_batch_top_k_has_a_threshold_where_the_start_wins(digits):
    model = SparseAutoencoder(
        64, sparsity=BatchTopK(8), max_epochs=2, learning_rate=1e-12, random_state=0
    ).fit(digits[:500])
    assert model.best_epoch_ == 0
    assert 5 < (model.transform(digits[:500]) != 0).sum(axis=1).mean() < 11


def test_column_weights_are_followed(small):
    shared = dict(architecture=Dense((8,), shortcut="random"), random_state=0)
    shared.update(max_epochs=100, early_stopping=False, learning_rate=0.01)
    errors = []
    for weights in (None, (50.0, 1.0, 1.0, 1.0, 1.0)):
        loss = WeightedSquaredError(weights=weights)
        model = Autoencoder(1, loss=loss, **shared).fit(small)
        residuals = model.reconstruct(small) - small
        errors.append((residuals**2).mean(axis=0))
        weighted = residuals**2 * (1.0 if weights is None else np.array(weights))
        np.testing.assert_allclose(
            -model.score_samples(small), weighted.mean(axis=1), rtol=1e-9
        )
    assert errors[1][0] < 0.5 * errors[0][0]


def test_strings_come_back_as_strings():
    plates = ["AB123", "AC124", "BB133", "BC223"] * 10
    model = Autoencoder(
        4, architecture=Letters(16), max_epochs=200, learning_rate=0.01, random_state=0
    ).fit(plates)
    back = model.reconstruct(plates)
    assert {len(text) for text in back} == {5}
    same = np.mean(
        [
            a == b
            for x, y in zip(plates, back, strict=True)
            for a, b in zip(x, y, strict=True)
        ]
    )
    assert same > 0.9
    with pytest.raises(ValueError, match="not 5 letters"):
        model.transform(["A"])


# -- losses: units, likelihoods


class Quartic(Loss):
    """Fourth powers."""

    def per_element(self, output, x):
        return (self.reconstruction(output) - x) ** 4


class SquaredTwice(SquaredError):
    """Fourth powers, from a loss that says how it scales."""

    def per_element(self, output, x):
        return super().per_element(output, x) ** 2


class Relative(Loss):
    """Depends on where rows are, not on differences alone."""

    def per_element(self, output, x):
        return ((self.reconstruction(output) - x) / (1 + x.abs())).square()


class Cauchy(Loss):
    """A density of a continuous X."""

    is_likelihood = True
    is_density = True

    def per_element(self, output, x):
        residual = self.reconstruction(output) - x
        return torch.log1p(residual.square()) + math.log(math.pi)

    def draw(self, output, generator):
        noise = torch.empty_like(output).cauchy_(generator=generator)
        return self.reconstruction(output) + noise


@pytest.mark.parametrize("loss", [Quartic, SquaredTwice])
def test_units_are_right_without_being_told(loss, small):
    shared = dict(max_epochs=20, random_state=0)
    model = Autoencoder(2, loss=loss(), **shared).fit(small)
    fourth = (model.reconstruct(small) - small) ** 4
    np.testing.assert_allclose(
        model.reconstruction_error(small, per_feature=True), fourth, rtol=1e-9
    )
    np.testing.assert_allclose(-model.score_samples(small), fourth.mean(1), rtol=1e-9)
    last = model.history_[model.best_epoch_ - 1]["valid_loss"]
    assert 0.1 < last / fourth.mean() < 10
    wide = Autoencoder(2, loss=loss(), **shared).fit(10 * small)
    np.testing.assert_allclose(wide.score(10 * small), 1e4 * model.score(small))
    assert wide.offset_ == pytest.approx(1e4 * model.offset_)


def test_a_loss_that_depends_on_where_rows_are(small):
    X = 5 + small
    model = Autoencoder(2, loss=Relative(), max_epochs=10, random_state=0).fit(X)
    expected = ((model.reconstruct(X) - X) / (1 + np.abs(X))) ** 2
    np.testing.assert_allclose(-model.score_samples(X), expected.mean(1), rtol=1e-9)


def test_far_from_zero_a_loss_of_differences_keeps_its_digits(small):
    far = Autoencoder(2, loss=Quartic(), max_epochs=20, random_state=0).fit(1e6 + small)
    near = Autoencoder(2, loss=Quartic(), max_epochs=20, random_state=0).fit(small)
    assert far.score(1e6 + small) == pytest.approx(near.score(small), rel=0.02)


@pytest.mark.parametrize("loss", [Quartic, SquaredTwice])
def test_no_likelihood_unless_it_says_so(loss, small):
    with pytest.raises(ValueError, match=f"loss={loss.__name__}.*is no likelihood"):
        VariationalAutoencoder(2, loss=loss()).fit(small)


def test_ones_own_density_is_in_units_of_x(small):
    X = 3 * small + 7
    model = VariationalAutoencoder(2, loss=Cauchy(), max_epochs=20, random_state=0).fit(
        X
    )
    cells = model.reconstruction_error(X, per_feature=True)
    residuals = model.reconstruct(X) - X
    np.testing.assert_allclose(
        cells, np.log1p(residuals**2) + math.log(math.pi), rtol=1e-9
    )
    drawn = model.sample(2000, random_state=0, draw=True)
    middle = model.sample(2000, random_state=0)
    assert np.median(np.abs(drawn - middle)) == pytest.approx(1.0, rel=0.1)


# -- what a part gets wrong is said at fit


class _RowLoss(Loss):
    def per_element(self, output, x):
        return (output - x).square().mean(1)


class _NoneLoss(Loss):
    def per_element(self, output, x):
        pass


class _EmptyLoss(Loss):
    pass


class _NoneNoise(Corruption):
    def corrupt(self, x, columns, generator):
        pass


class _NarrowNoise(Corruption):
    def corrupt(self, x, columns, generator):
        return x[:, :2]


class _NoneBatchNoise(Corruption):
    def corrupt_batch(self, batch, columns, generator):
        pass


class _NoOutputs(Dense):
    def make_body(self, shape, n_components):
        return nn.Linear(shape[0], 4)


class _OtherOutputs(Dense):
    def make_body(self, shape, n_components):
        body = nn.Linear(shape[0], 4)
        body.n_outputs = 5
        return body


class _WideDecoder(Dense):
    def make_decoder(self, shape, n_components, body, head):
        return nn.Linear(n_components, shape[0] + 1)


class _OtherDecoder(Dense):
    def make_decoder(self, shape, n_components, body, head):
        return nn.Linear(n_components + 1, shape[0])


class _NoDecoder(Dense):
    def make_decoder(self, shape, n_components, body, head):
        pass


class _Nothing(Architecture):
    pass


class _NarrowCode(AutoencoderModule):
    def encode(self, batch):
        return super().encode(batch)[:, :1]


class _NoOutput(AutoencoderModule):
    def decode(self, code, batch):
        pass


class _RowPenalty(AutoencoderModule):
    def penalty(self, code, batch):
        return code.sum(1)


class _NumberPass(AutoencoderModule):
    def forward(self, batch):
        return 3


class _ScalarRows(Criterion):
    def per_row(self, result, batch):
        return super().per_row(result, batch).mean()


class _RowScalar(Criterion):
    def forward(self, result, batch):
        return self.per_row(result, batch)


class _NoneCode(Sparsity):
    def select(self, linear, activation, *, encoding=False):
        pass


class _RowSparsity(Sparsity):
    def penalty(self, code, batch):
        return code.abs().sum(1)


class _InPlaceNoise(Corruption):
    def corrupt(self, x, columns, generator):
        x[:, :2] = 0
        return x


class _WrongScale(SquaredError):
    def per_element(self, output, x):
        return super().per_element(output, x)

    def for_scale(self, scale):
        return ScaledLoss(self, scale)


class _NoScaledLoss(SquaredError):
    def per_element(self, output, x):
        return super().per_element(output, x)

    def for_scale(self, scale):
        return self


class _ReadsRows(AutoencoderModule):
    def decode(self, code, batch):
        return super().decode(code, batch) + 0 * batch.x


class _FewRows(Codec):
    def rows(self, estimator, X, *, reset=False, name="X"):
        return super().rows(estimator, X, reset=reset, name=name)[1:]


class _NoneRows(Codec):
    def rows(self, estimator, X, *, reset=False, name="X"):
        pass


class _NoShape(Codec):
    def rows(self, estimator, X, *, reset=False, name="X"):
        return X


class _NoneRestored(Codec):
    def restore(self, values, leading=(), *, cells=False):
        pass


class _Detached(SquaredError):
    def per_element(self, output, x):
        return torch.as_tensor((output.detach().numpy() - x.numpy()) ** 2)


class _NanLoss(Loss):
    def per_element(self, output, x):
        return (output - x - 10).sqrt()


class _SingleOnly(AutoencoderModule):
    def encode(self, batch):
        return super().encode(batch) + torch.zeros(2) @ torch.eye(2)

    def decode(self, code, batch):
        return super().decode(code @ torch.eye(2), batch)


class _OtherActivation(L1):
    code_activation = "rellu"


class _Undecorated(Autoencoder):
    strength: float = 1.0


class _UndecoratedLoss(SquaredError):
    power: float = 2.0


class _Misspelt(Autoencoder):
    _parameter_constraints = {**Autoencoder._parameter_constraints, "force": [float]}


class _DetachedCode(AutoencoderModule):
    def encode(self, batch):
        return super().encode(batch).detach()


class _RowsOnly(Criterion):
    def forward(self, result, batch):
        return 2 * super().forward(result, batch)


class _NanPenalty(AutoencoderModule):
    def penalty(self, code, batch):
        return code.sum() * torch.nan


class _NoSuper(AutoencoderModule):
    def __init__(self, **kwargs):
        self.extra = nn.Linear(2, 2)


class _FloatSparsity(Sparsity):
    def penalty(self, code, batch):
        return 0.5


class _BoolSparsity(Sparsity):
    def select(self, linear, activation, *, encoding=False):
        return linear > 0


class _NoSelector(Sparsity):
    def make_selector(self, n_components):
        pass


class _NoSparsity(Sparsity):
    pass


class _OfTheBatch(Sparsity):
    def select(self, linear, activation, *, encoding=False):
        return activation(linear - linear.mean(0))


class _Attached(Sparsity):
    def make_selector(self, n_components):
        return _AttachedSelector()


class _AttachedSelector(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("level", torch.zeros(()))

    def forward(self, linear, activation, batch, *, encoding=False):
        if not encoding:
            self.level = 0.9 * self.level + 0.1 * linear.mean()
        return activation(linear)


class _OwnResolve(Autoencoder):
    def _resolve(self):
        self.own_ = 1


class _OwnSummary(Autoencoder):
    def _summarise(self, samples, rng, n_seen):
        self.own_ = 1


class _OtherOrder(BaseAutoencoder, OutlierDetector):
    pass


class _OwnBeta(VariationalAutoencoder):
    def _criterion_parameters(self):
        return {}


class _NoCallbacks(Autoencoder):
    def _callbacks(self):
        pass


class _NoModuleParameters(Autoencoder):
    def _module_parameters(self):
        pass


@dataclass(eq=False, repr=False)
class _OfCodec(Dense):
    hidden_sizes: type = Codec

    def make_codec(self, X):
        return self.hidden_sizes()

    _parameter_constraints = {**Dense._parameter_constraints, "hidden_sizes": [type]}


def _of(**parts):
    return type("Own", (Autoencoder,), parts)()


@pytest.mark.parametrize(
    ("estimator", "said"),
    [
        (Autoencoder(loss=_RowLoss()), r"_RowLoss\.per_element must return"),
        (Autoencoder(loss=_NoneLoss()), r"_NoneLoss\.per_element must return"),
        (Autoencoder(loss=_EmptyLoss()), "_EmptyLoss must define per_element"),
        (Autoencoder(corruption=_NoneNoise()), r"_NoneNoise\.corrupt returned None"),
        (Autoencoder(corruption=_NarrowNoise()), r"_NarrowNoise\.corrupt made"),
        (Autoencoder(corruption=_NoneBatchNoise()), r"_NoneBatchNoise\.corrupt_batch"),
        (Autoencoder(corruption=Corruption()), "Corruption must define corrupt"),
        (Autoencoder(architecture=_NoOutputs()), r"_NoOutputs\.make_body.*n_outputs"),
        (Autoencoder(architecture=_OtherOutputs()), r"_OtherOutputs\.make_body must"),
        (Autoencoder(architecture=_WideDecoder()), r"_WideDecoder\.make_decoder, must"),
        (Autoencoder(architecture=_OtherDecoder()), r"_OtherDecoder\.make_decoder"),
        (Autoencoder(architecture=_NoDecoder()), r"_NoDecoder\.make_decoder must"),
        (Autoencoder(architecture=_Nothing()), "_Nothing must define make_body"),
        (_of(module_class=_NarrowCode), r"_NarrowCode\.encode must return"),
        (_of(module_class=_NoOutput), r"_NoOutput\.decode"),
        (_of(module_class=_RowPenalty), "penalty of _RowPenalty"),
        (_of(module_class=_NumberPass), r"_NumberPass\.forward"),
        (_of(criterion_class=_ScalarRows), r"_ScalarRows\.per_row must return"),
        (_of(criterion_class=_RowScalar), r"_RowScalar\.forward must return"),
        (SparseAutoencoder(sparsity=_NoneCode()), "selection of _NoneCode must return"),
        (SparseAutoencoder(sparsity=_RowSparsity()), r"_RowSparsity\.penalty must"),
        (Autoencoder(corruption=_InPlaceNoise()), "changes the rows"),
        (Autoencoder(loss=_WrongScale()), r"_WrongScale\.for_scale says another"),
        (Autoencoder(loss=_NoScaledLoss()), r"_NoScaledLoss\.for_scale must return"),
        (_of(module_class=_ReadsRows), r"_ReadsRows\.decode.*given a code alone"),
        (Autoencoder(architecture=_OfCodec(_FewRows)), r"_FewRows\.rows made 59 rows"),
        (Autoencoder(architecture=_OfCodec(_NoneRows)), r"_NoneRows\.rows must return"),
        (Autoencoder(architecture=_OfCodec(_NoShape)), r"_NoShape\.rows must set"),
        (Autoencoder(architecture=_OfCodec(_NoneRestored)), r"_NoneRestored\.restore"),
        (Autoencoder(loss=_Detached()), r"without gradient.*_Detached is detached"),
        (_of(module_class=_DetachedCode), "without gradient for the encoder"),
        (_of(criterion_class=_RowsOnly), r"_RowsOnly\.forward is not the mean over"),
        (_of(module_class=_NanPenalty), "penalty of _NanPenalty is NaN"),
        (_of(module_class=_NoSuper), r"_NoSuper cannot be made.*super\(\)"),
        (SparseAutoencoder(sparsity=_FloatSparsity()), r"_FloatSparsity\.penalty must"),
        (SparseAutoencoder(sparsity=_BoolSparsity()), r"_BoolSparsity must return co"),
        (SparseAutoencoder(sparsity=_NoSelector()), r"_NoSelector\.make_selector must"),
        (SparseAutoencoder(sparsity=_NoSparsity()), "_NoSparsity overrides none of"),
        (SparseAutoencoder(sparsity=_OfTheBatch()), "another code when it is encoded"),
        (SparseAutoencoder(sparsity=_Attached()), "buffer 'select.level' of"),
        (_OwnResolve(), r"_OwnResolve\._resolve must call super"),
        (_OwnSummary(), r"_OwnSummary\._summarise must call super"),
        (_OtherOrder(), "OutlierDetector comes first among the bases of _OtherOrder"),
        (_OwnBeta(), r"_OwnBeta\._criterion_parameters leaves out 'beta'"),
        (_NoCallbacks(), r"_NoCallbacks\._callbacks must return a list"),
        (_NoModuleParameters(), r"_module_parameters must return a dict"),
        (Autoencoder(loss=_NanLoss()), r"_NanLoss\.per_element is NaN for rows"),
        (_of(module_class=_SingleOnly), r"In float64, _SingleOnly\.decode.*failed"),
        (
            SparseAutoencoder(sparsity=_OtherActivation()),
            "no activation 'rellu'. There are",
        ),
        (_Undecorated(), "'strength' is no parameter of _Undecorated, which lacks"),
        (
            Autoencoder(loss=_UndecoratedLoss()),
            "'power' is no parameter of _UndecoratedLoss, which lacks",
        ),
        (_Misspelt(), "_parameter_constraints of _Misspelt has 'force'"),
        (_of(module_class=nn.Linear), "module_class of Own must be a subclass"),
        (_of(criterion_class=nn.MSELoss), "criterion_class of Own must be a subclass"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_part_gets_wrong_is_said_by_name(estimator, said, small):
    model = estimator.set_params(n_components=2)
    before = dict(vars(model))
    with pytest.raises((ValueError, TypeError, NotImplementedError), match=said):
        model.fit(small)
    assert vars(model) == before


class _OwnRows(Criterion):
    def per_row(self, result, batch):
        return super().per_row(result, batch) + 100 * result.code.square().sum(1)


class _OwnCells(Criterion):
    def cells(self, output, batch):
        return 3 * super().cells(output, batch)


@pytest.mark.parametrize("kind", [_OwnRows, _OwnCells])
def test_what_a_criterion_says_of_rows_or_cells_is_trained(kind, small):
    shared = dict(n_components=2, max_epochs=1, learning_rate=1e-12, random_state=0)
    plain = Autoencoder(**shared).fit(small).history_[0]["train_loss"]
    own = _of(criterion_class=kind).set_params(**shared).fit(small)
    if kind is _OwnRows:
        assert own.history_[0]["train_loss"] > 10 * plain
    else:
        assert own.history_[0]["train_loss"] == pytest.approx(3 * plain, rel=1e-3)


class _Misnamed(Criterion):
    def per_rows(self, result, batch):
        return super().per_row(result, batch)


def test_a_name_that_nothing_calls_is_warned_of(small):
    model = _of(criterion_class=_Misnamed).set_params(n_components=2, max_epochs=1)
    with pytest.warns(UserWarning, match="'per_rows', which nothing calls. Is 'per_r"):
        model.fit(small)


class _NoneDraw(Cauchy):
    def draw(self, output, generator):
        pass


def test_what_a_loss_fails_to_draw_is_said(small):
    model = VariationalAutoencoder(2, loss=_NoneDraw(), max_epochs=2).fit(small)
    with pytest.raises(TypeError, match=r"_NoneDraw\.draw must return a tensor of"):
        model.sample(3, draw=True)


def test_the_first_argument_of_traverse_is_a_component(small):
    model = Autoencoder(2, max_epochs=1).fit(small)
    with pytest.raises(TypeError, match="component, the first argument, must be an"):
        model.traverse(small, 0)


class _SinglePrecision(Corruption):
    def corrupt(self, x, columns, generator):
        return (torch.rand(x.shape, generator=generator) < 0.5).float()


def test_a_part_may_return_another_precision(small):
    """Of few rows the network is in double precision."""
    model = Autoencoder(2, corruption=_SinglePrecision(), max_epochs=2)
    assert np.isfinite(model.fit(small[:30]).transform(small)).all()


class _Constant(AutoencoderModule):
    def decode(self, code, batch):
        return 0 * super().decode(code, batch) + 1


class _Doubled(Codec):
    """Each column twice: flat rows are wider than X."""

    def rows(self, estimator, X, *, reset=False, name="X"):
        if reset:
            self.shape = None
        rows = super().rows(estimator, X, name=name, reset=reset)
        self.shape = (2 * rows.shape[1],)
        return np.hstack([rows, rows])

    def restore(self, values, leading=(), *, cells=False):
        return values[:, : values.shape[1] // 2]


class _OfDoubled(Dense):
    def make_codec(self, X):
        return _Doubled()


def test_a_codec_restores_what_comes_back_as_a_frame(small):
    frame = pd.DataFrame(small, columns=list("abcde"))
    model = Autoencoder(2, architecture=_OfDoubled((8,)), max_epochs=1).fit(frame)
    for rows in (
        model.reconstruct(frame),
        model.inverse_transform(model.transform(frame)),
        model.reconstruction_error(frame, per_feature=True),
    ):
        assert list(rows.columns) == list("abcde")
        assert len(rows) == 60


class _OfHighPower(Loss):
    def per_element(self, output, x):
        return (self.reconstruction(output) - x) ** 30

    def for_scale(self, scale):
        return ScaledLoss(self, scale**30)


def test_a_loss_beyond_what_a_number_holds_is_refused(small):
    with pytest.raises(ValueError, match="_OfHighPower of X is beyond what a number"):
        Autoencoder(2, loss=_OfHighPower()).fit(small * 1e-20)


def test_every_path_decodes_by_decode(small):
    model = _of(module_class=_Constant).set_params(n_components=2, max_epochs=1)
    model.fit(small)
    row = model.mean_ + model.scale_  # ones, in units of X
    for rows in (
        model.reconstruct(small),
        model.inverse_transform(model.transform(small)),
        model.interpolate(small[:2], small[2:4], 3)[:, 0],
        model.traverse(0, small)[0],
    ):
        np.testing.assert_allclose(rows, np.broadcast_to(row, rows.shape))
    cells = model.reconstruction_error(small, per_feature=True)
    np.testing.assert_allclose(cells, (row - small) ** 2)
    assert model.score(small) == pytest.approx(-cells.mean())


def test_doctests_are_found():
    import total_correlation

    assert doctest.testmod(total_correlation).attempted
