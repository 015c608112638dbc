"""The stopwords and folded characters of text indexes, as in Qdrant. Loaded on first use.

They were determined by querying Qdrant's engine, word by word and character by character.
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
    """The stopwords by language name."""
    table: dict[str, str] = _table("stopwords.json")
    return {language: frozenset(words.split()) for language, words in table.items()}


@cache
def folding() -> dict[int, str]:
    """The ASCII replacement of each character that has one, for `str.translate`."""
    table: dict[str, str] = _table("folding.json")
    return {ord(character): plain for plain, all_ in table.items() for character in all_}
