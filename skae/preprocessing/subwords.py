"""Vocabularies of subwords, learned from texts by the library `tokenizers`."""

import json

UNKNOWN_TOKEN = 0
END_TOKEN = 1

# No text can hold them: neither character is one that a byte is written as.
_SPECIAL_TOKENS = ["\ufffd", "[end of text]"]
N_SMALLEST = 256 + len(_SPECIAL_TOKENS)
_LONGEST_WORD = 100  # bytes; learning takes the square of it, so that longer are cut


def import_tokenizers():
    """Return the library `tokenizers`, or say how to install it."""
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError(
            'SubwordTokenizer needs tokenizers: pip install "skae[text]".'
        ) from error
    return tokenizers


def trained(library, texts, model, vocabulary_size, lowercase):
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


def _plain(library, learned, vocabulary_size):
    """Return the tokenizer without special treatment of what looks like a token."""
    model = learned.model
    if isinstance(model, library.models.Unigram):
        model = _in_order(library, learned, vocabulary_size)
    tokenizer = library.Tokenizer(model)
    tokenizer.pre_tokenizer = learned.pre_tokenizer
    if learned.normalizer is not None:
        tokenizer.normalizer = learned.normalizer
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
