"""Packages around an estimator: pipelines, explanations, detectors."""

import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import Autoencoder, Dense
from tests.clients.page import quick, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of the packages, and of short training
]


def test_skrub(given):
    skrub = pytest.importorskip("skrub")
    pipe = run("skrub", given)["pipe"]
    frame = given["frame"]
    assert pipe.transform(frame).shape == (60, 2)
    assert "when_year" in pipe[-1].feature_names_in_
    errors = pipe[-1].reconstruction_error(given["numbers"], per_feature=True)
    assert list(errors.columns) == list(pipe[-1].feature_names_in_)
    plain = make_pipeline(skrub.TableVectorizer(), StandardScaler(), quick(2))
    assert plain.fit(frame).predict(frame).shape == (60,)


def test_imbalanced_learn(given):
    pytest.importorskip("imblearn")
    pipe = run("imbalanced-learn", given)["pipe"]
    assert pipe.predict(given["X"]).shape == (60,)
    assert pipe[1].n_samples_seen_ == 24  # as many of either class
    assert pipe[:2].transform(given["X"]).shape == (60, 2)


def test_shap_and_captum(given):
    pytest.importorskip("shap")
    pytest.importorskip("captum")
    relu = Dense((16,), activation="relu", shortcut=None)

    def nonlinear(n_components):
        return Autoencoder(
            n_components, architecture=relu, max_epochs=60, random_state=0
        )

    names = run("SHAP and captum", {**given, "Autoencoder": nonlinear})
    ae, x = names["ae"], names["x"]
    assert ae.best_epoch_ > 0
    values = names["of_scores"]
    np.testing.assert_allclose(
        values.base_values + values.values.sum(axis=1),
        ae.score_samples(given["X"][:5]),
        atol=1e-6,
    )
    with torch.no_grad():
        codes, background = ae.encoder_(x[:5]), ae.encoder_(x[:50])
        zero = ae.encoder_(torch.zeros_like(x[:5]))
    np.testing.assert_allclose(
        names["of_codes"].sum(axis=1), codes - background.mean(dim=0), atol=1e-4
    )
    assert names["of_errors"].shape == (5, 5, 5)
    np.testing.assert_allclose(
        names["of_first"].detach().sum(dim=1), (codes - zero)[:, 0], atol=0.02
    )


def test_pyod(given):
    pytest.importorskip("pyod")
    pytest.importorskip("combo")
    names = run("PyOD", given)
    X, (mean, highest) = given["X"], names["combined"]
    assert mean.shape == highest.shape == (60,)
    assert (highest >= mean).all()
    detector = names["detectors"][0]
    assert detector.labels_.sum() == 6
    np.testing.assert_array_equal(detector.predict(X), detector.labels_)
    assert detector.predict_proba(X).shape == (60, 2)
    far = 10 * X[:3]
    assert (detector.decision_function(far) > detector.threshold_).all()
