"""Where rows are not centred, a network starts as if they were."""

import numpy as np
import pytest
import torch

from skae import (
    Autoencoder,
    BinaryCrossEntropy,
    ConditionalVariationalAutoencoder,
    Convolutional,
    Dense,
    Recurrent,
    SparseAutoencoder,
    SquaredError,
    TopK,
    Transformer,
    VariationalAutoencoder,
)
from skae.autoencoders.module import AutoencoderModule
from skae.data.batch import Batch

CASES = [
    ((12,), 12, Dense(())),
    ((12,), 12, Dense((5,))),
    ((12,), 12, Dense((5, 4), shortcut=None)),
    ((2, 3, 4), 2, Convolutional((4,), kernel_size=1, stride=1)),
    ((3, 4, 2), 2, Convolutional((4,), kernel_size=1, stride=1, channels_last=True)),
    ((2, 6), 2, Convolutional((4,), kernel_size=1, stride=1, shortcut=None)),
    ((6, 2), 2, Recurrent(4, cell="gru")),
    ((6, 2), 2, Recurrent(4, shortcut=None, n_layers=2)),
    ((6, 2), 2, Transformer(8, n_heads=2, patch_size=3)),
    ((2, 4, 4), 2, Transformer(8, n_heads=2, patch_size=2)),
]


@pytest.mark.parametrize(("shape", "n_channels", "architecture"), CASES, ids=repr)
def test_the_origin_is_moved(shape, n_channels, architecture):
    torch.manual_seed(0)
    module = AutoencoderModule(architecture, shape, 3).eval()
    channels = torch.rand(n_channels)
    mean = torch.zeros(shape)
    if len(shape) == 1 or shape[-1] == n_channels:
        mean += channels
    else:
        mean += channels.reshape(-1, *[1] * (len(shape) - 1))
    mean = mean.flatten()
    x = torch.rand(5, len(mean))

    def output(rows):
        with torch.no_grad():
            return module.decode(module.encode(Batch(rows)), Batch())

    expected = output((x - mean) / 0.3) + torch.logit(mean)
    architecture.set_origin(module, mean, 0.3, torch.logit)
    torch.testing.assert_close(output(x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "architecture",
    [Dense((), tied=True), Dense((5,), tied=True, shortcut=None)]
    + [Convolutional((4,), kernel_size=1, stride=1, tied=True)],
    ids=repr,
)
def test_tied_weights_keep_their_size(architecture):
    torch.manual_seed(0)
    shape = (1, 3, 4) if isinstance(architecture, Convolutional) else (12,)
    module = AutoencoderModule(architecture, shape, 3).eval()
    mean, x = torch.full((12,), 0.2), torch.rand(5, 12)
    with torch.no_grad():
        before = module.decode(module.encode(Batch(x - mean)), Batch())
        architecture.set_origin(module, mean, 0.3, torch.logit)
        after = module.decode(module.encode(Batch(x)), Batch())
    torch.testing.assert_close(after, before + torch.logit(mean), rtol=1e-4, atol=1e-4)


LOSSES = [BinaryCrossEntropy(), SquaredError(output_activation="sigmoid")]


@pytest.mark.parametrize("loss", [*LOSSES, "poisson"], ids=repr)
@pytest.mark.parametrize(
    "architecture", [Dense((), shortcut=None), Dense((32,)), Dense((), tied=True)]
)
def test_the_start_costs_about_what_the_mean_row_does(loss, architecture, digits):
    X = digits
    start = Autoencoder(
        8, architecture=architecture, loss=loss, max_epochs=1, learning_rate=1e-12
    )
    start.set_params(random_state=0, early_stopping=False).fit(X)
    mean = torch.tensor(np.broadcast_to(X.mean(axis=0).clip(0.01, 0.99), X.shape))
    inverse = torch.log if loss == "poisson" else torch.logit
    of_mean = start.loss_.per_element(inverse(mean), torch.tensor(X)).mean().item()
    assert -start.score(X) < 1.25 * of_mean


def test_units_of_a_rectified_code_stay_alive(digits):
    for loss in LOSSES:
        model = Autoencoder(
            32, architecture=Dense((), shortcut=None), code_activation="relu",
            loss=loss, max_epochs=15, schedule="constant", random_state=0,
        ).fit(digits)  # fmt: skip
        assert (model.transform(digits).max(axis=0) > 0).all()


@pytest.mark.parametrize("kind", [VariationalAutoencoder, SparseAutoencoder])
def test_other_objectives_start_there_too(kind, digits):
    X = digits
    model = kind(8, loss="binary_cross_entropy", max_epochs=1, learning_rate=1e-12)
    if kind is SparseAutoencoder:
        model.set_params(sparsity=TopK(2))
    model.set_params(early_stopping=False, random_state=0).fit(X)
    mean = X.mean(axis=0).clip(0.01, 0.99)
    bias = model.net_.module_.decoder.last.bias.detach().numpy()
    np.testing.assert_allclose(bias, np.log(mean / (1 - mean)), atol=0.5)


def test_a_conditional_network_without_a_path_starts_there_too(digits):
    X = digits[:300]
    model = ConditionalVariationalAutoencoder(
        4, architecture=Dense((8,), shortcut=None), loss="binary_cross_entropy",
        max_epochs=1, learning_rate=1e-12, early_stopping=False, random_state=0,
    ).fit(X, np.arange(300) % 2)  # fmt: skip
    mean = X.mean(axis=0).clip(0.01, 0.99)
    bias = model.net_.module_.decoder.last.bias.detach().numpy()
    np.testing.assert_allclose(bias, np.log(mean / (1 - mean)), atol=0.5)


def test_a_column_that_does_not_vary_is_no_obstacle():
    X = np.full((60, 4), 0.5)
    X[:, 0] = np.linspace(0, 1, 60)
    for rows in (X, np.zeros((60, 4))):
        model = Autoencoder(1, loss="binary_cross_entropy", max_epochs=2).fit(rows)
        assert np.isfinite(model.reconstruct(rows)).all()
