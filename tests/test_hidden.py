"""Hidden layers of both sides, of every architecture."""

import threading

import numpy as np
import pytest
import torch

from skae import (
    Autoencoder,
    ConditionalVariationalAutoencoder,
    Convolutional,
    Dense,
    Recurrent,
    Transformer,
)
from skae.data.batch import Batch

QUICK = dict(max_epochs=1, random_state=0)
RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(50, 6))
IMAGES = RNG.normal(size=(50, 1, 8, 8))
SERIES = RNG.normal(size=(50, 5, 2))

# Units of the layers of the encoder and of the decoder.
CASES = [
    (Dense((9, 7)), TABLE, (9, 7), (7, 9)),
    (Dense((9, 7), tied=True, norm="layer"), TABLE, (9, 7), (7, 9)),
    (Dense((9,), decoder_sizes=(4, 5, 3), norm="batch"), TABLE, (9,), (4, 5, 3)),
    (Dense((9,), decoder_sizes=()), TABLE, (9,), ()),
    (Convolutional((4, 3)), IMAGES, (64, 12), (12, 64)),
    (Convolutional((4, 3), tied=True), IMAGES, (64, 12), (12, 64)),
    (Convolutional((4, 3), upsampling="nearest"), IMAGES, (64, 12), (12, 64)),
    (Convolutional((4, 3), kernel_size=5, norm="group"), IMAGES, (64, 12), (12, 64)),
    (Recurrent(4, n_layers=2), SERIES, (40, 40), (20, 20)),
    (Recurrent(4, bidirectional=False, feedback=True), SERIES, (20,), (20,)),
    (Transformer(8, n_heads=2), SERIES, (40, 40), (40, 40)),
]


@pytest.mark.parametrize(("architecture", "X", "encoder", "decoder"), CASES, ids=repr)
def test_both_sides_have_layers(architecture, X, encoder, decoder):
    model = Autoencoder(3, architecture=architecture, **QUICK).fit(X)
    found = [model.hidden_representation(X, i) for i in range(len(encoder) + 1)]
    assert [rows.shape[1] for rows in found] == [*encoder, 3]
    np.testing.assert_array_equal(found[-1], model.transform(X))
    np.testing.assert_array_equal(found[-2], model.hidden_representation(X, -2))
    for layer, n_units in enumerate(decoder):
        rows = model.hidden_representation(X, layer, side="decoder")
        assert rows.shape == (50, n_units)
        again = model.hidden_representation(X, layer - len(decoder), side="decoder")
        np.testing.assert_array_equal(again, rows)
    for layer in (len(decoder), -len(decoder) - 1):
        with pytest.raises(ValueError, match="hidden layers of the decoder are 0 to"):
            model.hidden_representation(X, layer, side="decoder")
    assert not any(part._forward_hooks for part in model.net_.module_.modules())


def test_a_decoder_of_dense_layers_by_hand():
    architecture = Dense((9, 7), activation="tanh", shortcut=None)
    model = Autoencoder(3, architecture=architecture, **QUICK).fit(TABLE)
    hidden = torch.tensor(model.transform(TABLE)).float()
    linears = model.net_.module_.decoder.linears
    for layer, linear in enumerate(linears):
        hidden = torch.tanh(linear(hidden)).detach()
        rows = model.hidden_representation(TABLE, layer, side="decoder")
        np.testing.assert_allclose(rows, hidden, atol=1e-5)
    last = model.net_.module_.decoder.last(hidden).detach().numpy()
    rows = last * model.scale_ + model.mean_
    np.testing.assert_allclose(model.reconstruct(TABLE), rows, atol=1e-4)


def test_stages_end_with_their_activation():
    architecture = Convolutional((4, 3), activation="relu", shortcut=None)
    model = Autoencoder(3, architecture=architecture, **QUICK).fit(IMAGES)
    first = model.net_.module_.body.stages[0]
    x = torch.tensor((IMAGES.reshape(50, -1) - model.mean_) / model.scale_)
    with torch.no_grad():
        expected = first(x.float().view(50, 1, 8, 8)).flatten(1)
    rows = model.hidden_representation(IMAGES, 0)
    np.testing.assert_allclose(rows, expected, atol=1e-5)
    for layer in (0, 1):
        assert model.hidden_representation(IMAGES, layer, side="decoder").min() == 0


def test_both_directions_stand_side_by_side():
    architecture = Recurrent(4, cell="rnn", shortcut=None)
    model = Autoencoder(3, architecture=architecture, **QUICK).fit(SERIES)
    steps = model.hidden_representation(SERIES, 0).reshape(50, 5, 8)
    hidden = model.net_.module_.hidden
    given = (SERIES - model.mean_.reshape(5, 2)) / model.scale_
    with torch.no_grad():
        summary = hidden(Batch(torch.tensor(given).float().flatten(1))).numpy()
    np.testing.assert_allclose(summary[:, :4], steps[:, -1, :4], atol=1e-5)
    np.testing.assert_allclose(summary[:, 4:8], steps[:, 0, 4:], atol=1e-5)
    np.testing.assert_allclose(summary[:, 8:], steps.mean(axis=1), atol=1e-5)


def test_threads_do_not_meet():
    model = Autoencoder(3, architecture=Dense((9, 7)), **QUICK).fit(TABLE)
    rows = [TABLE[:20], TABLE[20:]] * 4
    expected = [model.hidden_representation(X, 1) for X in rows]
    found = [None] * len(rows)

    def ask(number):
        found[number] = model.hidden_representation(rows[number], 1)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(len(rows))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_has_none_says_so():
    series = [RNG.normal(size=(n, 2)) for n in RNG.integers(3, 6, size=50)]
    model = Autoencoder(2, architecture=Recurrent(4), **QUICK).fit(series)
    with pytest.raises(ValueError, match="no numbered hidden layers here"):
        model.hidden_representation(series, 0)
    model = Autoencoder(2, **QUICK).fit(TABLE)
    with pytest.raises(ValueError, match="side='both' must be"):
        model.hidden_representation(TABLE, 0, side="both")
    model = ConditionalVariationalAutoencoder(2, **QUICK).fit(TABLE, np.arange(50) % 2)
    assert model.hidden_representation(TABLE, 0).shape[0] == 50
    rows = model.hidden_representation(TABLE, 0, side="decoder")  # labels inferred
    assert rows.shape == (50, 64)
