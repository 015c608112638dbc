"""The base of requests that read a collection, typed by their answers."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

Answer = TypeVar("Answer")
Answer_co = TypeVar("Answer_co", covariant=True)


class ReadRequest(Generic[Answer_co]):
    """The base of all reads of a collection. The type parameter is the type of the answer.

    A new kind of read is a subclass, a function in `engine.reads.READS`, and a codec in each API.
    """

    __slots__ = ()

    def check(self) -> None:
        """Raise BadRequest or BadInput for parts that conflict."""

    def size_of(self, answer: Any) -> int:
        """An estimate of the bytes of points in an answer; 0 for reads that fetch no points."""
        return 0
