"""Filters: which points a read or an update concerns.

The edge parses and checks; these values are always well formed. `Filter` is itself a condition,
so filters nest. An absent list and an empty one mean the same: no constraint.
"""

from __future__ import annotations

from attrs import frozen

from .ids import PointId
from .payload_path import PayloadPath

Scalar = str | int | bool


@frozen
class MatchValue:
    """The payload value equals `value`, of exactly the same type."""

    value: Scalar


@frozen
class MatchAny:
    """The payload value is one of `values`, all strings or all integers."""

    values: frozenset[str] | frozenset[int]


@frozen
class MatchExcept:
    """The payload has a value that is not one of `values`."""

    values: frozenset[str] | frozenset[int]


Match = MatchValue | MatchAny | MatchExcept


@frozen
class Range:
    """The payload number lies within every bound that is given."""

    lt: float | None = None
    gt: float | None = None
    gte: float | None = None
    lte: float | None = None


@frozen
class FieldCondition:
    """A predicate on the values that `key` selects in the payload; any of them may satisfy it."""

    key: PayloadPath
    predicate: Match | Range


@frozen
class HasId:
    """The point's id is one of `ids`."""

    ids: frozenset[PointId]


@frozen
class Filter:
    """All of `must`, at least one of `should` where it is not empty, and none of `must_not`."""

    must: tuple[Condition, ...] = ()
    should: tuple[Condition, ...] = ()
    must_not: tuple[Condition, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True when every point passes."""
        return not (self.must or self.should or self.must_not)


Condition = FieldCondition | HasId | Filter
