"""What units add to rows, and how much features move the code."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectFromModel
from sklearn.pipeline import make_pipeline

from skae import (
    Autoencoder,
    ConditionalVariationalAutoencoder,
    Convolutional,
    Dense,
    Recurrent,
    SparseAutoencoder,
    SquaredError,
    TopK,
    VariationalAutoencoder,
)

QUICK = dict(max_epochs=2, random_state=0)


def test_at_the_start_they_are_those_of_pca(wine):
    model = Autoencoder(3, max_epochs=1, learning_rate=1e-12, random_state=0).fit(wine)
    axes = PCA(3).fit(wine).components_
    np.testing.assert_allclose(np.abs(model.components_), np.abs(axes), atol=1e-5)
    norms = np.linalg.norm(axes, axis=0)
    np.testing.assert_allclose(model.feature_importances_, norms, atol=1e-5)


@pytest.mark.parametrize("loss", [None, "binary_cross_entropy"])
def test_of_one_layer_they_are_its_weights(loss, digits):
    model = SparseAutoencoder(20, sparsity=TopK(3), loss=loss, **QUICK).fit(digits)
    module = model.net_.module_
    weights = module.head.weight.detach().numpy()
    np.testing.assert_allclose(
        model.feature_importances_, np.linalg.norm(weights, axis=0), rtol=1e-4
    )
    atoms = module.decoder.last.weight.detach().numpy().T * model.scale_
    if loss is not None:  # in units of X: times the slope of the sigmoid
        mean = model.inverse_transform(model.transform(digits.mean(0)[None]))
        atoms = atoms * mean * (1 - mean)
    np.testing.assert_allclose(model.components_, atoms, rtol=1e-3, atol=1e-6)


def test_of_a_curved_decoder_they_are_slopes_at_the_mean(digits):
    images = digits[:200].reshape(-1, 1, 8, 8)
    for model, X in (
        (Autoencoder(3, architecture=Dense((16,), activation="tanh"), **QUICK), digits),
        (VariationalAutoencoder(3, **QUICK), digits),
        (Autoencoder(3, architecture=Convolutional((4,)), **QUICK), images),
        (
            Autoencoder(
                3, loss=SquaredError(output_activation="sigmoid"),
                architecture=Recurrent(4, shortcut=None), **QUICK,
            ),
            images[:, 0],
        ),
    ):  # fmt: skip
        model.fit(X)
        patterns = model.components_
        assert patterns.shape == (3, 64)
        code = model.transform(X.astype(np.float64).mean(axis=0, keepdims=True))
        for unit in range(3):
            step = np.zeros((1, 3))
            step[0, unit] = 1e-3
            ahead, behind = (
                model.inverse_transform(code + sign * step).ravel() for sign in (1, -1)
            )
            expected = (ahead - behind) / 2e-3
            np.testing.assert_allclose(patterns[unit], expected, rtol=0.05, atol=1e-3)


def test_they_follow_the_units_of_x(wine):
    models = [
        Autoencoder(2, architecture=Dense(()), **QUICK).fit(X)
        for X in (wine, 8 * wine + 100)
    ]
    first, second = (model.components_ for model in models)
    np.testing.assert_allclose(8 * first, second, rtol=1e-3, atol=1e-4)


def test_select_from_model_takes_features_that_move_the_code(rng):
    signal = rng.normal(size=(300, 2))
    mixed = signal @ [[1.0, 0.0, 1.0, 0.8], [0.0, 1.0, -0.8, 1.0]]
    X = np.column_stack((mixed, rng.normal(size=(300, 6)) / 9))
    selector = SelectFromModel(Autoencoder(2, random_state=0))
    mask = selector.fit(X).get_support()
    assert mask.tolist() == [True] * 4 + [False] * 6
    assert selector.transform(X).shape == (300, 4)
    pipe = make_pipeline(
        SelectFromModel(Autoencoder(2, **QUICK), max_features=4, threshold=-np.inf),
        Autoencoder(2, **QUICK),
    )
    assert pipe.fit_transform(X).shape == (300, 2)


def test_where_there_are_none(rng):
    import pandas as pd

    table = rng.normal(size=(60, 3))
    series = [rng.normal(size=(n, 2)) for n in rng.integers(3, 6, size=50)]
    frame = pd.DataFrame({"a": table[:, 0], "b": list("xyz") * 20})
    of_series = Autoencoder(2, architecture=Recurrent(4), **QUICK).fit(series)
    of_labels = ConditionalVariationalAutoencoder(2, **QUICK)
    for model, reason in (
        (of_series, "rows of unequal length"),
        (Autoencoder(1, **QUICK).fit(frame), "rows that are not numbers alone"),
        (of_labels.fit(table, np.arange(60) % 2), "decoded under conditions"),
    ):
        for name in ("components_", "feature_importances_"):
            with pytest.raises(AttributeError, match=f"no {name} of .*{reason}"):
                getattr(model, name)
    images = Autoencoder(2, **QUICK).fit(table.reshape(60, 3, 1))
    assert images.components_.shape == (2, 3)
    with pytest.raises(AttributeError, match="of the columns of a table"):
        images.feature_importances_
