"""skorch's callbacks, the user's own, the progress bar, interrupts."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    GradientNormClipping,
    LRScheduler,
)

from skae import Autoencoder, Dense


class Recorder(Callback):
    """Writes down which events came, how often."""

    def initialize(self):
        self.events_ = []
        return self

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        self.events_.append(("begin", training))

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        self.events_.append(("end", training, kwargs["loss"].item()))

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self.events_.append(("gradient", sum(1 for _ in named_parameters)))


class Interrupt(Callback):
    """Presses Ctrl-C in the middle of an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == self.epoch:
            net.train_step = self._press

    @staticmethod
    def _press(*args, **kwargs):
        raise KeyboardInterrupt


def test_batch_callbacks_are_called_and_change_nothing(small):
    plain = Autoencoder(2, max_epochs=3, batch_size=20, random_state=0).fit(small)
    recorder = Recorder()
    watched = Autoencoder(
        2, max_epochs=3, batch_size=20, random_state=0, callbacks=[recorder]
    ).fit(small)
    np.testing.assert_array_equal(plain.transform(small), watched.transform(small))
    assert not hasattr(recorder, "events_"), "the user's callback was changed"
    (copied,) = (cb for _, cb in watched.net_.callbacks_ if isinstance(cb, Recorder))
    kinds = [event[0] for event in copied.events_]
    assert kinds.count("gradient") == 9  # three batches an epoch
    assert kinds.count("begin") == kinds.count("end") == 9 + 3
    assert plain.history_[-1]["train_loss"] == pytest.approx(
        watched.history_[-1]["train_loss"], rel=1e-6
    )


def test_epoch_scoring_reads_predictions_with_and_without_cache(small):
    def score(net, X, y=None):
        return float(net.predict(X).std())

    model = Autoencoder(
        2,
        max_epochs=2,
        random_state=0,
        callbacks=[
            EpochScoring(score, name="cached"),
            EpochScoring(score, name="fresh", use_caching=False),
        ],
    ).fit(small)
    frame = pd.DataFrame(model.history_)
    np.testing.assert_allclose(frame["cached"], frame["fresh"], rtol=1e-5)
    assert (frame["cached"] > 0).all()


def test_lr_scheduler_replaces_the_schedule(small):
    model = Autoencoder(
        2,
        max_epochs=4,
        early_stopping=False,
        callbacks=[LRScheduler("StepLR", step_size=1, gamma=0.1)],
    ).fit(small)
    rates = [row["lr"] for row in model.history_]
    np.testing.assert_allclose(rates, [1e-3, 1e-4, 1e-5, 1e-6], rtol=1e-6)


@pytest.mark.parametrize("schedule", ["constant", lambda done: 2.0 * (done >= 0.5)])
def test_lr_scheduler_replaces_any_schedule(schedule, small):
    shared = dict(max_epochs=3, random_state=0, early_stopping=False)
    callbacks = [LRScheduler("StepLR", step_size=1, gamma=0.1)]
    models = [
        Autoencoder(2, schedule=one, callbacks=callbacks, **shared).fit(small)
        for one in ("cosine", schedule)
    ]
    np.testing.assert_array_equal(*(model.transform(small) for model in models))


def test_own_schedule_falls_to_nothing(small):
    model = Autoencoder(2, max_epochs=40, early_stopping=False).fit(small)
    rates = [row["lr"] for row in model.history_]
    assert rates[0] == pytest.approx(1e-3, rel=1e-2)
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 1e-5


def test_checkpoint_writes_where_the_user_says(small, tmp_path):
    model = Autoencoder(
        2, max_epochs=3, callbacks=[Checkpoint(dirname=str(tmp_path))], random_state=0
    ).fit(small)
    assert (tmp_path / "params.pt").exists()
    assert np.isfinite(model.score(small))


def test_fit_writes_no_file(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Autoencoder(2, max_epochs=2).fit(small)
    assert list(tmp_path.iterdir()) == []


def test_gradient_clipping_acts(small):
    shared = dict(max_epochs=3, random_state=0, optimizer="sgd", early_stopping=False)
    free = Autoencoder(2, **shared).fit(small).net_.module_.state_dict()
    clipped = Autoencoder(2, callbacks=[GradientNormClipping(1e-6)], **shared)
    held = clipped.fit(small).net_.module_.state_dict()
    assert any(not torch.allclose(free[key], held[key]) for key in free)


def test_skorch_early_stopping_ends_without_a_warning(small):
    stopping = EarlyStopping(monitor="valid_loss", patience=1, threshold=1.0, sink=str)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = Autoencoder(2, max_epochs=30, callbacks=[stopping]).fit(small)
    assert model.n_iter_ == len(model.history_) == 2


@pytest.mark.parametrize("epoch", [1, 3])
def test_keyboard_interrupt_leaves_a_fitted_estimator(epoch, small):
    model = Autoencoder(2, max_epochs=10, callbacks=[Interrupt(epoch)], random_state=0)
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(small)
    assert model.n_iter_ == len(model.history_) == epoch - 1
    assert model.transform(small).shape == (60, 2)
    assert set(np.unique(model.predict(small))) == {-1, 1}
    with pytest.warns(UserWarning, match="interrupted"):
        pickle.loads(pickle.dumps(model)).fit(small)


def test_history_is_data(small):
    model = Autoencoder(2, max_epochs=4, random_state=0).fit(small)
    frame = pd.DataFrame(model.history_)
    assert list(frame["epoch"]) == [1, 2, 3, 4]
    assert {"train_loss", "valid_loss", "lr", "dur"} <= set(frame.columns)
    assert frame.notna().all().all()


def test_history_is_in_units_of_x(small):
    losses = [
        Autoencoder(
            2, max_epochs=2, architecture=Dense((8,)), random_state=0,
        ).fit(factor * small).history_[0]["valid_loss"]
        for factor in (1.0, 100.0)
    ]  # fmt: skip
    assert losses[1] == pytest.approx(1e4 * losses[0], rel=1e-3)


def test_verbose_shows_a_bar_and_zero_nothing(small, capsys):
    Autoencoder(2, max_epochs=3).fit(small)
    silent = capsys.readouterr()
    assert silent.out == silent.err == ""
    Autoencoder(2, max_epochs=3, verbose=1).fit(small)
    shown = capsys.readouterr()
    assert "3/3" in shown.err
    assert "valid_loss" in shown.err
    assert shown.out == ""
