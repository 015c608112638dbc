"""Reports without the names that users have chosen."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from secrets import token_bytes
from typing import TypeVar

from attrs import evolve

from ..model.collection import CollectionConfig
from ..model.collection_reports import CollectionReport
from .server_report import ServerReport

T = TypeVar("T")

_KEY = token_bytes(16)
"""So that names cannot be guessed and compared; the same name has one hash while the server runs.
"""


def anonymized(report: ServerReport) -> ServerReport:
    """The report with hashes for the names of collections, vectors and fields.

    Metadata and strict modes, which name things too, and the path of the device are left out.
    """
    calls_of = report.calls_of
    snapshots = report.snapshots
    return evolve(
        report,
        collections=[_collection(own) for own in report.collections],
        calls_of=None
        if calls_of is None
        else {wire: _renamed(own) for wire, own in calls_of.items()},
        snapshots=evolve(
            snapshots,
            running=_renamed(snapshots.running),
            restoring=_renamed(snapshots.restoring),
            taken=_renamed(snapshots.taken),
        ),
        device=evolve(report.device, path=None if report.device.path is None else "***"),
    )


def _collection(report: CollectionReport) -> CollectionReport:
    details = report.details
    if details is not None:
        segments = [
            evolve(own, vectors=_renamed(own.vectors), params=_renamed(own.params))
            for own in details.segments
        ]
        schema = _renamed(details.payload_schema)
        details = evolve(details, segments=segments, payload_schema=schema)
    return evolve(
        report,
        name=_hash(report.name),
        config=_config(report.config),
        vectors=_renamed(report.vectors),
        optimizer_error=None if report.optimizer_error is None else "***",
        details=details,
    )


def _config(config: CollectionConfig) -> CollectionConfig:
    params = config.params
    sparse = params.sparse_vectors
    changed = evolve(
        params,
        vectors=_renamed(params.vectors),
        sparse_vectors=None if sparse is None else _renamed(sparse),
    )
    return evolve(config, params=changed, metadata=None, strict_mode_config=None)


def _renamed(values: Mapping[str, T]) -> dict[str, T]:
    """The unnamed vector, and the snapshots of everything, have no name to hide."""
    return {_hash(name) if name else name: value for name, value in values.items()}


def _hash(name: str) -> str:
    return blake2b(name.encode("utf-8", "surrogatepass"), key=_KEY, digest_size=8).hexdigest()
