"""Thresholds that hold on new rows, probabilities, and thresholds of one's own."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.ensemble import IsolationForest
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import (
    Autoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    StackedAutoencoder,
    VariationalAutoencoder,
    WassersteinAutoencoder,
)
from skae.roles.thresholds import Reference

QUICK = dict(max_epochs=15, random_state=0)
KINDS = [
    Autoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    VariationalAutoencoder,
    WassersteinAutoencoder,
]


def normal_rows(n_rows, seed=0):
    """Return rows near a curved surface, in 20 columns of unequal noise."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n_rows, 3))
    mixing = np.random.default_rng(7).normal(size=(6, 20))
    X = np.hstack((hidden, hidden**2 / 2)) @ mixing
    return X + rng.normal(size=X.shape) * np.linspace(0.2, 1, 20)


@pytest.fixture(scope="module")
def new():
    return normal_rows(4000, seed=1)


def false_alarms(model, X):
    return (model.predict(X) == -1).mean()


# -- the share of new rows


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_share_holds_on_new_rows(kind, new):
    model = kind(8, contamination=0.1, **QUICK).fit(normal_rows(800))
    assert 0.05 < false_alarms(model, new) < 0.17


@pytest.mark.slow
@pytest.mark.parametrize("n_rows", [60, 150, 300])
def test_the_share_holds_for_few_rows(n_rows, new):
    shares = [
        false_alarms(
            Autoencoder(8, contamination=0.1, random_state=seed).fit(
                normal_rows(n_rows, seed=10 + seed)
            ),
            new,
        )
        for seed in range(3)
    ]
    assert 0.05 < np.mean(shares) < 0.17


@pytest.mark.slow
def test_an_overfitted_network_raises_no_more_alarms(new):
    X = normal_rows(1000)
    shared = dict(contamination=0.05, max_epochs=60, random_state=0)
    held = Autoencoder(8, **shared).fit(X)
    assert held.best_epoch_ > 0
    of_training = Autoencoder(8, novelty=False, **shared).fit(X)
    np.testing.assert_array_equal(of_training.score_samples(X), held.score_samples(X))
    assert false_alarms(of_training, X) == 0.05
    assert false_alarms(of_training, new) > 0.08 > false_alarms(held, new)


def test_auto_is_of_new_rows_as_well(new):
    X = normal_rows(300)
    X[:10] *= 10
    held = Autoencoder(8, **QUICK).fit(X)
    of_training = Autoencoder(8, novelty=False, **QUICK).fit(X)
    assert held.offset_ < of_training.offset_
    assert false_alarms(held, new) < false_alarms(of_training, new)
    assert (held.predict(X[:10]) == -1).mean() > 0.8


def test_rows_to_validate_on_set_the_threshold(new):
    X, X_val = normal_rows(400), normal_rows(200, seed=2)
    model = Autoencoder(8, contamination=0.1, **QUICK).fit(X, X_val=X_val)
    assert false_alarms(model, X_val) == 0.1
    strange = Autoencoder(8, contamination=0.1, **QUICK).fit(X, X_val=3 * X_val)
    assert false_alarms(strange, new) < 0.02


def test_few_rows_to_validate_on(new):
    X, X_val = normal_rows(200), normal_rows(20, seed=2)
    model = Autoencoder(8, contamination=0.1, **QUICK).fit(X, X_val=X_val)
    assert 0.01 < false_alarms(model, new) < 0.25


@pytest.mark.parametrize("parameters", [{}, {"early_stopping": False}])
def test_where_none_are_held_out_training_rows_count(parameters):
    X = normal_rows(200 if parameters else 30)
    model = Autoencoder(4, contamination=0.1, **QUICK, **parameters).fit(X)
    assert false_alarms(model, X) == 0.1


def test_fit_predict_takes_the_share_of_training_rows():
    X = normal_rows(300)
    model = Autoencoder(8, contamination=0.1, **QUICK)
    assert (model.fit_predict(X) == -1).sum() == 30
    weight = np.repeat([1.0, 2.0], 150)
    labels = model.fit_predict(X, sample_weight=weight)
    assert weight[labels == -1].sum() == pytest.approx(45, abs=1)
    model.set_params(contamination="auto")
    np.testing.assert_array_equal(model.fit_predict(X), model.predict(X))


@pytest.mark.parametrize("novelty", [True, False])
def test_shares_of_training_rows_are_rounded_as_by_scikit_learn(novelty):
    X = normal_rows(291)
    theirs = IsolationForest(contamination=0.05, random_state=0).fit_predict(X)
    model = Autoencoder(8, contamination=0.05, novelty=novelty, **QUICK)
    labels = model.fit_predict(X)
    assert (labels == -1).sum() == (theirs == -1).sum() == 15
    if not novelty:
        np.testing.assert_array_equal(labels, model.predict(X))


@pytest.mark.parametrize("kind", [*KINDS, StackedAutoencoder])
def test_without_novelty_as_scikit_learn_checks_other_detectors(kind):
    X, _ = make_blobs(n_samples=300, random_state=0)
    model = kind(contamination=0.1, novelty=False, max_epochs=2, random_state=0).fit(X)
    assert (model.predict(X) == -1).sum() == 30


def test_a_continued_fit_has_no_start_of_its_own(new):
    X = normal_rows(300)
    model = Autoencoder(8, contamination=0.1, warm_start=True, **QUICK).fit(X).fit(X)
    assert 0.02 < false_alarms(model, new) < 0.3


def test_a_column_seen_in_one_row():
    X = normal_rows(60)
    X[1:, 3] = np.nan
    model = Autoencoder(4, contamination=0.1, **QUICK).fit(X)
    assert np.isfinite(model.offset_)


def test_weights_count_in_the_threshold():
    X = normal_rows(800)
    weight = np.ones(800)
    plain = Autoencoder(4, contamination=0.1, **QUICK).fit(X)
    weighted = Autoencoder(4, contamination=0.1, **QUICK).fit(X, sample_weight=weight)
    assert weighted.offset_ == pytest.approx(plain.offset_, rel=1e-3)


def test_after_partial_fit_scores_of_rows_seen_count():
    X = normal_rows(300)
    model = Autoencoder(4, contamination=0.1, random_state=0)
    for rows in np.split(X, 3):
        model.partial_fit(rows)
    assert 0 < false_alarms(model, X) < 0.2
    assert np.isfinite(model.outlier_probability(X)).all()


# -- probabilities


@pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder])
@pytest.mark.parametrize("contamination", [0.01, 0.2])
def test_probability_is_the_share_of_rows_that_score_higher(kind, contamination, new):
    model = kind(8, contamination=contamination, **QUICK).fit(normal_rows(900))
    probability = model.outlier_probability(new)
    order = np.argsort(model.score_samples(new))
    assert (np.diff(probability[order]) <= 0).all()
    assert probability.min() > 0
    assert probability.max() <= 1
    np.testing.assert_array_equal(
        probability > 1 - contamination, model.predict(new) == -1
    )
    for share in (0.5, 0.8, 0.9):
        assert (probability > share).mean() == pytest.approx(1 - share, abs=0.1)
    far = model.outlier_probability(np.vstack((new[:1] * 20, new[:1] * 40)))
    assert 0.99 < far[0] <= far[1] <= 1


def test_the_tail_goes_on():
    losses = np.random.default_rng(0).pareto(2, size=5000) + 1
    reference = Reference.of(losses)
    assert reference.exceeded_by(1e-5) == pytest.approx(10**2.5, rel=0.5)
    shares = np.array([0.9, 0.2, 0.01, 1e-4, 1e-6])
    found = np.array([reference.exceeded_by(share) for share in shares])
    np.testing.assert_allclose(reference.exceedance(found), shares)
    logarithmic = Reference.of(np.log(losses), is_logarithm=True)
    np.testing.assert_allclose(logarithmic.exceeded_by(1e-4), np.log(found[3]))


def test_equal_losses_are_not_exceeded():
    reference = Reference.of(np.full(50, 2.0))
    assert reference.exceeded_by(0.1) == reference.exceeded_by(1e-6) == 2
    np.testing.assert_array_equal(
        reference.exceedance(np.array([1.0, 2.0, 3.0])), [50 / 51, 50 / 51, 0]
    )


def test_weights_are_numbers_of_equal_losses(rng):
    losses, weight = rng.exponential(size=30), rng.integers(1, 5, 30)
    weighted = Reference.of(losses, weight)
    repeated = Reference.of(np.repeat(losses, weight))
    for share in (0.3, 0.05, 1e-3):
        assert weighted.exceeded_by(share) == pytest.approx(repeated.exceeded_by(share))


def test_many_losses_are_thinned(rng):
    losses = rng.exponential(size=50_000)
    full = Reference.of(losses)
    thin = full.thinned()
    assert len(thin.losses) == 4096
    np.testing.assert_allclose(
        thin.exceedance(losses), full.exceedance(losses), atol=1e-3
    )
    assert thin.exceeded_by(1e-3) == full.exceeded_by(1e-3)


def test_a_pickle_has_the_same_probabilities():
    X = normal_rows(100)
    model = Autoencoder(4, **QUICK).fit(X)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(
        again.outlier_probability(X), model.outlier_probability(X)
    )


# -- thresholds of one's own


@pytest.fixture(scope="module")
def fitted():
    return Autoencoder(8, **QUICK).fit(normal_rows(500))


def both_kinds(new):
    """Return rows and their labels: every tenth an outlier."""
    X = new[:300].copy()
    y = np.ones(len(X), dtype=int)
    y[::10] = -1
    X[::10] += np.random.default_rng(3).normal(size=(30, 20)) * 1.5
    return X, y


def test_a_rate_is_kept(fitted, new):
    model = fitted.set_threshold(new[:2000], false_positive_rate=0.02)
    assert model is fitted
    assert false_alarms(fitted, new[:2000]) == 0.02
    assert false_alarms(fitted, new[2000:]) == pytest.approx(0.02, abs=0.01)
    X, y = both_kinds(new)
    fitted.set_threshold(X, y, false_positive_rate=0.1)
    assert false_alarms(fitted, X[y == 1]) == pytest.approx(0.1, abs=5e-3)


def test_labels_choose_the_best_threshold(fitted, new):
    X, y = both_kinds(new)
    scores = fitted.score_samples(X)
    best = max(
        f1_score(y, np.where(scores < cut, -1, 1), pos_label=-1)
        for cut in np.sort(scores)
    )
    fitted.set_threshold(X, y, scoring="f1")
    assert f1_score(y, fitted.predict(X), pos_label=-1) == pytest.approx(best)
    f1_offset = fitted.offset_
    assert fitted.set_threshold(X, list(y)).offset_ > f1_offset  # balanced accuracy
    fitted.set_threshold(X, y, scoring=lambda model, X, y: -model.predict(X).sum())
    assert (fitted.predict(X) == 1).all()


def test_thresholds_are_set_within_a_pipeline(new):
    pipe = make_pipeline(StandardScaler(), Autoencoder(4, **QUICK))
    pipe.fit(normal_rows(200))
    pipe[-1].set_threshold(pipe[:-1].transform(new), false_positive_rate=0.3)
    assert (pipe.predict(new) == -1).mean() == pytest.approx(0.3, abs=1e-3)


@pytest.mark.parametrize(
    ("y", "known", "message"),
    [
        (None, {}, "false_positive_rate"),
        (None, {"scoring": "f1"}, "labels y"),
        ([0, 1] * 5, {}, "y must hold a label"),
        ([[1], [-1]] * 5, {}, "y must hold a label"),
        ([1] * 10, {}, "y must hold inliers"),
        ([-1] * 10, {"false_positive_rate": 0.1}, "y holds no inlier"),
        ([-1, 1], {}, "inconsistent numbers"),
        (None, {"false_positive_rate": 0}, "false_positive_rate must be"),
        (None, {"false_positive_rate": 1.0}, "false_positive_rate must be"),
        (None, {"false_positive_rate": "few"}, "false_positive_rate must be"),
        ([-1, 1] * 5, {"false_positive_rate": 0.1, "scoring": "f1"}, "either"),
        ([-1, 1] * 5, {"scoring": "roc_auc"}, "scoring='roc_auc'"),
        ([-1, 1] * 5, {"scoring": "nothing"}, "scoring"),
    ],
)
def test_what_sets_no_threshold(y, known, message, fitted, new):
    before = fitted.offset_
    with pytest.raises(ValueError, match=message):
        fitted.set_threshold(new[:10], y, **known)
    assert fitted.offset_ == before
