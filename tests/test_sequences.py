"""Series, tokens and arrays of any shape as X: in, through a search, and back."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_score,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skae import (
    Architecture,
    Autoencoder,
    ConditionalVariationalAutoencoder,
    ContractiveAutoencoder,
    Convolutional,
    CrossEntropy,
    Dense,
    GaussianNoise,
    Recurrent,
    SquaredError,
    Transformer,
    VariationalAutoencoder,
)
from skae.data.ragged import Ragged
from skae.data.rows import Batches, Rows
from skae.data.samples import Samples
from skae.data.scaling import Scaling

SHARED = dict(max_epochs=2, batch_size=16, random_state=0)
SMALL = Recurrent(6, cell="gru")


@pytest.fixture
def ragged(rng):
    """Series of unequal length, three channels."""
    return [rng.normal(size=(n, 3)).cumsum(axis=0) for n in rng.integers(2, 9, 50)]


@pytest.fixture
def labels(ragged):
    return np.arange(len(ragged)) % 2


def _equal(a, b):
    return len(a) == len(b) and all(map(np.array_equal, a, b))


# -- the matrix of unequal rows


def test_ragged_is_a_matrix_of_rows(rng):
    rows = [rng.normal(size=(n, 2)) for n in (3, 1, 4)]
    X = Ragged(np.concatenate(rows), np.array([3, 1, 4]))
    assert X.shape == (3, 8)
    assert len(X) == 3
    assert _equal(X.split(), rows)
    dense = X.toarray(np.nan)
    assert np.isnan(dense).sum() == 2 * (1 + 3)
    np.testing.assert_array_equal(X.toarray(), np.nan_to_num(dense))
    assert _equal(Ragged.of_padded(dense, X.lengths, 2).split(), rows)
    for chosen in (slice(1, 3), np.array([2, 0, 2]), slice(0, 3, 2)):
        picked, lengths = X[chosen].toarray(), X.lengths[chosen]
        assert picked.shape[1] == 2 * lengths.max()
        numbers = np.arange(3)[chosen]
        expected = [rows[i] for i in numbers]
        assert _equal(Ragged.of_padded(picked, lengths, 2).split(), expected)
        assert _equal(X[chosen].split(), expected)
    assert [X.row_and_step(number) for number in (0, 2, 3, 4, 7)] == [
        (0, 0), (0, 2), (1, 0), (2, 0), (2, 3),
    ]  # fmt: skip


@pytest.mark.parametrize("n_rows", [1, 17, 500, 513, 1037])
def test_batches_hold_rows_of_like_length(n_rows, rng):
    """No row is lost or repeated, and little of many batches is padding."""
    lengths = rng.integers(1, 100, n_rows)
    X = Ragged(np.repeat(np.arange(float(n_rows)), lengths)[:, None], lengths)
    rows = Rows(Samples(X), Scaling())
    batches = Batches(rows, 16, torch.Generator().manual_seed(0))
    padded, firsts = 0, []
    for batch in batches:
        padded += (~batch.observed).sum().item()
        firsts += batch.x[:, 0].tolist()
        assert torch.equal(batch.observed.sum(1), batch.lengths)
        assert (batch.x == batch.x[:, :1] * batch.observed).all()  # 0 beyond the end
    assert sorted(firsts) == list(range(n_rows))
    assert padded < 0.2 * lengths.sum() or n_rows < 500
    again = [row for batch in batches for row in batch.x[:, 0].tolist()]
    assert again != firsts or n_rows < 100


# -- forms of X


def test_lists_come_back_as_lists(ragged):
    model = Autoencoder(4, architecture=SMALL, **SHARED).fit(ragged)
    codes = model.transform(ragged)
    assert codes.shape == (50, 4)
    assert model.n_features_in_ == 3
    assert model.input_shape_ == (None, 3)
    for rows in (
        model.reconstruct(ragged),
        model.reconstruction_error(ragged, per_feature=True),
    ):
        assert [row.shape for row in rows] == [row.shape for row in ragged]
        assert all(np.isfinite(row).all() for row in rows)
    decoded = model.inverse_transform(codes)
    assert isinstance(decoded, list)
    assert {row.shape[1] for row in decoded} == {3}
    assert max(map(len, decoded)) <= max(map(len, ragged))
    cells = model.reconstruction_error(ragged, per_feature=True)
    np.testing.assert_allclose(
        [row.mean() for row in cells], model.reconstruction_error(ragged)
    )
    as_array = np.empty(50, dtype=object)
    as_array[:] = ragged
    for same in (tuple(ragged), as_array, pd.Series(ragged)):
        np.testing.assert_array_equal(model.transform(same), codes)


def test_batches_do_not_matter(ragged):
    model = Autoencoder(4, architecture=SMALL, **SHARED).fit(ragged)
    together = model.transform(ragged)
    alone = np.concatenate([model.transform([row]) for row in ragged])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-12)
    single = [row.astype(np.float32) for row in ragged]
    together = model.transform(single)
    assert together.dtype == np.float32
    alone = np.concatenate([model.transform([row]) for row in single])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-6)


def test_series_of_one_channel(rng):
    X = [rng.normal(size=n) for n in rng.integers(2, 9, 40)]
    model = Autoencoder(2, architecture=SMALL, **SHARED).fit(X)
    assert [row.shape for row in model.reconstruct(X)] == [row.shape for row in X]
    assert model.n_features_in_ == 1


def test_centre_and_scale_are_those_of_channels(rng):
    """A list as a shifted and scaled copy gives the same codes."""
    X = [rng.normal(size=(n, 2)) for n in rng.integers(2, 9, 40)]
    other = [1e3 * row + [5e4, -2e4] for row in X]
    codes = [
        Autoencoder(2, architecture=SMALL, **SHARED).fit(rows).transform(rows)
        for rows in (X, other)
    ]
    np.testing.assert_allclose(*codes, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("architecture", "shape", "n_features"),
    [
        (Recurrent(6), (7, 2), 2),
        (Convolutional((4,)), (2, 9), 18),
        (Convolutional((4,)), (1, 7, 5), 35),
        (Convolutional((4,), channels_last=True), (7, 5, 2), 70),
        (Convolutional((4,)), (2, 3, 5, 4), 120),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_arrays_come_back_in_their_shape(architecture, shape, n_features, dtype, rng):
    X = (100 * rng.uniform(size=(45, *shape))).astype(dtype)
    model = Autoencoder(3, architecture=architecture, **SHARED).fit(X)
    assert model.n_features_in_ == n_features
    assert model.input_shape_ == shape
    wanted = np.float32 if dtype == np.uint8 else dtype
    for rows in (
        model.reconstruct(X),
        model.inverse_transform(model.transform(X)),
        model.reconstruction_error(X, per_feature=True),
    ):
        assert rows.shape == X.shape
        assert rows.dtype == wanted
    flat = model.set_params(architecture__input_shape=shape).fit(X.reshape(45, -1))
    assert flat.reconstruct(X.reshape(45, -1)).shape == (45, np.prod(shape))
    assert flat.n_features_in_ == np.prod(shape)


def test_flat_images_in_a_pipeline_of_frames(rng):
    frame = pd.DataFrame(rng.normal(size=(45, 12)), columns=list("abcdefghijkl"))
    architecture = Convolutional((4,), input_shape=(1, 3, 4))
    pipe = make_pipeline(
        StandardScaler().set_output(transform="pandas"),
        Autoencoder(2, architecture=architecture, **SHARED),
    ).set_output(transform="pandas")
    codes = pipe.fit(frame).transform(frame)
    assert list(codes.columns) == ["autoencoder0", "autoencoder1"]
    assert pipe.inverse_transform(codes).shape == (45, 12)
    assert list(pipe[-1].feature_names_in_) == list(frame.columns)


def test_models_of_lists(ragged, labels):
    vae = VariationalAutoencoder(3, architecture=SMALL, **SHARED).fit(ragged)
    drawn = vae.sample(4, random_state=0, draw=True)
    assert len(drawn) == 4
    assert {row.shape[1] for row in drawn} == {3}
    paths = vae.interpolate(ragged[:2], ragged[2:4], 5)
    assert [len(path) for path in paths] == [5, 5]
    shifted = [row + 100.0 for row in ragged]
    scaled = [10.0 * row for row in ragged]
    other = VariationalAutoencoder(3, architecture=SMALL, **SHARED).fit(scaled)
    n_cells = np.array([row.size for row in ragged])
    np.testing.assert_allclose(  # a density in units of X
        other.score_samples(scaled),
        vae.score_samples(ragged) - n_cells * np.log(10.0),
        rtol=1e-3,
    )
    assert vae.score(shifted) < vae.score(ragged)
    conditional = ConditionalVariationalAutoencoder(3, architecture=SMALL, **SHARED)
    conditional.fit(ragged, labels)
    other_way = conditional.reconstruct(ragged, condition=1 - labels)
    same = conditional.reconstruct(ragged, condition=labels, from_condition=labels)
    assert [row.shape for row in other_way] == [row.shape for row in ragged]
    assert not _equal(other_way, same)


def test_contraction_of_lists(ragged):
    model = ContractiveAutoencoder(3, architecture=SMALL, **SHARED).fit(ragged)
    norms = model.jacobian_norm(ragged)
    step = 1e-5
    row = ragged[0]
    moved = []
    for place in np.ndindex(row.shape):
        other = row.copy()
        other[place] += step
        moved.append(other)
    jacobian = (model.transform(moved) - model.transform([row])) / step
    assert norms[0] == pytest.approx(np.linalg.norm(jacobian), rel=1e-3)


@pytest.mark.parametrize("patch_size", [1, 3])
def test_contraction_does_not_depend_on_other_rows(patch_size, ragged):
    """A patch that reaches beyond the end of a row has no slope there."""
    architecture = Transformer(8, n_heads=2, patch_size=patch_size)
    model = ContractiveAutoencoder(3, architecture=architecture, **SHARED).fit(ragged)
    alone = np.concatenate([model.jacobian_norm([row]) for row in ragged])
    np.testing.assert_allclose(model.jacobian_norm(ragged), alone, rtol=1e-9)


# -- scikit-learn's tools on lists


def test_grid_search_on_lists(ragged):
    search = GridSearchCV(
        Autoencoder(architecture=Recurrent(4), **SHARED),
        {"n_components": [1, 3], "architecture__cell": ["gru", "rnn"]},
        cv=2,
    ).fit(ragged)
    assert search.best_estimator_.transform(ragged[:3]).shape[0] == 3
    assert len(set(search.cv_results_["mean_test_score"])) == 4


def test_cross_val_score_on_lists(ragged, labels):
    pipe = make_pipeline(
        Autoencoder(3, architecture=SMALL, **SHARED), LogisticRegression()
    )
    scores = cross_val_score(pipe, ragged, labels, cv=3)
    assert scores.shape == (3,)
    assert np.isfinite(scores).all()


def test_train_test_split_of_lists(ragged):
    train, test = train_test_split(ragged, random_state=0)
    model = Autoencoder(3, architecture=SMALL, **SHARED).fit(train, X_val=test)
    assert model.transform(test).shape == (len(test), 3)
    assert set(model.predict(test)) <= {-1, 1}
    assert np.isfinite(model.history_[0]["valid_loss"])


def test_pipeline_after_a_function_on_lists(ragged):
    halved = FunctionTransformer(lambda X: [row[::2] for row in X])
    pipe = make_pipeline(halved, Autoencoder(3, architecture=SMALL, **SHARED))
    codes = pipe.fit_transform(ragged)
    np.testing.assert_allclose(codes, pipe[-1].transform([row[::2] for row in ragged]))
    assert [len(row) for row in pipe[-1].reconstruct(halved.transform(ragged))] == [
        -(-len(row) // 2) for row in ragged
    ]


def test_streams_pickles_and_repeats_of_lists(ragged):
    model = Autoencoder(3, architecture=SMALL, **SHARED)
    first, second = ragged[:30], ragged[30:]
    model.partial_fit(first)
    again = pickle.loads(pickle.dumps(model))
    a = model.partial_fit(second).transform(ragged)
    b = again.partial_fit(second).transform(ragged)
    np.testing.assert_array_equal(a, b)
    longer = [np.zeros((40, 3))]
    assert model.transform(longer).shape == (1, 3)
    assert model.reconstruct(longer)[0].shape == (40, 3)
    fits = [
        Autoencoder(3, architecture=SMALL, corruption=GaussianNoise(), **SHARED)
        .fit(ragged)
        .transform(ragged)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*fits)


# -- tokens


def test_tokens_come_back_as_tokens(rng):
    X = [rng.integers(0, 12, n) for n in rng.integers(1, 7, 50)]
    model = Autoencoder(3, architecture=Recurrent(8, vocabulary_size=12), **SHARED)
    model.fit(X)
    assert isinstance(model.loss_, CrossEntropy)
    for rows in (model.reconstruct(X), model.inverse_transform(model.transform(X))):
        assert all(row.dtype == np.int64 and row.ndim == 1 for row in rows)
        assert all(((row >= 0) & (row < 12)).all() for row in rows)
    assert [len(row) for row in model.reconstruct(X)] == [len(row) for row in X]
    assert -model.score(X) < np.log(12) + 0.2  # nats per token
    cells = model.reconstruction_error(X, per_feature=True)
    np.testing.assert_allclose(
        [row.mean() for row in cells], model.reconstruction_error(X), rtol=1e-5
    )


def test_padding_tokens_are_ignored(rng):
    lists = [rng.integers(0, 9, n) for n in rng.integers(1, 7, 50)]
    table = np.full((50, 8), 9)
    for row, tokens in zip(table, lists, strict=True):
        row[: len(tokens)] = tokens
    architecture = Recurrent(8, vocabulary_size=10, padding_token=9)
    as_table = Autoencoder(3, architecture=architecture, **SHARED).fit(table)
    as_lists = Autoencoder(3, architecture=architecture, **SHARED).fit(lists)
    np.testing.assert_array_equal(as_table.transform(table), as_lists.transform(lists))
    rows = as_table.reconstruct(table)
    assert rows.shape == table.shape
    np.testing.assert_array_equal(rows[table == 9], 9)
    assert as_table.n_features_in_ == 8
    errors = as_table.reconstruction_error(table, per_feature=True)
    np.testing.assert_array_equal(np.isnan(errors), table == 9)


# -- errors


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda X: [*X, np.zeros((3, 5))], "Row 50 of X has 5 channels"),
        (lambda X: [*X, np.zeros((0, 3))], "Row 50 of X is empty"),
        (lambda X: [*X, np.zeros((2, 3, 1))], "Row 50 of X has the shape"),
        (lambda X: [*X, np.array([["a", "b", "c"]])], "Row 50 of X is not numeric"),
        (lambda X: [*X, np.ones((2, 3)) + 1j], "Row 50 of X is of dtype complex"),
        (lambda X: [*X, np.ones((2, 3), "M8[s]")], "Row 50 of X is of dtype datetime"),
        (lambda X: [*X, None], "Row 50 of X is None"),
        (
            lambda X: [
                *(pd.DataFrame(x, columns=[*"abc"]) for x in X),
                pd.DataFrame(np.ones((2, 3)), columns=[*"bac"]),
            ],
            r"Row 50 of X has the columns \['b', 'a', 'c'\]",
        ),
        (
            lambda X: [*X, np.array([[0.0, 1.0, 2.0], [1.0, np.inf, 2.0]])],
            r"infinity \(row 50, step 1, channel 1\)",
        ),
    ],
)
def test_bad_series_are_named(make, message, ragged):
    with pytest.raises(ValueError, match=message):
        Autoencoder(3, architecture=SMALL, **SHARED).fit(make(ragged))
    model = Autoencoder(3, architecture=SMALL, **SHARED).fit(ragged)
    with pytest.raises(ValueError, match=message):
        model.transform(make(ragged))


class OfTables(Dense):
    """One that says nothing of its codec."""

    make_codec = Architecture.make_codec


@pytest.mark.parametrize(
    ("architecture", "X", "message"),
    [
        (Convolutional(input_shape=(1, 5, 5)), np.zeros((50, 24)), "has 25 values"),
        (Convolutional(input_shape=(1, 5, 5)), np.zeros((50, 5, 5)), "does not match"),
        (Convolutional(input_shape=(0, 5)), np.zeros((50, 5)), "integers of at least"),
        (Convolutional((4, 4, 4, 4)), np.ones((50, 1, 4, 4)), "too small|stage"),
        (Convolutional(), np.zeros((50, 1, 2, 2, 2, 2)), "6 axes"),
        (Recurrent(), np.zeros((50, 1, 4, 4)), "4 axes"),
        (Recurrent(input_shape=(3, 2)), np.zeros((50, 7)), "has 6 values"),
        (Recurrent(vocabulary_size=4), [[1, 2], [4]], "Row 1 of X holds the token 4"),
        (Recurrent(vocabulary_size=4), [[1, 2], []], "Row 1 of X is empty"),
        (Recurrent(vocabulary_size=4), [[1, 2], [0.5]], "whole numbers"),
        (Recurrent(vocabulary_size=4), ["ab", "c"], "SubwordTokenizer"),
        (OfTables(), np.zeros((50, 3, 3)), "dim 3.*Images and signals are for"),
        (Dense(), [np.zeros((2, 3)), np.zeros((3, 3))], "unequal shapes"),
        (Convolutional(), [np.zeros((2, 3)), np.zeros((2, 4))], "unequal shapes"),
        (Recurrent(vocabulary_size=4), [], "Found 0 sample"),
        (Recurrent(), [], "Found 0 sample"),
        (
            Recurrent(),
            pd.DataFrame({"s": [np.ones((3, 2))] * 20}),
            r"holds arrays: pass the column alone, X\['s'\]",
        ),
    ],
    ids=str,
)
def test_bad_shapes_and_tokens_are_named(architecture, X, message):
    with pytest.raises(ValueError, match=message):
        Autoencoder(2, architecture=architecture, **SHARED).fit(X)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((8, 9, 3), "8 channels of the size .9, 3.. .*channels_last=True"),
        ((12, 1), "12 channels .*channels_last=True"),
        ((8, 8), r"8 channels .*X\[:, None\]"),
        ((3, 8, 9), r"9 channels .*channels_last=False"),
    ],
)
def test_axes_that_look_misread_are_named(shape, message, rng):
    X = rng.normal(size=(20, *shape))
    last = "=False" in message
    architecture = Convolutional(channels_last=last)
    model = Autoencoder(2, architecture=architecture, **SHARED)
    with pytest.warns(UserWarning, match=message):
        model.fit(X)
    if len(shape) > 2:
        model.set_params(architecture__input_shape=shape)
        with pytest.warns(UserWarning, match=message):
            model.fit(X.reshape(len(X), -1))


@pytest.mark.parametrize("shape", [(3, 8, 8), (4, 2), (8, 9), (1, 8, 8)])
def test_usual_axes_are_quiet(shape, rng):
    X = rng.normal(size=(20, *shape))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Autoencoder(2, architecture=Convolutional((4,)), **SHARED).fit(X)


def test_an_array_is_a_list_of_series(ragged):
    model = Autoencoder(3, architecture=SMALL, **SHARED).fit(ragged)
    some = [np.asarray(x)[:4] for x in ragged if len(x) >= 4]
    codes = model.transform(np.stack(some))
    np.testing.assert_allclose(codes, model.transform(some), rtol=1e-6)


@pytest.mark.parametrize("container", ["series", "objects"])
def test_arrays_in_a_column(container, rng):
    """Images, and rows such as embeddings, in a series or an object array."""
    images = rng.normal(size=(30, 1, 5, 6))
    for architecture, rows in (
        (Convolutional((4,)), images),
        (Dense((8,)), images[:, 0, 0]),
    ):
        column = np.empty(len(rows), dtype=object)
        column[:] = list(rows)
        if container == "series":
            column = pd.Series(column, index=range(30, 60))
        model = Autoencoder(2, architecture=architecture, **SHARED).fit(rows)
        other = Autoencoder(2, architecture=architecture, **SHARED).fit(column)
        np.testing.assert_array_equal(other.transform(column), model.transform(rows))
        frame = other.set_output(transform="pandas").transform(column)
        assert list(frame.index) == list(getattr(column, "index", range(30)))


def test_columns_of_series_in_a_column_transformer(rng):
    series = [rng.normal(size=(n, 3)) for n in rng.integers(3, 7, 40)]
    index = rng.permutation(40)
    frame = pd.DataFrame({"series": series, "n": range(40)}, index=index)
    both = ColumnTransformer(
        [
            ("s", Autoencoder(3, architecture=SMALL, **SHARED), "series"),
            ("n", "passthrough", ["n"]),
        ]
    ).set_output(transform="pandas")
    codes = both.fit_transform(frame)
    assert list(codes) == [f"s__autoencoder{i}" for i in range(3)] + ["n__n"]
    assert list(codes.index) == list(index)
    np.testing.assert_allclose(
        codes.iloc[:, :3], both.named_transformers_["s"].transform(series), rtol=1e-6
    )


def test_another_shape_than_in_fit_is_named(rng, ragged):
    images = rng.normal(size=(45, 1, 6, 6))
    model = Autoencoder(2, architecture=Convolutional((4,)), **SHARED).fit(images)
    with pytest.raises(ValueError, match=r"expects \(n_samples, 1, 6, 6\)"):
        model.transform(rng.normal(size=(3, 1, 6, 6, 1)))
    with pytest.raises(ValueError, match=r"expects \(n_samples, 1, 6, 6\)"):
        model.transform(rng.normal(size=(3, 36)))
    images[1, 0, 2, 3] = np.inf
    with pytest.raises(ValueError, match=r"infinity \(row 1, position \(0, 2, 3\)\)"):
        model.transform(images)
    model = Autoencoder(2, architecture=SMALL, **SHARED).fit(ragged)
    with pytest.raises(ValueError, match="must be a list of arrays"):
        model.transform(np.zeros((3, 4)))
    with pytest.raises(ValueError, match="has 2 channels, but 3"):
        model.transform(np.zeros((3, 4, 2)))
    with pytest.raises(ValueError, match="Found 0 sample"):
        model.transform([])
    with pytest.raises(ValueError, match="columns, which rows of unequal"):
        Autoencoder(0.9, architecture=SMALL, **SHARED).fit(ragged)


def test_tokens_go_with_their_loss_and_noise(rng):
    X = [rng.integers(0, 9, n) for n in rng.integers(1, 7, 50)]
    tokens = Recurrent(8, vocabulary_size=9)
    with pytest.raises(ValueError, match="CrossEntropy and a vocabulary_size"):
        Autoencoder(2, architecture=tokens, loss=SquaredError()).fit(X)
    with pytest.raises(ValueError, match="CrossEntropy and a vocabulary_size"):
        Autoencoder(2, loss=CrossEntropy()).fit(rng.uniform(size=(50, 4)))
    with pytest.raises(ValueError, match="makes other numbers of tokens"):
        Autoencoder(2, architecture=tokens, corruption=GaussianNoise()).fit(X)
    with pytest.raises(ValueError, match="derivatives"):
        ContractiveAutoencoder(2, architecture=tokens).fit(X)
