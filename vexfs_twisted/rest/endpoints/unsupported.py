"""Endpoints of Qdrant that are not implemented yet: each responds with 501 and names the feature.

As on every other endpoint, API keys and collection names are checked first, so that a client gets
the same error for these as from an implemented endpoint.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...model.access import (
    MANAGE_COLLECTION,
    MANAGE_SERVER,
    READ_COLLECTION,
    READ_POINTS,
    WRITE_COLLECTION,
    Need,
)
from ...model.errors import NotSupported
from ..request_context import RequestContext
from ..routing import Handler, Routes

_COLLECTION = "/collections/<collection>"
_SHARD = f"{_COLLECTION}/shards/<shard_id>"

_FEATURES: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("The web interface", (("GET", "/dashboard"),)),
    ("The audit log", (("POST", "/audit/logs"),)),
    (
        "Looking into the running process",
        (
            ("GET", "/stacktrace"),
            ("GET", "/debugger"),
            ("PATCH", "/debugger"),
            ("POST", f"{_COLLECTION}/debug"),
        ),
    ),
    ("A write-ahead log", (("POST", f"{_COLLECTION}/truncate_unapplied_wal"),)),
    (
        "Reading a single shard",
        (
            ("POST", f"{_SHARD}/points"),
            ("POST", f"{_SHARD}/points/scroll"),
            ("POST", f"{_SHARD}/points/count"),
            ("POST", f"{_SHARD}/cleanup"),
            ("GET", f"{_SHARD}/wal"),
            ("GET", f"{_SHARD}/recovery_point"),
        ),
    ),
    (
        "Taking or restoring a snapshot of a part",
        (
            ("POST", f"{_SHARD}/snapshot/partial/create"),
            ("POST", f"{_SHARD}/snapshot/partial/recover"),
            ("POST", f"{_SHARD}/snapshot/partial/recover_from"),
            ("GET", f"{_SHARD}/snapshot/partial/manifest"),
        ),
    ),
)
"""Features that are not implemented, and their endpoints."""

_NEEDS: Mapping[tuple[str, str], Need] = {
    ("POST", f"{_SHARD}/points"): READ_POINTS,
    ("POST", f"{_SHARD}/points/scroll"): READ_POINTS,
    ("POST", f"{_SHARD}/points/count"): READ_POINTS,
    ("GET", f"{_SHARD}/recovery_point"): READ_COLLECTION,
    ("GET", f"{_SHARD}/snapshot/partial/manifest"): READ_COLLECTION,
    ("POST", f"{_SHARD}/snapshot/partial/create"): WRITE_COLLECTION,
}
"""What callers must be allowed, where that is not all."""

_OPEN = frozenset({"/dashboard"})

routes = Routes()


def _needs(method: str, path: str) -> Need:
    most = MANAGE_COLLECTION if path.startswith(_COLLECTION) else MANAGE_SERVER
    return _NEEDS.get((method, path), most)


def _refuse(feature: str) -> Handler:
    """A handler that raises NotSupported for `feature`."""

    async def refuse(call: RequestContext) -> object:
        if "collection" in call.path:
            # Validates the name.
            _ = call.collection
        raise NotSupported(f"{feature} is not supported yet")

    return refuse


for _feature, _endpoints in _FEATURES:
    for _method, _path in _endpoints:
        routes.read(
            _method,
            _path,
            needs=None if _path in _OPEN else _needs(_method, _path),
            is_open=_path in _OPEN,
        )(_refuse(_feature))
