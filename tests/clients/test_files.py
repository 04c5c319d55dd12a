"""Packages that save: skops, MLflow."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from skae import Recurrent, SubwordTokenizer
from skae.persistence import TRUSTED_TYPES
from tests.clients.page import QUICK, quick, run
from tests.discovery import CONDITIONAL, DETECTORS, ESTIMATORS, fitted, name_of
from tests.saved import saved

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of the packages, and of short training
]


def test_mlflow(given, tmp_path, small):
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("skops")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    try:
        mlflow.create_experiment("skae", artifact_location=(tmp_path / "a").as_uri())
        mlflow.set_experiment("skae")
        loaded = run("MLflow", given)["loaded"]
    finally:
        mlflow.set_tracking_uri(before)
    expected = given["pipe"].transform(small)
    np.testing.assert_array_equal(loaded.transform(small), expected)


def test_skops(given, small):
    pytest.importorskip("skops")
    expected = given["pipe"].transform(small)
    loaded = run("skops", given)["pipe"]
    np.testing.assert_array_equal(loaded.transform(small), expected)


def test_skops_trusts_what_is_listed_and_that_is_all():
    io = pytest.importorskip("skops.io")
    asked = set()
    trusted = {*TRUSTED_TYPES, "tests.saved.Cubic", "tests.discovery.dimmed"}
    for model, X in saved():
        data = io.dumps(model)
        asked |= set(io.get_untrusted_types(data=data))
        loaded = io.loads(data, trusted=[*trusted])
        again = loaded.transform(X)
        for one, other in zip(again, model.transform(X), strict=True):
            np.testing.assert_array_equal(one, other)
    assert asked == trusted


@pytest.mark.parametrize("kind", ESTIMATORS, ids=name_of)
def test_skops_then_training_goes_on(kind, small):
    io = pytest.importorskip("skops.io")
    labels = [np.arange(60) % 3] if kind in CONDITIONAL else []
    model = fitted(kind(2, **QUICK), small)
    loaded = io.loads(io.dumps(model), trusted=TRUSTED_TYPES)
    for one in (model, loaded):
        one.partial_fit(small, *labels)
    np.testing.assert_array_equal(loaded.transform(small), model.transform(small))
    if kind in DETECTORS:
        assert loaded.offset_ == model.offset_


def test_skops_of_texts():
    io = pytest.importorskip("skops.io")
    texts = ["low lower lowest", "new newer newest"] * 20
    recurrent = Recurrent(4, vocabulary_size=300)
    pipe = make_pipeline(SubwordTokenizer(300), quick(2, architecture=recurrent))
    codes = pipe.fit(texts).transform(texts)
    loaded = io.loads(io.dumps(pipe), trusted=TRUSTED_TYPES)
    np.testing.assert_array_equal(loaded.transform(texts), codes)
