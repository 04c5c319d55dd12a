"""The outlier role: thresholds and signs."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from skae import Autoencoder


@pytest.fixture
def fitted(small):
    return Autoencoder(2, max_epochs=5, random_state=0).fit(small)


def test_signs(fitted, small):
    scores = fitted.score_samples(small)
    np.testing.assert_allclose(fitted.decision_function(small), scores - fitted.offset_)
    np.testing.assert_array_equal(
        fitted.predict(small), np.where(scores < fitted.offset_, -1, 1)
    )
    np.testing.assert_allclose(-scores, fitted.reconstruction_error(small))
    far = fitted.predict(small + 100)
    assert (far == -1).all()


def test_auto_is_three_robust_deviations_of_the_log_loss(cancer):
    # Of the training rows, to be compared; see test_thresholds.py for new ones.
    model = Autoencoder(8, max_epochs=5, novelty=False, random_state=0).fit(cancer)
    log_loss = np.log(model.reconstruction_error(cancer))
    middle = np.median(log_loss)
    mad = np.median(np.abs(log_loss - middle))
    assert model.offset_ == pytest.approx(-np.exp(middle + 3 * 1.4826 * mad))
    assert 0 < (model.predict(cancer) == -1).mean() < 0.1


def test_auto_flags_at_least_the_worst_training_row(rng):
    X = rng.uniform(size=(200, 2))
    model = Autoencoder(1, random_state=0).fit(X)
    flagged = model.predict(X) == -1
    assert flagged[model.score_samples(X).argmin()]


@pytest.mark.parametrize("contamination", [0.05, 0.2, 0.5])
def test_a_float_is_that_share_of_the_training_rows(contamination, cancer):
    model = Autoencoder(4, max_epochs=2, contamination=contamination, random_state=0)
    share = (model.fit_predict(cancer) == -1).mean()
    assert share == pytest.approx(contamination, abs=2 / len(cancer))


def test_none_is_the_lowest_training_score(small):
    model = Autoencoder(2, max_epochs=2, contamination=None, random_state=0).fit(small)
    assert model.offset_ == model.score_samples(small).min()
    assert (model.predict(small) == 1).all()
    assert (model.predict(small * 50) == -1).any()


def test_partial_fit_keeps_a_fair_reservoir(rng, monkeypatch):
    monkeypatch.setattr("skae.data.reservoir.SIZE", 500)
    model = Autoencoder(1, contamination=0.25, learning_rate=1e-12, random_state=0)
    X = rng.normal(size=(400, 3))
    for _ in range(10):
        model.partial_fit(X)
    assert len(model._reservoir) == 500
    scores = model.score_samples(X)
    assert (scores < model.offset_).mean() == pytest.approx(0.25, abs=0.06)
    model.partial_fit(X * 100)  # rows of another kind: a tenth of what was seen
    far = model._reservoir < 100 * scores.min()
    assert 0 < far.mean() < 0.15


def test_held_out_digit_stands_out(digits):
    from sklearn.datasets import load_digits

    y = load_digits().target
    model = Autoencoder(16, random_state=0).fit(digits[y != 0][:1000])
    held_out = digits[1000:]
    assert roc_auc_score(y[1000:] != 0, model.score_samples(held_out)) > 0.9


def test_constant_rows_are_all_inliers():
    X = np.ones((50, 3))
    model = Autoencoder(1, max_epochs=2).fit(X)
    assert (model.predict(X) == 1).all()
    assert (model.predict(X + 1) == -1).all()
