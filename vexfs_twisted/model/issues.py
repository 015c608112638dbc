"""What a server tells an operator to change."""

from __future__ import annotations

from attrs import frozen

from .payload_index import FieldType


@frozen
class Issue:
    """A field that slow reads were filtered by, and that no payload index serves.

    An index of the type `kind` would; `found` is when it was found last, in seconds since 1970.
    """

    collection: str
    field: str
    kind: FieldType
    found: float


@frozen
class SlowCall:
    """A call that took `seconds`, and ended at `ended`, in seconds since 1970."""

    method: str
    collection: str
    request_id: str
    outcome: str
    seconds: float
    ended: float
