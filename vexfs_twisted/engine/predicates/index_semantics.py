"""How a payload index changes the semantics of conditions on its field, as in Qdrant.

With an integer index, matches and ranges see the integers that it has: floats without a fraction
are the integers they equal; other floats and integers beyond 64 bits are ignored. Without one, a
match distinguishes 42.0 from 42, and a range sees all numbers. With any index, an array that has a
null counts as null too. Other than that, an index only changes how text and UUIDs are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ...model.filters import HoldsNull, IsNull, MatchAny, MatchExcept, MatchValue, Predicate, Range
from ...model.payload_index import FieldSchema, FieldType

_INT64 = range(-(2**63), 2**63)


def as_indexed(schema: FieldSchema | None, predicate: Predicate) -> Predicate:
    """The predicate to evaluate on a field with that index."""
    is_null = schema is not None and isinstance(predicate, IsNull)
    return HoldsNull() if is_null else predicate


def sees_integers(schema: FieldSchema | None, predicate: Predicate) -> bool:
    """Whether the predicate, on a field with that index, sees values as integers."""
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
    """Yield the values, with numbers as an integer index has them, without those it lacks."""
    for value in values:
        if type(value) is float:
            if value.is_integer() and int(value) in _INT64:
                yield int(value)
        elif type(value) is not int or value in _INT64:
            yield value
