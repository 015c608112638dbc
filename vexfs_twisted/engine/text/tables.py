"""The words and characters that text indexes treat specially, as Qdrant does. Read when needed.

Which ones they are was found by asking Qdrant's engine, word by word and character by character.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import orjson


def _table(name: str) -> Any:
    return orjson.loads(files(__package__).joinpath(name).read_bytes())


@cache
def stopwords() -> dict[str, frozenset[str]]:
    """The stopwords of each language, by its name."""
    table: dict[str, str] = _table("stopwords.json")
    return {language: frozenset(words.split()) for language, words in table.items()}


@cache
def folding() -> dict[int, str]:
    """What ASCII stands for each character that has such a likeness, for `str.translate`."""
    table: dict[str, str] = _table("folding.json")
    return {ord(character): plain for plain, all_ in table.items() for character in all_}
