"""Long arrays that are read some elements at a time, and their first error told at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from ...model.errors import DomainError, FormatError
from .fields import read_list

T = TypeVar("T")

MAX_ELEMENTS = 65_536
"""How many searches or operations a body may have: each becomes several objects. And after so many
elements behind a mistake nothing is read any more, to find out if there are others."""


class Gathered(Generic[T]):
    """What `read` makes of the elements of an array, given some of them and the number before.

    It raises DomainErrors, of which the first is raised at the end. More than `limit` are refused.
    """

    def __init__(self, read: Callable[[list[Any], int], T], limit: int | None = None) -> None:
        self._read = read
        self._limit = limit
        self._parts: list[T] = []
        self._failed: DomainError | None = None
        self._failed_at = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, elements: list[Any]) -> None:
        """See Gatherer."""
        if elements and self._failed is None:
            try:
                self._check(self._count + len(elements))
                self._parts.append(self._read(elements, self._count))
            except DomainError as error:
                self._failed = error
                self._failed_at = self._count
                self._parts.clear()
        self._count += len(elements)
        if self._failed is not None and self._count - self._failed_at > MAX_ELEMENTS:
            raise self._failed

    def parts(self) -> list[T]:
        """What was made of them, in order. Raises DomainErrors."""
        if self._failed is not None:
            raise self._failed
        return self._parts

    def _check(self, count: int) -> None:
        if self._limit is not None and count > self._limit:
            raise FormatError(f"more than {self._limit} elements, too many")


G = TypeVar("G")


def gathered(value: Any, kind: type[G], gather: Callable[[], G]) -> G:
    """`value`, an array, as what `gather` makes to take its elements; it may be one already."""
    if isinstance(value, kind):
        return value
    taken: Any = gather()
    taken.add(read_list(value))
    result: G = taken
    return result
