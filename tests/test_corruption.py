"""Corruptions: what each does, whence it draws, and that only training sees it."""

import inspect
import pickle

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from sklearn.base import clone

from skae import (
    Autoencoder,
    BinaryCrossEntropy,
    Blur,
    Convolutional,
    Corruption,
    DenoisingAutoencoder,
    Dense,
    FunctionCorruption,
    GaussianNoise,
    MaskingNoise,
    SaltAndPepperNoise,
    SwapNoise,
)
from skae.autoencoders.corrupted import Corrupt
from skae.data.batch import Batch
from skae.data.fields import Field, Fields
from skae.data.scaling import Scaling
from skae.data.statistics import ColumnStatistics, describe_columns
from skae.training.seeds import make_generator
from tests.discovery import CORRUPTIONS, ESTIMATORS, LOSSES, fitted, made, name_of

SHARED = dict(max_epochs=4, batch_size=16, random_state=0)
OF_NUMBERS = [kind for kind in CORRUPTIONS if "number" in kind.kinds]
every_corruption = pytest.mark.parametrize("corruption", OF_NUMBERS, ids=name_of)


class Shift(Corruption):
    """A user's own."""

    def corrupt(self, x, columns, generator):
        return x + columns.std


def _statistics(X, mean=None, scale=1.0):
    columns = describe_columns(X, with_covariance=False, check=lambda *_: None)
    fields = (Field("number", slice(0, X.shape[1])),)
    return Fields(fields, Scaling(mean, scale)).statistics(columns)


@pytest.fixture
def X(rng):
    return rng.normal(size=(2000, 3)) * [1.0, 10.0, 0.0] + [5.0, -20.0, 7.0]


def _corrupted(corruption, X, seed=0, **scaling):
    corrupt = Corrupt(corruption, _statistics(X, **scaling))
    corrupt.generator = make_generator(seed)
    return corrupt(Batch(torch.tensor(X, dtype=torch.float32))).x.numpy()


def test_statistics_are_in_units_of_the_network(X):
    found = _statistics(X, X.mean(axis=0), 4.0)
    centred = (X - X.mean(axis=0)) / 4
    expected = ColumnStatistics(
        centred.mean(0), centred.std(0), centred.min(0), centred.max(0),
        -X.mean(axis=0) / 4, np.zeros(3),
    )  # fmt: skip
    assert found.cell is expected.cell is None
    np.testing.assert_array_equal(found.unit, 0.25)
    for name in ColumnStatistics._fields[:6]:
        np.testing.assert_allclose(
            getattr(found, name), getattr(expected, name), atol=1e-8, err_msg=name
        )


def test_gaussian_noise_is_in_standard_deviations_of_the_column(X):
    noise = _corrupted(GaussianNoise(0.3), X) - X
    np.testing.assert_allclose(noise.std(axis=0), 0.3 * X.std(axis=0), rtol=0.05)
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=0.2)
    assert (noise[:, 2] == 0).all()


def _in_units(corruption, X, mean, scale, shape=None):
    """Corrupt rows as a network that centres and scales them does, in units of X."""
    columns = _statistics(X, mean, scale)._replace(shape=shape)
    corrupt = Corrupt(corruption, columns)
    corrupt.generator = make_generator(0)
    scaled = torch.tensor((X - mean) / scale, dtype=torch.float32)
    return corrupt(Batch(scaled)).x.numpy() * scale + mean


def test_gaussian_noise_in_units_of_x_and_clipped(X):
    mean, scale = X.mean(axis=0), 4.0
    noise = _in_units(GaussianNoise(0.5, units="x"), X, mean, scale) - X
    np.testing.assert_allclose(noise.std(axis=0), 0.5, rtol=0.05)
    clipped = _in_units(GaussianNoise(units="x", clip=(-19, 6)), X, mean, scale)
    assert clipped.min() == pytest.approx(-19, abs=1e-4)
    assert clipped.max() == pytest.approx(6, abs=1e-4)


@pytest.mark.parametrize("shape", [(30,), (3, 10), (2, 3, 5)])
def test_blur_is_that_of_scipy_in_the_middle(shape, rng):
    X = rng.uniform(size=(4, 30))
    blurred = _in_units(Blur(0.4), X, X.mean(axis=0), 4.0, shape)
    sigma = [0.0, *[0.4] * (len(shape) - (len(shape) > 1))]
    sigma = [*[0.0] * (len(shape) + 1 - len(sigma)), *sigma]
    expected = gaussian_filter(X.reshape(4, *shape), sigma, mode="constant", truncate=9)
    whole = gaussian_filter(np.ones((4, *shape)), sigma, mode="constant", truncate=9)
    np.testing.assert_allclose(
        blurred, (expected / whole).reshape(4, -1), rtol=1e-4, atol=1e-5
    )


def test_blur_draws_a_width_for_each_row_and_keeps_what_is_even(rng):
    X = np.tile(rng.uniform(size=(1, 12)), (50, 1))
    blurred = _in_units(Blur((0.0, 3.0)), X, X.mean(axis=0), 2.0, (1, 12))
    spread = blurred.std(axis=1)
    assert len(np.unique(spread.round(6))) > 40
    assert (spread < X[0].std() + 1e-6).all()
    np.testing.assert_allclose(
        _in_units(Blur(0.0), X, X.mean(axis=0), 2.0), X, rtol=1e-5
    )
    even = np.full((5, 12), 3.0)
    np.testing.assert_allclose(
        _in_units(Blur(2.0), even, 1.0 + even[0], 2.0), even, rtol=1e-6
    )


def test_blur_takes_the_axes_that_it_is_told(rng):
    X = rng.uniform(size=(4, 24))
    blurred = _in_units(Blur(50.0, axes=(0,)), X, X.mean(axis=0), 1.0, (4, 6))
    rows = X.reshape(4, 4, 6)
    expected = np.broadcast_to(rows.mean(axis=1, keepdims=True), rows.shape)
    np.testing.assert_allclose(blurred, expected.reshape(4, 24), rtol=1e-2)


def test_a_function_sees_rows_in_the_shape_and_units_of_x(rng):
    X = rng.uniform(3, 9, size=(60, 2, 4, 3))
    seen = []

    def corrupt(x, generator):
        seen.append(x.clone())
        return x.flip(3)

    Autoencoder(
        2, architecture=Convolutional((2,)), corruption=FunctionCorruption(corrupt),
        max_epochs=1, batch_size=60, early_stopping=False, random_state=0,
    ).fit(X)  # fmt: skip
    last = seen[-1].numpy()  # of the only step, in some order
    assert last.shape == X.shape
    order = np.abs(last[:, None] - X[None]).sum(axis=(2, 3, 4)).argmin(axis=1)
    assert sorted(order) == list(range(60))
    np.testing.assert_allclose(last, X[order], rtol=1e-5)


@pytest.mark.parametrize("rate", [0.0, 0.2, 1.0])
def test_masking_noise(rate, X):
    rows = X.astype(np.float32)
    zeroed = _corrupted(MaskingNoise(rate), X)
    assert set(np.unique(zeroed[zeroed != rows])) <= {0.0}
    assert (zeroed != rows).mean() == pytest.approx(rate, abs=0.02)
    filled = _corrupted(MaskingNoise(rate, fill="mean"), X)
    changed = filled != rows
    assert changed[:, :2].mean() == pytest.approx(rate, abs=0.02)
    np.testing.assert_allclose(
        filled[changed],
        np.broadcast_to(X.mean(0), X.shape)[changed],
        rtol=1e-5,
    )


def test_zero_is_that_of_the_users_units(X):
    mean, scale = X.mean(axis=0), 4.0
    columns = _statistics(X, mean, scale)
    corrupt = Corrupt(MaskingNoise(1.0), columns)
    corrupt.generator = make_generator(0)
    scaled = torch.tensor((X - mean) / scale, dtype=torch.float32)
    zeros = corrupt(Batch(scaled)).x.numpy() * scale + mean
    np.testing.assert_allclose(zeros, 0, atol=1e-4)


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_salt_and_pepper_noise(rate, X):
    X = X[:, :2]
    noisy = _corrupted(SaltAndPepperNoise(rate), X)
    rows = X.astype(np.float32)
    lows, highs = rows.min(axis=0), rows.max(axis=0)
    changed = noisy != rows
    assert changed.mean() == pytest.approx(rate, abs=0.02)
    assert ((noisy == lows) | (noisy == highs))[changed].all()
    assert (noisy == lows).mean() == pytest.approx(rate / 2, abs=0.02)


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_swap_noise_takes_another_row_of_the_same_column(rate, rng):
    X = np.arange(600.0).reshape(200, 3)
    noisy = _corrupted(SwapNoise(rate), X)
    changed = noisy != X
    assert changed.mean() == pytest.approx(rate, abs=0.06)
    for column in range(3):
        assert np.isin(noisy[:, column], X[:, column]).all()
    one_row = _corrupted(SwapNoise(1.0), X[:1])
    np.testing.assert_array_equal(one_row, X[:1])


@every_corruption
def test_draws_come_from_the_generator_and_are_fresh(corruption, X):
    state = torch.get_rng_state()
    first, again, other = (_corrupted(made(corruption), X, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    corrupt = Corrupt(made(corruption), _statistics(X))
    corrupt.generator = make_generator(0)
    batch = Batch(torch.tensor(X, dtype=torch.float32))
    assert not torch.equal(corrupt(batch).x, corrupt(batch).x)
    assert torch.equal(state, torch.get_rng_state())
    assert corrupt.eval()(batch) is batch


@every_corruption
@pytest.mark.parametrize("loss", ["squared_error", "binary_cross_entropy"])
def test_every_corruption_trains_and_repeats(corruption, loss, rng):
    X = rng.uniform(size=(80, 6))
    models = [
        Autoencoder(2, corruption=value, loss=loss, **SHARED).fit(X)
        for value in (None, made(corruption), made(corruption))
    ]
    plain, noisy, again = (model.history_[0]["train_loss"] for model in models)
    assert plain != noisy == again
    codes = [model.transform(X) for model in models]
    np.testing.assert_array_equal(codes[1], codes[2])
    assert np.isfinite(codes[1]).all()


def _doubled(x, generator):
    return 2 * x


@every_corruption
def test_every_parameter_of_a_corruption_matters(corruption, X):
    others = {"rate": 0.6, "scale": 0.9, "fill": "mean", "pattern": "rows"}
    others |= {"units": "x", "clip": (0, 6), "axes": (), "function": _doubled}
    default = _corrupted(made(corruption), X)
    names = inspect.signature(corruption).parameters
    for name in names.keys() - {"counted", "n_patterns"}:  # test_missing.py
        changed = made(corruption, **{name: others[name]})
        assert (_corrupted(changed, X) != default).any(), name


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)
@every_corruption
@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
def test_the_grid(estimator, corruption, loss, rng):
    """Objective, corruption, loss, tying and weight penalties go together."""
    X = rng.uniform(size=(45, 5))
    for tied in (False, True):
        model = estimator(
            2,
            corruption=made(corruption),
            loss=loss(),
            architecture=Dense((8,), tied=tied),
            l1_penalty=1e-4,
            weight_decay=1e-4,
            max_epochs=1,
            random_state=0,
        )
        model = fitted(model, X)
        assert np.isfinite(model.history_[0]["train_loss"])
        assert model.inverse_transform(model.transform(X)).shape == X.shape


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)
@every_corruption
def test_corrupted_fits_repeat(estimator, corruption, small):
    model = estimator(
        2, corruption=made(corruption), architecture=Dense((8,)), **SHARED
    )
    codes = fitted(model, small).transform(small)
    assert repr(model.corruption_) == repr(made(corruption))
    assert model.corruption_ is not model.corruption
    for other in (fitted(clone(model), small), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(codes, other.transform(small))


def test_a_corruption_of_ones_own(small):
    model = Autoencoder(2, corruption=Shift(), **SHARED).fit(small)
    plain = Autoencoder(2, **SHARED).fit(small)
    assert model.history_ != plain.history_
    assert isinstance(model.corruption_, Shift)


def test_a_corruption_that_changes_the_shape_says_so(small):
    class Halving(Corruption):
        def corrupt(self, x, columns, generator):
            return x[:, :2]

    with pytest.raises(ValueError, match="must keep the shape"):
        Autoencoder(2, corruption=Halving()).fit(small)


def test_a_corruption_without_corrupt_says_so(small):
    with pytest.raises(NotImplementedError, match="Corruption must define corrupt"):
        Autoencoder(2, corruption=Corruption()).fit(small)


def test_inference_corrupts_nothing(small):
    model = Autoencoder(2, corruption=GaussianNoise(5.0), **SHARED).fit(small)
    np.testing.assert_array_equal(model.transform(small), model.transform(small))
    module = model.net_.module_
    x = (small - model.mean_) / model.scale_
    batch = Batch(torch.tensor(x, dtype=torch.float32))
    expected = module.encode(batch).detach()
    np.testing.assert_allclose(model.transform(small), expected, atol=1e-5)


def test_the_target_is_the_clean_row(small):
    """With every value masked the best output is the mean of each column."""
    model = Autoencoder(
        2,
        corruption=MaskingNoise(1.0, fill="mean"),
        architecture=Dense((), shortcut=None),
        max_epochs=150,
        learning_rate=0.02,
        early_stopping=False,
        random_state=0,
    ).fit(small)
    mean = small.mean(axis=0)
    np.testing.assert_allclose(model.reconstruct(mean[None])[0], mean, atol=0.1)
    unexplained = small.var(axis=0).mean()
    assert model.history_[-1]["train_loss"] == pytest.approx(unexplained, rel=0.05)


def test_validation_rows_are_corrupted_alike_in_every_epoch(small):
    """Clean, a network that copies would be the best: wide codes start as copies."""
    model = Autoencoder(5, corruption=GaussianNoise(1.0), random_state=0).fit(small)
    assert model.best_epoch_ > 0
    frozen = Autoencoder(
        2,
        corruption=GaussianNoise(1.0),
        learning_rate=1e-12,
        max_epochs=3,
        random_state=0,
    ).fit(small)
    losses = [row["valid_loss"] for row in frozen.history_]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-6)
    assert losses[0] > -1.5 * frozen.score(small)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_denoising_starts_at_the_pca_of_clean_rows(method, small):
    shared = dict(random_state=0, learning_rate=1e-12)
    models = [Autoencoder(2, **shared), DenoisingAutoencoder(2, **shared)]
    plain, denoising = (getattr(m, method)(small).reconstruct(small) for m in models)
    np.testing.assert_allclose(plain, denoising, atol=1e-5)


def test_sparse_rows_are_corrupted_too(small):
    import scipy.sparse

    model = DenoisingAutoencoder(2, **SHARED)
    dense = model.fit(small).transform(small)
    sparse = model.fit(scipy.sparse.csr_matrix(small)).transform(small)
    np.testing.assert_allclose(sparse, dense, atol=1e-4)


@pytest.mark.parametrize(
    ("corruption", "message"),
    [
        (MaskingNoise(1.5), "The 'rate' parameter of MaskingNoise"),
        (SwapNoise(-0.1), "The 'rate' parameter of SwapNoise"),
        (SaltAndPepperNoise(2), "The 'rate' parameter of SaltAndPepperNoise"),
        (GaussianNoise(-1.0), "The 'scale' parameter of GaussianNoise"),
        (GaussianNoise(units="X"), "The 'units' parameter of GaussianNoise"),
        (GaussianNoise(clip=(1, 0)), "clip of GaussianNoise must be a pair of a low"),
        (GaussianNoise(clip=(0, None)), "clip of GaussianNoise must be a pair of a lo"),
        (Blur(-1.0), "The 'scale' parameter of Blur"),
        (Blur((-1, 1)), "scale of Blur must be a pair .* of at least 0. Got .-1, 1."),
        (Blur((1, 2, 3)), "scale of Blur must be a pair"),
        (Blur(axes=(1,)), r"axes=\(1,\) of Blur must be among .* shape \(5,\)"),
        (FunctionCorruption(), "The 'function' parameter of FunctionCorruption"),
        (
            FunctionCorruption(lambda x, generator: x[:, :2]),
            r"must return a tensor of the shape \(10, 5\).*of the shape \(10, 2\)",
        ),
        (FunctionCorruption(lambda x, generator: 1.0), "tensor of.*It returned float"),
        (MaskingNoise(0.1, fill="median"), "The 'fill' parameter of MaskingNoise"),
        ("gaussian", "The 'corruption' parameter of Autoencoder"),
    ],
)
def test_bad_corruptions(corruption, message, small):
    with pytest.raises(ValueError, match=message):
        Autoencoder(2, corruption=corruption).fit(small)


def test_denoising_defaults_to_gaussian_noise(small):
    model = DenoisingAutoencoder(2, **SHARED).fit(small)
    given = DenoisingAutoencoder(2, corruption=GaussianNoise(0.3), **SHARED).fit(small)
    assert model.corruption is None
    assert repr(model.corruption_) == "GaussianNoise()"
    np.testing.assert_array_equal(model.transform(small), given.transform(small))


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["gaussian", "masking"])
def test_denoising_denoises(noise, digits, rng):
    train, test = digits[:1400], digits[1400:]
    if noise == "gaussian":
        corruption = GaussianNoise(0.5)
        noisy = test + 0.5 * train.std(axis=0) * rng.normal(size=test.shape)
    else:
        corruption = MaskingNoise(0.3)
        noisy = test * (rng.uniform(size=test.shape) > 0.3)
    shared = dict(max_epochs=40, random_state=0)
    models = [
        Autoencoder(16, **shared),
        DenoisingAutoencoder(16, corruption=corruption, **shared),
    ]
    plain, denoising = (
        np.mean((model.fit(train).reconstruct(noisy) - test) ** 2) for model in models
    )
    assert denoising < 0.9 * plain


def test_cross_entropy_takes_noise_beyond_its_range(rng):
    X = rng.uniform(size=(60, 5))
    model = DenoisingAutoencoder(2, loss=BinaryCrossEntropy(), **SHARED).fit(X)
    assert np.isfinite(model.score(X))


@pytest.mark.cuda
@every_corruption
def test_on_cuda(corruption, small):
    model = Autoencoder(2, corruption=made(corruption), device="cuda", **SHARED)
    np.testing.assert_array_equal(
        model.fit(small).transform(small), model.fit(small).transform(small)
    )
