"""Deep embedded clustering: memberships, their target, labels, what ends training."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.stats
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score

from skae import Convolutional, DeepEmbeddedClustering, Dense
from skae.autoencoders.clustering.module import divergences, sharpened
from skae.data.batch import Batch

SHARED = dict(n_clusters=3, max_epochs=4, random_state=0)


@pytest.fixture
def groups(rng):
    """Ninety rows around three places in four dimensions."""
    return rng.normal(size=(90, 4)) + 6 * np.eye(3, 4)[np.arange(90) % 3]


def test_the_target_is_that_of_the_article(rng):
    q = rng.dirichlet(np.ones(4), size=9)
    weights = q**2 / q.sum(axis=0)
    expected = weights / weights.sum(axis=1, keepdims=True)
    found = sharpened(torch.from_numpy(q), torch.from_numpy(q.sum(axis=0)))
    np.testing.assert_allclose(found, expected)
    cost = divergences(torch.from_numpy(q), found)
    np.testing.assert_allclose(cost, scipy.stats.entropy(expected, q, axis=1))


def test_an_empty_cluster_has_a_finite_target():
    found = sharpened(torch.tensor([[0.9, 0.1, 0.0]]), torch.tensor([5.0, 0.0, 0.0]))
    assert found.isfinite().all()
    assert divergences(torch.tensor([[0.9, 0.1, 0.0]]), found).isfinite().all()


def test_memberships_are_students_t(groups):
    model = DeepEmbeddedClustering(2, **SHARED).fit(groups)
    codes, centers = model.transform(groups), model.cluster_centers_
    squares = ((codes[:, None] - centers) ** 2).sum(axis=2)
    expected = scipy.stats.t.pdf(np.sqrt(squares), df=1)
    expected /= expected.sum(axis=1, keepdims=True)
    found = model.memberships(groups)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(groups), squares.argmin(axis=1))


def test_the_divergence_has_a_gradient_for_codes_and_centres(groups):
    model = DeepEmbeddedClustering(2, cluster_weight=0.7, **SHARED).fit(groups)
    module = model.net_.module_
    code = torch.randn(6, 2, requires_grad=True)
    penalty = module.penalty(code, Batch(torch.zeros(6, 4)))
    with torch.no_grad():
        q = module.memberships(code)
        expected = 0.7 * divergences(q, sharpened(q, module.sizes)).mean()
    assert penalty.item() == pytest.approx(float(expected))
    for gradient in torch.autograd.grad(penalty, (code, module.places)):
        assert gradient.abs().sum() > 0


def test_groups_are_found(groups):
    model = DeepEmbeddedClustering(2, **SHARED)
    labels = model.fit_predict(groups)
    assert normalized_mutual_info_score(np.arange(90) % 3, labels) > 0.95
    np.testing.assert_array_equal(labels, model.labels_)
    np.testing.assert_array_equal(labels, model.predict(groups))
    assert model.inverse_transform(model.cluster_centers_).shape == (3, 4)


def test_without_weight_clusters_are_those_of_k_means(groups):
    model = DeepEmbeddedClustering(2, cluster_weight=0.0, **SHARED).fit(groups)
    kmeans = KMeans(3, n_init=10, random_state=0).fit(model.transform(groups))
    np.testing.assert_array_equal(model.labels_, kmeans.labels_)
    assert not any("changed_labels" in epoch for epoch in model.history_)


def test_each_parameter_changes_the_outcome(groups):
    model = DeepEmbeddedClustering(2, **SHARED).fit(groups)
    other = DeepEmbeddedClustering(2, cluster_weight=0.1, **SHARED).fit(groups)
    assert not np.allclose(model.memberships(groups), other.memberships(groups))
    long = DeepEmbeddedClustering(2, tol=0.0, **SHARED).fit(groups)
    changed = [e["changed_labels"] for e in model.history_ if "changed_labels" in e]
    assert changed[-1] < 1e-3
    assert len(long.history_) == 2 * long.max_epochs_ > len(model.history_)


def test_sizes_are_those_of_all_training_rows(groups):
    model = DeepEmbeddedClustering(2, early_stopping=False, **SHARED).fit(groups)
    expected = model.memberships(groups).sum(axis=0)
    np.testing.assert_allclose(model.net_.module_.sizes, expected, rtol=1e-4)


def test_images_and_their_centres(rng):
    X = np.zeros((60, 1, 8, 8), dtype=np.float32)
    X[::2, :, :4], X[1::2, :, :, :4] = 1, 1
    X += 0.1 * rng.normal(size=X.shape).astype(np.float32)
    model = DeepEmbeddedClustering(
        2, architecture=Convolutional(), **{**SHARED, "n_clusters": 2}
    ).fit(X)
    assert normalized_mutual_info_score(np.arange(60) % 2, model.labels_) > 0.9
    assert model.inverse_transform(model.cluster_centers_).shape == (2, 1, 8, 8)


def test_equal_rows_leave_clusters_empty(rng):
    X = np.repeat(rng.normal(size=(2, 3)), 25, axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # k-means says that it found fewer
        model = DeepEmbeddedClustering(2, **{**SHARED, "n_clusters": 5}).fit(X)
    assert set(model.labels_[:25]).isdisjoint(model.labels_[25:])
    assert len(set(model.labels_)) == 2
    assert np.isfinite(model.memberships(X)).all()


def test_training_goes_on_from_the_clusters_found(groups):
    model = DeepEmbeddedClustering(2, warm_start=True, **SHARED).fit(groups)
    labels, n_epochs = model.labels_, len(model.history_)
    model.fit(groups)
    np.testing.assert_array_equal(model.labels_, labels)
    assert len(model.history_) < n_epochs
    with pytest.raises(ValueError, match="warm_start=True continues"):
        model.set_params(n_clusters=4).fit(groups)


def test_batches_one_after_the_other(groups):
    model = DeepEmbeddedClustering(2, **SHARED)
    model.partial_fit(groups[:60]).partial_fit(groups[60:])
    np.testing.assert_array_equal(model.labels_, model.predict(groups[60:]))
    assert normalized_mutual_info_score(np.arange(30) % 3, model.labels_) > 0.9
    assert "_prepared" not in vars(model)


def test_a_pickle_predicts_alike(groups):
    model = DeepEmbeddedClustering(2, **SHARED).fit(groups)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.memberships(groups), model.memberships(groups))


@pytest.mark.slow
def test_digits_beyond_k_means(digits):
    from sklearn.datasets import load_digits

    y = load_digits().target
    plain = KMeans(10, n_init=10, random_state=0).fit_predict(digits)
    plain = normalized_mutual_info_score(y, plain)
    for seed in range(2):
        model = DeepEmbeddedClustering(
            n_clusters=10, architecture=Dense(norm="layer"), random_state=seed
        )
        found = normalized_mutual_info_score(y, model.fit_predict(digits))
        assert found > max(0.82, plain + 0.06)


def test_more_clusters_than_rows_are_refused(groups):
    with pytest.raises(ValueError, match="n_samples=5 should be >= n_clusters=8"):
        DeepEmbeddedClustering().fit(groups[:5])


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_clusters", 0), ("n_clusters", 2.5), ("cluster_weight", -0.1), ("tol", -1.0)],
)
def test_bad_parameters_are_refused_by_name(name, value, groups):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of DeepEmbedded"):
        DeepEmbeddedClustering(**{name: value}).fit(groups)
