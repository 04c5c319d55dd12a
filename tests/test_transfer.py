"""What was learned, used elsewhere: frozen, trained further, as plain modules."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skae import Autoencoder, Convolutional, Dense, Recurrent, VariationalAutoencoder

SHARED = dict(max_epochs=2, random_state=0)


def _trained(modules, loss, steps=5):
    """Train modules in a loop such as users write."""
    weights = [p for module in modules for p in module.parameters()]
    optimizer = torch.optim.Adam(weights, lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()


@pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder])
def test_a_round_trip_through_the_encoder_changes_every_result(kind, small):
    model = kind(2, architecture=Dense((8,)), **SHARED).fit(small)
    encoder, x = model.encoder_, torch.from_numpy(small.astype(np.float32))
    target = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
    results = {
        name: lambda X, name=name: getattr(model, name)(X)
        for name in ("transform", "reconstruct", "score_samples")
    }
    results["decision_function"] = model.decision_function
    precisions = (small, small.astype(np.float32))
    before = {name: [get(X) for X in precisions] for name, get in results.items()}
    offset = model.offset_
    _trained([encoder], lambda: (encoder(x) - target).square().mean())
    for name, get in results.items():  # a module of its own
        np.testing.assert_array_equal(get(small), before[name][0])
    assert model.set_modules(small, encoder=encoder) is model
    for name, get in results.items():
        for X, earlier in zip(precisions, before[name], strict=True):
            assert not np.allclose(get(X), earlier, rtol=1e-3), (name, X.dtype)
    for X in precisions:
        np.testing.assert_allclose(model.transform(X), encoder(x).detach(), atol=1e-5)
    assert model.offset_ != offset
    assert np.mean(model.predict(small) == -1) < 0.3


@pytest.mark.parametrize(
    "architecture",
    [Dense((8,)), Dense((8,), tied=True), Convolutional((4,), input_shape=(1, 5))],
    ids=["dense", "tied", "convolutional"],
)
def test_both_parts_trained_together_are_read_back(architecture, small):
    model = Autoencoder(2, architecture=architecture, **SHARED).fit(small)
    whole, x = model.reconstructor_, torch.from_numpy(small.astype(np.float32))
    before = model.score(small)
    wanted = x.reshape(whole(x).shape)
    _trained([whole], lambda: (whole(x) - wanted).square().mean(), steps=60)
    model.set_modules(small, encoder=whole[0], decoder=whole[1])
    assert model.score(small) > before
    np.testing.assert_allclose(
        model.reconstruct(small), whole(x).detach().reshape(60, 5), atol=1e-5
    )


def test_a_decoder_alone_leaves_the_codes(small):
    model = Autoencoder(2, architecture=Dense((8,)), **SHARED).fit(small)
    codes, rows = model.transform(small), model.reconstruct(small)
    decoder = model.decoder_
    _trained([decoder], lambda: decoder(torch.zeros(3, 2)).square().sum())
    model.set_modules(small, decoder=decoder)
    np.testing.assert_array_equal(model.transform(small), codes)
    assert not np.allclose(model.reconstruct(small), rows)


def test_what_is_no_module_of_this_estimator_is_refused(small):
    model = Autoencoder(2, architecture=Dense((8,)), **SHARED).fit(small)
    codes = model.transform(small)
    with pytest.raises(ValueError, match="encoder must be encoder_ of this"):
        model.set_modules(small, encoder=model.decoder_)
    other = Autoencoder(3, architecture=Dense((8,)), **SHARED).fit(small)
    with pytest.raises(ValueError, match="encoder is of another network"):
        model.set_modules(small, encoder=other.encoder_)
    broken = model.encoder_
    with torch.no_grad():
        broken.module.head.bias.fill_(torch.nan)
    with pytest.raises(ValueError, match=r"'head.bias' of encoder are not finite"):
        model.set_modules(small, encoder=broken)
    moved = model.encoder_
    with torch.no_grad():
        moved.module.head.bias.add_(1.0)
    with pytest.raises(ValueError, match="5 features"):
        model.set_modules(small[:, :3], encoder=moved)
    np.testing.assert_array_equal(model.transform(small), codes)


def test_a_frozen_autoencoder_is_a_step(small):
    ae, y = Autoencoder(2, **SHARED).fit(small), np.arange(60) % 2
    pipe = make_pipeline(FrozenEstimator(ae), LogisticRegression()).fit(
        small[:30], y[:30]
    )
    np.testing.assert_array_equal(pipe[0].transform(small), ae.transform(small))
    assert clone(pipe)[0].estimator is ae


def test_series_of_unequal_length_have_no_plain_modules(rng):
    X = [rng.normal(size=(n, 1)) for n in rng.integers(3, 8, 50)]
    model = Autoencoder(2, architecture=Recurrent(4), **SHARED).fit(X)
    with pytest.raises(ValueError, match="must be encoder_"):
        model.set_modules(X, encoder=torch.nn.Linear(1, 1))
