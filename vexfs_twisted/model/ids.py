"""Point ids: unsigned 64-bit integers and UUIDs.

An integer id is an `int`; a UUID is its canonical text (lower case, hyphenated), as in both APIs.
Integers sort before UUIDs.
"""

from __future__ import annotations

import re
from uuid import UUID

PointId = int | str

MAX_INTEGER_ID = 2**64 - 1

_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ACCEPTED = re.compile(
    r"[0-9a-f]{32}"
    r"|(?:urn:uuid:)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}",
    re.IGNORECASE,
)


def canonical_uuid(text: str) -> str | None:
    """The canonical form of any accepted UUID format; None if `text` is not a UUID."""
    if _CANONICAL.fullmatch(text):
        return text
    if _ACCEPTED.fullmatch(text):
        return str(UUID(text))
    return None


def parse_point_id(text: str) -> PointId | None:
    """Parse the id in a path segment, an integer or a UUID; None if it is neither."""
    if text.isascii() and text.isdigit():
        number = int(text)
        return number if number <= MAX_INTEGER_ID else None
    return canonical_uuid(text)


def sort_key(point_id: PointId) -> tuple[bool, PointId]:
    """The sort key of ids in scroll order: integers, then UUIDs."""
    return (isinstance(point_id, str), point_id)
