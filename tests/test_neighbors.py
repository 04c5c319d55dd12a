"""Neighbours: the graph, pairs of rows in batches, their loss, maps of new rows."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import KNeighborsClassifier

from skae import Autoencoder, Dense, NeighborAutoencoder, Recurrent
from skae.autoencoders.neighbors.module import pair_loss
from skae.data.batch import Batch
from skae.data.pairs import PairedRows, nearest_neighbors
from skae.data.rows import Batches, Rows
from skae.data.samples import Samples
from skae.data.scaling import Scaling
from skae.training.seeds import make_generator

SHARED = dict(max_epochs=4, random_state=0)


def _rows(X):
    return Rows(Samples(np.asarray(X, dtype=np.float32)), Scaling())


# -- the loss


def test_loss_of_pairs_by_its_definition(rng):
    code, pair = rng.normal(size=(7, 2)), np.array([0, 0, 1, 2, 1, 5, 5])
    near = 1 / (1 + pairwise_distances(code) ** 2)
    others = {0: 1, 1: 0, 2: 4, 4: 2, 5: 6, 6: 5}  # row 3 has none
    expected = -np.mean(
        [np.log(near[i, j] / (near[i].sum() - 1)) for i, j in others.items()]
    )
    found = pair_loss(torch.from_numpy(code), torch.from_numpy(pair))
    assert float(found) == pytest.approx(expected, rel=1e-9)


def test_gradient_of_the_loss_by_finite_differences(rng):
    code = torch.from_numpy(rng.normal(size=(6, 2))).requires_grad_()
    pair = torch.tensor([0, 0, 1, 1, 2, 3])
    assert torch.autograd.gradcheck(lambda code: pair_loss(code, pair), (code,))


@pytest.mark.parametrize("n_rows", [1, 2, 5])
def test_rows_without_another_cost_nothing(n_rows):
    code = torch.ones(n_rows, 2, requires_grad=True)
    loss = pair_loss(code, torch.arange(n_rows))
    assert loss == 0
    loss.backward()
    assert not code.grad.any()


# -- the graph


def test_neighbours_are_the_nearest(rng):
    X = rng.normal(size=(30, 4))
    found = nearest_neighbors(_rows(X), 5, seed=0)
    distances = pairwise_distances(X)
    np.fill_diagonal(distances, np.inf)
    np.testing.assert_array_equal(found, np.argsort(distances, axis=1)[:, :5])


def test_of_many_columns_they_are_nearest_by_principal_components(rng):
    X = rng.normal(size=(150, 80)) * np.linspace(1, 5, 80)
    found = nearest_neighbors(_rows(X), 3, seed=0)
    distances = pairwise_distances(PCA(50).fit_transform(X))
    np.fill_diagonal(distances, np.inf)
    np.testing.assert_array_equal(found, np.argsort(distances, axis=1)[:, :3])


@pytest.mark.parametrize(("n_rows", "n_found"), [(1, 1), (2, 1), (4, 3), (9, 5)])
def test_few_rows_have_few_neighbours(n_rows, n_found, rng):
    found = nearest_neighbors(_rows(rng.normal(size=(n_rows, 2))), 5, seed=0)
    assert found.shape == (n_rows, n_found)


# -- pairs in batches


def test_each_row_comes_with_a_neighbour(rng):
    rows = _rows(rng.normal(size=(25, 3)))
    graph = nearest_neighbors(rows, 4, seed=0)
    pairs, generator = PairedRows(rows, graph), make_generator(0)
    seen = []
    for _ in range(3):
        firsts, drawn = [], np.zeros(25, dtype=int)
        for batch in Batches(pairs, 8, generator):
            x, number = batch.x.reshape(-1, 2, 3), batch.pair.reshape(-1, 2)
            assert torch.equal(number[:, 0], number[:, 1])
            firsts += number[:, 0].tolist()
            for (first, second), i in zip(x, number[:, 0].numpy(), strict=True):
                assert torch.equal(first, torch.from_numpy(rows.samples.X[i]))
                near = rows.samples.X[graph[i]]
                (drawn[i],) = np.flatnonzero((near == second.numpy()).all(axis=1))
        assert sorted(firsts) == list(range(25))
        seen.append(drawn)
    assert (seen[0] != seen[1]).any()
    assert set(np.concatenate(seen)) == {0, 1, 2, 3}


def test_in_validation_it_is_the_nearest(rng):
    rows = _rows(rng.normal(size=(5, 3)))
    graph = nearest_neighbors(rows, 2, seed=0)
    (batch,) = Batches(PairedRows(rows, graph), 10)
    np.testing.assert_array_equal(batch.x[::2], rows.samples.X)
    np.testing.assert_array_equal(batch.x[1::2], rows.samples.X[graph[:, 0]])


def test_pairs_of_series_stay_together(rng):
    X = [rng.normal(size=(n, 1)) for n in rng.integers(3, 9, size=24)]
    model = NeighborAutoencoder(architecture=Recurrent(), max_epochs=1).fit(X)
    samples = model._samples(X)
    pairs = model._training_rows(samples)
    for batch in Batches(pairs, 6, make_generator(0)):
        assert torch.equal(batch.pair[::2], batch.pair[1::2])


@pytest.mark.parametrize(("given", "used"), [(1, 2), (7, 8), (20, 20)])
def test_batches_are_of_whole_pairs(given, used, small):
    model = NeighborAutoencoder(batch_size=given, **{**SHARED, "max_epochs": 1})
    assert model.fit(small).batch_size_ == used


# -- the objective


def test_without_weight_it_is_the_plain_autoencoder(small):
    X = np.repeat(small, 2, axis=0)
    parts = dict(architecture=Dense((8,)), learning_rate=1e-2, **SHARED)
    plain = Autoencoder(2, **parts).fit(X)
    model = NeighborAutoencoder(2, neighbor_weight=0.0, **parts).fit(X)
    np.testing.assert_array_equal(model.transform(X), plain.transform(X))


def test_the_penalty_is_part_of_the_loss(small):
    model = NeighborAutoencoder(neighbor_weight=0.7, **SHARED).fit(small)
    module, x = model.net_.module_, torch.randn(8, small.shape[1])
    batch = Batch(x, pair=torch.arange(8) // 2)
    with torch.no_grad():
        code = module.encode(batch)
        assert module.penalty(code, Batch(x)) is None
        found = module.penalty(code, batch)
    assert float(found) == pytest.approx(0.7 * float(pair_loss(code, batch.pair)))


@pytest.mark.parametrize("change", [{"neighbor_weight": 0.3}, {"n_neighbors": 3}])
def test_each_parameter_changes_the_outcome(change, small):
    X = small[:50]
    always = dict(early_stopping=False, **SHARED)
    codes = NeighborAutoencoder(**always).fit_transform(X)
    other = NeighborAutoencoder(**change, **always).fit_transform(X)
    assert not np.allclose(codes, other)


def test_the_start_is_pca(digits):
    X = digits[:300]
    model = NeighborAutoencoder(max_epochs=1, learning_rate=1e-12).fit(X)
    pca = PCA(2).fit(X)
    expected = pca.inverse_transform(pca.transform(X))
    np.testing.assert_allclose(model.reconstruct(X), expected, atol=0.02)


def test_partial_fit_trains_on_pairs(small):
    models = [
        NeighborAutoencoder(neighbor_weight=weight, random_state=0)
        .partial_fit(small[:30])
        .partial_fit(small[30:])
        for weight in (0.0, 1.0)
    ]
    assert not np.allclose(*(model.transform(small) for model in models))


@pytest.mark.slow
def test_maps_keep_neighbours(digits):
    from sklearn.datasets import load_digits

    y = load_digits().target
    train, test = slice(0, 1200), slice(1200, None)
    accuracy = {}
    for model in (
        NeighborAutoencoder(max_epochs=20, random_state=0),
        Autoencoder(2, max_epochs=20, random_state=0),
    ):
        codes = model.fit(digits[train]).transform(digits)
        nearest = KNeighborsClassifier(10).fit(codes[train], y[train])
        accuracy[type(model)] = nearest.score(codes[test], y[test])
    assert accuracy[NeighborAutoencoder] > 0.85
    assert accuracy[NeighborAutoencoder] > accuracy[Autoencoder] + 0.1


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_neighbors", 0), ("n_neighbors", 2.0), ("neighbor_weight", -1)],
)
def test_bad_parameters_are_refused_by_name(name, value, small):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of Neighbor"):
        NeighborAutoencoder(**{name: value}).fit(small)
