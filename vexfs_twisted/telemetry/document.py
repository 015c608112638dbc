"""Telemetry as a JSON document, of which clients of Qdrant know the members at every level."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from attrs import frozen

from .. import QDRANT_VERSION
from ..jsonform.collections import config_to_json
from ..jsonform.quotas import quota_config_to_json, quota_part_to_json
from ..model.collection import CollectionConfig
from ..model.collection_params import SparseVectorParams, VectorParams
from ..model.collection_reports import CollectionDetails, CollectionReport, SegmentReport
from ..model.distribution import Distribution
from ..model.optimizations import Optimization
from ..model.server_report import AuditStatus
from .performance import ByMethod
from .server_report import ServerReport

JsonObject = dict[str, Any]

WITH_COLLECTIONS = 1
WITH_CONFIG = 2
WITH_SHARDS = 3
WITH_SEGMENTS = 4
"""Levels of details from which on these are told."""


@frozen
class ServerFacts:
    """What does not change while the server runs. `started` is in seconds since 1970.

    `threads` is the number of threads that read.
    """

    id: str
    started: float
    data: str
    threads: int
    has_tokens: bool = False


def write_telemetry(report: ServerReport, facts: ServerFacts, level: int) -> bytes:
    """The document at a level of details from 0 on, as JSON text. In a thread."""
    document: JsonObject = {
        "id": facts.id,
        "app": _app(report, facts, level),
        "collections": _collections(report, level),
        "cluster": {"enabled": False},
        "requests": _requests(report),
        "quota": {
            "config": quota_config_to_json(report.quotas.config),
            "exceeded": quota_part_to_json(report.quotas.exceeded),
        },
    }
    if level >= WITH_COLLECTIONS:
        document["memory"] = _memory(report)
        document["hardware"] = {"collection_data": {}}
        document["search_pool"] = {
            "mode": "short and long reads",
            "high_cpu_threads": facts.threads,
            "high_io_threads": facts.threads,
        }
    return orjson.dumps(document)


def _app(report: ServerReport, facts: ServerFacts, level: int) -> JsonObject:
    app: JsonObject = {
        "name": "qdrant",
        "version": QDRANT_VERSION,
        "features": {
            "debug": False,
            "service_debug_feature": False,
            "recovery_mode": False,
            "gpu": False,
            "rocksdb": False,
            "staging": False,
        },
        "jwt_rbac": facts.has_tokens,
        "hide_jwt_dashboard": None,
        "audit": None if report.audit is None else _audit(report.audit),
        "startup": _moment(facts.started),
    }
    if level >= WITH_COLLECTIONS:
        app["system"] = {**_system(), "disk_size": _disk_size(facts.data)}
    return app


def _audit(audit: AuditStatus) -> JsonObject:
    return {
        "dir": audit.directory,
        "rotation": audit.rotation,
        "max_log_files": audit.most_files,
        "trust_forwarded_headers": audit.trusts_forwarded,
        "log_api": False,
        "dir_size_bytes": audit.size,
    }


@cache
def _system() -> JsonObject:
    release = _release()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "distribution": release.get("ID"),
        "distribution_version": release.get("VERSION_ID"),
        "is_docker": Path("/.dockerenv").exists(),
        "cores": os.cpu_count(),
        "cpu_cores_used": float(len(os.sched_getaffinity(0))),
        "ram_size": pages // 1024,
        "cpu_flags": _cpu_flags(),
        "cpu_endian": sys.byteorder,
        "gpu_devices": None,
    }


def _release() -> Mapping[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def _cpu_flags() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return flags.partition(":")[2].strip().replace(" ", ",")


def _disk_size(path: str) -> int | None:
    """The size of the file system in KiB, as Qdrant tells it."""
    try:
        return shutil.disk_usage(path).total // 1024
    except OSError:
        return None


def _memory(report: ServerReport) -> JsonObject:
    own = report.process
    return {
        "active_bytes": own.active,
        "allocated_bytes": own.allocated,
        "metadata_bytes": own.metadata,
        "resident_bytes": own.resident,
        "retained_bytes": own.retained,
    }


def _requests(report: ServerReport) -> JsonObject:
    requests: JsonObject = {}
    for wire, calls in report.calls.items():
        requests[wire] = {"responses": _responses(calls, wire)}
        if report.calls_of is not None:
            requests[wire]["per_collection_responses"] = {
                name: _responses(own, wire) for name, own in report.calls_of[wire].items()
            }
    return requests


def _responses(calls: ByMethod, wire: str) -> JsonObject:
    slash = "/" if wire == "grpc" else ""
    return {
        f"{slash}{method}": {status: _statistics(own) for status, own in by_status.items()}
        for method, by_status in calls.items()
    }


def _statistics(durations: Distribution) -> JsonObject:
    if not durations.count:
        return {"count": 0}
    return {
        "count": durations.count,
        "avg_duration_micros": durations.average * 1e6,
        "min_duration_micros": durations.least * 1e6,
        "max_duration_micros": durations.most * 1e6,
        "total_duration_micros": round(durations.total * 1e6),
        "last_responded": _moment(durations.last),
    }


def _collections(report: ServerReport, level: int) -> JsonObject:
    collections: JsonObject = {"number_of_collections": report.total}
    if level >= WITH_COLLECTIONS:
        encode = _summary if level == WITH_COLLECTIONS else _collection
        collections["collections"] = [encode(own, level) for own in report.collections]
        collections["snapshots"] = [
            {
                "id": own.name,
                "running_snapshots": report.snapshots.running.get(own.name, 0),
                "running_snapshot_recovery": report.snapshots.restoring.get(own.name, 0),
                "total_snapshot_creations": report.snapshots.taken.get(own.name, 0),
            }
            for own in report.collections
        ]
    return collections


def _summary(report: CollectionReport, _: int) -> JsonObject:
    return {
        "vectors": sum(counts.count for counts in report.vectors.values()),
        "optimizers_status": _optimizer_status(report),
        "params": config_to_json(report.config)["params"],
    }


def _collection(report: CollectionReport, level: int) -> JsonObject:
    config = {"quantization_config": None, **config_to_json(report.config), "uuid": report.uuid}
    collection: JsonObject = {"id": report.name, "init_time_ms": None, "config": config}
    if level >= WITH_SHARDS:
        shard: JsonObject = {
            "id": 0,
            "key": None,
            "local": _shard(report, level),
            "remote": [],
            "replicate_states": {},
            "partial_snapshot": None,
        }
        collection |= {"shards": [shard], "transfers": [], "resharding": []}
    return collection


def _shard(report: CollectionReport, level: int) -> JsonObject:
    details, vectors = report.details, report.vectors
    done = details.optimizations.completed if details is not None else ()
    running = details.optimizations.running if details is not None else ()
    times = Distribution()
    for own in done:
        if own.progress.finished_at is not None:
            seconds = max(own.progress.finished_at - own.progress.started_at, 0.0)
            times.add([seconds], own.progress.finished_at)
    shard: JsonObject = {
        "variant_name": "local shard",
        "status": report.status.value,
        "total_optimized_points": sum(own.progress.done or 0 for own in done),
        "vectors_size_bytes": sum(counts.size for counts in vectors.values()),
        "payloads_size_bytes": None if details is None else details.payloads_size,
        "num_points": report.points,
        "num_vectors": sum(counts.count for counts in vectors.values()),
        "num_vectors_by_name": {name: counts.count for name, counts in vectors.items()},
        "optimizations": {
            "status": _optimizer_status(report),
            "optimizations": _statistics(times),
            "log": [_tracker(own) for own in (*running, *done)],
        },
        "async_scorer": None,
        "update_queue": {"length": report.update_queue, "op_num": report.next_operation},
    }
    if level >= WITH_SEGMENTS:
        shard["segments"] = list(_segments(report.config, details))
        shard["indexed_only_excluded_vectors"] = {
            name: counts.unsearched for name, counts in vectors.items() if counts.unsearched
        }
    return shard


def _optimizer_status(report: CollectionReport) -> object:
    error = report.optimizer_error
    return "ok" if error is None else {"error": error}


def _tracker(own: Optimization) -> JsonObject:
    ended = own.progress.finished_at
    status: object = "optimizing" if ended is None else "done"
    if own.error is not None:
        status = {"error": own.error}
    elif own.cancelled is not None:
        status = {"cancelled": own.cancelled}
    return {
        "name": own.optimizer,
        "uuid": own.uuid,
        "segment_ids": [],
        "segment_uuids": [segment.uuid for segment in own.segments],
        "status": status,
        "start_at": _moment(own.progress.started_at),
        "end_at": None if ended is None else _moment(ended),
    }


def _segments(config: CollectionConfig, details: CollectionDetails | None) -> Iterator[JsonObject]:
    if details is None:
        return
    for segment in details.segments:
        yield {
            "info": _segment_info(segment, details),
            "config": _segment_config(segment, config),
            # Searches and indexes of payloads are of the collection as a whole.
            "vector_index_searches": [],
            "payload_field_indices": [],
        }


def _segment_info(segment: SegmentReport, details: CollectionDetails) -> JsonObject:
    counts = segment.vectors
    return {
        "uuid": segment.uuid,
        "segment_type": "indexed" if segment.has_graph else "plain",
        "num_vectors": sum(own.count for own in counts.values()),
        "num_points": segment.points,
        "num_indexed_vectors": sum(own.indexed for own in counts.values()),
        "num_deleted_vectors": sum(own.deleted for own in counts.values()),
        "vectors_size_bytes": sum(own.size for own in counts.values()),
        "payloads_size_bytes": 0 if segment.has_graph else details.payloads_size,
        "ram_usage_bytes": segment.memory,
        "disk_usage_bytes": segment.disk,
        "is_appendable": not segment.has_graph,
        "index_schema": {}
        if segment.has_graph
        else {
            path: {"data_type": own.schema.type.value, "points": own.points}
            for path, own in details.payload_schema.items()
        },
        "vector_data": {
            name: {
                "num_vectors": own.count,
                "num_indexed_vectors": own.indexed,
                "num_deleted_vectors": own.deleted,
            }
            for name, own in counts.items()
        },
    }


def _segment_config(segment: SegmentReport, config: CollectionConfig) -> JsonObject:
    shown = config_to_json(config)
    dense: JsonObject = {}
    sparse: JsonObject = {}
    for name, params in segment.params.items():
        if isinstance(params, VectorParams):
            dense[name] = _dense_config(params, shown, has_graph=segment.has_graph)
        else:
            sparse[name] = _sparse_config(params)
    return {
        "vector_data": dense,
        "sparse_vector_data": sparse,
        "payload_storage_type": {"type": "mmap"},
    }


def _dense_config(params: VectorParams, shown: JsonObject, *, has_graph: bool) -> JsonObject:
    index = {"type": "hnsw", "options": shown["hnsw_config"]} if has_graph else _PLAIN
    return {
        "size": params.size,
        "distance": params.distance.value,
        "storage_type": "ChunkedMmap",
        "index": index,
    }


_PLAIN: Mapping[str, Any] = {"type": "plain", "options": {}}


def _sparse_config(params: SparseVectorParams) -> JsonObject:
    config: JsonObject = {"index": {"index_type": "Mmap"}}
    if params.modifier is not None:
        config["modifier"] = params.modifier.value
    return config


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
