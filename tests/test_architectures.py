"""Every objective with every architecture and corruption; all of check_estimator."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator

from skae import (
    Autoencoder,
    Blur,
    ContractiveAutoencoder,
    Convolutional,
    Dense,
    Recurrent,
    StackedAutoencoder,
    Transformer,
    VariationalAutoencoder,
)
from tests.discovery import (
    ARCHITECTURES,
    CORRUPTIONS,
    ESTIMATORS,
    fitted,
    made,
    name_of,
)

RNG = np.random.default_rng(0)
N = 45
SERIES = [RNG.normal(size=(n, 2)).cumsum(axis=0) for n in RNG.integers(3, 9, N)]
TOKENS = [RNG.integers(0, 12, n) for n in RNG.integers(2, 8, N)]

# An architecture of few units, and rows for it.
CASES = {
    "table": (Dense((6,)), RNG.normal(size=(N, 6))),
    "signals": (Convolutional((4,)), RNG.normal(size=(N, 2, 9))),
    "images": (Convolutional((4,)), RNG.uniform(size=(N, 1, 7, 6)).astype(np.float32)),
    "tied images": (Convolutional((4,), tied=True), RNG.uniform(size=(N, 1, 7, 6))),
    "flat images": (
        Convolutional((4,), input_shape=(1, 4, 5), norm="batch"),
        RNG.uniform(size=(N, 20)),
    ),
    "videos": (Convolutional((4,)), RNG.normal(size=(N, 1, 3, 6, 5))),
    "series": (Recurrent(6, cell="gru"), RNG.normal(size=(N, 7, 2))),
    "lists": (Recurrent(6), SERIES),
    "fed lists": (Recurrent(6, cell="gru", feedback=True), SERIES),
    "tokens": (Recurrent(6, vocabulary_size=12), TOKENS),
    "fed tokens": (Recurrent(6, vocabulary_size=12, feedback=True), TOKENS),
    "attention, series": (Transformer(8, n_heads=2), RNG.normal(size=(N, 7, 2))),
    "attention, lists": (Transformer(8, n_heads=2), SERIES),
    "attention, images": (Transformer(8, n_heads=2), RNG.normal(size=(N, 1, 7, 6))),
    "attention, tokens": (Transformer(8, n_heads=2, vocabulary_size=12), TOKENS),
}
OBJECTIVES = [kind for kind in ESTIMATORS if kind is not StackedAutoencoder]


def _same_form(rows, X):
    if isinstance(X, list):
        assert [row.shape for row in rows] == [row.shape for row in X]
        assert {row.dtype for row in rows} == {row.dtype for row in X}
    else:
        assert rows.shape == X.shape
        assert rows.dtype == X.dtype


def _round_trip(estimator, case, corruption):
    """Fit, clone, pickle, repeat; every method gives rows in the form of X."""
    architecture, X = CASES[case]
    model = estimator(
        3,
        architecture=architecture,
        corruption=corruption,
        max_epochs=2,
        batch_size=16,
        random_state=0,
    )
    model = fitted(model, X)
    codes = model.transform(X)
    assert codes.shape == (N, 3)
    assert np.isfinite(codes).all()
    _same_form(model.reconstruct(X), X)
    decoded = model.inverse_transform(codes)
    if isinstance(X, list):
        assert len(decoded) == N
    else:
        _same_form(decoded, X)
    assert np.isfinite(model.score_samples(X)).all()
    again = fitted(clone(model), X)
    np.testing.assert_array_equal(again.transform(X), codes)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.transform(X), codes)
    np.testing.assert_array_equal(loaded.score_samples(X), model.score_samples(X))


@pytest.mark.parametrize("case", CASES)
def test_every_architecture_round_trips(case):
    _round_trip(Autoencoder, case, None)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", OBJECTIVES, ids=name_of)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("corruption", [None, *CORRUPTIONS], ids=name_of)
def test_the_grid(estimator, case, corruption):
    of_tokens = CASES[case][0].vocabulary_size is not None
    noise = None if corruption is None else made(corruption)
    kind = "token" if of_tokens else "number"
    if noise is not None and kind not in noise.kinds:
        with pytest.raises(ValueError, match="makes other numbers of|is for tokens"):
            _round_trip(estimator, case, noise)
    elif of_tokens and estimator is ContractiveAutoencoder:
        with pytest.raises(ValueError, match="derivatives"):
            _round_trip(estimator, case, noise)
    elif corruption is Blur and isinstance(CASES[case][1], list):
        with pytest.raises(ValueError, match="Blur is for rows of one shape"):
            _round_trip(estimator, case, noise)
    else:
        _round_trip(estimator, case, noise)


@pytest.mark.parametrize("estimator", OBJECTIVES, ids=name_of)
def test_every_objective_takes_lists_and_images(estimator):
    for case in ("lists", "images", "attention, lists"):
        _round_trip(estimator, case, None)


@pytest.mark.parametrize("case", CASES)
def test_training_moves_every_weight(case):
    architecture, X = CASES[case]
    shared = dict(architecture=architecture, early_stopping=False, random_state=0)
    start = Autoencoder(3, max_epochs=1, learning_rate=1e-12, **shared).fit(X)
    later = Autoencoder(3, max_epochs=5, **shared).fit(X)
    moved = later.net_.module_.state_dict()
    for name, weight in start.net_.module_.state_dict().items():
        assert (weight != moved[name]).any(), name
    assert later.history_[-1]["train_loss"] < later.history_[0]["train_loss"]


def test_layers_are_for_dense_networks():
    with pytest.raises(ValueError, match="architecture must be Dense"):
        StackedAutoencoder(3, architecture=Convolutional()).fit(CASES["images"][1])


CHECKS = [
    pytest.param(
        instance,
        check,
        id=f"{getattr(check, 'func', check).__name__}-{number}-{estimator!r}",
    )
    for kind in ARCHITECTURES
    if kind is not Dense  # the default of each estimator
    for estimator in (
        Autoencoder(architecture=kind(), max_epochs=5),
        VariationalAutoencoder(architecture=kind(), max_epochs=5),
    )
    for number, (instance, check) in enumerate(estimator_checks_generator(estimator))
]


@pytest.mark.slow
@pytest.mark.parametrize(("instance", "check"), CHECKS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_check_estimator(instance, check):
    check(instance)
