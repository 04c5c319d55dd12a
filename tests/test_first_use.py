"""What a reader with the documentation alone ran into: each once."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits
from skorch.callbacks import LRScheduler
from torch import nn

from skae import (
    Autoencoder,
    ConditionalVariationalAutoencoder,
    Convolutional,
    Corruption,
    Dense,
    Loss,
    Recurrent,
    SlidingWindows,
    SparseAutoencoder,
    Sparsity,
    SquaredError,
    Transformer,
    VariationalAutoencoder,
)
from skae.codecs import Codec
from skae.extending import Defaults
from tests.discovery import DETECTORS, fitted, name_of

SHARED = dict(max_epochs=2, random_state=0)


# -- large values, odd arrays


@pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder])
def test_values_that_overflow_are_refused_by_place(kind):
    images = (load_digits().images[:60] / 16).astype(np.float32)
    model = kind(4, **SHARED).fit(images)
    new = images[:3].copy()
    new[1, 0, 2] = -np.finfo(np.float32).max
    for method in ("transform", "score_samples", "predict", "reconstruct"):
        with pytest.raises(ValueError, match=r"too large to be scaled \(row 1, pos"):
            getattr(model, method)(new)


@pytest.mark.parametrize("kind", DETECTORS, ids=name_of)
def test_what_overflows_in_the_network_is_an_outlier(kind, small):
    X = small.astype(np.float32)
    model = fitted(kind(2, **SHARED), X)
    new = X[:3].copy()
    new[1] = 3e38 * np.array([1, -1, 1, -1, 1]) * model.scale_ / 4
    scores = model.score_samples(new)
    assert not np.isnan(scores).any()
    assert model.predict(new)[1] == -1


@pytest.mark.parametrize(
    "score", ["elbo", "log_likelihood", "reconstruction_probability"]
)
def test_what_overflows_is_an_outlier_by_each_score(score, rng):
    X = rng.normal(size=(60, 5)).astype(np.float32)
    model = VariationalAutoencoder(2, outlier_score=score, **SHARED).fit(X)
    new = rng.choice([-1, 1], (200, 5)) * rng.uniform(0.1, 0.5, (200, 5))
    new = (new * np.finfo(np.float32).max * min(model.scale_, 1)).astype(np.float32)
    with np.errstate(all="ignore"):
        assert not np.isnan(model.score_samples(new)).any()
        assert not np.isnan(model.reconstruction_error(new)).any()
        np.testing.assert_array_equal(model.predict(new), -1)


def test_a_step_that_overflows_is_named(rng):
    X = [rng.normal(size=(n, 2)).astype(np.float32) / 9 for n in range(3, 43)]
    model = Autoencoder(2, architecture=Recurrent(4), **SHARED).fit(X)
    X[1] = X[1].copy()
    X[1][2, 1] = np.finfo(np.float32).max
    with pytest.raises(ValueError, match="row 1, step 2, channel 1"):
        model.transform(X)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
@pytest.mark.parametrize("unit", [1e40, 1e140])
def test_large_units(loss, unit, small):
    model = Autoencoder(2, loss=loss, **SHARED).fit(small * unit)
    plain = Autoencoder(2, loss=loss, **SHARED).fit(small)
    if loss != "huber":  # whose delta is in units of X
        codes = model.transform(small * unit)
        np.testing.assert_allclose(codes, plain.transform(small), atol=1e-4)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("estimator", [Autoencoder, SparseAutoencoder])
def test_weights_that_are_read_only(estimator, small):
    weight = np.ones(len(small))
    weight.flags.writeable = False
    frame = pd.DataFrame(small).assign(w=1.0)
    expected = estimator(2, **SHARED).fit(small).transform(small)
    for given in (weight, frame["w"]):
        model = estimator(2, **SHARED).fit(small, sample_weight=given)
        np.testing.assert_allclose(model.transform(small), expected, atol=1e-3)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (["a"] * 60, "sample_weight must hold a number"),
        (np.full(60, 1e-308), "sample_weight sums to 6e-307"),
        (np.full(60, 1e308), "sample_weight sums to inf"),
    ],
)
def test_weights_that_are_none(weight, message, small):
    with pytest.raises(ValueError, match=message):
        Autoencoder(**SHARED).fit(small, sample_weight=weight)


def test_frames_with_names_that_are_no_strings(small):
    for columns in (range(5), pd.MultiIndex.from_product([["a"], list("bcdef")])):
        frame = pd.DataFrame(small, columns=columns)
        model = VariationalAutoencoder(2, **SHARED).fit(frame)
        rows = model.inverse_transform(model.transform(frame))
        for found in (rows, model.sample(2), model.reconstruct(frame)):
            assert list(found.columns) == list(frame.columns)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.array([[1.0, 2.0], [3.0, "x"]] * 10, dtype=object), "'x' .row 1, column 1"),
        (np.array([[[1.0], ["x"]]] * 9, dtype=object), r"'x' .row 0, position \(1, 0"),
        (np.zeros((9, 2, 2), dtype="datetime64[D]"), "dates or durations"),
        (pd.DataFrame(index=range(9)), "X is a frame of 0 feature"),
    ],
    ids=["objects", "objects of three axes", "dates", "no columns"],
)
def test_arrays_that_are_no_numbers(X, message):
    with pytest.raises(ValueError, match=message):
        Autoencoder(1).fit(X)


# -- arguments


def test_arguments_that_are_none(small, rng):
    model = VariationalAutoencoder(2, **SHARED).fit(small)
    with pytest.raises(TypeError, match="draw='no' must be 'auto', True or False"):
        model.sample(2, draw="no")
    with pytest.raises(ValueError, match="n_samples=True must be an integer"):
        model.sample(True)
    with pytest.raises(TypeError, match="component.* not of type bool"):
        model.traverse(True)
    windows = SlidingWindows(5).fit(small)
    for n_times in (60.0, "60", True, [60]):
        with pytest.raises(TypeError, match="n_times=.* must be an integer"):
            windows.average(np.ones(56), n_times=n_times)
    with pytest.raises(ValueError, match="values must hold numbers"):
        windows.average(["a"] * 56)


def test_conditions_that_are_none(small):
    numbers = ConditionalVariationalAutoencoder(2, **SHARED)
    numbers.fit(small, np.linspace(0, 1, 60))
    for method in (numbers.sample, lambda **c: numbers.transform(small[:1], **c)):
        with pytest.raises(ValueError, match=r"condition holds 1e\+300 in column 0"):
            method(condition=1e300)
    with pytest.raises(ValueError, match="condition holds labels or numbers, not a di"):
        numbers.sample(condition={"a": 1})
    for y in ({"a": 1}, set(range(60))):
        with pytest.raises(ValueError, match="y must be an array of labels or numbers"):
            ConditionalVariationalAutoencoder(2).fit(small, y)
    with pytest.raises(ValueError, match="y has no column True"):
        ConditionalVariationalAutoencoder(2, continuous=[True]).fit(small, small[:, :2])


class _Softmax(nn.Softmax):
    def __init__(self):
        super().__init__(dim=-1)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (dict(architecture=Convolutional((True,))), "channels of Convolutional must"),
        (dict(architecture=Transformer(patch_size=(True,))), "patch_size=.True,"),
        (dict(code_activation=nn.Module), "code_activation takes a name or"),
        (
            dict(loss=SquaredError(output_activation=_Softmax)),
            "output_activation=_Softmax is no function of single values",
        ),
        (dict(net_params={"iterator_train__shuffle": True}), "for another 'iterator_t"),
        (dict(net_params={"iterator_train": 3}), "'iterator_train'. must be a class"),
        (dict(net_params={"dataset": 3}), "'dataset'. must be a class"),
        (dict(net_params={"module__n_components": 3}), "the estimator's own"),
        (dict(callbacks=[LRScheduler("foo")]), "callbacks cannot be made"),
    ],
)
def test_parameters_that_are_none(parameters, message, small):
    with pytest.raises((ValueError, TypeError, AttributeError), match=message):
        Autoencoder(2, **parameters, **SHARED).fit(small[:, :, None])


# -- parts of one's own


class _Noise(Corruption):
    def corrupt(self, x, columns, generator):
        return torch.log(x)


class _Misspelt(Corruption):
    def corrupt(self, x, columns, generator):
        return x + columns.median


class _Drawing(Loss):
    def per_element(self, output, x):
        return (output + torch.randn_like(x) - x).square()


class _Mixing(Loss):
    def per_element(self, output, x):
        return (output - x.mean(0)).square()


class _Shapes(Loss):
    def per_element(self, output, x):
        return output @ x


class _Complex(Loss):
    def per_element(self, output, x):
        return (output - x).square() * 1j


class _Range(Loss):
    range = (0,)

    def per_element(self, output, x):
        return (output - x).square()


class _Natural(_Range):
    range = (0, 1)
    natural_activation = 3


class _NoCodec(Dense):
    def make_codec(self, X):
        Codec()


class _Callbacks(Autoencoder):
    def _callbacks(self):
        return [3]


class _Unknown(Autoencoder):
    def _module_parameters(self):
        return {**super()._module_parameters(), "foo": 3}


class _NanPenalty(Sparsity):
    def penalty(self, code, batch):
        return code.sum() * torch.nan


class _Detached(Sparsity):
    def penalty(self, code, batch):
        return code.detach().abs().sum()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Autoencoder(corruption=_Noise()), "_Noise.corrupt makes NaN or infinity"),
        (Autoencoder(corruption=_Misspelt()), "_Misspelt.corrupt failed"),
        (Autoencoder(loss=_Drawing()), "_Drawing.per_element gives a row another loss"),
        (Autoencoder(loss=_Mixing()), "_Mixing.per_element gives a row another loss"),
        (Autoencoder(loss=_Shapes()), "_Shapes.per_element failed"),
        (Autoencoder(loss=_Complex()), "_Complex.per_element failed"),
        (Autoencoder(loss=_Range()), "range of _Range must be a pair"),
        (Autoencoder(loss=_Natural()), "natural_activation of _Natural must be"),
        (Autoencoder(architecture=_NoCodec()), "_NoCodec.make_codec must return a Co"),
        (_Callbacks(), "_Callbacks._callbacks must return a list of skorch"),
        (_Unknown(), "_Unknown._module_parameters gives 'foo'"),
        (SparseAutoencoder(4, sparsity=_NanPenalty()), "_NanPenalty.penalty is NaN"),
        (SparseAutoencoder(4, sparsity=_Detached()), "_Detached.penalty is without gr"),
    ],
    ids=lambda value: None if isinstance(value, str) else "",
)
def test_what_a_part_gets_wrong_is_said_by_its_name(model, message, small):
    with pytest.raises((ValueError, TypeError), match=message):
        model.set_params(**SHARED).fit(small)


def test_defaults_are_checked_where_they_are_declared():
    with pytest.raises(TypeError, match="defaults of Empty must be a Defaults"):
        type("Empty", (Autoencoder,), {"defaults": None})
    assert isinstance(Autoencoder.defaults, Defaults)
