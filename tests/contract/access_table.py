"""Who may do what: every endpoint and method by what it needs, and what each caller may do."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from hmac import digest
from time import time
from typing import Any

import orjson

KEY = "the-key-that-signs-tokens-as-well"
ALT_KEY = "the-other-key-that-signs-tokens-too"
READ_ONLY_KEY = "the-key-for-those-who-read"

OPEN, ANY, R, W, RX, WX, MC, RS, MS = "open", "any", "r", "w", "rx", "wx", "mc", "rs", "ms"
"""What a call needs: nothing, to be known, to read or write points of a collection, to read or
write more of it, to manage it, to read or manage the server."""

_C = "/collections/{collection_name}"
_S = f"{_C}/shards/{{shard_id}}"
_P = f"{_C}/points"

_REST: Mapping[str, str] = {
    OPEN: "GET / | GET /healthz | GET /livez | GET /readyz | GET /dashboard",
    ANY: "GET /collections | GET /aliases | GET /issues | GET /telemetry | GET /cluster/telemetry",
    R: f"GET {_C} | GET {_C}/exists | GET {_C}/optimizations | GET {_C}/aliases | GET {_C}/memory"
    f"| GET {_C}/cluster | GET {_C}/shards | GET {_P}/{{id}} | POST {_P} | POST {_P}/scroll"
    f"| POST {_P}/count | POST {_C}/facet | POST {_P}/query | POST {_P}/query/batch"
    f"| POST {_P}/query/groups | POST {_P}/search | POST {_P}/search/batch"
    f"| POST {_P}/search/groups | POST {_P}/search/matrix/pairs"
    f"| POST {_P}/search/matrix/offsets | POST {_P}/recommend | POST {_P}/recommend/batch"
    f"| POST {_P}/recommend/groups | POST {_P}/discover | POST {_P}/discover/batch"
    f"| POST {_S}/points | POST {_S}/points/scroll | POST {_S}/points/count",
    W: f"PUT {_P} | POST {_P}/delete | PUT {_P}/vectors | POST {_P}/vectors/delete"
    f"| POST {_P}/payload | PUT {_P}/payload | POST {_P}/payload/delete"
    f"| POST {_P}/payload/clear | POST {_P}/batch",
    RX: f"GET {_C}/snapshots | GET {_C}/snapshots/{{snapshot_name}} | GET {_S}/snapshots"
    f"| GET {_S}/snapshots/{{snapshot_name}} | GET {_S}/snapshot/partial/manifest"
    f"| GET {_S}/recovery_point",
    WX: f"PUT {_C}/index | DELETE {_C}/index/{{field_name}} | PUT {_C}/vectors/{{vector_name}}"
    f"| DELETE {_C}/vectors/{{vector_name}} | POST {_C}/snapshots"
    f"| DELETE {_C}/snapshots/{{snapshot_name}} | POST {_S}/snapshots"
    f"| DELETE {_S}/snapshots/{{snapshot_name}} | GET {_S}/snapshot"
    f"| POST {_S}/snapshot/partial/create",
    MC: f"POST {_C}/cluster | PUT {_C}/shards | POST {_C}/shards/delete | POST {_C}/debug"
    f"| POST {_C}/truncate_unapplied_wal | POST {_S}/cleanup | GET {_S}/wal"
    f"| POST {_S}/snapshot/partial/recover | POST {_S}/snapshot/partial/recover_from",
    RS: "GET /cluster | GET /cluster/metadata/keys | GET /cluster/metadata/keys/{key}"
    "| GET /metrics | GET /logger | GET /quotas | GET /snapshots"
    "| GET /snapshots/{snapshot_name} | GET /grpc/status | GET /vexfs/stats",
    MS: f"PUT {_C} | PATCH {_C} | DELETE {_C} | POST /collections/aliases"
    f"| PUT {_C}/snapshots/recover | POST {_C}/snapshots/upload | PUT {_S}/snapshots/recover"
    f"| POST {_S}/snapshots/upload | POST /snapshots | DELETE /snapshots/{{snapshot_name}}"
    "| POST /cluster/recover | DELETE /cluster/peer/{peer_id}"
    "| PUT /cluster/metadata/keys/{key} | DELETE /cluster/metadata/keys/{key}"
    "| DELETE /issues | POST /logger | PUT /quotas | POST /audit/logs | GET /stacktrace"
    "| GET /profiler/slow_requests | GET /debugger | PATCH /debugger | POST /vexfs/device",
}
_RPC: Mapping[str, str] = {
    OPEN: "Qdrant/HealthCheck",
    ANY: "Collections/List Collections/ListAliases Qdrant/ListCollections Qdrant/Recommend",
    R: "Collections/Get Collections/CollectionExists Collections/ListCollectionAliases"
    " Collections/CollectionClusterInfo Collections/ListShardKeys Points/Get Points/Scroll"
    " Points/Count Points/Facet Points/Query Points/QueryBatch Points/QueryGroups Points/Search"
    " Points/SearchBatch Points/SearchGroups Points/Recommend Points/RecommendBatch"
    " Points/RecommendGroups Points/Discover Points/DiscoverBatch Points/SearchMatrixPairs"
    " Points/SearchMatrixOffsets Qdrant/GetCollectionInfo Qdrant/GetPoints Qdrant/SearchPoints"
    " Qdrant/SearchPointsBatch Qdrant/Scroll Qdrant/CountPoints Qdrant/StreamSearchPoints"
    " Qdrant/StreamGetPoints Qdrant/StreamScroll",
    W: "Points/Upsert Points/Delete Points/UpdateVectors Points/DeleteVectors Points/SetPayload"
    " Points/OverwritePayload Points/DeletePayload Points/ClearPayload Points/UpdateBatch"
    " Qdrant/UpsertPoints Qdrant/DeletePoints Qdrant/StreamUpsertPoints Qdrant/StreamUpsert",
    RX: "Snapshots/List",
    WX: "Points/CreateFieldIndex Points/DeleteFieldIndex Points/CreateVectorName"
    " Points/DeleteVectorName Snapshots/Create Snapshots/Delete",
    MC: "Collections/UpdateCollectionClusterSetup Collections/CreateShardKey"
    " Collections/DeleteShardKey",
    RS: "Snapshots/ListFull",
    MS: "Collections/Create Collections/Update Collections/Delete Collections/UpdateAliases"
    " Snapshots/CreateFull Snapshots/DeleteFull Qdrant/CreateCollection"
    " Qdrant/DeleteCollection Qdrant/UpdateCollection",
}


def _by_call(table: Mapping[str, str], separator: str | None) -> dict[str, str]:
    return {
        call.strip(): need
        for need, calls in table.items()
        for call in calls.split(separator)
        if call.strip()
    }


REST: Mapping[str, str] = _by_call(_REST, "|")
"""What each endpoint needs, by its method and template."""

RPC: Mapping[str, str] = _by_call(_RPC, None)
"""What each method needs, by its service and name."""


def token(claims: Any, secret: str = KEY, algorithm: str = "HS256", signed: bool = True) -> str:
    """A token made by hand, so that it may be wrong. Always signed by HMAC, if at all."""
    head = _encoded(orjson.dumps({"alg": algorithm, "typ": "JWT"}))
    body = head + b"." + _encoded(orjson.dumps(claims))
    signature = _encoded(digest(secret.encode(), body, sha256)) if signed else b""
    return (body + b"." + signature).decode()


def _encoded(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def of(mode: str, collection: str = "c", **claims: Any) -> str:
    """A token with access to one collection."""
    return token({"access": [{"collection": collection, "access": mode}], **claims})


def condition(value: str, collection: str = "c") -> dict[str, Any]:
    """The claim that a point has a value under `user`."""
    return {"collection": collection, "matches": [{"key": "user", "value": value}]}


Outcome = tuple[int, str] | None
"""The status and the text of a refusal; None: the call is let through."""

_MANAGE_NEEDED = (403, "Forbidden: Global manage access is required")
_GLOBAL_NEEDED = (403, "Forbidden: Global access is required")
_ACCESS_NEEDED = (403, "Forbidden: Access to collection c is required")
_WRITE_NEEDED = (403, "Forbidden: Write access to collection c is required")
_NOT_BY_COLLECTION = (403, "Forbidden: Manage access for this operation is required")
_POINTS_ONLY = (403, "Forbidden: Only points access is allowed for collection c")
_MISSING = (401, "Must provide an API key or an Authorization bearer token")
_WRONG = (401, "Invalid API key or JWT")
_CONDITION = "Invalid JWT, stateful validation failed"

_ALL = (ANY, R, W, RX, WX, MC, RS, MS)
_SERVER: Mapping[str, Outcome] = {RS: _GLOBAL_NEEDED, MS: _GLOBAL_NEEDED}

EVERYTHING: Mapping[str, Outcome] = dict.fromkeys(_ALL)
READING: Mapping[str, Outcome] = {
    **dict.fromkeys((ANY, R, RX, RS)),
    **dict.fromkeys((W, WX, MC, MS), _MANAGE_NEEDED),
}
COLLECTION_R: Mapping[str, Outcome] = {
    **dict.fromkeys((ANY, R, RX)),
    **dict.fromkeys((W, WX, MC), _WRITE_NEEDED),
    **_SERVER,
}
COLLECTION_RW: Mapping[str, Outcome] = {
    **dict.fromkeys((ANY, R, W, RX, WX)),
    MC: _NOT_BY_COLLECTION,
    **_SERVER,
}
COLLECTION_PRW: Mapping[str, Outcome] = {
    **dict.fromkeys((ANY, R, W)),
    **dict.fromkeys((RX, WX), _POINTS_ONLY),
    MC: _NOT_BY_COLLECTION,
    **_SERVER,
}
OTHER: Mapping[str, Outcome] = {
    ANY: None,
    **dict.fromkeys((R, W, RX, WX, MC), _ACCESS_NEEDED),
    **_SERVER,
}


def _refused(status: int, text: str) -> Mapping[str, Outcome]:
    return dict.fromkeys(_ALL, (status, text))


def callers() -> Mapping[str, tuple[str | None, Mapping[str, Outcome]]]:
    """Each caller by what it is: its key or token, and what becomes of its calls."""
    now = int(time())
    return {
        "no key": (None, _refused(*_MISSING)),
        "wrong key": ("wrong", _refused(*_WRONG)),
        "key": (KEY, EVERYTHING),
        "alternative key": (ALT_KEY, EVERYTHING),
        "read-only key": (READ_ONLY_KEY, READING),
        "m": (token({"access": "m"}), EVERYTHING),
        "m by the alternative key": (token({"access": "m"}, ALT_KEY), EVERYTHING),
        "no access claim": (token({"sub": "ann"}), EVERYTHING),
        "r": (token({"access": "r"}), READING),
        "collection r": (of("r"), COLLECTION_R),
        "collection rw": (of("rw"), COLLECTION_RW),
        "collection prw": (of("prw"), COLLECTION_PRW),
        "other collection": (of("rw", "other"), OTHER),
        "no collection": (token({"access": []}), OTHER),
        "not expired": (of("rw", exp=now + 3600), COLLECTION_RW),
        "expired": (of("rw", exp=now - 3600), _refused(403, "ExpiredSignature")),
        "another secret": (token({"access": "m"}, "other"), _refused(403, "InvalidSignature")),
        "read-only key as secret": (
            token({"access": "m"}, READ_ONLY_KEY),
            _refused(403, "InvalidSignature"),
        ),
        "alg none": (token({"access": "m"}, algorithm="none", signed=False), _refused(*_WRONG)),
        "alg none, signed": (token({"access": "m"}, algorithm="none"), _refused(*_WRONG)),
        "RS256": (token({"access": "m"}, algorithm="RS256"), _refused(*_WRONG)),
        "HS512": (token({"access": "m"}, algorithm="HS512"), _refused(*_WRONG)),
        "unknown access": (token({"access": "rw"}), _refused(*_WRONG)),
        "payload": (
            token({"access": [{"collection": "c", "access": "r", "payload": {"a": 1}}]}),
            _refused(*_WRONG),
        ),
        "value there": (token({"access": "m", "value_exists": condition("ann")}), EVERYTHING),
        "value there, collection rw": (of("rw", value_exists=condition("ann")), COLLECTION_RW),
        "value gone": (
            token({"access": "m", "value_exists": condition("bob")}),
            _refused(401, _CONDITION),
        ),
        "value nowhere": (
            token({"access": "m", "value_exists": condition("ann", "none")}),
            _refused(403, _CONDITION),
        ),
    }
