"""Point ids: unsigned 64-bit integers and UUIDs.

An integer id is an `int`; a UUID is its canonical text (lower case, hyphenated), the form both
wires carry. Integers sort before UUIDs, each in their own order.
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
    """The canonical form of any accepted UUID spelling; None when `text` is no UUID."""
    if _CANONICAL.fullmatch(text):
        return text
    if _ACCEPTED.fullmatch(text):
        return str(UUID(text))
    return None


def parse_point_id(text: str) -> PointId | None:
    """The id that a path segment spells, or None: digits are an integer, else a UUID."""
    if text.isascii() and text.isdigit():
        number = int(text)
        return number if number <= MAX_INTEGER_ID else None
    return canonical_uuid(text)


def sort_key(point_id: PointId) -> tuple[bool, PointId]:
    """Orders ids as scrolling does: integers first, then UUIDs."""
    return (isinstance(point_id, str), point_id)
