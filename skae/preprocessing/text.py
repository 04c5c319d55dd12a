"""Texts as sequences of subwords: tokens for networks, and texts from tokens."""

import json
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from numbers import Integral
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn import get_config
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skae._sklearn import (
    BaseEstimator,
    Interval,
    StrOptions,
    fit_context,
    is_pandas_na,
    is_scalar_nan,
)

UNKNOWN_TOKEN = 0
END_TOKEN = 1

# No text can hold them: neither character is one that a byte is written as.
_SPECIAL_TOKENS = ["\ufffd", "[end of text]"]
_N_SMALLEST = 256 + len(_SPECIAL_TOKENS)
_LONGEST_WORD = 100  # bytes; learning takes the square of it, so that longer are cut


@dataclass(eq=False, repr=False)
class SubwordTokenizer(TransformerMixin, BaseEstimator, auto_wrap_output_keys=()):
    """Cuts texts into subwords, of a vocabulary that it learns from them.

    Frequent words become one token each, rare ones several, down to single bytes, so
    that every text has tokens and comes back from them as it was: spaces, line breaks
    and emoji included. Token 0 stands for what is unknown, which no text of Unicode
    is, and token 1 for the end of a text. The same texts give the same vocabulary.

    Needs the library `tokenizers`: ``pip install "skae[text]"``.

    Parameters
    ----------
    vocabulary_size : int, default=1000
        Tokens to learn at most, 258 or more: the 256 bytes, the unknown and the end are
        always among them. Give the architecture the same `vocabulary_size`.
    model : {"bpe", "wordpiece", "unigram"}, default="bpe"
        How subwords are chosen. "bpe" merges the pair of tokens that is most frequent,
        time and again, and cuts new texts by the same merges. "wordpiece" learns those
        merges too, and cuts a word by the longest token that it begins with; a word's
        beginning is marked by the space before it. "unigram" starts with all frequent
        substrings, drops those that the likelihood of the texts needs least, and cuts a
        word where that is most probable; slower to fit.
    lowercase : bool, default=False
        Whether texts are lowercased first. They then come back lowercased.
    max_length : int or None, default=None
        Tokens of a text at most, its end included, 2 or more; what is beyond is cut
        off. None keeps all.

    Attributes
    ----------
    vocabulary_size_ : int
        Number of tokens learned: fewer than `vocabulary_size` where the texts have no
        more.
    tokenizer_ : tokenizers.Tokenizer
        The trained tokenizer; it adds no end of the text itself.

    References
    ----------
    Sennrich, R., Haddow, B. and Birch, A. (2016). Neural machine translation of rare
    words with subword units. Annual Meeting of the Association for Computational
    Linguistics.

    Wu, Y. et al. (2016). Google's neural machine translation system: bridging the gap
    between human and machine translation. arXiv:1609.08144.

    Kudo, T. (2018). Subword regularization: improving neural network translation models
    with multiple subword candidates. Annual Meeting of the Association for
    Computational Linguistics.

    Examples
    --------
    >>> from skae import SubwordTokenizer
    >>> texts = ["low lower lowest", "new newer newest"]
    >>> tokenizer = SubwordTokenizer(vocabulary_size=300).fit(texts)
    >>> tokens = tokenizer.transform(["slower, please 🐌"])
    >>> tokens[0].dtype, int(tokens[0][-1])
    (dtype('int64'), 1)
    >>> print(tokenizer.inverse_transform(tokens)[0])
    slower, please 🐌
    """

    vocabulary_size: int = 1000
    _: KW_ONLY
    model: str = "bpe"
    lowercase: bool = False
    max_length: int | None = None

    _parameter_constraints = {
        "vocabulary_size": [Interval(Integral, _N_SMALLEST, None, closed="left")],
        "model": [StrOptions({"bpe", "wordpiece", "unigram"})],
        "lowercase": ["boolean"],
        "max_length": [Interval(Integral, 2, None, closed="left"), None],
    }

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None) -> Self:
        """Learn the vocabulary of texts.

        Parameters
        ----------
        X : iterable of str, of length n_samples
            A list, an array or a series; a frame or an array of one column.
        y : Ignored
            Present for pipelines; never read.

        Returns
        -------
        self : object

        Raises
        ------
        ImportError
            If `tokenizers` is not installed.
        TypeError
            If an element of X is no text.
        ValueError
            If X is a single text, holds a missing one, or nothing but empty ones.
        """
        library = _import_tokenizers()
        texts = _as_texts(X)
        if not any(texts):
            raise ValueError(
                f"X holds nothing to learn from: n_samples={len(texts)}, none of which "
                "has a character."
            )
        self.tokenizer_ = _trained(
            library, texts, self.model, self.vocabulary_size, self.lowercase
        )
        self.vocabulary_size_ = self.tokenizer_.get_vocab_size()
        return self

    def fit_transform(self, X, y=None) -> Any:
        """Learn the vocabulary of texts and return their tokens.

        Parameters
        ----------
        X : iterable of str, of length n_samples
            Read once.
        y : Ignored

        Returns
        -------
        tokens : list of ndarray of int64 of shape (n_tokens,)
        """
        texts = _as_texts(X)
        return self.fit(texts)._tokens(texts, like=X)

    def transform(self, X) -> Any:
        """Return the tokens of texts.

        Parameters
        ----------
        X : iterable of str, of length n_samples

        Returns
        -------
        tokens : list of ndarray of int64 of shape (n_tokens,)
            Each ends with token 1; of an empty text that is all. A series with the
            index of X if `set_output` asks for pandas and X has one.
        """
        check_is_fitted(self)
        return self._tokens(_as_texts(X), like=X)

    def _tokens(self, texts, like):
        """Return the tokens of texts, which stood in an X `like` this."""
        longest = None if self.max_length is None else self.max_length - 1
        tokens = (self.tokenizer_.encode(text).ids[:longest] for text in texts)
        tokens = [np.array([*ids, END_TOKEN], dtype=np.int64) for ids in tokens]
        container = get_config()["transform_output"]
        container = getattr(self, "_sklearn_output_config", {}).get(
            "transform", container
        )
        if container == "pandas" and hasattr(like, "iloc"):
            return pd.Series(tokens, index=like.index, name="tokens")
        return tokens

    def get_feature_names_out(self, input_features=None) -> np.ndarray:
        """Return the name of the one column of tokens.

        Parameters
        ----------
        input_features : Ignored

        Returns
        -------
        names : ndarray of str of shape (1,)
        """
        return np.array(["tokens"], dtype=object)

    def inverse_transform(self, X) -> Any:
        """Return the texts of tokens, each up to its first end.

        Parameters
        ----------
        X : list of array of int of shape (n_tokens,) or (n_tokens, 1)
            Or an array of shape (n_samples, n_tokens).

        Returns
        -------
        texts : ndarray of str of shape (n_samples,)
            Of dtype object. Bytes that are no text together, which a decoder may
            combine, and unknown tokens become U+FFFD, the replacement character.

        Raises
        ------
        ValueError
            If a token is no whole number or not in the vocabulary.
        """
        check_is_fitted(self)
        texts = np.empty(len(X), dtype=object)
        for row, tokens in enumerate(X):
            tokens = self._checked(tokens, row)
            ends = np.flatnonzero(tokens == END_TOKEN)
            if len(ends):
                tokens = tokens[: ends[0]]
            texts[row] = self.tokenizer_.decode(
                tokens.tolist(), skip_special_tokens=False
            )
        return texts

    def set_output(self, *, transform=None) -> Self:
        """Set the container of tokens: "pandas" keeps the index of X, in a series.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            A list of arrays for all but "pandas"; None changes nothing.

        Returns
        -------
        self : object
        """
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags

    def _checked(self, tokens, row):
        """Return one sequence as an int64 array of tokens of the vocabulary."""
        tokens = np.asarray(tokens)
        if tokens.ndim == 2 and tokens.shape[1] == 1:
            tokens = tokens[:, 0]
        if tokens.ndim != 1:
            raise ValueError(
                f"Row {row} of X has the shape {tokens.shape}, but tokens have the "
                "shape (n_tokens,) or (n_tokens, 1)."
            )
        if tokens.size and tokens.dtype.kind not in "iuf":
            raise ValueError(
                f"Row {row} of X is of dtype {tokens.dtype}, but tokens are whole "
                "numbers."
            )
        known = (tokens >= 0) & (tokens < self.vocabulary_size_) & (tokens % 1 == 0)
        if not known.all():
            raise ValueError(
                f"Row {row} of X holds the token {tokens[~known][0]}, but the "
                f"vocabulary has the tokens 0 to {self.vocabulary_size_ - 1}."
            )
        return tokens.astype(np.int64)


def _import_tokenizers():
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError(
            'SubwordTokenizer needs tokenizers: pip install "skae[text]".'
        ) from error
    return tokenizers


def _as_texts(X):
    """Return X as a list of str, or say which row is none."""
    if isinstance(X, str | bytes):
        raise ValueError("X is a single text: an iterable of texts is expected.")
    if not isinstance(X, Iterable):
        raise TypeError(f"X must be an iterable of texts, not {X!r}.")
    n_columns = np.shape(X)[1] if getattr(X, "ndim", 1) == 2 else 1
    n_columns = len(X.columns) if hasattr(X, "columns") else n_columns
    if n_columns != 1:
        raise ValueError(
            f"X has {n_columns} columns, but one column of texts is taken."
        )
    if hasattr(X, "columns"):
        X = X[X.columns[0]]
    elif getattr(X, "ndim", 1) == 2:
        X = X[:, 0]
    texts = list(X)
    for row, text in enumerate(texts):
        _check_text(text, row)
    return texts


def _check_text(text, row):
    if not isinstance(text, str):
        if text is None or is_pandas_na(text) or is_scalar_nan(text):
            raise ValueError(
                f"Row {row} of X is missing ({text!r}): fill it (with an empty text) "
                "or drop it."
            )
        raise TypeError(
            f"Row {row} of X is no text but of type {type(text).__name__}: {text!r}."
        )
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"Row {row} of X is no valid Unicode: {error.reason}."
            ) from error


def _trained(library, texts, model, vocabulary_size, lowercase):
    """Return a tokenizer over bytes, trained on texts."""
    options = dict(
        vocab_size=vocabulary_size,
        special_tokens=_SPECIAL_TOKENS,
        initial_alphabet=sorted(library.pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    if model == "bpe":
        untrained = library.models.BPE()
        trainer = library.trainers.BpeTrainer(**options)
    elif model == "wordpiece":
        untrained = library.models.WordPiece(
            unk_token=_SPECIAL_TOKENS[UNKNOWN_TOKEN],
            max_input_chars_per_word=_LONGEST_WORD,
        )
        # The bytes would have to be learned twice with a prefix, and not all would.
        trainer = library.trainers.WordPieceTrainer(
            continuing_subword_prefix="", **options
        )
    else:
        untrained = library.models.Unigram()
        trainer = library.trainers.UnigramTrainer(
            unk_token=_SPECIAL_TOKENS[UNKNOWN_TOKEN], **options
        )
    tokenizer = library.Tokenizer(untrained)
    tokenizer.pre_tokenizer = library.pre_tokenizers.Sequence(
        [
            library.pre_tokenizers.ByteLevel(add_prefix_space=False),
            library.pre_tokenizers.Split(
                library.Regex(f".{{{_LONGEST_WORD}}}"), "isolated"
            ),
        ]
    )
    if lowercase:
        tokenizer.normalizer = library.normalizers.Lowercase()
    tokenizer.train_from_iterator(texts, trainer)
    return _plain(library, tokenizer, vocabulary_size)


def _plain(library, trained, vocabulary_size):
    """Return the tokenizer without special treatment of what looks like a token."""
    model = trained.model
    if isinstance(model, library.models.Unigram):
        model = _in_order(library, trained, vocabulary_size)
    tokenizer = library.Tokenizer(model)
    tokenizer.pre_tokenizer = trained.pre_tokenizer
    if trained.normalizer is not None:
        tokenizer.normalizer = trained.normalizer
    tokenizer.decoder = library.decoders.ByteLevel()
    return tokenizer


def _in_order(library, trained, vocabulary_size):
    """Return a unigram model that does not depend on the order of a hash table.

    The trainer scores bytes that it did not see, and those it all but dropped, in such
    an order, each a ten-thousandth above the one before. They share one score here; the
    others are rounded, and ties stand in the order of the alphabet. Where it may learn
    little more than the bytes, it learns more than it may: the least likely go.
    """
    scores = json.loads(trained.to_str())["model"]["vocab"]
    lowest = min(score for _, score in scores) + 1e-4 * 256
    scores = [(token, round(max(score, lowest), 6)) for token, score in scores]
    special, learned = scores[: len(_SPECIAL_TOKENS)], scores[len(_SPECIAL_TOKENS) :]
    learned.sort(key=lambda pair: (len(pair[0]) > 1, -pair[1], pair[0]))  # bytes first
    return library.models.Unigram(
        [*special, *learned[: vocabulary_size - len(special)]], UNKNOWN_TOKEN
    )
