"""Paths in the space of codes, on every estimator."""

import numpy as np
import pytest

from skae import Autoencoder, Recurrent
from skae.autoencoders.conditional.model import ConditionalModel
from tests.discovery import ESTIMATORS, fitted, name_of


@pytest.fixture(params=ESTIMATORS, ids=name_of)
def model(request, small):
    return fitted(request.param(3, max_epochs=2, random_state=0), small)


def test_paths_lead_from_row_to_row(model, small):
    paths = model.interpolate(small[:4], small[4:8], n_steps=5)
    assert paths.shape == (4, 5, 5)
    np.testing.assert_allclose(paths[:, 0], model.reconstruct(small[:4]))
    np.testing.assert_allclose(paths[:, -1], model.reconstruct(small[4:8]))
    if isinstance(model, ConditionalModel):
        return  # of which conditions change along the path as well
    codes = model.transform(small[:8])
    middle = model.inverse_transform((codes[:4] + codes[4:]) / 2)
    np.testing.assert_allclose(paths[:, 2], middle)


def test_one_component_takes_each_value(model, small):
    rows = model.traverse(1, small[:3], values=[-1.0, 0.5])
    assert rows.shape == (3, 2, 5)
    if isinstance(model, ConditionalModel):
        return
    codes = model.transform(small[:3])
    codes[:, 1] = 0.5
    np.testing.assert_allclose(rows[:, 1], model.inverse_transform(codes))


def test_values_span_what_the_component_has_in_x(small):
    model = Autoencoder(3, max_epochs=2, random_state=0).fit(small)
    codes = model.transform(small)
    found = model.traverse(0, small)
    assert found.shape == (60, 11, 5)
    for step, value in ((0, codes[:, 0].min()), (-1, codes[:, 0].max())):
        ends = codes.copy()
        ends[:, 0] = value
        np.testing.assert_allclose(found[:, step], model.inverse_transform(ends))


def test_paths_between_series(rng):
    X = [rng.normal(size=(n, 2)) for n in rng.integers(2, 6, 20)]
    model = Autoencoder(2, architecture=Recurrent(4), max_epochs=1).fit(X)
    paths = model.interpolate(X[:3], X[3:6], 4)
    assert [len(path) for path in paths] == [4, 4, 4]
    assert all(row.shape[1] == 2 for path in paths for row in path)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda m, X: m.interpolate(X[:2], X[:3]), "X_a has 2 rows and X_b 3"),
        (lambda m, X: m.interpolate(X, X, n_steps=1), "n_steps=1"),
        (lambda m, X: m.traverse(3, X), "component=3 does not exist"),
        (lambda m, X: m.traverse(-1, X), "component=-1 does not exist"),
        (lambda m, X: m.traverse(0, X, values=[np.nan]), "values contains NaN"),
        (lambda m, X: m.interpolate(X[:, :2], X), "2 features"),
    ],
)
def test_what_is_refused(call, said, small):
    model = Autoencoder(3, max_epochs=1).fit(small)
    with pytest.raises(ValueError, match=said):
        call(model, small)
