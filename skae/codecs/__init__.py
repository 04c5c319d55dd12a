"""Codecs: what users have becomes flat rows for a network, and back."""

from skae.codecs.arrays import (
    Codec,
    CodeCodec,
    array_codec,
    checked_rows,
    flat_codec,
    table_codec,
)
from skae.codecs.forms import count_axes, is_ragged
from skae.codecs.mixed import MixedCodec, is_mixed, made_codec
from skae.codecs.sequences import TokensCodec, sequence_codec

__all__ = [
    "CodeCodec",
    "Codec",
    "MixedCodec",
    "TokensCodec",
    "array_codec",
    "checked_rows",
    "count_axes",
    "flat_codec",
    "is_mixed",
    "is_ragged",
    "made_codec",
    "sequence_codec",
    "table_codec",
]
