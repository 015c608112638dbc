"""What a body may look like: how deep, of how many parts, and what becomes of its long arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson
from attrs import field, frozen

from ...model.errors import FormatError

MAX_DEPTH = 300
"""How deep bodies may be nested: filters inside of filters come to that, payloads to less."""

MAX_HELD = 262_144
"""How many arrays and objects a body may have, apart from those that an array is relieved of.

They cost the interpreter far more than their text: three bytes are 64 and more in memory. So many
take some tens of milliseconds to read, to be looked through by its collector, and to be dropped.
"""


class Gatherer(Protocol):
    """Takes the elements of a long array, some at a time, and stands for it in its object."""

    def add(self, elements: list[Any]) -> None:
        """Take the elements that follow those before.

        Errors are kept until they are asked for, but raised where much follows them.
        """


@frozen
class Shape:
    """What is known of a value before it is read. It says nothing of values that are small.

    `members` are those of an object, by name, and `others` makes the shapes of those that are not
    named there; `items` are those of an array. `gather` makes what takes the elements of an array,
    which then count no longer as held. An array of a raw value is kept as text.
    """

    members: Mapping[str, Shape] = field(factory=dict)
    others: Callable[[str], Shape] | None = None
    items: Shape | None = None
    gather: Callable[[], Gatherer] | None = None
    is_raw: bool = False
    max_held: int = MAX_HELD
    max_depth: int = MAX_DEPTH

    def member(self, name: str) -> Shape:
        """The shape of a member of an object."""
        if self.is_raw:
            return self
        named = self.members.get(name)
        if named is not None:
            return named
        return PLAIN if self.others is None else self.others(name)

    @property
    def item(self) -> Shape:
        """The shape of an element of an array."""
        return self if self.is_raw else self.items or PLAIN


PLAIN = Shape()
"""Anything, kept as it is read."""

SMALL = Shape(max_held=16_384)
"""The same of a configuration, or of whatever else nobody writes by the megabyte."""

RAW = Shape(is_raw=True)
"""What is stored as it came, such as a payload: nobody looks at the elements of its long arrays."""


class RawArray:
    """A long array of a raw value, as text."""

    def __init__(self) -> None:
        self._texts: list[bytes] = []

    def add(self, elements: list[Any]) -> None:
        """See Gatherer. Raises FormatError for what is nested too deep to be written."""
        try:
            self._texts.append(orjson.dumps(elements)[1:-1])
        except orjson.JSONEncodeError:
            raise FormatError("recursion limit exceeded") from None

    def finish(self) -> orjson.Fragment:
        """The whole array, to be written into what it stands in."""
        texts, self._texts = self._texts, []
        return orjson.Fragment(b"[" + b",".join(filter(None, texts)) + b"]")
