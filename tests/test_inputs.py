"""What may be passed as X, and what is refused and how."""

import datetime
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import torch

from skae import Autoencoder, BinaryCrossEntropy, Dense, Poisson, SquaredError
from skae.data.samples import working_dtype

SHARED = dict(max_epochs=3, random_state=0, batch_size=16, learning_rate=1e-2)


def _model(**parameters):
    architecture = Dense((8,), shortcut="random")
    return Autoencoder(2, architecture=architecture, **{**SHARED, **parameters})


@pytest.fixture
def counts(rng):
    return rng.poisson(3.0, size=(60, 5))


@pytest.mark.parametrize(
    ("dtype", "computed"),
    [
        (np.float64, np.float64),
        (np.float32, np.float32),
        (np.float16, np.float32),
        (np.int8, np.float32),
        (np.uint8, np.float32),
        (np.int16, np.float32),
        (np.uint16, np.float32),
        (np.int32, np.float64),
        (np.uint32, np.float64),
        (np.int64, np.float64),
        (np.uint64, np.float64),
        (np.longdouble, np.float64),
    ],
)
def test_every_numeric_dtype_gives_the_same_codes(dtype, computed, counts):
    expected = _model().fit(counts.astype(np.float64))
    X = counts.astype(dtype)
    model = _model().fit(X)
    codes = model.transform(X)
    assert working_dtype(X.dtype) == computed
    assert codes.dtype == computed
    np.testing.assert_allclose(
        codes, expected.transform(counts.astype(np.float64)), rtol=1e-3, atol=1e-3
    )
    assert model.inverse_transform(codes).dtype == computed
    assert model.score_samples(X).dtype == computed


def test_bool(counts):
    X = counts > 3
    codes = _model().fit(X).transform(X)
    assert codes.dtype == np.float32
    np.testing.assert_allclose(
        codes, _model().fit(X * 1.0).transform(X * 1.0), rtol=1e-3, atol=1e-4
    )


LAYOUTS = {
    "fortran": np.asfortranarray,
    "read-only": lambda X: _locked(X.copy()),
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "reversed": lambda X: X[::-1].copy()[::-1],
    "list": lambda X: X.tolist(),
    "object": lambda X: X.astype(object),
    "pandas": pd.DataFrame,
    "csr": scipy.sparse.csr_matrix,
    "csr array": scipy.sparse.csr_array,
    "csc": scipy.sparse.csc_array,
    "coo": scipy.sparse.coo_array,
}


def _locked(X):
    X.setflags(write=False)
    return X


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("bounded", [False, True])
def test_every_layout_gives_the_same_bits(layout, bounded, small):
    X = np.abs(small)
    loss = SquaredError(output_activation="softplus") if bounded else None
    expected = _model(loss=loss).fit(X)
    laid_out = LAYOUTS[layout](X)
    model = _model(loss=loss).fit(laid_out)
    exactly = layout not in ("csr", "csr array", "csc", "coo")
    tolerance = 0 if exactly else 1e-6  # a mean summed in another order
    for method in ("transform", "score_samples", "reconstruct"):
        np.testing.assert_allclose(
            getattr(model, method)(laid_out),
            getattr(expected, method)(X),
            rtol=tolerance,
            atol=tolerance,
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_memory_maps(dtype, tmp_path, rng):
    X = rng.integers(0, 200, size=(300, 7)).astype(dtype)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    expected = _model().fit(X).transform(X)
    np.testing.assert_array_equal(_model().fit(mapped).transform(mapped), expected)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames(frame, small):
    X = frame(dict(zip("abcde", small.T, strict=True)))
    model = _model().fit(X)
    assert list(model.feature_names_in_) == list("abcde")
    np.testing.assert_array_equal(
        model.transform(X), _model().fit(small).transform(small)
    )
    errors = model.reconstruction_error(X, per_feature=True)
    assert type(errors) is frame
    assert list(errors.columns) == list("abcde")
    np.testing.assert_allclose(
        np.asarray(errors).mean(axis=1), model.reconstruction_error(X)
    )
    assert isinstance(model.reconstruction_error(X), np.ndarray)


def test_lazy_frames_are_collected(small):
    eager = pl.DataFrame(dict(zip("abcde", small.T, strict=True)))
    model, expected = _model().fit(eager.lazy()), _model().fit(eager)
    assert list(model.feature_names_in_) == list("abcde")
    codes = model.transform(eager.lazy())
    np.testing.assert_array_equal(codes, expected.transform(eager))
    assert model.reconstruct(eager.lazy()).equals(expected.reconstruct(eager))
    assert model.inverse_transform(codes).columns == eager.columns
    with pytest.raises(ValueError, match="feature names should match"):
        model.transform(eager.lazy().rename({"a": "z"}))


def test_tensors(small):
    expected = _model().fit(small)
    X = torch.from_numpy(small)
    model = _model().fit(X)
    codes = model.transform(X)
    assert isinstance(codes, np.ndarray)
    np.testing.assert_array_equal(codes, expected.transform(small))
    rows = expected.inverse_transform(codes)
    np.testing.assert_array_equal(model.inverse_transform(torch.tensor(codes)), rows)
    with pytest.raises(ValueError, match=r"X, a torch.Tensor, is .*requires grad"):
        model.transform(X.clone().requires_grad_())
    with pytest.raises(ValueError, match=r"X, a torch.Tensor, is none that NumPy read"):
        _model().fit(X.bfloat16())


@pytest.mark.parametrize("columns", [list("abcde"), range(5)])
def test_frame_index_is_kept(columns, small):
    X = pd.DataFrame(small, columns=columns, index=np.arange(60) + 7)
    errors = _model().fit(X).reconstruction_error(X, per_feature=True)
    assert errors.index.equals(X.index)


def test_nullable_and_mixed_pandas_columns(small):
    X = pd.DataFrame(small, columns=list("abcde"))
    X["a"] = pd.array(np.arange(60), dtype="Int64")
    X["b"] = np.arange(60) % 2 == 0
    X["c"] = X["c"].astype(np.float32)
    assert _model().fit(X).transform(X).shape == (60, 2)


# -- awkward shapes


@pytest.mark.parametrize("n_rows", [1, 2, 3, 17, 33, 41, 65])
@pytest.mark.parametrize("norm", [None, "batch"])
def test_any_number_of_rows(n_rows, norm, rng):
    X = rng.normal(size=(n_rows, 4))
    model = Autoencoder(
        2, architecture=Dense((8,), norm=norm), batch_size=16, max_epochs=2
    ).fit(X)
    assert np.isfinite(model.reconstruct(X)).all()
    np.testing.assert_allclose(
        model.transform(X[:1]), model.transform(X)[:1], rtol=1e-9, atol=1e-12
    )


def test_one_feature(rng):
    X = rng.normal(size=(60, 1))
    model = Autoencoder(max_epochs=3).fit(X)
    np.testing.assert_allclose(model.reconstruct(X), X, atol=1e-2)


def test_constant_column_and_duplicate_rows(small):
    X = np.column_stack((np.full(60, 1e6), small[:, 0], np.zeros(60), small[:, 1]))
    X[30:] = X[:30]
    model = Autoencoder(2, max_epochs=5).fit(X)
    np.testing.assert_allclose(model.reconstruct(X)[:, 0], 1e6, rtol=1e-6)
    np.testing.assert_allclose(model.reconstruct(X), X, atol=1e-2)


def test_more_features_than_rows_and_than_a_covariance_takes(rng):
    X = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 5000))
    model = Autoencoder(3, max_epochs=1).fit(X)
    assert -model.score(X) < 1e-6 * X.var()


def test_sparse_is_never_made_dense_as_a_whole(rng, monkeypatch):
    X = scipy.sparse.random(4000, 3000, density=0.001, format="csr", random_state=0)
    largest = []
    toarray = scipy.sparse.csr_matrix.toarray
    monkeypatch.setattr(
        scipy.sparse.csr_matrix,
        "toarray",
        lambda self, *a, **k: largest.append(self.shape[0]) or toarray(self, *a, **k),
    )
    model = Autoencoder(2, max_epochs=1, architecture=Dense((8,))).fit(
        scipy.sparse.csr_matrix(X)
    )
    model.transform(scipy.sparse.csr_matrix(X))
    assert largest
    assert max(largest) < 4000


# -- refusals


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize(
    "method", ["fit", "partial_fit", "transform", "score_samples", "reconstruct"]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_not_finite(value, method, dtype, small):
    X = pd.DataFrame(small.astype(dtype), columns=["a", "b", "age", "d", "e"])
    model = _model()
    if method not in ("fit", "partial_fit"):
        model.fit(X)
    X.loc[17, "age"] = value
    with pytest.raises(
        ValueError, match=r"X contains infinity \(row 17, column 'age'\)"
    ):
        getattr(model, method)(X)


def test_large_finite_values_are_not_infinite():
    X = np.full((50, 4), 1e308)
    X[::2] = -1e308
    check = Autoencoder(2, max_epochs=1)
    large = np.random.default_rng(0).normal(size=(50, 4)) * 1e15
    assert np.isfinite(check.fit(large.astype(np.float32)).transform(large)).all()
    assert np.isfinite(check.offset_)
    with pytest.raises(ValueError, match="overflows float64"):
        check.fit(X)
    with pytest.raises(ValueError, match="overflows float32"):
        check.fit((large * 1e6).astype(np.float32))


def test_strings(small):
    X = pd.DataFrame(small, columns=list("abcde"))
    model = _model().fit(X)
    X["c"] = "text"
    with pytest.raises(ValueError, match="Column 'c' of X is not numeric"):
        model.transform(X)
    with pytest.raises(ValueError, match="Column 'c' of X is not numeric"):
        model.transform(pl.DataFrame(X.to_dict("list")))
    with pytest.raises(ValueError, match="numeric"):
        _model().fit([["a", "b"], ["c", "d"]])


def test_a_scaler_may_round_out_of_the_range(rng):
    X = rng.uniform(size=(60, 3))
    X[0] = 1 + 1e-12
    _model(loss="binary_cross_entropy").fit(X).score(X)


TEMPORAL = {
    "datetimes": datetime.datetime(2020, 1, 1),
    "dates": datetime.date(2020, 1, 1),
    "durations": datetime.timedelta(1),
    "times": datetime.time(1),
}


@pytest.mark.parametrize("value", TEMPORAL.values(), ids=TEMPORAL)
@pytest.mark.parametrize("form", ["pandas", "objects", "categories", "polars"])
@pytest.mark.parametrize("method", ["fit", "transform", "reconstruction_error"])
def test_dates_and_durations(value, form, method, small):
    X = pd.DataFrame(small, columns=list("abcde"))
    model = _model() if method == "fit" else _model().fit(X)
    X["d"] = pd.Series([value] * len(X), dtype=object if form == "objects" else None)
    if form == "categories":
        X["d"] = X["d"].astype("category")
    if form == "polars":
        X = pl.DataFrame({**X.to_dict("list"), "d": [value] * len(X)})
    kwargs = {"per_feature": True} if method == "reconstruction_error" else {}
    with pytest.raises(ValueError, match="Column 'd' of X .* of dates or durations"):
        getattr(model, method)(X, **kwargs)


def test_a_frame_of_nothing_but_dates():
    X = pd.DataFrame({"d": pd.Series(pd.date_range("2020", periods=50))})
    for frame in (X, X.astype("category")):
        with pytest.raises(ValueError, match="Column 'd' of X .* of dates"):
            _model().fit(frame)


def test_wrong_features(small):
    X = pd.DataFrame(small, columns=list("abcde"))
    model = _model().fit(X)
    with pytest.raises(ValueError, match="X has 3 features, but Autoencoder"):
        model.transform(small[:, :3])
    with pytest.raises(ValueError, match="feature names should match"):
        model.score_samples(X.rename(columns={"a": "z"}))
    with pytest.raises(ValueError, match="feature names should match"):
        model.partial_fit(X[list("edcba")])
    with pytest.raises(ValueError, match="X has 3 columns, but Autoencoder has 2 comp"):
        model.inverse_transform(small[:, :3])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.empty((0, 3)), "0 sample"),
        (np.empty((3, 0)), "0 feature"),
        (np.ones(5), "Expected 2D array"),
        (np.ones((5, 2)) * 1j, "Complex data"),
    ],
)
def test_wrong_shapes(X, message):
    with pytest.raises(ValueError, match=message):
        _model().fit(X)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 0}, "'n_components' parameter of Autoencoder"),
        ({"n_components": 1.5}, "'n_components' parameter of Autoencoder"),
        ({"n_components": "x"}, "'n_components' parameter of Autoencoder"),
        ({"loss": "squared"}, "'loss' parameter of Autoencoder"),
        ({"code_activation": "rleu"}, "'code_activation' parameter of Autoencoder"),
        ({"architecture": "dense"}, "'architecture' parameter of Autoencoder"),
        ({"batch_size": 0}, "'batch_size' parameter of Autoencoder"),
        ({"max_epochs": 0}, "'max_epochs' parameter of Autoencoder"),
        ({"learning_rate": 0.0}, "'learning_rate' parameter of Autoencoder"),
        ({"optimizer": "adma"}, "'optimizer' parameter of Autoencoder"),
        ({"contamination": 0.7}, "'contamination' parameter of Autoencoder"),
        ({"validation_fraction": 1.0}, "'validation_fraction' parameter"),
        ({"validation_fraction": 0.999}, "validation_fraction=0.999 leaves no row"),
        ({"device": "tpu"}, "device='tpu' is not a device"),
        ({"device": "xla"}, "device='xla' is not there"),
        ({"architecture": Dense(activation="rleu")}, "'activation' parameter of Dense"),
        ({"architecture": Dense((8, 0))}, "hidden_sizes of Dense"),
        ({"architecture": Dense(5)}, "'hidden_sizes' parameter of Dense"),
        ({"architecture": Dense(dropout=1.0)}, "'dropout' parameter of Dense"),
        ({"architecture": Dense(norm="group")}, "'norm' parameter of Dense"),
        ({"loss": SquaredError(output_activation="x")}, "'output_activation' param"),
        ({"net_params": {"no_such": 1}}, "no_such"),
        ({"net_params": {"lr": 1}}, r"net_params holds \['lr'\]"),
        ({"callbacks": [1]}, "callbacks takes skorch callbacks, not 1"),
        ({"code_activation": torch.nn.Linear}, "it needs arguments"),
        (
            {"optimizer": torch.optim.LBFGS, "weight_decay": 0.1},
            "LBFGS takes no weight",
        ),
        ({"early_stopping": "yes"}, "'early_stopping' parameter of Autoencoder"),
    ],
)
def test_wrong_parameters(parameters, message, small):
    model = _model(early_stopping=True).set_params(**parameters)
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(small)
    assert "net_" not in vars(model)


@pytest.mark.parametrize("parameter", ["code_activation", "optimizer"])
def test_classes_of_another_kind(parameter, small):
    with pytest.raises(TypeError, match="torch"):
        _model().set_params(**{parameter: dict}).fit(small)


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is there")
def test_a_device_that_is_not_there(small):
    with pytest.raises(ValueError, match="device='cuda' is not there; use 'auto' or"):
        _model(device="cuda").fit(small)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (BinaryCrossEntropy(), r"loss=BinaryCrossEntropy needs X in \[0, 1\]"),
        (Poisson(), "loss=Poisson needs X >= 0"),
        (
            SquaredError(output_activation="sigmoid"),
            r"SquaredError needs X in \[0, 1\]",
        ),
    ],
)
def test_values_outside_the_range_of_a_loss(loss, message, rng):
    X = pd.DataFrame(rng.uniform(size=(60, 3)), columns=["u", "v", "w"])
    model = _model(loss=loss).fit(X)
    X.loc[5, "v"] = -0.5
    with pytest.raises(ValueError, match=message + r".*-0.5 \(row 5, column 'v'\)"):
        _model(loss=loss).fit(X)
    model.transform(X)  # a code needs no likelihood
    if not isinstance(loss, SquaredError):
        with pytest.raises(ValueError, match=message):
            model.score_samples(X)


def test_user_subclass_without_its_method(small):
    from skae import Architecture, Loss

    with pytest.raises(NotImplementedError, match="must define"):
        _model().set_params(architecture=Architecture()).fit(small)
    with pytest.raises(NotImplementedError, match="must define"):
        _model(loss=Loss()).fit(small)


def test_importing_skae_imports_nothing_optional():
    import subprocess

    script = (
        "import sys, skae; print([m for m in ('matplotlib', 'polars', 'dask', "
        "'tokenizers', 'onnx', 'onnxruntime') if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_targets_elsewhere_are_not_read(small):
    y = torch.zeros((len(small), 2), device="meta")
    assert _model().fit(small, y).n_features_in_ == small.shape[1]
