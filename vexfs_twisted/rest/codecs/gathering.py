"""Gatherers of long arrays: convert elements in batches, and raise the first error at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from ...model.errors import DomainError, FormatError
from .fields import read_list

T = TypeVar("T")

MAX_ELEMENTS = 65_536
"""The maximum number of searches or operations in a body: each becomes several objects.

Also the number of elements after an error at which decoding stops, instead of at the end.
"""


class FirstError:
    """The error of elements that come in batches: that of the least rank, of several the first.

    `rank` is None as long as there is none.
    """

    def __init__(self) -> None:
        self.rank: tuple[int, ...] | None = None
        self._error: DomainError | None = None
        self._at = 0

    def note(self, error: DomainError, at: int, *rank: int) -> None:
        """Note the error of a batch that has `at` elements before it."""
        if self.rank is None:
            self._at = at
        if self.rank is None or rank < self.rank:
            self.rank, self._error = rank, error

    def check(self) -> None:
        """Raise the error, if there is one."""
        if self._error is not None:
            raise self._error

    def check_late(self, count: int) -> None:
        """Raise the error if so many elements are too many after the first one that was noted."""
        if count - self._at > MAX_ELEMENTS:
            self.check()


class Gathered(Generic[T]):
    """A Gatherer that converts elements with `read`.

    `read` gets a batch of elements and the number of elements before it. The first DomainError it
    raises is raised by `parts`. More than `limit` elements are refused with a FormatError.
    """

    def __init__(self, read: Callable[[list[Any], int], T], limit: int | None = None) -> None:
        self._read = read
        self._limit = limit
        self._parts: list[T] = []
        self._failed = FirstError()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, elements: list[Any]) -> None:
        """See Gatherer."""
        if elements and self._failed.rank is None:
            try:
                self._check(self._count + len(elements))
                self._parts.append(self._read(elements, self._count))
            except DomainError as error:
                self._failed.note(error, self._count)
                self._parts.clear()
        self._count += len(elements)
        self._failed.check_late(self._count)

    def parts(self) -> list[T]:
        """The converted batches, in order. Raises DomainErrors."""
        self._failed.check()
        return self._parts

    def _check(self, count: int) -> None:
        if self._limit is not None and count > self._limit:
            raise FormatError(f"more than {self._limit} elements, too many")


G = TypeVar("G")


def gathered(value: Any, kind: type[G], gather: Callable[[], G]) -> G:
    """The gatherer of an array: `value` itself if it is one already, otherwise a new one of it.

    Raises FormatError if `value` is neither.
    """
    if isinstance(value, kind):
        return value
    taken: Any = gather()
    taken.add(read_list(value))
    result: G = taken
    return result
