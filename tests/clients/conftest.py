import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.clients.page import NAMES, quick


@pytest.fixture
def given(small, tmp_path, monkeypatch):
    """What the code of the page finds: rows, a pipeline, an empty folder."""
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame(small, columns=NAMES)
    frame["kind"] = ["red", "blue"] * 30
    frame["when"] = pd.date_range("2020-01-01", periods=60)
    return {
        "X": small,
        "X_val": small[::3],
        "y": (np.arange(60) % 5 == 0).astype(int),
        "frame": frame,
        "pipe": make_pipeline(StandardScaler(), quick(2)).fit(small),
        "Autoencoder": quick,
        "GridSearchCV": GridSearchCV,
        "LogisticRegression": LogisticRegression,
    }
