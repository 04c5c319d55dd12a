"""Faults that users and attacks have found: each once, so that none comes back."""

import copy
import os
import pickle
import signal
import threading
import time

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback, PassthroughScoring
from torch import nn

from skae import (
    Autoencoder,
    BetaTCVAE,
    BinaryCrossEntropy,
    ConditionalVariationalAutoencoder,
    ContractiveAutoencoder,
    Convolutional,
    Dense,
    Huber,
    Poisson,
    Recurrent,
    SlidingWindows,
    SquaredError,
    StackedAutoencoder,
    SubwordTokenizer,
    TopK,
    VariationalAutoencoder,
    WordDropout,
)
from skae.data.batch import Batch
from tests.discovery import ESTIMATORS, fitted, name_of

SHARED = dict(max_epochs=3, random_state=0)


# -- partial_fit


def test_partial_fit_after_fit_learns(small):
    """The schedule of the fit ends near zero; a further pass has a rate of its own."""
    model = Autoencoder(2, early_stopping=False, **SHARED).fit(small)
    before = model.net_.module_.head.weight.detach().clone()
    model.partial_fit(small)
    moved = (model.net_.module_.head.weight - before).abs().max()
    assert moved > 1e-4
    assert model.history_[-1]["lr"] == pytest.approx(1e-3)


def test_an_error_after_the_step_leaves_the_net_as_it_was(small, monkeypatch):
    model = Autoencoder(2, **SHARED).fit(small)
    codes, state = model.transform(small), dict(vars(model))

    def fail(*args):
        raise ValueError("of the scores")

    monkeypatch.setattr(Autoencoder, "_outlier_losses", fail)
    with pytest.raises(ValueError, match="of the scores"):
        model.partial_fit(small)
    assert vars(model).keys() == state.keys()
    np.testing.assert_array_equal(model.transform(small), codes)


# -- objectives


def test_the_jacobian_of_a_network_with_batch_norm_is_that_of_inference(small):
    model = ContractiveAutoencoder(
        3, architecture=Dense((8,), norm="batch"), jacobian="exact", **SHARED
    ).fit(small)
    module = model.net_.module_
    batch = Batch(torch.randn(12, small.shape[1]))
    module.contraction_weight = 1.0
    expected = module.eval().penalty(None, batch).item()
    before = [buffer.clone() for buffer in module.buffers()]
    found = module.train().penalty(None, batch).item()
    assert found == pytest.approx(expected, rel=1e-5)
    for buffer, value in zip(module.buffers(), before, strict=True):
        assert torch.equal(buffer, value)
    assert all(part.training for part in module.modules())


@pytest.mark.parametrize("kind", [VariationalAutoencoder, BetaTCVAE])
def test_scores_and_threshold_are_of_the_same_kind(kind, small):
    model = kind(2, **SHARED).fit(small)
    expected = model.decision_function(small)
    model.set_params(outlier_score="reconstruction_probability")
    np.testing.assert_array_equal(model.decision_function(small), expected)
    other = model.fit(small).decision_function(small)
    assert not np.allclose(other, expected)


# -- parameters that did nothing, or what they should not


@pytest.mark.parametrize("off", [False, np.False_])
def test_no_early_stopping_in_any_boolean(off, small):
    model = Autoencoder(2, early_stopping=off, **SHARED).fit(small)
    assert "valid_loss" not in model.history_[0]


def test_without_contamination_no_training_row_is_outside(rng):
    X = rng.normal(size=(200, 30)).astype(np.float32)
    model = Autoencoder(4, contamination=None, **SHARED).fit(X)
    worst = np.argsort(model.score_samples(X))[:20]
    assert (model.predict(X) == 1).all()
    assert all(model.predict(X[[row]]) == 1 for row in worst)


@pytest.mark.parametrize("parameters", [{"dropout": 0.2}, {"norm": "batch"}])
def test_what_acts_between_layers_needs_some(parameters, small):
    (name,) = parameters
    with pytest.warns(UserWarning, match=f"{name}=.*acts between layers"):
        Autoencoder(2, architecture=Dense((), **parameters), **SHARED).fit(small)


@pytest.mark.parametrize(
    "name",
    [
        "n_components",
        "max_epochs",
        "batch_size",
        "learning_rate",
        "weight_decay",
        "l1_penalty",
    ],
)
def test_true_is_no_number(name, small):
    for value in (True, np.True_):
        with pytest.raises(ValueError, match=f"The '{name}' parameter"):
            Autoencoder(**{name: value}).fit(small)
    with pytest.raises(ValueError, match="hidden_sizes of Dense must be integers"):
        Autoencoder(architecture=Dense((True,))).fit(small)


def test_a_share_of_variance_may_be_a_numpy_float(small):
    shares = (0.9, np.float32(0.9), np.float64(0.9))
    models = [Autoencoder(share, **SHARED).fit(small) for share in shares]
    assert len({model.n_components_ for model in models}) == 1
    assert models[0].n_components_ > 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"n_components": 3}, "n_components=2"), ({"code_activation": "tanh"}, "None")],
)
def test_warm_start_refuses_another_code(changed, said, small):
    model = Autoencoder(2, warm_start=True, **SHARED).fit(small)
    with pytest.raises(ValueError, match=said):
        model.set_params(**changed).fit(small)
    same = Autoencoder(warm_start=True, **SHARED).fit(small)
    same.set_params(n_components=same.n_components_).fit(small)


# -- losses


class _Widening(nn.Module):
    def forward(self, x):
        return torch.cat([x, x], dim=1)


@pytest.mark.parametrize(
    ("activation", "said"),
    [
        (nn.RReLU, "RReLU is no function of single values"),
        (nn.Dropout, "Dropout is no function of single values"),
        (nn.PReLU, "PReLU has weights or a state"),
        (_Widening, "_Widening is no function of single values"),
    ],
)
def test_output_activations_have_no_state_and_draw_nothing(activation, said, small):
    with pytest.raises(ValueError, match=f"output_activation={said}"):
        Autoencoder(2, loss=SquaredError(output_activation=activation)).fit(small)


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (BinaryCrossEntropy(output_activation="relu"), r"leaves \[0, 1\]"),
        (Poisson(output_activation="tanh"), r"leaves \[0, inf\]"),
    ],
)
def test_an_output_activation_stays_where_the_loss_is_defined(loss, said, digits):
    with pytest.raises(ValueError, match=said):
        Autoencoder(2, loss=loss).fit(digits[:50] / digits.max())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small_units_are_told_apart_or_refused(dtype, small):
    """Squares of 1e-23 are none in single precision, of 1e-162 in double."""
    X = small.astype(dtype)
    expected = Autoencoder(2, **SHARED).fit(X).score_samples(X)
    tiny = X * dtype(1e-23)
    found = Autoencoder(2, **SHARED).fit(tiny).score_samples(tiny)
    assert len(np.unique(found)) > 50
    np.testing.assert_allclose(found * 1e46, expected, rtol=1e-3)
    if dtype is np.float64:
        with pytest.raises(ValueError, match=r"values of X are too small"):
            Autoencoder(2, **SHARED).fit(X * 1e-162)


# -- input


DATES = np.array(["2020-01-01", "2021-01-01"] * 30, dtype="datetime64[D]")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: DATES[:, None], "The array of X is not numeric"),
        (
            lambda: (DATES - DATES[0])[:, None],
            "The array of X is not numeric",
        ),
        (
            lambda: pd.DataFrame({"a": range(60), "b": DATES}),
            "Column 'b' of X is not numeric",
        ),
        (
            lambda: pd.DataFrame({"b": DATES - DATES[0]}),
            "Column 'b' of X is not numeric",
        ),
        (
            lambda: pl.DataFrame({"a": range(60), "b": DATES}),
            "Column 'b' of X is not numeric",
        ),
    ],
)
def test_dates_are_no_numbers(make, said, small):
    with pytest.raises(ValueError, match=said):
        Autoencoder(1, **SHARED).fit(make())


def test_a_y_that_looks_like_a_target_is_not_passed_over_in_silence(small):
    with pytest.warns(UserWarning, match="does not read y, which has 5 columns"):
        Autoencoder(2, **SHARED).fit(small, small)


@pytest.mark.filterwarnings("error::UserWarning")
def test_a_y_of_labels_is(small):
    Autoencoder(2, **SHARED).fit(small, np.arange(60) % 2)


# -- the net


def test_changes_of_the_net_reach_either_precision(small):
    model = Autoencoder(2, **SHARED).fit(small)
    codes = model.transform(small)  # float64: by the converted twin
    with torch.no_grad():
        model.net_.module_.head.weight.data.mul_(2)
        model.net_.module_.head.bias.mul_(2)
    np.testing.assert_allclose(model.transform(small), 2 * codes, rtol=1e-9)
    np.testing.assert_allclose(
        model.transform(small.astype(np.float32)), 2 * codes, rtol=1e-3, atol=1e-4
    )


def test_the_bar_shows_what_the_history_says(small, capsys):
    X = 100 * small
    model = Autoencoder(2, verbose=1, **SHARED).fit(X)
    shown = capsys.readouterr().err
    assert f"valid_loss={model.history_[-1]['valid_loss']:.4g}" in shown
    StackedAutoencoder(2, architecture=Dense((8,)), verbose=1, max_epochs=1).fit(small)
    shown = capsys.readouterr().err
    for title in ("layer 1 of 2", "layer 2 of 2", "StackedAutoencoder"):
        assert title in shown


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"net_params": {"no_such": 1}}, "net_params holds 'no_such'"),
        ({"net_params": {"optmizer__lr": 1}}, "net_params holds 'optmizer__lr'"),
        (
            {"net_params": {"optimizer__betas": 3}},
            "optimizer=Adam cannot be made .*optimizer__betas",
        ),
        (
            {"net_params": {"optimizer__bet": 3}},
            "optimizer=Adam cannot be made .*optimizer__bet",
        ),
        ({"callbacks": [("a", 3)]}, "callbacks takes skorch callbacks"),
        ({"callbacks": [("a",)]}, "callbacks takes callbacks or pairs"),
        ({"callbacks": [3]}, "callbacks takes skorch callbacks"),
        ({"optimizer": torch.optim.SparseAdam}, "optimizer=SparseAdam is for sparse"),
    ],
)
def test_what_skorch_is_handed_is_checked_by_name(parameters, said, small):
    model = Autoencoder(2, **SHARED, **parameters)
    before = dict(vars(model))
    with pytest.raises((ValueError, TypeError), match=said):
        model.fit(small)
    assert vars(model) == before


# -- callbacks


class _Holder(Callback):
    """Writes into what its user holds, and cannot be copied in depth."""

    def __init__(self, found):
        self.found = found
        self.lock = threading.Lock()

    def on_epoch_end(self, net, **kwargs):
        self.found.append(net.history[-1]["train_loss"])


def test_callbacks_share_what_they_hold(small):
    found = []
    given = _Holder(found)
    Autoencoder(2, callbacks=[given, ("other", _Holder(found))], **SHARED).fit(small)
    assert len(found) == 6
    assert given.found is found


@pytest.mark.parametrize("on_train", [True, False])
@pytest.mark.parametrize("watched", [True, False])
def test_a_loss_of_the_history_may_be_scored(on_train, watched, small):
    scoring = [PassthroughScoring("train_loss", on_train=on_train)]
    if watched:
        scoring.append(_Watching())
    model = Autoencoder(2, callbacks=scoring, **SHARED).fit(small)
    assert "train_loss_best" in model.history_[-1]
    plain = Autoencoder(2, **SHARED).fit(small)
    assert model.history_[-1]["train_loss"] == pytest.approx(
        plain.history_[-1]["train_loss"], rel=1e-5
    )


class _Watching(Callback):
    def on_batch_end(self, net, **kwargs):
        pass


# -- Ctrl-C


class _CtrlC(Callback):
    """Presses Ctrl-C, as the system does."""

    def __init__(self, at="on_epoch_end", epoch=2):
        self.at = at
        self.epoch = epoch

    def _press(self, net, at):
        if at == self.at and len(net.history) == self.epoch:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)

    def on_epoch_end(self, net, **kwargs):
        self._press(net, "on_epoch_end")

    def on_batch_end(self, net, **kwargs):
        self._press(net, "on_batch_end")


@pytest.fixture
def first_interrupt(monkeypatch):
    """As if no Ctrl-C had been pressed for long."""
    from skae.training import interrupts

    monkeypatch.setattr(interrupts, "_last", [-100.0])


@pytest.mark.parametrize("at", ["on_epoch_end", "on_batch_end"])
def test_ctrl_c_while_a_callback_runs_is_told(at, small, first_interrupt):
    model = Autoencoder(2, max_epochs=20, callbacks=[_CtrlC(at)], random_state=0)
    with pytest.warns(UserWarning, match="interrupted after"):
        model.fit(small)
    assert model.n_iter_ < 3
    assert np.isfinite(model.transform(small)).all()


def test_a_second_ctrl_c_ends_a_search(small, first_interrupt):
    search = GridSearchCV(
        Autoencoder(max_epochs=20, callbacks=[_CtrlC()], random_state=0),
        {"n_components": [1, 2, 3, 4]},
        cv=2,
    )
    with (
        pytest.warns(UserWarning, match="interrupted"),
        pytest.raises(KeyboardInterrupt),
    ):
        search.fit(small)


class _Once(_CtrlC):
    pressed = []

    def _press(self, net, at):
        if at == self.at and not self.pressed:
            self.pressed.append(True)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)


@pytest.mark.filterwarnings("ignore:Training was interrupted")
def test_ctrl_c_ends_all_layers_of_a_stack(small, first_interrupt):
    _Once.pressed.clear()
    layer = Autoencoder(max_epochs=5, callbacks=[_Once()])
    model = StackedAutoencoder(2, architecture=Dense((8, 4)), layer=layer)
    before = dict(vars(model))
    with pytest.raises(KeyboardInterrupt):
        model.fit(small)
    assert vars(model) == before


# -- messages, and copies


@pytest.mark.parametrize("seed", [-1, "a", 1.5, True, 2**40])
def test_a_random_state_of_a_method_is_checked(seed, small):
    model = VariationalAutoencoder(2, **SHARED).fit(small)
    for draw in (model.sample, lambda n, seed: model.log_likelihood(small, n, seed)):
        with pytest.raises(ValueError, match="random_state=.* must be an integer"):
            draw(2, seed)


def test_parameters_of_windows_are_checked_by_transform():
    windows = SlidingWindows(5).fit(np.arange(30.0)).set_params(stride=0)
    with pytest.raises(ValueError, match="The 'stride' parameter of SlidingWindows"):
        windows.transform(np.arange(30.0))


@pytest.mark.parametrize("X", [None, 3])
def test_texts_are_iterable(X):
    with pytest.raises(TypeError, match="X must be an iterable of texts"):
        SubwordTokenizer().fit(X)


def test_rows_of_unequal_length_are_told_after_fit_too(small):
    model = Autoencoder(2, **SHARED).fit(small)
    for method in (model.transform, model.score_samples, model.partial_fit):
        with pytest.raises(ValueError, match="The rows of X have unequal shapes"):
            method([[1.0, 2.0], [1.0, 2.0, 3.0]])


def test_a_column_that_occurs_twice(small):
    frame = pd.DataFrame(small, columns=list("abcde"))
    model = Autoencoder(2, **SHARED).fit(frame)
    frame.columns = list("abbde")
    for method in (model.fit, model.transform):
        with pytest.raises(ValueError, match="Column 'b' of X occurs more than once"):
            method(frame)


def test_objects_are_no_numbers():
    with pytest.raises(TypeError, match="X holds what is no number"):
        Autoencoder(2).fit(np.array([[object()] * 3] * 5))


def test_a_network_beyond_memory(small):
    model = Autoencoder(2, architecture=Dense((10**6, 10**6)))
    with pytest.raises(ValueError, match="Training needs more memory than there is"):
        model.fit(small)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (Autoencoder(2, code_activation=int), "code_activation takes"),
        (Autoencoder(2, code_activation=nn.Linear), "code_activation=.* is no act"),
        (Autoencoder(loss=SquaredError(output_activation=int)), "output_activation"),
        (
            StackedAutoencoder(2, layer=Autoencoder(code_activation=int)),
            "code_activation of layer takes",
        ),
    ],
)
def test_an_activation_that_is_none_is_told_by_parameter(model, name, small):
    with pytest.raises(TypeError, match=name):
        model.fit(small)


def test_a_shallow_copy_learns_by_itself(small):
    model = Autoencoder(2, **SHARED).partial_fit(small)
    codes, other = model.transform(small), copy.copy(model)
    np.testing.assert_array_equal(other.transform(small), codes)
    other.partial_fit(small)
    assert not np.array_equal(other.transform(small), codes)
    np.testing.assert_array_equal(model.transform(small), codes)
    assert copy.copy(Autoencoder(3, architecture=Dense((4,)))).n_components == 3


def test_the_history_of_a_stream_ends_somewhere(small, monkeypatch):
    monkeypatch.setattr("skae.training.trainer._MOST_EPOCHS", 5)
    model = Autoencoder(2, random_state=0)
    for passes in range(1, 9):
        model.partial_fit(small[:10])
        assert model.n_iter_ == passes
    assert len(model.history_) == len(model.net_.history) == 5
    long = Autoencoder(2, max_epochs=12, early_stopping=False).fit(small)
    assert len(long.history_) == 12


# -- frames out


@pytest.mark.parametrize("kind", ["pandas", "polars"])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)
def test_frames_come_back_as_frames(kind, estimator, small):
    names = list("abcde")
    frame = pd.DataFrame(small, columns=names, index=np.arange(60) * 2 + 7)
    if kind == "polars":
        frame = pl.DataFrame(small, schema=names)
    model = fitted(estimator(2, **SHARED), frame)
    codes = model.transform(frame)
    made = [model.reconstruct(frame), model.inverse_transform(codes)]
    if hasattr(model, "sample"):
        made.append(model.sample(3, random_state=0))
    for rows in made:
        assert type(rows) is type(frame)
        assert list(rows.columns) == names
    if kind == "pandas":
        assert made[0].index.equals(frame.index)
        codes = pd.DataFrame(codes, index=frame.index)
        assert model.inverse_transform(codes).index.equals(frame.index)
    as_array = model.reconstruct(small)
    assert isinstance(as_array, np.ndarray)
    np.testing.assert_array_equal(made[0], as_array)
    listed = np.asarray(codes).tolist()
    assert isinstance(model.inverse_transform(listed), type(frame))
    of_array = fitted(estimator(2, **SHARED), small)
    assert isinstance(of_array.inverse_transform(of_array.transform(small)), np.ndarray)


def test_the_units_of_a_pipeline_in_frames(small):
    frame = pd.DataFrame(small, columns=list("abcde"))
    pipe = make_pipeline(StandardScaler(), Autoencoder(2, **SHARED))
    pipe.set_output(transform="pandas")
    codes = pipe.fit_transform(frame)
    back = pipe.inverse_transform(codes)
    np.testing.assert_allclose(np.mean(back, axis=0), small.mean(axis=0), atol=0.2)


# -- plain torch


@pytest.mark.parametrize(
    "architecture",
    [Dense((8,)), Dense((8,), tied=True), Convolutional((4,), input_shape=(1, 4, 4))],
    ids=name_of,
)
@pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder, BetaTCVAE])
def test_plain_modules_are_the_estimator(kind, architecture, rng):
    X = 5 + 3 * rng.normal(size=(60, 16)).astype(np.float32)
    model = kind(3, architecture=architecture, **SHARED).fit(X)
    x = torch.from_numpy(X).requires_grad_()
    codes, rows = model.encoder_(x), model.reconstructor_(x)
    assert torch.equal(model.encoder_(x.double()), codes)
    assert torch.equal(model.decoder_(codes.double()), model.decoder_(codes))
    np.testing.assert_allclose(codes.detach(), model.transform(X), atol=1e-5)
    made = model.decoder_(codes).detach().flatten(1)
    np.testing.assert_allclose(made, model.reconstruct(X).reshape(60, 16), atol=1e-4)
    rows.sum().backward()
    assert (x.grad != 0).any()
    loaded = pickle.loads(pickle.dumps(model.reconstructor_))
    assert torch.equal(loaded(x), rows)
    with torch.no_grad():  # they are copies: the estimator stays as it is
        next(model.encoder_.parameters()).zero_()
    np.testing.assert_allclose(codes.detach(), model.transform(X), atol=1e-5)


def test_plain_modules_are_of_one_precision(small):
    """Few rows are trained on in double precision."""
    model = Autoencoder(2, **SHARED).fit(small[:30])
    assert model.net_.dtype == "float64"
    codes = model.encoder_(torch.from_numpy(small.astype(np.float32)))
    np.testing.assert_allclose(codes.detach(), model.transform(small), atol=1e-4)


def test_a_call_that_fails_leaves_the_modes_of_torch(small, monkeypatch):
    model = Autoencoder(2, **SHARED).fit(small)

    def fail(batch):
        raise RuntimeError("of the module")

    monkeypatch.setattr(model.net_.module_, "encode", fail)
    with pytest.raises(RuntimeError, match="of the module") as raised:
        model.transform(small.astype(np.float32))
    assert raised.tb is not None  # its frames live on
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()


def test_plain_modules_read_the_output_activation(digits):
    X = (digits / digits.max()).astype(np.float32)
    model = Autoencoder(4, loss=BinaryCrossEntropy(), **SHARED).fit(X)
    made = model.reconstructor_(torch.from_numpy(X)).detach()
    np.testing.assert_allclose(made, model.reconstruct(X), atol=1e-5)


def test_plain_modules_are_not_for_conditions_or_lengths(small, rng):
    model = ConditionalVariationalAutoencoder(2, **SHARED)
    model.fit(small, np.arange(60) % 2)
    with pytest.raises(AttributeError, match="without conditions"):
        _ = model.encoder_
    X = [rng.normal(size=(n, 1)) for n in rng.integers(3, 8, 50)]
    model = Autoencoder(2, architecture=Recurrent(4), **SHARED).fit(X)
    with pytest.raises(AttributeError, match="rows of one shape"):
        _ = model.decoder_


def test_the_net_takes_plain_arrays(small):
    model = Autoencoder(2, **SHARED).fit(small)
    rows = ((small - model.mean_) / model.scale_).astype(np.float32)
    expected = (model.reconstruct(small) - model.mean_) / model.scale_
    for method in (model.net_.predict, model.net_.predict_proba):
        np.testing.assert_allclose(method(rows), expected, atol=1e-4)
    outputs = model.net_.forward(rows)
    np.testing.assert_allclose(outputs, expected, atol=1e-4)


# -- in a notebook


@pytest.mark.parametrize("cls", [*ESTIMATORS, Dense, SlidingWindows, TopK, Huber])
def test_diagrams_link_to_the_docs_and_explain_parameters(cls):
    estimator = cls()
    html = estimator._repr_html_()
    assert f"generated/skae.{cls.__name__}.html" in html
    assert html.count("param-doc-description") >= len(estimator.get_params(deep=False))


def test_word_dropout_is_for_tokens(small):
    with pytest.raises(ValueError, match="WordDropout.*is for tokens.*MaskingNoise"):
        Autoencoder(2, corruption=WordDropout()).fit(small)
