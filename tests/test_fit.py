"""Fitting: validation, early stopping, warm starts, partial fits, failures."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback, LRScheduler

from skae import Autoencoder, Dense, StackedAutoencoder


def _pca_error(k, X, rows):
    pca = PCA(k).fit(X)
    return ((pca.inverse_transform(pca.transform(rows)) - rows) ** 2).mean()


# -- does it train


@pytest.mark.slow
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(
    ("table", "k", "compare_angles"),
    [("cancer", 2, True), ("wine", 2, True), ("diabetes", 8, True)],
)
def test_a_linear_network_from_a_random_start_finds_pca(
    table, k, compare_angles, tied, request
):
    """Baldi and Hornik 1989: the only minimum is the principal subspace."""
    if table == "diabetes":
        X = StandardScaler().fit_transform(load_diabetes().data)
    else:
        X = request.getfixturevalue(table)
    model = Autoencoder(
        k,
        architecture=Dense((), shortcut=None, tied=tied),
        learning_rate=3e-3,
        max_epochs=400,
        batch_size=32,
        early_stopping=False,
        random_state=0,
    ).fit(X)
    assert -model.score(X) <= 1.01 * _pca_error(k, X, X)
    pca = PCA().fit(X)
    gap = pca.explained_variance_[k - 1] / pca.explained_variance_[k]
    if gap >= 1.5:
        decoder = model.inverse_transform(np.eye(k)) - model.inverse_transform(
            np.zeros((k, k))
        )
        basis, _ = np.linalg.qr(decoder.T)
        cosines = np.linalg.svd(basis.T @ pca.components_[:k].T, compute_uv=False)
        assert np.degrees(np.arccos(np.clip(cosines.min(), -1, 1))) < 5


def test_defaults_beat_pca_on_held_out_rows(digits):
    rows = StandardScaler().fit(digits[:1400])
    X, held_out = rows.transform(digits[:1400]), rows.transform(digits[1400:])
    model = Autoencoder(8, random_state=0).fit(X)
    assert -model.score(held_out) < 0.7 * _pca_error(8, X, held_out)


@pytest.mark.parametrize(("a", "b"), [(1e-3, 0.0), (1e4, 0.0), (1.0, 1e6), (1e-3, 1e6)])
def test_shift_and_scale_keep_the_error_ratio(a, b, wine):
    model = Autoencoder(4, max_epochs=30, random_state=0, early_stopping=False)
    plain = -model.fit(wine).score(wine)
    moved = -model.fit(a * wine + b).score(a * wine + b)
    assert plain < 0.999 * _pca_error(4, wine, wine)  # it did leave the start
    assert moved / a**2 == pytest.approx(plain, rel=0.02)


def test_no_convergence_warning_with_defaults(wine):
    for X in (wine, StandardScaler().fit_transform(load_iris().data)):
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            Autoencoder(2, random_state=0).fit(X)


# -- the schedule


def _rates(model):
    return [row["lr"] for row in model.history_]


def test_a_schedule_of_ones_own_is_followed(small):
    shared = dict(max_epochs=4, batch_size=60, early_stopping=False, random_state=0)
    constant = Autoencoder(2, schedule="constant", **shared).fit(small)
    np.testing.assert_allclose(_rates(constant), [1e-3] * 4, rtol=1e-12)
    steps = Autoencoder(2, schedule=lambda done: 1 - done, **shared).fit(small)
    np.testing.assert_allclose(_rates(steps), [1e-3, 7.5e-4, 5e-4, 2.5e-4], rtol=1e-12)
    ones = Autoencoder(2, schedule=lambda done: 1, **shared).fit(small)
    np.testing.assert_array_equal(ones.transform(small), constant.transform(small))


def test_streams_and_warm_starts_have_their_schedule(small):
    shared = dict(max_epochs=3, batch_size=60, early_stopping=False, random_state=0)
    model = Autoencoder(2, schedule=lambda done: 1 - done, warm_start=True, **shared)
    for _ in range(2):
        assert _rates(model.fit(small)) == pytest.approx([1e-3, 2e-3 / 3, 1e-3 / 3])
    assert _rates(model.partial_fit(small))[-1] == pytest.approx(1e-3)


def test_a_stack_hands_its_schedule_down(small):
    shared = dict(max_epochs=3, early_stopping=False, random_state=0)
    stack = StackedAutoencoder(
        2, architecture=Dense((4,)), schedule="constant", **shared
    ).fit(small)
    for model in (stack, *stack.layers_):
        np.testing.assert_allclose(_rates(model), [1e-3] * 3, rtol=1e-12)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("linear", "The 'schedule' parameter of Autoencoder"),
        (0.5, "The 'schedule' parameter of Autoencoder"),
        (lambda done: None, "schedule must return.*It returned None for a share of 0"),
        (lambda done: True, "schedule must return.*It returned True"),
        (lambda done: -done, r"schedule must return.*It returned -0\.\d+"),
        (lambda done: np.nan, "schedule must return.*It returned nan"),
    ],
)
def test_bad_schedules_are_told_before_training(schedule, message, small):
    seen = []

    class Watch(Callback):
        def on_epoch_begin(self, net, **kwargs):
            seen.append(net)

    model = Autoencoder(2, schedule=schedule, max_epochs=2, callbacks=[Watch()])
    with pytest.raises(ValueError, match=message):
        model.fit(small)
    assert not seen


def test_unfinished_training_warns(digits):
    model = Autoencoder(
        8, architecture=Dense((32,), shortcut=None), max_epochs=6, random_state=0,
        callbacks=[LRScheduler("StepLR", step_size=100)],
    )  # fmt: skip
    with pytest.warns(ConvergenceWarning, match="max_epochs"):
        model.fit(digits[:600])


# -- validation


def test_best_weights_are_restored(digits):
    X = digits[:300]
    model = Autoencoder(
        8, architecture=Dense((64,), shortcut=None), max_epochs=30, learning_rate=0.02,
        patience=30, random_state=0,
    ).fit(X, X_val=digits[300:500])  # fmt: skip
    best = min(row["valid_loss"] for row in model.history_)
    assert best < model.history_[-1]["valid_loss"]
    assert -model.score(digits[300:500]) == pytest.approx(best, rel=1e-4)


def test_patience_stops(digits):
    model = Autoencoder(
        8, max_epochs=200, learning_rate=0.03, patience=3, random_state=0
    )
    model.fit(digits[:300])
    assert model.n_iter_ < 200
    losses = [row["valid_loss"] for row in model.history_]
    assert np.argmin(losses) == len(losses) - 4


def test_the_start_is_kept_unless_clearly_beaten(rng):
    """Noise has nothing to learn: the result is PCA, exactly."""
    X = rng.normal(size=(120, 6))
    model = Autoencoder(3, max_epochs=20, random_state=0).fit(X)
    fresh = rng.normal(size=(50, 6))
    pca = PCA(3).fit(X)
    np.testing.assert_allclose(
        model.reconstruct(fresh), pca.inverse_transform(pca.transform(fresh)), atol=1e-5
    )


def test_below_forty_rows_all_train(rng):
    X = rng.normal(size=(39, 4))
    assert "valid_loss" not in Autoencoder(2).fit(X).history_[0]
    assert "valid_loss" in Autoencoder(2).fit(np.vstack((X, X[:1]))).history_[0]
    assert "valid_loss" in Autoencoder(2, early_stopping=True).fit(X).history_[0]


def test_x_val_is_what_is_validated_on(small, rng):
    X_val = small + 3
    model = Autoencoder(2, max_epochs=1, learning_rate=1e-12).fit(small, X_val=X_val)
    assert model.history_[0]["valid_loss"] == pytest.approx(
        -model.score(X_val), rel=1e-4
    )
    assert len(model.net_.valid_rows) == 60
    with pytest.raises(ValueError, match="X_val contains infinity"):
        model.fit(small, X_val=np.full_like(X_val, np.inf))
    with pytest.raises(ValueError, match="X_val has no value"):
        model.fit(small, X_val=np.full_like(X_val, np.nan))
    with pytest.raises(ValueError, match="X_val does not fit: X has 2 features"):
        model.fit(small, X_val=X_val[:, :2])


def test_x_val_without_early_stopping_only_watches(small):
    shared = dict(early_stopping=False, max_epochs=5, random_state=0)
    watched = Autoencoder(2, **shared).fit(small, X_val=small + 100)
    plain = Autoencoder(2, **shared).fit(small)
    assert "valid_loss" in watched.history_[0]
    np.testing.assert_array_equal(watched.transform(small), plain.transform(small))


# -- going on


def test_warm_start_goes_on_from_the_weights(digits):
    X = digits[:300]
    model = Autoencoder(
        4, architecture=Dense((16,), shortcut=None), max_epochs=50, warm_start=True,
        learning_rate=0.01, random_state=0,
    )  # fmt: skip
    first = model.fit(X).history_[-1]["train_loss"]
    assert model.fit(X).history_[0]["train_loss"] < 1.2 * first
    cold = clone(model).set_params(warm_start=False).fit(X).fit(X)
    assert cold.history_[0]["train_loss"] > 2 * first
    with pytest.raises(ValueError, match="warm_start=True continues"):
        model.set_params(architecture=Dense((8,))).fit(X)
    with pytest.raises(ValueError, match="warm_start=True keeps"):
        model.set_params(loss="poisson").fit(X)
    with pytest.raises(ValueError, match="features"):
        model.fit(X[:, :10])


def test_warm_start_keeps_the_scale(small):
    model = Autoencoder(2, max_epochs=2, warm_start=True).fit(small)
    mean = model.mean_
    assert model.fit(small + 1).mean_ is mean


def test_partial_fit_learns_from_a_stream(digits, rng):
    model = Autoencoder(8, random_state=0)
    first = model.partial_fit(digits[:256]).score(digits)
    mean = model.mean_
    seen = 256
    for _ in range(150):
        rows = rng.choice(len(digits), 64)
        model.partial_fit(digits[rows])
        seen += 64
    assert model.n_samples_seen_ == seen
    assert model.score(digits) > 0.8 * first  # scores are negative
    assert model.mean_ is mean
    assert model.n_iter_ == len(model.history_) == 151


@pytest.mark.parametrize("norm", [None, "batch", "layer"])
def test_partial_fit_takes_single_rows(norm, small):
    model = Autoencoder(2, architecture=Dense((8,), norm=norm), random_state=0)
    for row in small[:20]:
        model.partial_fit(row[None])
    assert model.n_samples_seen_ == 20
    assert np.isfinite(model.transform(small)).all()
    assert model.predict(small).shape == (60,)


def test_partial_fit_begins_at_the_pca_of_its_first_rows(cancer):
    X = cancer[:200]
    model = Autoencoder(3, learning_rate=1e-12).partial_fit(X)
    assert -model.score(X) == pytest.approx(_pca_error(3, X, X), rel=1e-3)


def test_partial_fit_goes_on_after_fit(digits):
    X = digits[:300]
    model = Autoencoder(4, max_epochs=3, random_state=0).fit(X)
    before = model.transform(X)
    model.partial_fit(X)
    assert model.n_samples_seen_ == 600
    assert 0 < np.abs(model.transform(X) - before).max() < 1


def test_the_optimizer_goes_on_in_partial_fit(small):
    model = Autoencoder(2, batch_size=60).partial_fit(small)
    for _ in range(4):
        model.partial_fit(small)
    steps = [s["step"].item() for s in model.net_.optimizer_.state.values()]
    assert set(steps) == {5.0}


# -- failing


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("fitted", [False, True])
def test_a_failing_call_leaves_the_object_as_it_was(method, fitted, small):
    model = Autoencoder(2, max_epochs=50, random_state=0)
    if fitted:
        getattr(model, method)(small)
        codes = model.transform(small)
    before = dict(vars(model))
    # Blows up: in fit by the learning rate, in partial_fit by the rows.
    if method == "partial_fit" and fitted:
        with pytest.raises(ValueError, match="diverged.*learning_rate"):
            model.partial_fit(small * 1e25)
    else:
        model.set_params(learning_rate=1e30)
        before["learning_rate"] = 1e30
        with pytest.raises(ValueError, match="diverged.*learning_rate"):
            getattr(model, method)(small)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is before[name] for name in before)
    if fitted:
        np.testing.assert_array_equal(model.transform(small), codes)
        model.set_params(learning_rate=1e-3)
        getattr(model, method)(small)
    else:
        with pytest.raises(NotFittedError):
            model.transform(small)


def test_parameters_are_never_touched(small):
    architecture, loss, callbacks = Dense((8,)), "huber", []
    model = Autoencoder(
        2, architecture=architecture, loss=loss, callbacks=callbacks, max_epochs=1,
        net_params={},
    )  # fmt: skip
    before = model.get_params()
    model.fit(small)
    after = model.get_params()
    assert all(after[name] is before[name] for name in before)
    assert model.architecture_ is not architecture


def test_best_epoch_says_what_was_kept(digits, rng):
    noise = rng.normal(size=(120, 6))
    assert Autoencoder(3, max_epochs=10, random_state=0).fit(noise).best_epoch_ == 0
    model = Autoencoder(8, max_epochs=10, random_state=0).fit(digits[:400])
    losses = [row["valid_loss"] for row in model.history_]
    assert model.best_epoch_ == 1 + int(np.argmin(losses))
    unvalidated = model.set_params(early_stopping=False).fit(digits[:400])
    assert unvalidated.best_epoch_ == unvalidated.n_iter_ == 10
