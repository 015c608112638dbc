"""JSON filters in the words of qdrant-edge-py, which holds Qdrant's own engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import qdrant_edge as edge

Json = Any

_MATCHES = {
    "value": edge.MatchValue,
    "any": edge.MatchAny,
    "except": edge.MatchExcept,
    "text": edge.MatchText,
    "prefix": edge.MatchPrefix,
}


_KINDS = {
    "keyword": edge.PayloadSchemaType.Keyword,
    "integer": edge.PayloadSchemaType.Integer,
    "float": edge.PayloadSchemaType.Float,
    "geo": edge.PayloadSchemaType.Geo,
    "datetime": edge.PayloadSchemaType.Datetime,
}


class EdgeShard:
    """Points without vectors in a shard of its own at `path`, `indexes` a type under each path."""

    def __init__(self, path: str, indexes: Mapping[str, str] | None = None) -> None:
        space = edge.EdgeVectorParams(size=2, distance=edge.Distance.Dot)
        self._shard = edge.EdgeShard.create(path, edge.EdgeConfig(vectors=space))
        for field, kind in (indexes or {}).items():
            self._shard.update(edge.UpdateOperation.create_field_index(field, _KINDS[kind]))

    def store(self, payloads: Sequence[Mapping[str, Json]]) -> None:
        """Replace the points 0, 1, … by points with these payloads."""
        points = [edge.Point(n, [1.0, 0.0], dict(payload)) for n, payload in enumerate(payloads)]
        self._shard.update(edge.UpdateOperation.upsert_points(points))

    def find(self, filter_: Json) -> list[int]:
        """The ids of the points that pass, ascending."""
        request = edge.ScrollRequest(limit=1000, filter=edge_filter(filter_))
        records, _ = self._shard.scroll(request)
        return [int(record.id) for record in records]

    def order_values(self, key: str) -> dict[int, list[int | float]]:
        """The values that order the points by an indexed field, under their ids."""
        request = edge.ScrollRequest(limit=10_000, order_by=edge.OrderBy(key))
        records, _ = self._shard.scroll(request)
        found: dict[int, list[int | float]] = {}
        for record in records:
            assert record.order_value is not None
            found.setdefault(int(record.id), []).append(record.order_value)
        return found

    def close(self) -> None:
        """Close the shard."""
        self._shard.close()


def edge_filter(filter_: Mapping[str, Json]) -> Any:
    """A filter in the words of edge."""
    clauses: dict[str, Any] = {
        name: list(map(_condition, filter_[name]))
        for name in ("must", "should", "must_not")
        if name in filter_
    }
    if "min_should" in filter_:
        conditions = list(map(_condition, filter_["min_should"]["conditions"]))
        clauses["min_should"] = edge.MinShould(conditions, filter_["min_should"]["min_count"])
    return edge.Filter(**clauses)


def _condition(condition: Mapping[str, Json]) -> Any:
    if "has_id" in condition:
        return edge.HasIdCondition(set(condition["has_id"]))
    if "key" in condition:
        return edge.FieldCondition(condition["key"], **_predicate(condition))
    if "is_empty" in condition:
        return edge.IsEmptyCondition(condition["is_empty"]["key"])
    if "is_null" in condition:
        return edge.IsNullCondition(condition["is_null"]["key"])
    if "nested" in condition:
        nested = condition["nested"]
        return edge.NestedCondition(nested["key"], edge_filter(nested["filter"]))
    return edge_filter(condition)


def _predicate(condition: Mapping[str, Json]) -> dict[str, Any]:
    for absence in ("is_empty", "is_null"):
        if absence in condition:
            return {absence: condition[absence]}
    if "match" in condition:
        ((kind, wanted),) = condition["match"].items()
        return {"match": _MATCHES[kind](wanted)}
    if "range" in condition:
        bounds = condition["range"]
        is_moment = any(isinstance(bound, str) for bound in bounds.values())
        return {"range": (edge.RangeDateTime if is_moment else edge.RangeFloat)(**bounds)}
    if "values_count" in condition:
        return {"values_count": edge.ValuesCount(**condition["values_count"])}
    if "geo_radius" in condition:
        circle = condition["geo_radius"]
        return {"geo_radius": edge.GeoRadius(_point(circle["center"]), circle["radius"])}
    if "geo_bounding_box" in condition:
        corners = condition["geo_bounding_box"]
        box = edge.GeoBoundingBox(_point(corners["top_left"]), _point(corners["bottom_right"]))
        return {"geo_bounding_box": box}
    polygon = condition["geo_polygon"]
    interiors = list(map(_ring, polygon.get("interiors", [])))
    return {"geo_polygon": edge.GeoPolygon(_ring(polygon["exterior"]), interiors or None)}


def _ring(ring: Mapping[str, Json]) -> list[Any]:
    return list(map(_point, ring["points"]))


def _point(point: Mapping[str, float]) -> Any:
    return edge.GeoPoint(point["lon"], point["lat"])
