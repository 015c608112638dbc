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


class Gathered(Generic[T]):
    """A Gatherer that converts elements with `read`.

    `read` gets a batch of elements and the number of elements before it. The first DomainError it
    raises is raised by `parts`; with `is_format_first` the first FormatError, or else the first
    other one. More than `limit` elements are refused with a FormatError.
    """

    def __init__(
        self,
        read: Callable[[list[Any], int], T],
        limit: int | None = None,
        *,
        is_format_first: bool = False,
    ) -> None:
        self._read = read
        self._limit = limit
        self._is_format_first = is_format_first
        self._parts: list[T] = []
        self._failed: DomainError | None = None
        self._failed_at = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, elements: list[Any]) -> None:
        """See Gatherer."""
        if elements and (self._failed is None or self._may_be_preceded(self._failed)):
            try:
                self._check(self._count + len(elements))
                self._parts.append(self._read(elements, self._count))
            except DomainError as error:
                self._fail(error)
        self._count += len(elements)
        if self._failed is not None and self._count - self._failed_at > MAX_ELEMENTS:
            raise self._failed

    def parts(self) -> list[T]:
        """The converted batches, in order. Raises DomainErrors."""
        if self._failed is not None:
            raise self._failed
        return self._parts

    def _may_be_preceded(self, error: DomainError) -> bool:
        return self._is_format_first and not isinstance(error, FormatError)

    def _fail(self, error: DomainError) -> None:
        if self._failed is None:
            self._failed, self._failed_at = error, self._count
        elif isinstance(error, FormatError):
            self._failed = error
        self._parts.clear()

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
