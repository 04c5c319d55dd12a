"""In scikit-learn's own tools, where PCA would stand."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from skae import Autoencoder, Dense

QUICK = dict(max_epochs=3, random_state=0)


@pytest.fixture(scope="module")
def labelled():
    from sklearn.datasets import load_wine

    return load_wine(return_X_y=True)


def test_middle_of_a_pipeline(labelled):
    X, y = labelled
    pipe = make_pipeline(
        StandardScaler(), Autoencoder(4, random_state=0), LogisticRegression()
    )
    assert pipe.fit(X, y).score(X, y) > 0.9
    assert cross_val_score(pipe, X, y, cv=3).mean() > 0.85


def test_end_of_a_pipeline(labelled):
    X, _ = labelled
    pipe = make_pipeline(StandardScaler(), Autoencoder(4, **QUICK)).fit(X)
    assert pipe.transform(X).shape == (178, 4)
    assert pipe.inverse_transform(pipe.transform(X)).shape == X.shape
    assert set(pipe.predict(X)) == {-1, 1}
    assert pipe.score(X) < 0
    assert pipe.decision_function(X).shape == pipe.score_samples(X).shape == (178,)
    assert list(pipe.get_feature_names_out()) == [f"autoencoder{i}" for i in range(4)]


def test_grid_search_over_components_and_sizes(labelled):
    X, _ = labelled
    pipe = make_pipeline(StandardScaler(), Autoencoder(architecture=Dense(), **QUICK))
    grid = {
        "autoencoder__n_components": [2, 6],
        "autoencoder__architecture__hidden_sizes": [(8,), (16, 8)],
    }
    search = GridSearchCV(pipe, grid, cv=2, n_jobs=2).fit(X)
    assert search.best_params_["autoencoder__n_components"] == 6
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_scoring_by_roc_auc(rng):
    X = rng.normal(size=(200, 5))
    y = np.ones(200, dtype=int)
    X[::10] *= 10
    y[::10] = 0  # 1 is normal, as for any outlier detector of scikit-learn
    search = GridSearchCV(
        Autoencoder(**QUICK), {"n_components": [1, 3]}, scoring="roc_auc", cv=2
    ).fit(X, y)
    assert search.best_score_ > 0.9


def test_halving_and_randomized_search(labelled):
    X = StandardScaler().fit_transform(labelled[0])
    halving = HalvingGridSearchCV(
        Autoencoder(**QUICK), {"n_components": [1, 2, 6]}, cv=2, min_resources=40
    ).fit(X)
    assert halving.best_params_ == {"n_components": 6}
    RandomizedSearchCV(
        Autoencoder(**QUICK), {"learning_rate": [1e-3, 1e-2]}, n_iter=2, cv=2
    ).fit(X)


def test_feature_union_with_pca(labelled):
    X, _ = labelled
    union = FeatureUnion([("pca", PCA(2)), ("ae", Autoencoder(3, **QUICK))])
    assert union.fit_transform(X).shape == (178, 5)
    assert list(union.get_feature_names_out())[-1] == "ae__autoencoder2"


def test_column_transformer_with_frames(labelled):
    X = pd.DataFrame(labelled[0]).add_prefix("x")
    X["kind"] = np.where(labelled[1] == 0, "a", "b")
    transformer = ColumnTransformer(
        [
            ("ae", Autoencoder(2, **QUICK), [f"x{i}" for i in range(13)]),
            ("kind", OneHotEncoder(sparse_output=False), ["kind"]),
        ]
    ).set_output(transform="pandas")
    codes = transformer.fit_transform(X)
    assert list(codes.columns[:2]) == ["ae__autoencoder0", "ae__autoencoder1"]


def test_cross_val_predict_decision_function(labelled):
    X, _ = labelled
    decisions = cross_val_predict(
        Autoencoder(2, **QUICK), X, cv=3, method="decision_function"
    )
    assert decisions.shape == (178,)


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_set_output(container, labelled):
    frame = {"pandas": pd.DataFrame, "polars": pl.DataFrame}[container]
    X = labelled[0]
    model = Autoencoder(2, **QUICK).set_output(transform=container).fit(X)
    codes = model.transform(X)
    assert isinstance(codes, frame)
    assert list(codes.columns) == ["autoencoder0", "autoencoder1"]
    assert isinstance(clone(model).fit_transform(X), frame)
    plain = model.set_output(transform="default").transform(X)
    np.testing.assert_array_equal(np.asarray(codes), plain)


def test_codes_in_a_frame_decode(labelled):
    X = labelled[0]
    model = Autoencoder(2, **QUICK).set_output(transform="pandas").fit(X)
    np.testing.assert_allclose(
        model.inverse_transform(model.transform(X)), model.reconstruct(X), rtol=1e-9
    )


def test_clone_of_a_fitted_estimator(labelled):
    X = labelled[0]
    model = Autoencoder(2, architecture=Dense((8,)), loss="huber", **QUICK).fit(X)
    copy = clone(model)
    assert copy.architecture is not model.architecture
    assert "net_" not in vars(copy)
    np.testing.assert_array_equal(copy.fit(X).transform(X), model.transform(X))


@pytest.mark.parametrize(
    "y",
    [
        None,
        np.array(["a", "b"] * 89),
        np.array([None] * 178, dtype=object),
        np.full(178, np.nan),
        list(range(178)),
        np.zeros(3),
    ],
    ids=["None", "strings", "Nones", "nan", "list", "of another length"],
)
def test_y_is_never_read(y, labelled):
    X = labelled[0]
    expected = Autoencoder(2, **QUICK).fit(X).transform(X)
    np.testing.assert_array_equal(
        Autoencoder(2, **QUICK).fit(X, y).transform(X), expected
    )
    np.testing.assert_array_equal(Autoencoder(2, **QUICK).fit_transform(X, y), expected)
    Autoencoder(2, **QUICK).fit_predict(X, y)
    Autoencoder(2, **QUICK).partial_fit(X, y).score(X, y)


def test_fit_transform_equals_fit_then_transform(labelled):
    X = labelled[0]
    model = Autoencoder(2, **QUICK)
    np.testing.assert_array_equal(model.fit_transform(X), model.transform(X))


def test_x_val_is_routed(labelled):
    X = StandardScaler().fit_transform(labelled[0])
    with config_context(enable_metadata_routing=True):
        model = Autoencoder(2, **QUICK).set_fit_request(X_val=True)
        pipe = Pipeline([("ae", model)]).fit(X, X_val=X[:50])
    assert len(pipe["ae"].net_.valid_rows) == 50
    with config_context(enable_metadata_routing=True):
        scaled = Pipeline(
            [("scale", MinMaxScaler()), ("ae", clone(model))], transform_input=["X_val"]
        ).fit(labelled[0], X_val=labelled[0][:50])
    assert len(scaled["ae"].net_.valid_rows) == 50


def test_pca_is_replaced_by_one_line(digits):
    from sklearn.datasets import load_digits

    y = load_digits().target
    scores = {}
    for reducer in (PCA(6), Autoencoder(6, random_state=0)):
        pipe = make_pipeline(reducer, LogisticRegression(max_iter=1000))
        scores[type(reducer).__name__] = pipe.fit(digits[:1200], y[:1200]).score(
            digits[1200:], y[1200:]
        )
    assert scores["Autoencoder"] > scores["PCA"]


def test_outlier_signs_are_those_of_isolation_forest(rng):
    from sklearn.ensemble import IsolationForest

    X = rng.normal(size=(200, 4))
    X[:10] *= 8
    normal = np.arange(200) >= 10
    for detector in (IsolationForest(random_state=0), Autoencoder(1, random_state=0)):
        detector.fit(X)
        assert roc_auc_score(normal, detector.score_samples(X)) > 0.9


@pytest.mark.slow
def test_array_api_check_passes_where_it_is_enabled():
    script = (
        "from sklearn.utils.estimator_checks import estimator_checks_generator\n"
        "from tests.discovery import ESTIMATORS\n"
        "for kind in ESTIMATORS:\n"
        "    for model, check in estimator_checks_generator(kind()):\n"
        "        name = getattr(check, 'func', check).__name__\n"
        "        if 'array_api' in name:\n"
        "            check(model); print(kind.__name__)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
    )
    assert "Autoencoder" in found.stdout
