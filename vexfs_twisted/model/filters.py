"""Filters: conditions that select points.

They are parsed and validated at the edge, so these values are always well-formed. A `Filter` is a
condition itself, so filters nest. An absent list and an empty one both mean no constraint.
"""

from __future__ import annotations

from attrs import frozen

from .errors import Problem, ValidationError, unexplained
from .geo import GeoBoundingBox, GeoPolygon, GeoRadius
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


@frozen
class MatchText:
    """The payload text has every token of `text`; without a text index it contains `text`."""

    text: str


@frozen
class MatchTextAny:
    """The payload text has at least one token of `text`."""

    text: str


@frozen
class MatchPhrase:
    """The payload text has the tokens of `text` one after another."""

    text: str


@frozen
class MatchPrefix:
    """The payload string starts with `prefix`."""

    prefix: str


TextMatch = MatchText | MatchTextAny | MatchPhrase

Match = MatchValue | MatchAny | MatchExcept | TextMatch | MatchPrefix


Number = int | float


@frozen
class Range:
    """The payload number lies within every bound that is given.

    Integers and floats are compared exactly, without conversion.
    """

    lt: Number | None = None
    gt: Number | None = None
    gte: Number | None = None
    lte: Number | None = None


@frozen
class DatetimeRange:
    """The payload datetime lies within every bound given, in microseconds since 1970 UTC."""

    lt: int | None = None
    gt: int | None = None
    gte: int | None = None
    lte: int | None = None


@frozen
class ValuesCount:
    """The number of values lies within every bound: absent, null 0; an array its length; else 1."""

    lt: int | None = None
    gt: int | None = None
    gte: int | None = None
    lte: int | None = None


@frozen
class IsEmpty:
    """The field is absent, null or an empty array."""


@frozen
class IsNull:
    """The field is null; with an index on the field, the same as `HoldsNull`."""


@frozen
class HoldsNull:
    """The field is null, or an array that holds null."""


Predicate = (
    Match
    | Range
    | DatetimeRange
    | GeoBoundingBox
    | GeoRadius
    | GeoPolygon
    | ValuesCount
    | IsEmpty
    | IsNull
    | HoldsNull
)


@frozen
class FieldCondition:
    """A predicate on the values that `key` selects in the payload; any of them may satisfy it."""

    key: PayloadPath
    predicate: Predicate


@frozen
class HasId:
    """The point's id is one of `ids`."""

    ids: frozenset[PointId]


@frozen
class HasVector:
    """The point has a vector of that name; "" is the unnamed one."""

    name: str


@frozen
class Nested:
    """`filter` holds on one and the same element, an object, of the array at `key`."""

    key: PayloadPath
    filter: Filter


@frozen
class Slice:
    """The point's id falls into part `index` of `total`.

    The part is SipHash-2-4 with a zero key over the id's bytes (u64 little-endian, or the 16 bytes
    of a UUID), modulo `total`.
    """

    total: int
    index: int


@frozen
class MinShould:
    """At least `min_count` of `conditions` hold."""

    conditions: tuple[Condition, ...]
    min_count: int


@frozen(cache_hash=True)
class Filter:
    """All of `must`, one of `should` unless it is empty, none of `must_not`, and `min_should`."""

    must: tuple[Condition, ...] = ()
    should: tuple[Condition, ...] = ()
    must_not: tuple[Condition, ...] = ()
    min_should: MinShould | None = None

    @property
    def is_empty(self) -> bool:
        """Whether every point passes."""
        return not (self.must or self.should or self.must_not or self.min_should)


Condition = FieldCondition | HasId | HasVector | Nested | Slice | Filter


def no_field_condition(path: str) -> ValidationError:
    """The error for a condition, at `path` of the request, without a predicate."""
    text = unexplained("At least one field condition must be specified")
    return ValidationError([Problem(f"{path}.__all__", text)])


def no_min_count(path: str) -> ValidationError:
    """The error for a min_should clause, at `path` of the request, with a count of 0."""
    return ValidationError([Problem(f"{path}.min_count", "min_count must be greater than 0")])
