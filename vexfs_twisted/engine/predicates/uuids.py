"""Matches on a field with a uuid index, where strings that spell one UUID are equal.

Without such an index, or with a keyword index, strings are compared as they are, as Qdrant does.
Unlike there, a list may hold UUIDs and other strings: each is compared as what it is, and `except`
passes values that are no UUIDs.
"""

from __future__ import annotations

from typing import Any

from ...model.filters import MatchAny, MatchExcept, MatchValue, Predicate
from ...model.ids import canonical_uuid
from ...model.payload_index import FieldSchema, FieldType

ValueMatch = MatchValue | MatchAny | MatchExcept


def matches_uuids(schema: FieldSchema | None, predicate: Predicate) -> bool:
    """Whether the predicate, on a field with that index, compares UUIDs."""
    is_indexed = schema is not None and schema.type is FieldType.UUID
    return is_indexed and isinstance(predicate, ValueMatch)


def canonical(value: Any) -> Any:
    """A UUID in its canonical form, anything else as it is."""
    return canonical_uuid(value) or value if type(value) is str else value


def canonical_match(predicate: Any) -> ValueMatch:
    """The match of canonical values that a match of UUIDs is."""
    if isinstance(predicate, MatchValue):
        return MatchValue(canonical(predicate.value))
    kind = type(predicate)
    found: ValueMatch = kind(frozenset(map(canonical, predicate.values)))
    return found
