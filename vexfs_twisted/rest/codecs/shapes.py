"""The shapes of request bodies with long arrays."""

from __future__ import annotations

from ...model.vectors import UNNAMED
from ..bodies.shapes import RAW, Shape
from .pointlists import PointsDraft, PointVectorsDraft
from .queries import gather_queries
from .searches import gather_discoveries, gather_recommendations, gather_searches
from .updates import gather_operations
from .upserts import gather_payloads, rows_draft

_PAYLOAD = Shape(others=lambda _: RAW)


def _column(name: str) -> Shape:
    return Shape(gather=lambda: rows_draft(name))


UPSERT = Shape(
    members={
        "points": Shape(gather=PointsDraft, items=Shape(members={"payload": _PAYLOAD})),
        "batch": Shape(
            members={
                "vectors": Shape(gather=lambda: rows_draft(UNNAMED), others=_column),
                "payloads": Shape(gather=gather_payloads, items=_PAYLOAD),
            }
        ),
    }
)
"""An upsert: points as a list or as columns."""

UPDATE_VECTORS = Shape(members={"points": Shape(gather=PointVectorsDraft)})
"""An update of vectors: a list of points."""

PAYLOAD_UPDATE = Shape(members={"payload": _PAYLOAD})
"""A payload for the points that a list of ids or a filter selects."""

_OPERATION = Shape(
    members={
        "upsert": UPSERT,
        "update_vectors": UPDATE_VECTORS,
        "set_payload": PAYLOAD_UPDATE,
        "overwrite_payload": PAYLOAD_UPDATE,
    }
)

UPDATE_BATCH = Shape(members={"operations": Shape(gather=gather_operations, items=_OPERATION)})
"""A batch of updates of all kinds."""

QUERY_BATCH = Shape(members={"searches": Shape(gather=gather_queries)})
"""A batch of queries."""

SEARCH_BATCH = Shape(members={"searches": Shape(gather=gather_searches)})
"""A batch of searches of the older endpoint."""

RECOMMEND_BATCH = Shape(members={"searches": Shape(gather=gather_recommendations)})
"""A batch of recommendations of the older endpoint."""

DISCOVER_BATCH = Shape(members={"searches": Shape(gather=gather_discoveries)})
"""A batch of discoveries of the older endpoint."""
