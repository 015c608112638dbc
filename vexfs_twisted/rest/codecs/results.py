"""Encoding of results as JSON values, to be serialized by orjson with numpy support."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from ...jsonform.collections import config_to_json
from ...model.collection import Alias, ClusterInfo, CollectionInfo
from ...model.config_warnings import warnings_about
from ...model.distance_matrix import DistanceMatrix
from ...model.payload_index import FieldInfo, FieldType
from ...model.queries import FacetHit, Record, ScoredPoint
from ...model.updates import UpdateResult
from .vectors import vectors_to_json

_PAIRS_PER_PIECE = 2048

_NULL_WHEN_UNSET: Mapping[FieldType, tuple[str, ...]] = {
    FieldType.INTEGER: ("lookup", "range", "is_principal"),
    FieldType.FLOAT: ("is_principal",),
    FieldType.DATETIME: ("is_principal",),
}
"""The parameters of an index that are shown as null if its declaration omits them."""


def record_to_json(record: Record) -> dict[str, Any]:
    """A stored point. Parts that were not requested are omitted; payloads are sent as stored."""
    point: dict[str, Any] = {"id": record.id}
    if record.payload is not None:
        point["payload"] = orjson.Fragment(record.payload)
    if record.vectors is not None:
        point["vector"] = vectors_to_json(record.vectors)
    if record.order_value is not None:
        point["order_value"] = record.order_value
    return point


def scored_point_to_json(scored: ScoredPoint) -> dict[str, Any]:
    """A point with its score, a float32, which orjson writes with that type's shortest digits."""
    point: dict[str, Any] = {
        "id": scored.id,
        "version": scored.version,
        "score": np.float32(scored.score),
    }
    if scored.payload is not None:
        point["payload"] = orjson.Fragment(scored.payload)
    if scored.vectors is not None:
        point["vector"] = vectors_to_json(scored.vectors)
    if scored.order_value is not None:
        point["order_value"] = scored.order_value
    return point


def pairs_to_json(matrix: DistanceMatrix) -> bytes:
    """A matrix as pairs of points with their scores, as JSON text. Thread-safe."""
    ids = matrix.ids
    pieces = []
    for start in range(0, len(matrix.scores), _PAIRS_PER_PIECE):
        own = slice(start, start + _PAIRS_PER_PIECE)
        columns = matrix.rows[own].tolist(), matrix.columns[own].tolist(), matrix.scores[own]
        pairs = [{"a": ids[a], "b": ids[b], "score": s} for a, b, s in zip(*columns, strict=True)]
        pieces.append(orjson.dumps(pairs, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1])
    return b'{"pairs":[' + b",".join(pieces) + b"]}"


def offsets_to_json(matrix: DistanceMatrix) -> bytes:
    """A matrix as columns of offsets into its ids, as JSON text. Thread-safe."""
    plain = {
        "offsets_row": matrix.rows,
        "offsets_col": matrix.columns,
        "scores": matrix.scores,
        "ids": list(matrix.ids),
    }
    return orjson.dumps(plain, option=orjson.OPT_SERIALIZE_NUMPY)


def update_result_to_json(result: UpdateResult) -> dict[str, Any]:
    """The result of an update."""
    return {"operation_id": result.operation_id, "status": result.status.value}


def info_to_json(info: CollectionInfo) -> dict[str, Any]:
    """The description of a collection."""
    plain: dict[str, Any] = {
        "status": info.status.value,
        "optimizer_status": _optimizer_status(info.optimizer_error),
        "indexed_vectors_count": info.indexed_vectors_count,
        "points_count": info.points_count,
        "segments_count": info.segments_count,
        "config": config_to_json(info.config),
        "payload_schema": {
            name: _field_info_to_json(field) for name, field in info.payload_schema.items()
        },
        "update_queue": {"length": info.update_queue_length},
    }
    warnings = warnings_about(info.config)
    if warnings:
        plain["warnings"] = [{"message": text} for text in warnings]
    return plain


def _optimizer_status(error: str | None) -> object:
    return "ok" if error is None else {"error": error}


def _field_info_to_json(info: FieldInfo) -> dict[str, Any]:
    """The description of an index; with parameters only if it was declared with an object."""
    plain: dict[str, Any] = {"data_type": info.schema.type.value, "points": info.points}
    if info.schema.declared is not None:
        declared = info.schema.declared
        names = _NULL_WHEN_UNSET.get(info.schema.type, ())
        unset = dict.fromkeys(name for name in names if name not in declared)
        plain["params"] = {**declared, **unset}
    return plain


def facet_to_json(hits: Sequence[FacetHit]) -> dict[str, Any]:
    """The most frequent values of a field."""
    return {"hits": [{"value": hit.value, "count": hit.count} for hit in hits]}


def cluster_info_to_json(info: ClusterInfo) -> dict[str, Any]:
    """The shards of a collection: a single local one."""
    shard = {"shard_id": 0, "points_count": info.points_count, "state": "Active"}
    return {
        "peer_id": info.peer_id,
        "shard_count": info.shard_count,
        "local_shards": [shard],
        "remote_shards": [],
        "shard_transfers": [],
    }


def aliases_to_json(aliases: list[Alias]) -> dict[str, Any]:
    """Aliases and the collections they refer to."""
    return {
        "aliases": [
            {"alias_name": alias.alias_name, "collection_name": alias.collection_name}
            for alias in aliases
        ]
    }
