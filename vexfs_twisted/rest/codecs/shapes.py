"""The shapes of bodies whose arrays may be long, by what they are for."""

from __future__ import annotations

from ..bodies.shapes import RAW, Shape
from .pointlists import PointsDraft, PointVectorsDraft, RowsDraft
from .queries import gather_queries, gather_searches
from .updates import gather_operations
from .upserts import gather_payloads

_PAYLOAD = Shape(others=lambda _: RAW)


def _column(name: str) -> Shape:
    return Shape(gather=lambda: RowsDraft(f"vectors.{name}" if name else "vectors"))


UPSERT = Shape(
    members={
        "points": Shape(gather=PointsDraft, items=Shape(members={"payload": _PAYLOAD})),
        "batch": Shape(
            members={
                "vectors": Shape(gather=lambda: RowsDraft("vectors"), others=_column),
                "payloads": Shape(gather=gather_payloads, items=_PAYLOAD),
            }
        ),
    }
)
"""Points, as a list or by columns."""

UPDATE_VECTORS = Shape(members={"points": Shape(gather=PointVectorsDraft)})
"""New vectors of points."""

PAYLOAD_UPDATE = Shape(members={"payload": _PAYLOAD})
"""A payload for points that a list of ids or a filter chooses."""

_OPERATION = Shape(
    members={
        "upsert": UPSERT,
        "update_vectors": UPDATE_VECTORS,
        "set_payload": PAYLOAD_UPDATE,
        "overwrite_payload": PAYLOAD_UPDATE,
    }
)

UPDATE_BATCH = Shape(members={"operations": Shape(gather=gather_operations, items=_OPERATION)})
"""Updates of all kinds."""

QUERY_BATCH = Shape(members={"searches": Shape(gather=gather_queries)})
"""Queries."""

SEARCH_BATCH = Shape(members={"searches": Shape(gather=gather_searches)})
"""Searches, as the older endpoint takes them."""
