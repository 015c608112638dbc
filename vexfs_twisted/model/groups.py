"""Groups of the points of a query by a value of their payloads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from attrs import frozen

from .payload_path import PayloadPath
from .queries import ALL_PAYLOAD, Query, Record, ScoredPoint, Selection
from .reads import ReadRequest
from .validation import bounded, sound

DEFAULT_GROUP_SIZE = 3

GroupId = str | int
"""The value that the points of a group share: a string, or an integer of 64 bits."""


@frozen
class GroupLimits:
    """How many groups a client wants, and of how many points each at most."""

    limit: int = bounded(1)
    group_size: int = bounded(1)


@frozen
class GroupLookup:
    """The points of another collection whose ids are those of the groups."""

    collection: str
    selection: Selection = sound(default=Selection(ALL_PAYLOAD))


class PointGroup(NamedTuple):
    """The best points of a group, and the record of its id in the lookup collection, if any."""

    id: GroupId
    hits: Sequence[ScoredPoint]
    lookup: Record | None = None


@frozen
class GroupQuery(ReadRequest[list[PointGroup]]):
    """The best groups of the points that `query` finds, in the order of their best points.

    The limit of the query is the number of groups, its offset 0. A point is in the group of each
    string or integer at `group_by`, in the groups of all elements of an array; each group has at
    most `group_size` points.
    """

    query: Query = sound()
    group_by: PayloadPath = sound()
    group_size: int = bounded(1, default=DEFAULT_GROUP_SIZE)
    lookup: GroupLookup | None = sound()

    def check(self) -> None:
        """See ReadRequest."""
        self.query.check()

    def size_of(self, answer: Any) -> int:
        """See ReadRequest."""
        return self.query.size_of([hit for group in answer for hit in group.hits])
