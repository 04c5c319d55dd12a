"""The density of rows of frames, each column given those before it."""

import itertools
import pickle

import numpy as np
import pandas as pd
import pytest
import torch

from skae import Columns, ConditionalVariationalAutoencoder, VariationalAutoencoder
from skae.roles.levels import Levels
from skae.roles.rows import RowDensity, _InTurn

N_LEVELS = np.array([3, 2])


@pytest.fixture(scope="module", autouse=True)
def small():
    """Make networks smaller, which is enough for a few columns."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skae.roles.rows._WIDTH", 24)
        patch.setattr("skae.roles.rows._STEPS", (150, 150))
        patch.setattr("skae.roles.rows._PACE", 1e-2)
        yield


@pytest.fixture(scope="module")
def rows():
    """Return a number with an atom, and two categories that depend on it."""
    rng = np.random.default_rng(0)
    kind = rng.integers(3, size=400)
    number = np.where(kind == 2, 0.0, np.round(rng.normal(5.0 * kind, 0.5), 1))
    other = (kind == 1) ^ (rng.random(400) < 0.05)
    return np.column_stack((number, kind, other)).astype(float)


@pytest.fixture(scope="module")
def density(rows):
    return RowDensity().fit(rows, N_LEVELS, 0)


@pytest.fixture(scope="module")
def frame(rows):
    return pd.DataFrame(
        {
            "kind": np.array(["a", "b", "c"])[rows[:, 1].astype(int)],
            "gain": rows[:, 0],
            "age": (20 + rows[:, 0]).astype(int),
            "is_one": rows[:, 2] == 1,
        }
    )


@pytest.fixture(scope="module")
def model(frame):
    return VariationalAutoencoder(2, max_epochs=2, random_state=0).fit(frame)


# -- levels


def test_few_values_are_levels_of_their_own():
    numbers = np.array([3.0, 1.0, 3.0, 7.5, np.nan] * 20)[:, None]
    levels = Levels(numbers, np.array([], dtype=int))
    assert levels.sizes.tolist() == [3]
    assert levels.of(numbers)[:5, 0].tolist() == [1, 0, 1, 2, -1]
    assert levels.of(np.array([[-9.0], [2.0], [99.0]]))[:, 0].tolist() == [0, 0, 2]


def test_parts_hold_as_many_rows_but_for_values_that_fill_one(rng):
    numbers = np.concatenate((rng.normal(size=4000), np.full(400, 0.25)))
    levels = Levels(numbers[:, None], np.array([], dtype=int))
    of_rows = levels.of(numbers[:, None])[:, 0]
    counts = np.bincount(of_rows)
    atom = levels.of(np.array([[0.25]]))[0, 0]
    assert counts[atom] == 400
    assert np.delete(counts, atom).max() <= 2 * len(numbers) / 128
    assert 110 <= len(counts) <= 132


def test_numbers_that_are_drawn_were_seen_in_their_part(rng):
    numbers = rng.normal(size=(3000, 1))
    levels = Levels(numbers, np.array([], dtype=int))
    of_rows = levels.of(numbers)
    drawn = levels.drawn(of_rows, rng)
    np.testing.assert_array_equal(levels.of(drawn), of_rows)
    assert np.isin(drawn, numbers).all()
    assert (drawn != numbers).mean() > 0.9


# -- the density


def test_probabilities_of_all_rows_sum_to_one():
    torch.manual_seed(0)
    sizes, are_numbers = [6, 3, 2], [True, False, False]
    network = _InTurn(sizes, are_numbers, 1, torch.zeros(11)).eval()
    for weights in (network.output, network.output_ranked):
        torch.nn.init.normal_(weights, std=0.3)
    levels = torch.tensor(list(itertools.product(*map(range, sizes))))
    conditions = torch.full((len(levels), 1), 0.7)
    with torch.no_grad():
        p = torch.exp(-network.losses(levels, conditions))
        generator = torch.Generator().manual_seed(0)
        drawn = network.draw(torch.full((40_000, 1), 0.7), generator)
    assert p.sum() == pytest.approx(1.0, abs=1e-5)
    assert p.max() > 2 * p.min()
    strides = torch.tensor([6, 2, 1])
    found = torch.bincount((drawn * strides).sum(1), minlength=36) / len(drawn)
    np.testing.assert_allclose(found, p, atol=5 * (p.max() / len(drawn)) ** 0.5)


def test_each_weight_has_a_gradient_and_a_missing_cell_costs_nothing(rows):
    torch.manual_seed(0)
    network = _InTurn([6, 3, 2], [True, False, False], 2, torch.zeros(11)).eval()
    for weights in (network.output, network.output_ranked):
        torch.nn.init.normal_(weights, std=0.3)
    levels = torch.randint(2, (64, 3))
    conditions = torch.randn(64, 2)
    network.losses(levels, conditions).sum().backward()
    for name, weights in network.named_parameters():
        assert weights.grad.abs().sum() > 0, name
    with torch.no_grad():
        whole = network.losses(levels, conditions)
        levels[:, 2] = -1
        without_last = network.losses(levels, conditions)
        levels[:, 1] = -1
        first = network.losses(levels, conditions)
    assert (whole > without_last).all()
    assert (without_last > first).all()


def test_columns_depend_on_one_another_as_they_did(rows, density):
    assert density.losses[-1] < density.losses[0] - 0.5
    drawn = density.sample(4000, 1)
    pairs = [np.histogramdd(x[:, 1:], (3, 2))[0] / len(x) for x in (rows, drawn)]
    np.testing.assert_allclose(*pairs, atol=0.05)
    assert np.isin(drawn[:, 0], rows[:, 0]).all()
    for kind in range(3):
        mean = rows[rows[:, 1] == kind, 0].mean()
        assert drawn[drawn[:, 1] == kind, 0].mean() == pytest.approx(mean, abs=0.4)
    independent = RowDensity().fit(rows, N_LEVELS, 0)
    independent.weights = {}
    drawn = independent.sample(4000, 1)
    assert drawn[drawn[:, 1] == 1, 0].mean() < rows[rows[:, 1] == 1, 0].mean() - 2


def test_rows_follow_their_conditions(rows):
    conditions = np.eye(3)[rows[:, 1].astype(int)]
    density = RowDensity().fit(rows[:, [0, 2]], N_LEVELS[1:], 0, None, conditions)
    for kind in range(3):
        drawn = density.sample(500, 0, np.eye(3)[np.full(500, kind)])
        mean = rows[rows[:, 1] == kind, 0].mean()
        assert drawn[:, 0].mean() == pytest.approx(mean, abs=0.5)


def test_columns_are_drawn_in_the_order_said(rows):
    density = RowDensity().fit(rows, N_LEVELS, 0, [2, 0, 1])
    assert density._sizes == density.levels.sizes[[2, 0, 1]].tolist()
    drawn = density.sample(2000, 0)
    assert np.isin(drawn[:, 0], rows[:, 0]).all()
    np.testing.assert_allclose(
        np.bincount(drawn[:, 1].astype(int)) / 2000,
        np.bincount(rows[:, 1].astype(int)) / 400,
        atol=0.06,
    )


def test_the_same_seed_gives_the_same_rows_whatever_the_caller_does(rows, density):
    expected = density.sample(50, 3)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    with torch.inference_mode():
        again = RowDensity().fit(rows, N_LEVELS, 0)
    np.testing.assert_array_equal(again.sample(50, 3), expected)
    assert (torch.get_rng_state() == before).all()
    assert (density.sample(50, 4) != expected).any()
    loaded = pickle.loads(pickle.dumps(density))
    np.testing.assert_array_equal(loaded.sample(50, 3), expected)
    assert b"torch" not in pickle.dumps(density)


@pytest.mark.parametrize("n_rows", [1, 2, 15, 25])
def test_few_rows(n_rows, rows):
    density = RowDensity().fit(rows[:n_rows], N_LEVELS, 0)
    drawn = density.sample(30, 0)
    assert drawn.shape == (30, 3)
    assert np.isin(drawn[:, 0], rows[:n_rows, 0]).all()
    assert n_rows >= 20 or not density.weights


# -- rows of estimators


def test_frames_are_drawn_by_column(model, frame):
    drawn = model.sample(500, 0)
    pd.testing.assert_series_equal(drawn.dtypes, frame.dtypes)
    for name in frame:
        assert drawn[name].isin(frame[name]).all()
    pd.testing.assert_frame_equal(drawn, model.sample(500, 0, latent="columns"))
    assert not drawn.equals(model.sample(500, 0, latent="mixture"))
    pairs = [
        pd.crosstab(x["kind"], x["is_one"], normalize=True) for x in (frame, drawn)
    ]
    np.testing.assert_allclose(*pairs, atol=0.07)
    means = model.sample(20, 0, draw=False)
    pd.testing.assert_frame_equal(
        means, model.sample(20, 0, draw=False, latent="mixture")
    )


def test_rows_with_gaps_are_learned_from_and_none_are_drawn(frame):
    gaps = frame.copy()
    gaps.loc[::3, "gain"] = np.nan
    gaps.loc[1::4, "kind"] = None
    model = VariationalAutoencoder(2, max_epochs=1, random_state=0).fit(gaps)
    drawn = model.sample(300, 0)
    assert not drawn.isna().any(axis=None)
    assert drawn["gain"].isin(frame["gain"]).all()


def test_numbers_that_were_transformed_come_back_as_seen(frame):
    columns = Columns(transform="quantile", counts=["age"])
    parameters = dict(columns=columns, max_epochs=1, random_state=0)
    model = VariationalAutoencoder(2, **parameters).fit(frame)
    drawn = model.sample(300, 0)
    assert drawn["age"].isin(frame["age"]).all()
    differences = np.abs(drawn["gain"].to_numpy()[:, None] - frame["gain"].to_numpy())
    assert differences.min(axis=1).max() < 1e-3


def test_rows_of_a_condition(frame):
    model = ConditionalVariationalAutoencoder(
        2, condition=["kind"], max_epochs=2, random_state=0
    ).fit(frame)
    drawn = model.sample(300, 0, condition="b")
    assert (drawn["kind"] == "b").all()
    mean = frame.loc[frame["kind"] == "b", "gain"].mean()
    assert drawn["gain"].mean() == pytest.approx(mean, abs=0.5)
    pd.testing.assert_frame_equal(
        drawn, model.sample(300, 0, condition="b", latent="columns")
    )
    prior = model.sample(300, 0, condition="b", latent="prior")
    assert not prior["gain"].isin(frame["gain"]).all()


def test_rows_are_of_all_that_was_seen(model, frame):
    again = pickle.loads(pickle.dumps(model))
    again.sample(5, 0)
    again.partial_fit(frame.assign(gain=100.0 + frame["gain"]))
    assert len(again._seen_rows) == 800
    assert again._densities == {}
    assert 0.3 < (again.sample(400, 0)["gain"] > 50).mean() < 0.7


def test_what_has_no_columns_is_refused_by_name(model, rows):
    with pytest.raises(ValueError, match="latent='columns' draws rows.*draw=False"):
        model.sample(2, 0, latent="columns", draw=False)
    of_numbers = VariationalAutoencoder(2, max_epochs=1, random_state=0).fit(rows)
    with pytest.raises(ValueError, match="latent='columns' is for frames"):
        of_numbers.sample(2, 0, latent="columns")
