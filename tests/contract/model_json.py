"""The JSON that a REST client sends for model values, and model values from what it receives.

Written beside the server's own codecs, not with them, so that a mistake there shows here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

import attrs
import numpy as np
from cattrs import Converter

from tests.contract.client_parts import dump_payload, named_vectors, rows_of
from tests.filter_json import filter_to_json
from tests.query_json import order_to_json, selection_to_json, with_given
from vexfs_twisted.jsonform.payload_index import read_field_schema
from vexfs_twisted.model.collection import (
    AliasAction,
    ClusterInfo,
    CollectionConfig,
    CollectionInfo,
    CollectionStatus,
    CreateAlias,
    CreateCollection,
    DeleteAlias,
    RenameAlias,
    UpdateCollection,
)
from vexfs_twisted.model.distance_matrix import DistanceMatrix, MatrixRequest
from vexfs_twisted.model.filters import Filter
from vexfs_twisted.model.groups import PointGroup
from vexfs_twisted.model.optimizations import (
    Optimization,
    Optimizations,
    PendingOptimization,
    Progress,
    SegmentSummary,
)
from vexfs_twisted.model.payload_index import FieldInfo
from vexfs_twisted.model.queries import (
    Count,
    Facet,
    Record,
    ScoredPoint,
    Scroll,
)
from vexfs_twisted.model.updates import UpdateResult, UpdateStatus, Upsert

Json = dict[str, Any]

_ALIAS_ACTIONS = {
    CreateAlias: "create_alias",
    DeleteAlias: "delete_alias",
    RenameAlias: "rename_alias",
}
# Everything that is echoed has its place in the model.
_STRICT = Converter(forbid_extra_keys=True)


def plain(value: Any) -> Any:
    """A model value as JSON, where the names are the same: what is None is left out."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if attrs.has(type(value)):
        pairs = ((field.name, getattr(value, field.name)) for field in attrs.fields(type(value)))
        return {name: plain(item) for name, item in pairs if item is not None}
    return value


def create_collection(request: CreateCollection) -> Json:
    body: Json = plain(request)
    del body["unnamed_in_map"]
    if list(request.vectors) == [""] and not request.unnamed_in_map:
        body["vectors"] = body["vectors"][""]
    return body


def update_collection(request: UpdateCollection) -> Json:
    body: Json = plain(request)
    return body


def alias_action(action: AliasAction) -> Json:
    return {_ALIAS_ACTIONS[type(action)]: plain(action)}


def upsert_rows(upsert: Upsert) -> Json:
    """The upsert as a list of points."""
    return {
        "points": [
            {"id": row.id, "vector": _vectors(row.vectors), "payload": row.payload}
            for row in rows_of(upsert)
        ]
    }


def _vectors(vectors: dict[str, Any]) -> Any:
    return vectors[""] if list(vectors) == [""] else vectors


def upsert_columns(upsert: Upsert) -> Json:
    """The upsert as columns, where every point has the same vectors; else as a list of points."""
    rows = list(rows_of(upsert))
    if any(row.vectors.keys() != rows[0].vectors.keys() for row in rows):
        return upsert_rows(upsert)
    columns = {name: [row.vectors[name] for row in rows] for name in rows[0].vectors}
    return {
        "batch": {
            "ids": [row.id for row in rows],
            "vectors": _vectors(columns),
            "payloads": [row.payload for row in rows],
        }
    }


def scroll(request: Scroll) -> Json:
    body = {"limit": request.limit, **selection_to_json(request.selection)}
    order_by = None if request.order_by is None else order_to_json(request.order_by)
    return with_given(
        body, offset=request.offset, filter=_filter(request.filter), order_by=order_by
    )


def facet(request: Facet) -> Json:
    body = {"key": request.key.text, "limit": request.limit, "exact": request.exact}
    return with_given(body, filter=_filter(request.filter))


def count(request: Count) -> Json:
    return with_given({"exact": request.exact}, filter=_filter(request.filter))


def matrix(request: MatrixRequest) -> Json:
    body = {"sample": request.sample, "limit": request.limit}
    return with_given(body, using=request.using or None, filter=_filter(request.filter))


def read_matrix(pairs: Json, offsets: Json) -> DistanceMatrix:
    """The matrix in both of its forms, which must be the same."""
    ids, rows, columns = (offsets[name] for name in ("ids", "offsets_row", "offsets_col"))
    scores = offsets["scores"]
    entries = zip(rows, columns, scores, strict=True)
    assert pairs["pairs"] == [{"a": ids[a], "b": ids[b], "score": s} for a, b, s in entries]
    numbers = np.array(rows, dtype=np.int64), np.array(columns, dtype=np.int64)
    return DistanceMatrix(ids, *numbers, np.array(scores, dtype=np.float32))


def read_group(result: Json) -> PointGroup:
    hits = list(map(read_scored_point, result["hits"]))
    lookup = None if result.get("lookup") is None else read_record(result["lookup"])
    return PointGroup(result["id"], hits, lookup)


def _filter(filter: Filter | None) -> Json | None:
    return None if filter is None else filter_to_json(filter)


def read_collection_info(result: Json) -> CollectionInfo:
    config = dict(result["config"])
    params = dict(config["params"])
    if "size" in params["vectors"]:
        params["vectors"] = {"": params["vectors"]}
    else:
        params["unnamed_in_map"] = "" in params["vectors"]
    config["params"] = params
    return CollectionInfo(
        config=_STRICT.structure(config, CollectionConfig),
        points_count=result["points_count"],
        indexed_vectors_count=result["indexed_vectors_count"],
        segments_count=result["segments_count"],
        status=CollectionStatus(result["status"]),
        optimizer_error=None if (told := result["optimizer_status"]) == "ok" else told["error"],
        update_queue_length=result["update_queue"]["length"],
        payload_schema={k: _read_field_info(v) for k, v in result["payload_schema"].items()},
    )


def _read_field_info(result: Json) -> FieldInfo:
    schema = read_field_schema(result.get("params", result["data_type"]))
    assert schema.type.value == result["data_type"]
    return FieldInfo(schema, result["points"])


def read_optimizations(result: Json) -> Optimizations:
    """The whole report; its summary must be one of its lists."""
    segments = [s for waiting in result["queued"] for s in waiting["segments"]]
    assert result["summary"] == {
        "queued_optimizations": len(result["queued"]),
        "queued_segments": len(segments),
        "queued_points": sum(segment["points_count"] for segment in segments),
        "idle_segments": len(result["idle_segments"]),
    }
    return Optimizations(
        running=list(map(_read_optimization, result["running"])),
        queued=[
            PendingOptimization(waiting["optimizer"], _read_segments(waiting["segments"]))
            for waiting in result["queued"]
        ],
        completed=list(map(_read_optimization, result["completed"])),
        idle_segments=_read_segments(result["idle_segments"]),
    )


def _read_optimization(result: Json) -> Optimization:
    status, progress = result["status"], result["progress"]
    finished = progress.get("finished_at")
    assert (status == "optimizing") == (finished is None)
    return Optimization(
        result["uuid"],
        result["optimizer"],
        _read_segments(result["segments"]),
        Progress(
            progress["name"],
            _read_time(progress["started_at"]),
            None if finished is None else _read_time(finished),
            progress["done"],
            progress["total"],
        ),
        error=status.get("error") if isinstance(status, dict) else None,
        cancelled=status.get("cancelled") if isinstance(status, dict) else None,
    )


def _read_time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _read_segments(result: list[Json]) -> list[SegmentSummary]:
    return [SegmentSummary(segment["uuid"], segment["points_count"]) for segment in result]


def read_cluster_info(result: Json) -> ClusterInfo:
    (shard,) = result["local_shards"]
    return ClusterInfo(result["peer_id"], result["shard_count"], shard["points_count"])


def read_update_result(result: Json) -> UpdateResult:
    return UpdateResult(result.get("operation_id"), UpdateStatus(result["status"]))


def read_record(result: Json) -> Record:
    return Record(result["id"], _payload(result), _read_vectors(result), result.get("order_value"))


def read_scored_point(result: Json) -> ScoredPoint:
    payload, vectors = _payload(result), _read_vectors(result)
    order_value = result.get("order_value")
    return ScoredPoint(
        result["id"], result["version"], result["score"], payload, vectors, order_value
    )


def _payload(result: Json) -> bytes | None:
    payload = result.get("payload")
    return None if payload is None else dump_payload(payload)


def _read_vectors(result: Json) -> dict[str, Any] | None:
    vectors = result.get("vector")
    return named_vectors({"": vectors} if isinstance(vectors, list) else vectors)
