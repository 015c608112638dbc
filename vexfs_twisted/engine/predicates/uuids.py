"""Matches on a field with a uuid index, where different spellings of a UUID are equal.

Without such an index, or with a keyword index, strings are compared as they are, like in Qdrant.
Unlike in Qdrant, a list may have UUIDs and other strings: each is compared as what it is, and
`except` passes values that are not UUIDs.
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
    """The canonical form of a UUID; any other value unchanged."""
    return canonical_uuid(value) or value if type(value) is str else value


def canonical_match(predicate: Any) -> ValueMatch:
    """Rewrite a match of UUIDs to a match of canonical values."""
    if isinstance(predicate, MatchValue):
        return MatchValue(canonical(predicate.value))
    kind = type(predicate)
    found: ValueMatch = kind(frozenset(map(canonical, predicate.values)))
    return found
