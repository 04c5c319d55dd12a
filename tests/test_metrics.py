"""Scorers of reconstructions: the same for PCA, autoencoders and pipelines."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from sklearn.decomposition import PCA
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import Autoencoder, Convolutional, Recurrent
from skae.metrics import reconstruction_scorer

SHARED = dict(max_epochs=3, random_state=0)


@pytest.mark.parametrize("estimator", [PCA(2), Autoencoder(2, **SHARED)])
def test_the_metrics_of_reconstructions_in_units_of_x(small, estimator):
    pipe = make_pipeline(StandardScaler(), estimator).fit(small)
    rows = pipe.inverse_transform(pipe.transform(small))
    squared = reconstruction_scorer()(pipe, small)
    assert squared == pytest.approx(-mean_squared_error(small, rows))
    absolute = reconstruction_scorer("neg_mean_absolute_error")(pipe, small)
    assert absolute == pytest.approx(-mean_absolute_error(small, rows))
    assert reconstruction_scorer("r2")(pipe, small) == r2_score(small, rows)


def test_a_search_over_scalers_and_components(small):
    search = GridSearchCV(
        make_pipeline(StandardScaler(), Autoencoder(**SHARED)),
        {
            "standardscaler": [StandardScaler(), "passthrough"],
            "autoencoder__n_components": [1, 3],
        },
        scoring=reconstruction_scorer(),
        error_score="raise",
        cv=2,
    ).fit(small)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_params_["autoencoder__n_components"] == 3


def test_images_sparse_rows_and_a_pickle(rng):
    scorer = pickle.loads(pickle.dumps(reconstruction_scorer()))
    images = rng.random((30, 1, 8, 8)).astype(np.float32)
    model = Autoencoder(2, architecture=Convolutional((4,)), **SHARED).fit(images)
    found = model.reconstruct(images)
    assert scorer(model, images) == pytest.approx(-np.mean((images - found) ** 2))
    X = scipy.sparse.random(40, 6, density=0.5, format="csr", random_state=0)
    assert cross_val_score(Autoencoder(2, **SHARED), X, scoring=scorer, cv=2).max() < 0


def test_what_is_refused(rng):
    with pytest.raises(ValueError, match="scoring"):
        reconstruction_scorer("reconstruction")
    X = [rng.random((n, 2)) for n in range(3, 20)]
    model = Autoencoder(2, architecture=Recurrent(4), **SHARED).fit(X)
    with pytest.raises(ValueError, match="X of one length"):
        reconstruction_scorer()(model, X)
