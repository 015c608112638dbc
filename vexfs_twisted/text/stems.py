"""Stemming by the Snowball algorithms, for nineteen languages."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from py_rust_stemmers import SnowballStemmer
from Stemmer import Stemmer

Stem = Callable[[str], str]
"""Stems a word, which should be lower case. Thread-safe."""


def stemmer(language: str) -> Stem:
    """The stemmer of a language, by its Snowball name."""
    if language == "armenian":
        return _armenian()
    stem: Stem = SnowballStemmer(language).stem_word
    return stem


def _armenian() -> Stem:
    """The one language that the faster library lacks. PyStemmer keeps state, hence the lock."""
    stem = Stemmer("armenian", 0).stemWord
    lock = Lock()

    def locked(word: str) -> str:
        with lock:
            stemmed: str = stem(word)
        return stemmed

    return locked
