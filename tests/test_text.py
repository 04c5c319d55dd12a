"""Texts: every one comes back, the same ones give the same vocabulary."""

import copy
import hashlib
import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from joblib import Parallel, delayed
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks, get_tags

from skae import Autoencoder, Recurrent, SubwordTokenizer

pytest.importorskip("tokenizers")

_STEMS = ["quick", "slow", "light", "dark", "jump", "sleep", "walk", "lazi"]
_ENDINGS = ["ness", "ly", "er", "est", "ing", "ed", "s"]
TEXTS = [
    f"The {stem}{ending} of {other}{ending}, and {other}!"
    for stem, other in zip(_STEMS, _STEMS[1:], strict=False)
    for ending in _ENDINGS
]
AWKWARD = [
    "",
    " ",
    "\r\n\t  two  spaces \x00",
    "na\u00efve \u00fcber, \u65e5\u672c\u8a9e, \u0639\u0631\u0628\u064a\u0629",
    "\U0001f40c\U0001f469\u200d\U0001f52c\ufe0f",
    "\ufffd [end of text] [UNK] <s>",
    "##a ##b \u0120the \u2581the",
    "a" * 1001,
]  # fmt: skip
MODELS = ["bpe", "wordpiece", "unigram"]
every_model = pytest.mark.parametrize("model", MODELS)


def _through_pickle(model):
    return pickle.loads(pickle.dumps(model))


def _equal(tokens, others):
    assert len(tokens) == len(others)
    for some, other in zip(tokens, others, strict=True):
        np.testing.assert_array_equal(some, other)


@pytest.fixture(scope="module", params=MODELS)
def fitted(request):
    return SubwordTokenizer(300, model=request.param).fit(TEXTS)


def test_every_text_comes_back(fitted):
    texts = TEXTS + AWKWARD
    back = fitted.inverse_transform(fitted.transform(texts))
    assert back.shape == (len(texts),)
    assert back.dtype == object
    assert list(back) == texts


def test_tokens_are_integers_that_end(fitted):
    for tokens in fitted.transform(TEXTS + AWKWARD):
        assert tokens.dtype == np.int64
        assert tokens.ndim == 1
        assert tokens[-1] == 1
        assert tokens[:-1].min(initial=2) >= 2  # neither unknown nor an end within
        assert tokens.max() < fitted.vocabulary_size_
    assert fitted.transform([""])[0].tolist() == [1]


def test_frequent_words_are_few_tokens(fitted):
    known, unknown = fitted.transform([" light", " thgil"])
    assert len(known) < len(unknown) == len(" thgil") + 1


@every_model
def test_vocabulary_size(model):
    sizes = [258, 262, 270]
    models = [SubwordTokenizer(size, model=model).fit(TEXTS) for size in sizes]
    assert [model.vocabulary_size_ for model in models] == sizes
    n_tokens = [sum(map(len, model.transform(TEXTS))) for model in models]
    assert n_tokens[0] > n_tokens[1] > n_tokens[2]
    assert n_tokens[0] == sum(len(text.encode()) + 1 for text in TEXTS)


@every_model
def test_no_more_is_learned_than_there_is(model):
    fitted = SubwordTokenizer(5000, model=model).fit(["abab", "ab"])
    assert 258 <= fitted.vocabulary_size_ < 270
    assert type(fitted.vocabulary_size_) is int


def test_models_cut_differently():
    models = [SubwordTokenizer(300, model=model).fit(TEXTS) for model in MODELS]
    cuts = {len(model.transform([" nesslyerest"])[0]) for model in models}
    assert len(cuts) == 3


@every_model
def test_lowercase(model):
    texts = ["ABC abc \u00c4", "Abc"]
    lower = SubwordTokenizer(262, model=model, lowercase=True)
    tokens = lower.fit_transform(texts)
    assert list(lower.inverse_transform(tokens)) == ["abc abc \u00e4", "abc"]
    _equal(lower.transform(["aBc"]), lower.transform(["abc"]))
    kept = SubwordTokenizer(262, model=model).fit(texts)
    assert list(kept.inverse_transform(kept.transform(texts))) == texts


def test_max_length():
    whole = SubwordTokenizer(300).fit(TEXTS)
    cut = SubwordTokenizer(300, max_length=5).fit(TEXTS)
    for text in [*TEXTS, "", "ab"]:
        (tokens,), (shorter,) = whole.transform([text]), cut.transform([text])
        assert len(shorter) == min(len(tokens), 5)
        np.testing.assert_array_equal(shorter[:-1], tokens[: len(shorter) - 1])
        assert shorter[-1] == 1
        assert text.startswith(cut.inverse_transform([shorter])[0])


@every_model
def test_the_same_texts_give_the_same_vocabulary(model):
    learned = {
        SubwordTokenizer(300, model=model).fit(texts).tokenizer_.to_str()
        for texts in (TEXTS, list(reversed(TEXTS)), iter(TEXTS), TEXTS)
    }
    assert len(learned) == 1


_ELSEWHERE = """
import hashlib, pathlib, pickle, sys
from skae import SubwordTokenizer
texts = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())
for model in ("bpe", "wordpiece", "unigram"):
    fitted = SubwordTokenizer(300, model=model).fit(texts)
    print(hashlib.sha256(fitted.tokenizer_.to_str().encode()).hexdigest())
"""


def test_another_process_learns_the_same(tmp_path):
    path = tmp_path / "texts.pickle"
    path.write_bytes(pickle.dumps(TEXTS))
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false"}
    found = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE, str(path)],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    expected = [
        SubwordTokenizer(300, model=model).fit(TEXTS).tokenizer_.to_str()
        for model in MODELS
    ]
    assert found.stdout.split() == [
        hashlib.sha256(text.encode()).hexdigest() for text in expected
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="needs processes that fork")
def test_quiet_in_forked_processes(capfd, monkeypatch):
    monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
    environment = dict(os.environ)
    fitted = SubwordTokenizer(300).fit(TEXTS)
    work = Parallel(n_jobs=2, backend="multiprocessing")
    parts = work(delayed(fitted.transform)(part) for part in (TEXTS[:4], TEXTS[4:]))
    _equal(parts[0] + parts[1], fitted.transform(TEXTS))
    out, err = capfd.readouterr()
    assert out == ""
    assert "fork" not in err
    assert dict(os.environ) == environment


@pytest.mark.parametrize(
    "container",
    [
        tuple,
        iter,
        np.array,
        lambda texts: np.array(texts, dtype=object),
        lambda texts: np.array(texts)[:, None],
        pd.Series,
        lambda texts: pd.Series(texts, index=range(5, 5 + len(texts)), dtype="string"),
        lambda texts: pd.DataFrame({"text": texts}),
        pl.Series,
        lambda texts: pl.DataFrame({"text": texts}),
    ],
    ids=["tuple", "iterator", "array", "objects", "column", "series", "strings",
         "frame", "polars series", "polars frame"],
)  # fmt: skip
def test_containers(container):
    expected = SubwordTokenizer(300).fit(TEXTS)
    fitted = SubwordTokenizer(300).fit(container(TEXTS))
    assert fitted.tokenizer_.to_str() == expected.tokenizer_.to_str()
    _equal(fitted.transform(container(TEXTS)), expected.transform(TEXTS))
    _equal(
        SubwordTokenizer(300).fit_transform(container(TEXTS)),
        expected.transform(TEXTS),
    )


def test_containers_of_tokens():
    fitted = SubwordTokenizer(300).fit(TEXTS)
    tokens = fitted.transform(["quick", "slow light", ""])
    for given in (
        [row.tolist() for row in tokens],
        [row[:, None] for row in tokens],
        [row.astype(np.float32) for row in tokens],
        np.stack([np.pad(row, (0, 20 - len(row))) for row in tokens]),
    ):
        assert list(fitted.inverse_transform(given)) == ["quick", "slow light", ""]


def test_tokens_that_no_text_has():
    fitted = SubwordTokenizer(300).fit(TEXTS)
    (snail,) = fitted.transform(["\U0001f40c"])
    (word,) = fitted.transform(["dark"])
    found = fitted.inverse_transform([word[:-1], [*word, *word], snail[:2], [0], []])
    assert list(found) == ["dark", "dark", "\ufffd", "\ufffd", ""]


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (300, r"Row 1 of X holds the token 300, .* tokens 0 to 299"),
        (-1, r"Row 1 of X holds the token -1"),
        (2.5, r"Row 1 of X holds the token 2\.5"),
        (np.nan, r"Row 1 of X holds the token nan"),
        ("a", r"Row 1 of X is of dtype <U"),
    ],
)
def test_tokens_outside_the_vocabulary(token, message):
    fitted = SubwordTokenizer(300).fit(TEXTS)
    with pytest.raises(ValueError, match=message):
        fitted.inverse_transform([[5, 1], [token]])


def test_tokens_of_another_shape():
    fitted = SubwordTokenizer(300).fit(TEXTS)
    with pytest.raises(ValueError, match=r"Row 0 of X has the shape \(3, 2\)"):
        fitted.inverse_transform([np.ones((3, 2), dtype=int)])
    with pytest.raises(ValueError, match=r"Row 0 of X has the shape \(\)"):
        fitted.inverse_transform([5, 1])


@pytest.mark.parametrize("method", ["fit", "fit_transform", "transform"])
@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ("one text", ValueError, "single text"),
        (["a", None], ValueError, r"Row 1 of X is missing \(None\)"),
        (["a", "b", np.nan], ValueError, r"Row 2 of X is missing \(nan\)"),
        (pd.Series(["a", pd.NA], dtype="string"), ValueError, "Row 1 of X is missing"),
        (["a", 3], TypeError, "Row 1 of X is no text but of type int: 3"),
        ([b"a"], TypeError, "Row 0 of X is no text but of type bytes"),
        ([["a"], ["b"]], TypeError, "Row 0 of X is no text but of type list"),
        (np.arange(3.0), TypeError, "Row 0 of X is no text but of type float64"),
        (["a", "\ud800"], ValueError, "Row 1 of X is no valid Unicode"),
        (pd.DataFrame({"a": ["b"], "c": ["d"]}), ValueError, "X has 2 columns"),
        (np.array([["a", "b", "c"]]), ValueError, "X has 3 columns"),
    ],
)
def test_what_is_no_text(method, X, error, message):
    model = SubwordTokenizer(300).fit(TEXTS)
    with pytest.raises(error, match=message):
        getattr(model, method)(X)


@every_model
@pytest.mark.parametrize("X", [[], [""], ["", ""]])
def test_nothing_to_learn_from(model, X):
    with pytest.raises(ValueError, match=f"n_samples={len(X)}"):
        SubwordTokenizer(model=model).fit(X)


@pytest.mark.parametrize(
    "params",
    [
        dict(vocabulary_size=257),
        dict(vocabulary_size=300.0),
        dict(model="words"),
        dict(lowercase="yes"),
        dict(max_length=1),
    ],
)
def test_parameters_are_checked(params):
    (name,) = params
    with pytest.raises(ValueError, match=f"The '{name}' parameter"):
        SubwordTokenizer(**params).fit(TEXTS)


def test_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ImportError, match=r'pip install "skae\[text\]"'):
        SubwordTokenizer().fit(TEXTS)


@pytest.mark.parametrize("copied", [copy.deepcopy, _through_pickle])
def test_copies(copied, fitted):
    other = copied(fitted)
    assert other.vocabulary_size_ == fitted.vocabulary_size_
    _equal(other.transform(AWKWARD), fitted.transform(AWKWARD))
    assert list(other.inverse_transform(other.transform(AWKWARD))) == AWKWARD


def test_clone(fitted):
    other = clone(fitted)
    assert other.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        other.transform(TEXTS)
    with pytest.raises(NotFittedError):
        other.inverse_transform([[1]])
    _equal(other.fit(TEXTS).transform(TEXTS), fitted.transform(TEXTS))


def test_rows_keep_their_index_in_a_column_transformer():
    frame = pd.DataFrame({"text": TEXTS, "n": range(len(TEXTS))})
    frame.index = frame.index[::-1]
    encoder = make_pipeline(
        SubwordTokenizer(300),
        Autoencoder(
            2,
            architecture=Recurrent(4, vocabulary_size=300),
            max_epochs=2,
            random_state=0,
        ),
    )
    both = ColumnTransformer([("t", encoder, "text"), ("n", "passthrough", ["n"])])
    codes = clone(both.set_output(transform="pandas")).fit_transform(frame)
    assert list(codes) == ["t__autoencoder0", "t__autoencoder1", "n__n"]
    pd.testing.assert_series_equal(codes["n__n"], frame["n"], check_names=False)
    alone = clone(encoder).set_output(transform="default").fit(TEXTS)
    np.testing.assert_allclose(codes.iloc[:, :2], alone.transform(TEXTS), rtol=1e-6)
    with config_context(transform_output="pandas"):
        tokens = SubwordTokenizer(300).fit_transform(frame["text"])
        assert list(tokens.index) == list(frame.index)


def test_output_is_a_list_in_any_container():
    counts = FunctionTransformer(
        lambda X: pd.DataFrame({"n_tokens": [len(row) for row in X]})
    )
    pipe = make_pipeline(SubwordTokenizer(300), counts).set_output(transform="pandas")
    assert (pipe.fit_transform(TEXTS)["n_tokens"] > 1).all()
    with config_context(transform_output="polars"):
        assert isinstance(SubwordTokenizer(300).fit_transform(TEXTS), list)


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
        estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
        estimator_checks.check_mixin_order,
        estimator_checks.check_valid_tag_types,
        estimator_checks.check_estimator_tags_renamed,
    ],
    ids=lambda check: check.__name__,
)
def test_what_scikit_learn_checks_without_numbers(check):
    check("SubwordTokenizer", SubwordTokenizer())


def test_tags():
    tags = get_tags(SubwordTokenizer())
    assert tags.input_tags.string
    assert not tags.input_tags.two_d_array
    assert tags.requires_fit
    assert list(SubwordTokenizer().get_feature_names_out()) == ["tokens"]


@pytest.mark.parametrize("model", ["bpe", "wordpiece", "unigram"])
def test_the_state_is_of_plain_types(model):
    """What walks states, such as skops, meets no class of the library."""
    tokenizer = SubwordTokenizer(300, model=model, lowercase=True).fit(TEXTS)
    state = tokenizer.__getstate__()
    assert isinstance(state["tokenizer_"], str)
    again = SubwordTokenizer.__new__(SubwordTokenizer)
    again.__setstate__(state)
    assert again.tokenizer_.to_str() == tokenizer.tokenizer_.to_str()
    assert again.inverse_transform(again.transform(TEXTS)).tolist() == [
        text.lower() for text in TEXTS
    ]
    clean = SubwordTokenizer.__new__(SubwordTokenizer)
    clean.__setstate__(SubwordTokenizer().__getstate__())
    assert repr(clean) == repr(SubwordTokenizer())
