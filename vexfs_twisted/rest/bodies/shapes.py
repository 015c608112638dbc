"""Shapes of JSON bodies: limits of depth and of objects, and collectors of long arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson
from attrs import field, frozen

from ...model.errors import FormatError

MAX_DEPTH = 300
"""The maximum nesting depth of bodies. Nested filters may need as much, payloads need less."""

MAX_HELD = 262_144
"""The maximum number of arrays and objects in a body, not counting those that gatherers take.

They take far more memory than their text: 64 bytes or more for three. So many take some tens of
milliseconds to parse, to be traversed by the garbage collector, and to be freed.
"""


class Gatherer(Protocol):
    """Collects the elements of a long array in a compact form, and replaces it in its object."""

    def add(self, elements: list[Any]) -> None:
        """Append elements.

        An error is raised later, when the elements are read, or here once many have followed it.
        """


@frozen
class Shape:
    """The expected form of a JSON value. It affects only values that are longer than a slice.

    `members` has the shapes of an object's members by name, and `others` makes those of other
    names; `items` is the shape of an array's elements. `gather` makes the gatherer of an array's
    elements, which then no longer count towards `max_held`. `is_raw`: arrays are kept as text.
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
"""Any value, kept as parsed."""

SMALL = Shape(max_held=16_384)
"""Any value that is small in normal use, such as a configuration."""

RAW = Shape(is_raw=True)
"""A value stored as received, such as a payload: the elements of its long arrays are not read."""


class RawArray:
    """A long array of a raw value, as text."""

    def __init__(self) -> None:
        self._texts: list[bytes] = []

    def add(self, elements: list[Any]) -> None:
        """See Gatherer. Raises FormatError for elements nested too deeply to be serialized."""
        try:
            self._texts.append(orjson.dumps(elements)[1:-1])
        except orjson.JSONEncodeError:
            raise FormatError("recursion limit exceeded") from None

    def finish(self) -> orjson.Fragment:
        """The whole array, as a fragment for orjson.dumps."""
        texts, self._texts = self._texts, []
        return orjson.Fragment(b"[" + b",".join(filter(None, texts)) + b"]")
