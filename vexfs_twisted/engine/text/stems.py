"""Stems of words, by the Snowball algorithms of nineteen languages."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from py_rust_stemmers import SnowballStemmer
from Stemmer import Stemmer

Stem = Callable[[str], str]
"""The stem of a word; lower case is expected. Any thread may call it."""


def stemmer(language: str) -> Stem:
    """The stemmer of a Snowball language, by its name."""
    if language == "armenian":
        return _armenian()
    stem: Stem = SnowballStemmer(language).stem_word
    return stem


def _armenian() -> Stem:
    """The one language that the faster library lacks, whose stemmers keep state while they work."""
    stem = Stemmer("armenian", 0).stemWord
    lock = Lock()

    def locked(word: str) -> str:
        with lock:
            stemmed: str = stem(word)
        return stemmed

    return locked
