"""Compiles predicates on text to tests of strings, by the options of a text index."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from ..model.filters import MatchPhrase, MatchText, TextMatch
from ..model.payload_index import TextOptions
from .matching import matches_all, matches_any, matches_phrase
from .reader import TextReader

StringsTest = Callable[[Iterable[str]], bool]
"""Tests the strings at a path of one payload together."""


@lru_cache(maxsize=16)
def text_reader_of(options: TextOptions) -> TextReader:
    """The reader for these options, cached together with its words."""
    return TextReader(options)


def indexed_text_test(options: TextOptions, predicate: TextMatch) -> StringsTest:
    """Compile a predicate for an index with `options`.

    The words of a MatchText may be spread over several strings, those of a phrase may not. Phrases
    match only if the index has `phrase_matching`.
    """
    reader = text_reader_of(options)
    if isinstance(predicate, MatchPhrase):
        phrase = reader.phrase_tokens(predicate.text) if options.phrase_matching else []
        return lambda texts: any(has_phrase(reader, text, phrase) for text in texts)
    query = frozenset(reader.query_tokens(predicate.text))
    matches = matches_all if isinstance(predicate, MatchText) else matches_any
    return lambda texts: matches({t for text in texts for t in reader.tokens(text)}, query)


def has_phrase(reader: TextReader, text: str, phrase: list[str]) -> bool:
    """Whether the tokens of `phrase` are consecutive in `text`."""
    return matches_phrase(reader.phrase_tokens(text), phrase, open_end=reader.has_prefixes)
