"""The messages of streams: batches of points sent, and acknowledgements of updates received."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from attrs import frozen

from .queries import Record, ScoredPoint

P = TypeVar("P", bound=Record | ScoredPoint)

UNLIMITED = 2**64 - 1
"""The limit of a stream without a limit."""


@frozen
class Batch(Generic[P]):
    """Consecutive points of a stream, at least one. `size` is their memory in bytes."""

    points: Sequence[P]
    size: int


class Acknowledgement(NamedTuple):
    """The acknowledgement of a message of a stream of updates, whose updates are on disk.

    `number` counts the messages of the stream from 0. Messages committed together share the
    operation id.
    """

    number: int
    points: int
    operation_id: int
