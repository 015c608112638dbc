"""What streams carry: batches of points on their way out, acknowledgements of those that came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from attrs import frozen

from .queries import Record, ScoredPoint

P = TypeVar("P", bound=Record | ScoredPoint)

UNLIMITED = 2**64 - 1
"""The limit of a stream of all points there are."""


@frozen
class Batch(Generic[P]):
    """Points that follow each other in a stream, at least one. `size` is the memory they take."""

    points: Sequence[P]
    size: int


class Acknowledgement(NamedTuple):
    """A message of a stream of updates that is on disk.

    `number` counts the messages of the stream from 0. Messages that were committed together share
    the operation id.
    """

    number: int
    points: int
    operation_id: int
