"""What every read of a collection is: a request that names the type of its answer."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

Answer = TypeVar("Answer")
Answer_co = TypeVar("Answer_co", covariant=True)


class ReadRequest(Generic[Answer_co]):
    """The base of all reads of a collection. The type parameter is the type of the answer.

    A new kind of read is a subclass, a function in `engine.reads.READS`, and a codec on each wire.
    """

    __slots__ = ()

    def check(self) -> None:
        """Raise BadRequest or BadInput for parts that do not go together."""

    def size_of(self, answer: Any) -> int:
        """About how many bytes of points an answer takes, of a read that fetches points."""
        return 0
