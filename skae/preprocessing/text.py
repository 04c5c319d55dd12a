"""Texts as sequences of subwords: tokens for networks, and texts from tokens."""

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
from skae.data.frames import columns_of, in_memory
from skae.preprocessing.subwords import (
    END_TOKEN,
    N_SMALLEST,
    import_tokenizers,
    trained,
)


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
        "vocabulary_size": [Interval(Integral, N_SMALLEST, None, closed="left")],
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
        library = import_tokenizers()
        texts = _as_texts(X)
        if not any(texts):
            raise ValueError(
                f"X holds nothing to learn from: n_samples={len(texts)}, none of which "
                "has a character."
            )
        self.tokenizer_ = trained(
            library, texts, self.model, self.vocabulary_size, self.lowercase
        )
        self.vocabulary_size_ = self.tokenizer_.get_vocab_size()
        return self

    def __getstate__(self):
        """Return what files hold: the tokenizer as JSON, of its library's format."""
        state = dict(super().__getstate__())
        if "tokenizer_" in state:
            state["tokenizer_"] = self.tokenizer_.to_str()
        return state

    def __setstate__(self, state):
        """Take over a state, whatever made it."""
        state = dict(state)
        if "tokenizer_" in state:
            library = import_tokenizers()
            state["tokenizer_"] = library.Tokenizer.from_str(state["tokenizer_"])
        super().__setstate__(state)

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


def _as_texts(X):
    """Return X as a list of str, or say which row is none."""
    X = in_memory(X)
    if isinstance(X, str | bytes):
        raise ValueError("X is a single text: an iterable of texts is expected.")
    columns = list(columns_of(X).values())
    if not columns and not isinstance(X, Iterable):
        raise TypeError(f"X must be an iterable of texts, not {X!r}.")
    if getattr(X, "ndim", 1) == 2 and not columns:
        columns = list(np.asarray(X).T)
    if len(columns) > 1:
        raise ValueError(
            f"X has {len(columns)} columns, but one column of texts is taken."
        )
    texts = list(columns[0] if columns else X)
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
