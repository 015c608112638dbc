"""What a payload index changes about conditions on its field, as it does in Qdrant.

With an index of integers, matches and ranges see the integers that it holds: floats without a
fraction are the integers they equal, other floats and integers past 64 bits are nothing. Without
one a match tells 42.0 from 42, and a range sees all numbers. With any index a field is null, too,
that is an array with a null in it. Beside these two only text and UUIDs are compared otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ...model.filters import HoldsNull, IsNull, MatchAny, MatchExcept, MatchValue, Predicate, Range
from ...model.payload_index import FieldSchema, FieldType

_INT64 = range(-(2**63), 2**63)


def as_indexed(schema: FieldSchema | None, predicate: Predicate) -> Predicate:
    """What the predicate asks of a field with that index."""
    is_null = schema is not None and isinstance(predicate, IsNull)
    return HoldsNull() if is_null else predicate


def sees_integers(schema: FieldSchema | None, predicate: Predicate) -> bool:
    """Whether the predicate, on a field with that index, sees the integers that it holds."""
    if schema is None or schema.type is not FieldType.INTEGER:
        return False
    if isinstance(predicate, Range):
        return schema.range
    return schema.lookup and _is_of_integers(predicate)


def _is_of_integers(predicate: Predicate) -> bool:
    if isinstance(predicate, MatchValue):
        return type(predicate.value) is int
    if isinstance(predicate, MatchAny | MatchExcept):
        return type(next(iter(predicate.values), None)) is int
    return False


def integers_seen(values: Iterable[Any]) -> Iterator[Any]:
    """Yield the values, numbers as an index of integers holds them, or not at all."""
    for value in values:
        if type(value) is float:
            if value.is_integer() and int(value) in _INT64:
                yield int(value)
        elif type(value) is not int or value in _INT64:
            yield value
