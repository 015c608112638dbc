"""Splits text into words, the first step of tokenization.

Letters and digits are what Unicode calls Alphabetic or a number, which is wider than `str.isalnum`:
the vowel signs of Indic scripts belong to their words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any
from unicodedata import normalize

from ..model.payload_index import Tokenizer

Cutter = Callable[[str], list[str]]
"""Splits a text into its words, in order and with repeats."""

_ASCII_WORDS = re.compile(r"[A-Za-z0-9]+").findall
_WORDS = r"[\p{Alphabetic}\p{N}]+"
# `str.split` would also split at the ASCII separators U+001C to U+001F, which are no White_Space.
_CHUNKS = re.compile(r"(?:\S|[\x1c-\x1f])+").findall
# Includes all marks, so that the virama and the like do not split words.
_MARKED_WORDS = r"[\p{Alphabetic}\p{N}\p{M}]+"
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_LATIN_MARKS = r"(?<=\p{Latin}\p{Mn}*)\p{Mn}"


@cache
def _compiled(pattern: str) -> Any:
    """A pattern in the syntax of `regex`: those of `re` lack properties of characters."""
    # Imported where it is needed, as ICU is: both take 5% of a start, of which many servers have no
    # use for them.
    import regex

    return regex.compile(pattern)


def words(text: str) -> list[str]:
    """The runs of letters and digits."""
    # For ASCII only, the smaller class in the standard engine is several times as fast.
    return _ASCII_WORDS(text) if text.isascii() else _compiled(_WORDS).findall(text)


def chunks(text: str) -> list[str]:
    """The runs of characters between white space, including punctuation."""
    return _CHUNKS(text)


def words_of_any_script(text: str) -> list[str]:
    """The runs of letters, digits and marks, split by ICU for scripts without spaces.

    Compatibility forms are normalized first, and accents of Latin letters are removed.
    """
    if text.isascii():
        return _ASCII_WORDS(text)
    from icu4py.breakers import WordBreaker

    found: list[str] = []
    for run in _compiled(_MARKED_WORDS).findall(_unified(text)):
        if _compiled(_UNSPACED).search(run):
            found.extend(WordBreaker(run, "en"))
        else:
            found.append(run)
    return found


def _unified(text: str) -> str:
    return normalize("NFKC", _compiled(_LATIN_MARKS).sub("", normalize("NFKD", text)))


CUTTERS: dict[Tokenizer, Cutter] = {
    Tokenizer.WORD: words,
    Tokenizer.PREFIX: words,
    Tokenizer.WHITESPACE: chunks,
    Tokenizer.MULTILINGUAL: words_of_any_script,
}
