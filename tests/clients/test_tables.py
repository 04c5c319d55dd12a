"""Packages whose tables are passed as X: dask, pyarrow, torch."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from skae import SubwordTokenizer
from tests.clients.page import NAMES, QUICK, quick
from tests.discovery import CONDITIONAL, ESTIMATORS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of the packages, and of short training
]


@pytest.mark.parametrize("form", ["array", "of unknown length", "frame"])
def test_dask_is_computed(form, small):
    arrays = pytest.importorskip("dask.array")
    frames = pytest.importorskip("dask.dataframe")
    table = pd.DataFrame(small, columns=NAMES, index=np.arange(60) + 7)
    frame = frames.from_pandas(table, npartitions=3)
    X = {
        "array": arrays.from_array(small, chunks=(20, 5)),
        "of unknown length": frame.values,
        "frame": frame,
    }[form]
    expected = quick(2).fit(small)
    model = quick(2).fit(X, X_val=None)
    codes = model.transform(X)
    np.testing.assert_array_equal(codes, expected.transform(small))
    errors = model.reconstruction_error(X, per_feature=True)
    np.testing.assert_array_equal(
        errors, expected.reconstruction_error(small, per_feature=True)
    )
    if form == "frame":
        assert list(model.feature_names_in_) == NAMES
        assert type(errors) is pd.DataFrame
        assert errors.index.equals(table.index)
        assert model.reconstruct(X).columns.tolist() == NAMES
        wrapped = model.set_output(transform="pandas").transform(table)
        assert model.inverse_transform(wrapped).index.equals(table.index)


def test_pyarrow(small):
    pa = pytest.importorskip("pyarrow")
    X = pa.table(dict(zip(NAMES, small.T, strict=True)))
    expected = quick(2).fit(small)
    model = quick(2).fit(X)
    codes = model.transform(X)
    assert list(model.feature_names_in_) == NAMES
    np.testing.assert_array_equal(codes, expected.transform(small))
    rows = [model.reconstruct(X), model.reconstruction_error(X, per_feature=True)]
    for frame in [*rows, model.inverse_transform(codes)]:
        assert isinstance(frame, pa.Table)
        assert frame.column_names == NAMES
    np.testing.assert_array_equal(np.asarray(rows[0]), expected.reconstruct(small))
    with pytest.raises(ValueError, match="feature names should match"):
        model.transform(X.rename_columns(NAMES[::-1]))
    with pytest.raises(ValueError, match="Column 'a' of X occurs more than once"):
        model.fit(X.rename_columns(["a", *NAMES[:-1]]))
    dates = X.set_column(0, "a", pa.array(pd.date_range("2020", periods=60)))
    for method in ("fit", "transform"):
        with pytest.raises(ValueError, match="Column 'a' of X .* of dates"):
            getattr(model, method)(dates)
    texts = X.set_column(0, "a", pa.array(["x", "y"] * 30))
    with pytest.raises(ValueError, match="Column 'a' of X is not numeric"):
        model.transform(texts)
    rows = quick(2).fit(texts).reconstruct(texts)
    assert isinstance(rows, pa.Table)
    assert rows.schema == texts.schema
    assert set(rows["a"].to_pylist()) <= {"x", "y"}


def test_pyarrow_of_labels_and_texts(small):
    pa = pytest.importorskip("pyarrow")
    colours = np.array(["red", "blue"] * 30)
    for kind in CONDITIONAL:
        models = [
            kind(2, **QUICK).fit(small, y)
            for y in (pd.DataFrame({"c": colours}), pa.table({"c": colours}))
        ]
        codes = [model.transform(small) for model in models]
        np.testing.assert_array_equal(*codes)
    texts = pa.table({"text": ["low lower", "newer"]})
    tokens = SubwordTokenizer(300).fit(texts).transform(texts)
    assert [len(row) > 1 for row in tokens] == [True, True]


def test_array_api_dispatch():
    pytest.importorskip("array_api_compat")
    script = """
import numpy as np, torch
from sklearn import config_context
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skae import Autoencoder, SlidingWindows, VariationalAutoencoder
from tests.discovery import ESTIMATORS, fitted

X = np.random.default_rng(0).normal(size=(60, 5))
tensor = torch.from_numpy(X)
with config_context(array_api_dispatch=True):
    windows = SlidingWindows(5).fit(tensor)
    cut = windows.transform(tensor)
    found = windows.inverse_transform(torch.from_numpy(cut))
    np.testing.assert_allclose(found, X)
    weight = torch.arange(60.0)
    Autoencoder(2, max_epochs=1).fit(tensor, sample_weight=weight)
    model = VariationalAutoencoder(2, max_epochs=1).fit(tensor, X_val=tensor)
    model.sample(3, latent="mixture")
    model.traverse(0, tensor[:2], values=torch.arange(3.0))
    model.interpolate(tensor[:2], tensor[2:4])

for kind in ESTIMATORS:
    expected = fitted(kind(2, max_epochs=1, random_state=0), X)
    codes = expected.transform(X)
    with config_context(array_api_dispatch=True):
        model = fitted(kind(2, max_epochs=1, random_state=0), tensor)
        for found, of_array in (
            (model.transform(tensor), codes),
            (model.reconstruct(tensor), expected.reconstruct(X)),
            (model.score_samples(tensor), expected.score_samples(X)),
            (model.inverse_transform(torch.from_numpy(codes)),
             expected.inverse_transform(codes)),
        ):
            assert isinstance(found, np.ndarray)
            np.testing.assert_array_equal(found, of_array)
        pipe = make_pipeline(StandardScaler(), kind(2, max_epochs=1))
        assert isinstance(pipe[0].fit_transform(tensor), torch.Tensor)
        pipe.fit(tensor, np.arange(60) % 3).transform(tensor)
        try:
            model.transform(tensor.to("meta"))
        except ValueError as error:
            assert "X, a torch.Tensor, is none that NumPy reads" in str(error)
        else:
            raise AssertionError
    print(kind.__name__)
"""
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
    )
    assert found.stdout.split() == [kind.__name__ for kind in ESTIMATORS], found.stderr
