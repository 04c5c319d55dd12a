"""Batches, fields, scaling: what a network sees of rows."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from skae import (
    Autoencoder,
    BinaryCrossEntropy,
    ConditionalVariationalAutoencoder,
    Convolutional,
    Recurrent,
    SquaredError,
    Transformer,
)
from skae.autoencoders.criterion import Criterion
from skae.autoencoders.module import Forward
from skae.codecs import CodeCodec
from skae.data import rows as rows_module
from skae.data.batch import Batch, mean_of_rows, over_cells
from skae.data.checks import RowCheck
from skae.data.fields import UNBOUNDED, Field, Fields
from skae.data.ragged import Ragged
from skae.data.rows import Rows
from skae.data.samples import Samples
from skae.data.scaling import Scaling
from skae.data.statistics import describe


def test_batches_split_repeat_and_map():
    batch = Batch(torch.arange(12.0).view(6, 2), weight=torch.arange(6.0))
    first, second = batch.split([2, 4])
    assert torch.equal(first.x, batch.x[:2])
    assert torch.equal(second.weight, batch.weight[2:])
    assert second.condition is None
    again = batch.repeated(3)
    assert torch.equal(again.x[6:12], batch.x)
    assert again.n_samples == 18
    doubled = batch.map(lambda tensor: 2 * tensor)
    assert torch.equal(doubled.x, 2 * batch.x)


def test_the_mean_over_rows_counts_weights():
    values = torch.tensor([[1.0, 2.0], [3.0, 4.0], [9.0, 9.0]])
    weight = torch.tensor([1.0, 3.0, 0.0])
    torch.testing.assert_close(mean_of_rows(values), values.mean(0))
    expected = torch.tensor([2.5, 3.5])
    torch.testing.assert_close(mean_of_rows(values, weight), expected)
    torch.testing.assert_close(Batch(values, weight=weight).mean(values), expected)


def test_the_reduction_over_cells_counts_what_is_observed():
    cells = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    observed = torch.tensor([[True, False, True], [False, False, False]])
    torch.testing.assert_close(over_cells(cells), torch.tensor([2.0, 5.0]))
    torch.testing.assert_close(over_cells(cells, observed), torch.tensor([2.0, 0.0]))
    total = over_cells(cells, observed, as_sum=True)
    torch.testing.assert_close(total, torch.tensor([4.0, 0.0]))


def test_outputs_are_compared_with_the_target():
    criterion = Criterion(SquaredError(), 3)
    x, target, output = torch.randn(3, 4, 3)
    loss = criterion(Forward(output, x), Batch(x, target=target))
    torch.testing.assert_close(loss, (output - target).square().mean())


def test_samples_carry_what_accompanies_rows(rng):
    samples = Samples(
        rng.normal(size=(5, 2)), condition=np.eye(5), target=rng.normal(size=(5, 3)),
        weight=np.arange(5.0),
    )  # fmt: skip
    chosen = samples[[3, 1]]
    np.testing.assert_array_equal(chosen.condition, np.eye(5)[[3, 1]])
    np.testing.assert_array_equal(chosen.weight, [3, 1])
    assert chosen.n_observations == 4
    assert samples.weighted().shape == (4, 2)  # a weight of 0 is no row
    batch = Rows(samples, Scaling()).kept().take(np.array([2, 0]))
    torch.testing.assert_close(
        batch.target.numpy(), samples.target[[2, 0]].astype(np.float32)
    )


@pytest.mark.parametrize("kept", [False, True])
def test_series_say_their_lengths_and_what_is_observed(kept):
    X = Ragged(np.arange(12.0).reshape(6, 2), np.array([1, 3, 2]))
    rows = Rows(Samples(X), Scaling(np.array([1.0, 2.0]), 2.0))
    batch = (rows.kept() if kept else rows).take(np.array([1, 0]))
    assert batch.lengths.tolist() == [3, 1]
    assert batch.observed.tolist() == [[True] * 6, [True] * 2 + [False] * 4]
    assert batch.x[1].tolist() == [-0.5, -0.5, 0, 0, 0, 0]


def test_no_nan_reaches_a_network(rng):
    X = [rng.normal(size=(n, 2)) for n in rng.integers(2, 7, 30)]
    for architecture in (Recurrent(4), Transformer(8, n_heads=2)):
        model = Autoencoder(2, architecture=architecture, max_epochs=1).fit(X)
        seen = []
        model.net_.module_.body.register_forward_pre_hook(
            lambda module, args, seen=seen: seen.append(args)
        )
        model.transform(X)
        model.score_samples(X)
        assert seen
        assert all(torch.isfinite(x).all() and len(lengths) for x, lengths in seen)


def _columns(X):
    return describe(Samples(X), with_covariance=False, check=lambda *block: None)


def test_fields_are_scaled_by_what_they_are(rng):
    """Numbers by their centre and one scale; codes, and what has a range, not."""
    X = rng.normal(size=(50, 5)) * [1, 2, 3, 4, 5] + 7
    fields = Fields(
        (
            Field("number", slice(0, 2), ("a", "b")),
            Field("code", slice(2, 3)),
            Field("number", slice(3, 5), range=(0.0, np.inf)),
        )
    )
    scaling = fields.learned(_columns(X), UNBOUNDED).scaling
    scale = np.sqrt(X[:, :2].var(axis=0).mean())
    scaled = scaling.forward(X, slice(None), np.float64).numpy()
    np.testing.assert_allclose(scaled[:, :2], (X[:, :2] - X[:, :2].mean(0)) / scale)
    np.testing.assert_allclose(scaled[:, 2:], X[:, 2:])
    np.testing.assert_allclose(scaling.inverse(scaled), X)
    assert fields.learned(_columns(X), (0.0, 9.0)).scaling.centre is None
    assert [fields.name(column) for column in range(5)] == ["a", "b", None, None, None]
    assert fields.kinds == {"number", "code"}


def test_ranges_are_checked_field_by_field(rng):
    free, ranged = Field("number", slice(0, 2)), Field("number", slice(2, 3), ("c",))
    fields = Fields((free, replace(ranged, range=(0, 1))))
    check = RowCheck(fields, UNBOUNDED, "Owner", "Loss")
    good = np.array([[-5.0, 5.0, 0.5]])
    check(good)
    with pytest.raises(ValueError, match="holds 2 .*row 7, column 'c'"):
        check(np.array([[-5.0, 5.0, 2.0]]), first_row=7)
    narrow = RowCheck(fields, (-1, np.inf), "Owner", "Loss")
    with pytest.raises(ValueError, match=r"X >= -1.*holds -5 .*column 0"):
        narrow(good)


def test_codecs_say_what_fields_are(rng):
    def fields_of(X, **parameters):
        model = Autoencoder(2, max_epochs=1, **parameters).fit(X)
        return model._codec.fields.fields

    (field,) = fields_of(rng.normal(size=(9, 3)))
    assert (field.kind, field.columns) == ("number", slice(0, 3))
    (field,) = fields_of(rng.normal(size=(9, 1, 4, 4)), architecture=Convolutional())
    assert (field.kind, field.columns) == ("number", slice(0, 16))
    tokens = [rng.integers(0, 5, n) for n in (2, 3, 4, 2)]
    architecture = Recurrent(4, vocabulary_size=5)
    (field,) = fields_of(tokens, architecture=architecture)
    assert (field.kind, field.columns, field.n_levels) == ("token", slice(0, 1), 5)
    assert CodeCodec((3,)).fields.kinds == {"code"}


def test_conditions_travel_beside_x(rng):
    X, y = rng.normal(size=(60, 4)).astype(np.float32), np.arange(60) % 3
    model = ConditionalVariationalAutoencoder(2, max_epochs=1).fit(X, y)
    widths = []
    model.net_.module_.body.register_forward_pre_hook(
        lambda module, args: widths.append(args[0].shape[1])
    )
    model.transform(X, condition=y)
    assert widths == [4]


def test_a_small_scaled_copy_is_kept_and_a_large_one_is_not(rng, monkeypatch):
    X = rng.normal(size=(3000, 400))
    monkeypatch.setattr(rows_module, "COPY_BYTES", 4 * X.size)
    small = Rows(Samples(X), Scaling(X.mean(0), 2.0)).kept()
    assert small._copy is not None
    monkeypatch.setattr(rows_module, "COPY_BYTES", 4 * X.size - 1)
    large = Rows(Samples(X), Scaling(X.mean(0), 2.0)).kept()
    assert large._copy is None
    numbers = rng.permutation(3000)[:100]
    torch.testing.assert_close(small.take(numbers).x, large.take(numbers).x)
    part = Rows(Samples(X), Scaling(X.mean(0), 2.0), np.arange(2000)).kept()
    assert part._copy is None  # of large data not even a part is kept
    memory = torch.empty(200, 400)
    assert large.take(numbers, memory).x.data_ptr() == memory.data_ptr()


def test_a_loss_with_a_range_takes_rows_as_they_are(rng):
    model = Autoencoder(2, loss=BinaryCrossEntropy(), max_epochs=1)
    model.fit(rng.uniform(size=(30, 4)))
    assert (model.mean_, model.scale_) == (None, 1.0)
