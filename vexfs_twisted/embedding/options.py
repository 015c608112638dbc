"""The options of BM25, as clients send them with a document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from attrs import field, frozen

from ..jsonform.converter import located, reader_of
from ..jsonform.payload_index import (
    STEMMER_LANGUAGES,
    STOPWORD_LANGUAGES,
    read_stemmer,
    read_stopwords,
)
from ..model.errors import BadInput, FormatError
from ..model.payload_index import Stopwords, TextOptions, Tokenizer

LONGEST_PREFIX = 255
"""The longest token of the prefix tokenizer, in characters: a word has as many as characters."""

_NO_LANGUAGE = "none"
_DEFAULT_LANGUAGE = "english"

_CODES = {
    "ar": "arabic", "az": "azerbaijani", "bn": "bengali", "ca": "catalan", "da": "danish",
    "de": "german", "el": "greek", "en": "english", "es": "spanish", "eu": "basque",
    "fi": "finnish", "fr": "french", "he": "hebrew", "hi-en": "hinglish", "hu": "hungarian",
    "id": "indonesian", "it": "italian", "jp": "japanese", "kk": "kazakh", "ne": "nepali",
    "nl": "dutch", "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian",
    "sl": "slovene", "sv": "swedish", "tg": "tajik", "tr": "turkish", "zh": "chinese",
}  # fmt: skip
"""The codes of languages that Qdrant takes in place of their names."""


def _english() -> TextOptions:
    return TextOptions(
        stopwords=Stopwords(languages=(_DEFAULT_LANGUAGE,)), stemmer=_DEFAULT_LANGUAGE
    )


@frozen
class Bm25Options:
    """How BM25 reads and weighs a text.

    `k` is how far repetitions of a term count, `b` how much the length of a document counts, and
    `avg_len` the expected length of documents in tokens.
    """

    k: float = 1.2
    b: float = 0.75
    avg_len: float = 256.0
    text: TextOptions = field(factory=_english)


DEFAULT_OPTIONS = Bm25Options()


@frozen
class _Given:
    """The fields of the JSON object."""

    k: float = DEFAULT_OPTIONS.k
    b: float = DEFAULT_OPTIONS.b
    avg_len: float = DEFAULT_OPTIONS.avg_len
    tokenizer: Tokenizer = Tokenizer.WORD
    language: str | None = None
    lowercase: bool | None = None
    ascii_folding: bool | None = None
    stopwords: Any = None
    stemmer: Any = None
    min_token_len: int | None = None
    max_token_len: int | None = None


_read_given: Callable[[object], _Given] = reader_of(_Given)


def read_options(value: Mapping[str, Any] | None) -> Bm25Options:
    """The options in a JSON object; unknown fields are ignored, and None means the defaults.

    Raises BadInput, which names the option.
    """
    if not value:
        return DEFAULT_OPTIONS
    try:
        given = _read_given(value)
        text = _text_options(given)
    except FormatError as error:
        raise _invalid(error.message.removeprefix(FormatError.prefix)) from None
    _check_ranges(given)
    return Bm25Options(given.k, given.b, given.avg_len, text)


def _check_ranges(given: _Given) -> None:
    """Raise BadInput for a number out of range."""
    if not (isfinite(given.k) and given.k >= 0):
        raise _invalid(f"BM25 k1 must be finite and >= 0, got {given.k:g}")
    if not 0 <= given.b <= 1:
        raise _invalid(f"BM25 b must be finite and in [0.0, 1.0], got {given.b:g}")
    if not (isfinite(given.avg_len) and given.avg_len > 0):
        raise _invalid(f"BM25 avg_doc_len must be finite and > 0, got {given.avg_len:g}")
    if given.tokenizer is Tokenizer.PREFIX and (given.max_token_len or 0) > LONGEST_PREFIX:
        raise _invalid(f"max_token_len of the prefix tokenizer must be {LONGEST_PREFIX} or smaller")


def _text_options(given: _Given) -> TextOptions:
    """How texts are tokenized. Raises BadInput and FormatError."""
    stopwords, stemmer = _of_language(given.language)
    if given.stopwords is not None:
        stopwords = located("stopwords", read_stopwords, given.stopwords)
    if given.stemmer is not None:
        stemmer = located("stemmer", read_stemmer, given.stemmer)
    longest = given.max_token_len
    if longest is None and given.tokenizer is Tokenizer.PREFIX:
        longest = LONGEST_PREFIX
    return TextOptions(
        tokenizer=given.tokenizer,
        min_token_len=given.min_token_len,
        max_token_len=longest,
        lowercase=given.lowercase is not False,
        ascii_folding=given.ascii_folding is True,
        stopwords=stopwords,
        stemmer=stemmer,
    )


def _of_language(language: str | None) -> tuple[Stopwords, str | None]:
    """The stopwords and the stemmer of a language, if it has one. Raises BadInput."""
    if language == _NO_LANGUAGE:
        return Stopwords(), None
    name = _DEFAULT_LANGUAGE if language is None else _CODES.get(language, language)
    if name not in STOPWORD_LANGUAGES:
        raise _invalid(f'unsupported language: "{language}"')
    return Stopwords(languages=(name,)), name if name in STEMMER_LANGUAGES else None


def _invalid(text: str) -> BadInput:
    return BadInput(f"Invalid BM25 config: {text}")
