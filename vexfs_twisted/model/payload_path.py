"""Paths that select values inside a payload: `a.b`, `a[0].b`, `a[].b`, `"a.b".c`."""

from __future__ import annotations

import re
from functools import lru_cache

from attrs import frozen


@frozen
class Key:
    """A step to a member of an object."""

    name: str


@frozen
class Index:
    """A step to one element of an array."""

    position: int


@frozen
class EachElement:
    """A step to all elements of an array, written `[]`."""


Step = Key | Index | EachElement

_KEY = re.compile(r'"(?P<quoted>[^"]*)"|(?P<raw>[\w-]+)')
_BRACKETS = re.compile(r"\[(?P<position>\d*)\]")


_SHORT = 256
"""Characters of the longest path that is parsed only once."""


@frozen(cache_hash=True)
class PayloadPath:
    """A parsed path. `text` is its source as given by the client."""

    text: str
    steps: tuple[Step, ...]

    @classmethod
    def parse(cls, text: str) -> PayloadPath:
        """Parse `text`. Raises ValueError if it is not a valid path."""
        # A filter may have thousands of conditions on one field.
        return _parsed(text) if len(text) <= _SHORT else cls._parse(text)

    @classmethod
    def _parse(cls, text: str) -> PayloadPath:
        steps: list[Step] = []
        position = _take_key(text, 0, steps)
        while position < len(text):
            if text[position] == ".":
                position = _take_key(text, position + 1, steps)
            else:
                position = _take_brackets(text, position, steps)
        return cls(text, tuple(steps))

    def __str__(self) -> str:
        return self.text


@lru_cache(maxsize=1024)
def _parsed(text: str) -> PayloadPath:
    return PayloadPath._parse(text)


def _take_key(text: str, position: int, steps: list[Step]) -> int:
    found = _KEY.match(text, position)
    if found is None:
        raise ValueError(f"Invalid json path: '{text}'")
    quoted = found["quoted"]
    steps.append(Key(found["raw"] if quoted is None else quoted))
    return found.end()


def _take_brackets(text: str, position: int, steps: list[Step]) -> int:
    found = _BRACKETS.match(text, position)
    if found is None:
        raise ValueError(f"Invalid json path: '{text}'")
    digits = found["position"]
    steps.append(Index(int(digits)) if digits else EachElement())
    return found.end()
