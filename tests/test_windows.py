"""Windows: which steps they hold, and one value for each step again."""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skae.preprocessing.windows import SlidingWindows


def _through_pickle(model):
    return pickle.loads(pickle.dumps(model))


@pytest.fixture
def series(rng):
    return rng.normal(size=(50, 3))


class OfTables(SlidingWindows):
    """As if X were a table: windows of one step are as many as the rows."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array, tags.input_tags.two_d_array = False, True
        tags.no_validation = True  # of the number of axes: one is a channel
        return tags


@parametrize_with_checks([SlidingWindows(), OfTables(1)])
def test_sklearn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("n_times", "length", "stride", "starts"),
    [
        (10, 4, 1, [0, 1, 2, 3, 4, 5, 6]),
        (10, 4, 3, [0, 3, 6]),
        (10, 4, 4, [0, 4, 6]),
        (11, 4, 3, [0, 3, 6, 7]),
        (12, 4, 4, [0, 4, 8]),
        (4, 4, 2, [0]),
        (5, 4, 4, [0, 1]),
        (5, 1, 1, [0, 1, 2, 3, 4]),
    ],
)
def test_starts(n_times, length, stride, starts):
    series = np.arange(2.0 * n_times).reshape(n_times, 2)
    cut = SlidingWindows(length, stride=stride)
    windows = cut.fit_transform(series)
    expected = [series[start : start + length] for start in starts]
    np.testing.assert_array_equal(windows, np.stack(expected))
    assert len(windows) == np.ceil((n_times - length) / stride) + 1
    np.testing.assert_allclose(cut.inverse_transform(windows), series, rtol=1e-14)


def test_windows_are_a_copy(series):
    expected = series.copy()
    windows = SlidingWindows(8).fit_transform(series)
    neighbour = windows[1].copy()
    windows[0] = 7.0
    np.testing.assert_array_equal(windows[1], neighbour)
    np.testing.assert_array_equal(series, expected)
    assert windows.flags.c_contiguous


@pytest.mark.parametrize("stride", [1, 4, 8])
def test_other_series_than_that_of_fit(series, stride):
    cut = SlidingWindows(8, stride=stride).fit(series[:30])
    assert cut.n_times_in_ == 30
    windows = cut.transform(series)
    np.testing.assert_array_equal(
        windows, SlidingWindows(8, stride=stride).fit_transform(series)
    )
    assert cut.n_times_in_ == 30
    np.testing.assert_allclose(cut.inverse_transform(windows, n_times=50), series)
    assert cut.average(np.ones(len(windows)), n_times=50).tolist() == [1.0] * 50


def test_length_of_the_series_is_asked_for_where_it_is_open(series):
    cut = SlidingWindows(8, stride=4).fit(series[:30])
    windows = cut.transform(series)
    message = r"X has 12 windows, but a series of n_times=30 steps has 7 of length=8"
    with pytest.raises(ValueError, match=message):
        cut.inverse_transform(windows)
    message = r"values has 12 windows, but a series of n_times=7 steps has 0"
    with pytest.raises(ValueError, match=message):
        cut.average(np.ones(12), n_times=7)
    # A stride of one leaves no choice.
    cut = SlidingWindows(8).fit(series[:30])
    np.testing.assert_allclose(cut.inverse_transform(cut.transform(series)), series)
    with pytest.raises(ValueError, match="43 windows, but a series of n_times=51"):
        cut.average(np.ones(43), n_times=51)


def test_overlapping_windows_are_averaged():
    cut = SlidingWindows(3, stride=2).fit(np.zeros(6))  # starts 0, 2 and 3
    expected = [1, 1, 1.5, 3, 3, 4]
    values = np.array([1.0, 2.0, 4.0])
    np.testing.assert_allclose(cut.average(values), expected)
    per_step = np.repeat(values[:, None], 3, axis=1)
    np.testing.assert_allclose(cut.average(per_step), expected)
    per_channel = np.stack([per_step, -per_step], axis=2)
    np.testing.assert_allclose(
        cut.average(per_channel), np.column_stack([expected, np.negative(expected)])
    )
    np.testing.assert_allclose(
        cut.inverse_transform(per_step[:, :, None]), np.array(expected)[:, None]
    )


def test_an_outlier_stands_out_at_its_step(series):
    series[20] = 100.0
    cut = SlidingWindows(5).fit(series)
    windows = cut.transform(series)
    means = cut.average(np.abs(windows).max(axis=(1, 2)))
    assert means.argmax() == 20
    assert means[20] == 100.0
    assert means[15] < means[18]


@pytest.mark.parametrize(
    "container",
    [list, pd.Series, pl.Series, lambda x: x[:, None], lambda x: pd.DataFrame({"a": x}),
     lambda x: pl.DataFrame({"a": x})],
    ids=["list", "series", "polars series", "column", "frame", "polars frame"],
)  # fmt: skip
def test_containers_of_one_channel(container, rng):
    x = rng.normal(size=30)
    expected = SlidingWindows(6, stride=5).fit_transform(x)
    assert expected.shape == (6, 6, 1)
    cut = SlidingWindows(6, stride=5).fit(container(x))
    assert cut.n_features_in_ == 1
    np.testing.assert_array_equal(cut.transform(container(x)), expected)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_names_of_channels(frame, series):
    X = frame(dict(zip("abc", series.T, strict=True)))
    cut = SlidingWindows(6).fit(X)
    assert cut.feature_names_in_.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(cut.transform(X), cut.fit(series).transform(series))
    with pytest.raises(ValueError, match="feature names"):
        cut.fit(X).transform(X[["b", "a", "c"]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, bool])
def test_dtype(dtype, series):
    X = (series > 0).astype(dtype)
    cut = SlidingWindows(6)
    windows = cut.fit_transform(X)
    expected = dtype if dtype is np.float32 else np.float64
    assert windows.dtype == cut.inverse_transform(windows).dtype == expected
    assert cut.average(windows[:, 0, 0]).dtype == expected


@pytest.mark.parametrize("method", ["fit", "transform"])
@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((5, 1)), r"n_samples = 5 steps, shorter than a window: length=6"),
        (np.r_[np.zeros(9), np.inf], "X contains infinity"),
        (np.zeros((9, 2, 1)), "Found array with dim 3"),
        (pd.DataFrame({"a": list("abcdefghi")}), "Column 'a' of X is not numeric"),
        (["a"] * 9, "numeric"),
        ([np.zeros(9), np.zeros(8)], "list of several"),
    ],
)  # fmt: skip
def test_what_is_no_series(method, X, message):
    cut = SlidingWindows(6).fit(pd.DataFrame({"a": np.zeros(20)}))
    with (
        warnings.catch_warnings(action="ignore"),  # an array has no names
        pytest.raises(ValueError, match=message),
    ):
        getattr(cut, method)(X)


def test_number_of_channels_is_compared(series):
    cut = SlidingWindows(6).fit(series)
    with pytest.raises(ValueError, match="X has 2 features"):
        cut.transform(series[:, :2])
    with pytest.raises(ValueError, match=r"shape \(5, 6, 2\).* \(n_windows, 6, 3\)"):
        cut.inverse_transform(np.zeros((5, 6, 2)))
    with pytest.raises(ValueError, match="X contains infinity"):
        cut.inverse_transform(np.full((45, 6, 3), np.inf))


@pytest.mark.parametrize("shape", [(45, 5), (45, 5, 3), (45, 6, 3, 1)])
def test_values_of_another_shape(shape, series):
    cut = SlidingWindows(6).fit(series)
    with pytest.raises(ValueError, match=r"values have the shape \(45"):
        cut.average(np.zeros(shape))


def test_values_must_be_finite(series):
    with pytest.raises(ValueError, match="values contains infinity"):
        SlidingWindows(6).fit(series).average(np.full(45, np.inf))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (dict(length=0), "'length' parameter"),
        (dict(length=2.5), "'length' parameter"),
        (dict(stride=0), "'stride' parameter"),
        (dict(length=4, stride=5), "stride=5 is more than length=4"),
    ],
)
def test_parameters_are_checked(params, message, series):
    with pytest.raises(ValueError, match=message):
        SlidingWindows(**params).fit(series)


def test_unfitted():
    for call in (
        lambda cut: cut.transform(np.zeros(40)),
        lambda cut: cut.inverse_transform(np.zeros((9, 32, 1))),
        lambda cut: cut.average(np.zeros(9)),
    ):
        with pytest.raises(NotFittedError):
            call(SlidingWindows())


@pytest.mark.parametrize("copied", [copy.deepcopy, _through_pickle])
def test_copies(copied, series):
    cut = SlidingWindows(6, stride=4).fit(series)
    np.testing.assert_array_equal(
        copied(cut).inverse_transform(copied(cut).transform(series)),
        cut.inverse_transform(cut.transform(series)),
    )
    assert clone(cut).get_params() == dict(length=6, stride=4)
    assert not hasattr(clone(cut), "n_times_in_")


def test_in_a_pipeline(series):
    X = pd.DataFrame(series, columns=list("abc"))
    flat = FunctionTransformer(lambda windows: windows.reshape(len(windows), -1))
    cut = SlidingWindows(10, stride=3)
    pipe = make_pipeline(StandardScaler(), cut, flat, PCA(2)).fit(X)
    assert pipe.score_samples(X).shape == (15,)
    assert cut.average(-pipe.score_samples(X)).shape == (50,)
    ends = make_pipeline(StandardScaler(), SlidingWindows(10, stride=3)).fit(X)
    np.testing.assert_allclose(ends.inverse_transform(ends.transform(X)), series)


def test_output_is_an_array_in_any_container(series):
    X = pd.DataFrame(series, columns=list("abc"))
    pipe = make_pipeline(StandardScaler(), SlidingWindows(10))
    windows = pipe.set_output(transform="pandas").fit_transform(X)
    assert type(windows) is np.ndarray
    assert list(pipe.get_feature_names_out()) == ["a", "b", "c"]
    with config_context(transform_output="polars"):
        assert type(SlidingWindows(10).fit_transform(X)) is np.ndarray
