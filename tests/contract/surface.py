"""The whole interface as a table: what works or is refused, is for clusters, or comes later.

Paths are those of the collection `c`, which holds the point 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

WORKS, REFUSED, MISSING, LATER, CLUSTER, FAILS = 200, 400, 404, 501, 405, 500

VECTOR = [0.15, 0.31, 0.76, 0.74]
SPARSE = {"indices": [1], "values": [0.5]}
DOCUMENT = {"text": "words", "model": "qdrant/bm25"}

_C = "/collections/c"
_P = f"{_C}/points"
_S = f"{_C}/shards/0"


class Endpoint(NamedTuple):
    """A REST endpoint, a request to it, and the status of the answer."""

    method: str
    path: str
    status: int
    body: Any = None


_NO_FILE = {"location": "file:///nowhere"}
_GROUPS = {"group_by": "city", "limit": 1, "group_size": 1}


def _later(method: str, *paths: str) -> Iterator[Endpoint]:
    return (Endpoint(method, path, LATER) for path in paths)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("GET", "/", WORKS),
    Endpoint("GET", "/healthz", WORKS),
    Endpoint("GET", "/livez", WORKS),
    Endpoint("GET", "/readyz", WORKS),
    Endpoint("GET", "/telemetry", WORKS),
    Endpoint("GET", "/metrics", WORKS),
    *_later("GET", "/dashboard", "/stacktrace", "/debugger"),
    *_later("POST", "/audit/logs", f"{_C}/debug", f"{_C}/truncate_unapplied_wal"),
    *_later("PATCH", "/debugger"),
    Endpoint("GET", "/issues", WORKS),
    Endpoint("DELETE", "/issues", WORKS),
    Endpoint("GET", "/quotas", WORKS),
    Endpoint("PUT", "/quotas", WORKS, {}),
    Endpoint("GET", "/collections", WORKS),
    Endpoint("PUT", "/collections/d", WORKS, {}),
    Endpoint("GET", _C, WORKS),
    Endpoint("PATCH", _C, WORKS, {}),
    Endpoint("DELETE", "/collections/d", WORKS),
    Endpoint("GET", f"{_C}/exists", WORKS),
    Endpoint("GET", f"{_C}/optimizations", WORKS),
    Endpoint("PUT", f"{_C}/vectors/v", WORKS, {"dense": {"size": 2, "distance": "Dot"}}),
    Endpoint("DELETE", f"{_C}/vectors/v", WORKS),
    Endpoint("POST", "/collections/aliases", WORKS, {"actions": []}),
    Endpoint("GET", "/aliases", WORKS),
    Endpoint("GET", f"{_C}/aliases", WORKS),
    Endpoint("PUT", f"{_C}/index", WORKS, {"field_name": "city", "field_schema": "keyword"}),
    Endpoint("POST", f"{_C}/facet", WORKS, {"key": "city"}),
    Endpoint("DELETE", f"{_C}/index/city", WORKS),
    Endpoint("GET", f"{_P}/1", WORKS),
    Endpoint("POST", _P, WORKS, {"ids": [1]}),
    Endpoint("PUT", _P, WORKS, {"points": [{"id": 2, "vector": VECTOR}]}),
    Endpoint("PUT", f"{_P}/vectors", WORKS, {"points": [{"id": 2, "vector": VECTOR}]}),
    Endpoint("POST", f"{_P}/vectors/delete", WORKS, {"points": [2], "vector": [""]}),
    Endpoint("POST", f"{_P}/payload", WORKS, {"points": [2], "payload": {"a": 1}}),
    Endpoint("PUT", f"{_P}/payload", WORKS, {"points": [2], "payload": {"a": 1}}),
    Endpoint("POST", f"{_P}/payload/delete", WORKS, {"points": [2], "keys": ["a"]}),
    Endpoint("POST", f"{_P}/payload/clear", WORKS, {"points": [2]}),
    Endpoint("POST", f"{_P}/batch", WORKS, {"operations": [{"clear_payload": {"points": [2]}}]}),
    Endpoint("POST", f"{_P}/delete", WORKS, {"points": [2]}),
    Endpoint("POST", f"{_P}/scroll", WORKS, {}),
    Endpoint("POST", f"{_P}/count", WORKS, {}),
    Endpoint("POST", f"{_P}/query", WORKS, {"query": VECTOR}),
    Endpoint("POST", f"{_P}/query/batch", WORKS, {"searches": [{"query": VECTOR}]}),
    Endpoint("POST", f"{_P}/search", WORKS, {"vector": VECTOR, "limit": 1}),
    Endpoint("POST", f"{_P}/search/batch", WORKS, {"searches": []}),
    Endpoint("POST", f"{_P}/query/groups", WORKS, {"query": VECTOR, "group_by": "city"}),
    Endpoint("POST", f"{_P}/search/groups", WORKS, {"vector": VECTOR, **_GROUPS}),
    Endpoint("POST", f"{_P}/search/matrix/pairs", WORKS, {}),
    Endpoint("POST", f"{_P}/search/matrix/offsets", WORKS, {}),
    Endpoint("POST", f"{_P}/recommend", WORKS, {"positive": [1], "limit": 1}),
    Endpoint("POST", f"{_P}/recommend/batch", WORKS, {"searches": []}),
    Endpoint("POST", f"{_P}/recommend/groups", WORKS, {"positive": [1], **_GROUPS}),
    Endpoint("POST", f"{_P}/discover", WORKS, {"target": 1, "limit": 1}),
    Endpoint("POST", f"{_P}/discover/batch", WORKS, {"searches": []}),
    *(Endpoint("GET", f"{at}/snapshots", WORKS) for at in ("", _C, _S)),
    *(Endpoint("POST", f"{at}/snapshots", WORKS) for at in ("", _C, _S)),
    *(Endpoint("GET", f"{at}/snapshots/s", MISSING) for at in ("", _C, _S)),
    *(Endpoint("DELETE", f"{at}/snapshots/s", MISSING) for at in ("", _C, _S)),
    *(Endpoint("PUT", f"{at}/snapshots/recover", REFUSED, _NO_FILE) for at in (_C, _S)),
    *(Endpoint("POST", f"{at}/snapshots/upload", REFUSED) for at in (_C, _S)),
    Endpoint("GET", f"{_S}/snapshot", WORKS),
    *_later("POST", *(f"{_S}/snapshot/partial/{x}" for x in ("create", "recover", "recover_from"))),
    *_later("GET", f"{_S}/snapshot/partial/manifest", f"{_S}/wal", f"{_S}/recovery_point"),
    *_later("POST", f"{_S}/points", f"{_S}/points/scroll", f"{_S}/points/count", f"{_S}/cleanup"),
    Endpoint("GET", "/cluster", WORKS),
    Endpoint("GET", "/cluster/telemetry", FAILS),
    Endpoint("POST", "/cluster/recover", CLUSTER),
    Endpoint("DELETE", "/cluster/peer/1", CLUSTER),
    Endpoint("GET", "/cluster/metadata/keys", CLUSTER),
    Endpoint("GET", "/cluster/metadata/keys/k", CLUSTER),
    Endpoint("PUT", "/cluster/metadata/keys/k", CLUSTER, {}),
    Endpoint("DELETE", "/cluster/metadata/keys/k", CLUSTER),
    Endpoint("GET", f"{_C}/cluster", WORKS),
    Endpoint("POST", f"{_C}/cluster", CLUSTER, {}),
    Endpoint("GET", f"{_C}/shards", WORKS),
    Endpoint("PUT", f"{_C}/shards", CLUSTER, {"shard_key": "k"}),
    Endpoint("POST", f"{_C}/shards/delete", CLUSTER, {"shard_key": "k"}),
)

METHODS: Mapping[str, Mapping[str, int]] = {
    "Collections": {
        **dict.fromkeys(("Get", "List", "Create", "Update", "Delete", "UpdateAliases"), WORKS),
        **dict.fromkeys(("ListCollectionAliases", "ListAliases", "CollectionExists"), WORKS),
        **dict.fromkeys(("CollectionClusterInfo", "ListShardKeys"), WORKS),
        "UpdateCollectionClusterSetup": CLUSTER,
        "CreateShardKey": CLUSTER,
        "DeleteShardKey": CLUSTER,
    },
    "Points": {
        **dict.fromkeys(("Upsert", "Delete", "Get", "UpdateVectors", "DeleteVectors"), WORKS),
        **dict.fromkeys(("SetPayload", "OverwritePayload", "DeletePayload"), WORKS),
        **dict.fromkeys(("ClearPayload", "CreateFieldIndex", "DeleteFieldIndex"), WORKS),
        **dict.fromkeys(("UpdateBatch", "Search", "SearchBatch", "Scroll", "Count"), WORKS),
        **dict.fromkeys(("Query", "QueryBatch", "Facet"), WORKS),
        **dict.fromkeys(("CreateVectorName", "DeleteVectorName"), WORKS),
        **dict.fromkeys(("SearchGroups", "QueryGroups", "RecommendGroups"), WORKS),
        **dict.fromkeys(("Recommend", "RecommendBatch", "Discover", "DiscoverBatch"), WORKS),
        **dict.fromkeys(("SearchMatrixPairs", "SearchMatrixOffsets"), WORKS),
    },
    "Snapshots": dict.fromkeys(
        ("Create", "List", "Delete", "CreateFull", "ListFull", "DeleteFull"), WORKS
    ),
    "StorageRead": dict.fromkeys(
        (
            "ListFiles",
            "FileExists",
            "FileLength",
            "ReadBytes",
            "ReadBytesStream",
            "ReadWhole",
            "ReadBatch",
        ),
        LATER,
    ),
}
"""The methods of each service and what becomes of a call."""


class Form(NamedTuple):
    """A form of a request about points: as the JSON of REST and as the fields of its message.

    `request` is a key of FORMS.
    """

    status: int
    json: Mapping[str, Any]
    message: dict[str, Any]


_ID = {"num": 1}
_DENSE = {"dense": {"data": VECTOR}}
_BY_VECTOR = {"nearest": _DENSE}
_TWICE = [{"variable": "$score"}, {"constant": 2}]
_NAIVE = {"a": 1.0, "b": 1.0, "c": 1.0}
_MULTI = {"vectors": [{"data": [1, 2]}, {"data": [3, 4]}]}


def _query(status: int, json: Any, message: Any) -> Form:
    return Form(status, {"query": json}, {"query": message})


QUERIES: tuple[Form, ...] = (
    Form(WORKS, {}, {}),
    _query(WORKS, VECTOR, _BY_VECTOR),
    _query(WORKS, 1, {"nearest": {"id": _ID}}),
    _query(WORKS, {"nearest": VECTOR}, _BY_VECTOR),
    _query(
        WORKS,
        {"nearest": VECTOR, "mmr": {"diversity": 0.5}},
        {"nearest_with_mmr": {"nearest": _DENSE, "mmr": {"diversity": 0.5}}},
    ),
    _query(WORKS, {"recommend": {"positive": [1]}}, {"recommend": {"positive": [{"id": _ID}]}}),
    _query(
        WORKS,
        {"discover": {"target": 1, "context": []}},
        {"discover": {"target": {"id": _ID}, "context": {}}},
    ),
    _query(WORKS, {"context": []}, {"context": {}}),
    _query(
        WORKS,
        {"context": {"positive": 1, "negative": VECTOR}},
        {"context": {"pairs": [{"positive": {"id": _ID}, "negative": _DENSE}]}},
    ),
    _query(REFUSED, {"order_by": "n"}, {"order_by": {"key": "n"}}),
    _query(WORKS, {"sample": "random"}, {"sample": 0}),
    _query(REFUSED, {"fusion": "rrf"}, {"fusion": 0}),
    _query(REFUSED, {"rrf": {"k": 2}}, {"rrf": {"k": 2}}),
    Form(
        WORKS,
        {"query": {"rrf": {"k": 2}}, "prefetch": {"query": VECTOR}},
        {"query": {"rrf": {"k": 2}}, "prefetch": [{"query": _BY_VECTOR}]},
    ),
    _query(REFUSED, {"formula": 1}, {"formula": {"expression": {"constant": 1}}}),
    Form(
        WORKS,
        {"query": {"formula": {"mult": ["$score", 2]}}, "prefetch": {"query": VECTOR}},
        {
            "query": {"formula": {"expression": {"mult": {"mult": _TWICE}}}},
            "prefetch": [{"query": _BY_VECTOR}],
        },
    ),
    _query(
        WORKS,
        {
            "relevance_feedback": {
                "target": VECTOR,
                "feedback": [{"example": 1, "score": 1}],
                "strategy": {"naive": _NAIVE},
            }
        },
        {
            "relevance_feedback": {
                "target": _DENSE,
                "feedback": [{"example": {"id": _ID}, "score": 1}],
                "strategy": {"naive": _NAIVE},
            }
        },
    ),
    _query(REFUSED, SPARSE, {"nearest": {"sparse": SPARSE}}),
    _query(REFUSED, [[1, 2], [3, 4]], {"nearest": {"multi_dense": _MULTI}}),
    _query(REFUSED, DOCUMENT, {"nearest": {"document": DOCUMENT}}),
    Form(
        WORKS,
        {"query": VECTOR, "prefetch": {"query": VECTOR}},
        {"query": _BY_VECTOR, "prefetch": [{"query": _BY_VECTOR}]},
    ),
    Form(
        WORKS,
        {"query": 1, "lookup_from": {"collection": "forms"}},
        {"query": {"nearest": {"id": _ID}}, "lookup_from": {"collection_name": "forms"}},
    ),
    Form(
        REFUSED,
        {"query": VECTOR, "params": {"idf": "global"}},
        {"query": _BY_VECTOR, "params": {"idf": {}}},
    ),
    Form(WORKS, {"query": VECTOR, "using": "multi"}, {"query": _BY_VECTOR, "using": "multi"}),
    Form(REFUSED, {"query": VECTOR, "using": "text"}, {"query": _BY_VECTOR, "using": "text"}),
    Form(
        WORKS,
        {"query": SPARSE, "using": "text"},
        {"query": {"nearest": {"sparse": SPARSE}}, "using": "text"},
    ),
)
"""The forms of a query, on a collection with the multivector `multi` and the sparse `text`."""


def _point(status: int, json: Any, message: Any) -> Form:
    return Form(
        status,
        {"points": [{"id": 3, "vector": json}]},
        {"points": [{"id": {"num": 3}, "vectors": {"vectors": {"vectors": message}}}]},
    )


POINTS: tuple[Form, ...] = (
    _point(WORKS, {"text": SPARSE}, {"text": {"sparse": SPARSE}}),
    _point(
        WORKS,
        {"multi": [[1, 2, 3, 4]]},
        {"multi": {"multi_dense": {"vectors": [{"data": VECTOR}]}}},
    ),
    _point(WORKS, {"multi": VECTOR}, {"multi": _DENSE}),
    _point(REFUSED, {"": DOCUMENT}, {"": {"document": DOCUMENT}}),
    _point(WORKS, {"text": DOCUMENT}, {"text": {"document": DOCUMENT}}),
)
"""Vectors of a point, likewise."""

_SPACES = {"": {"size": 4, "distance": "Dot"}}
_SPACES_MESSAGE = {"params_map": {"map": {"": {"size": 4, "distance": 3}}}}


def _configuration(status: int, json: Any, message: Any | None = None) -> Form:
    return Form(status, json, json if message is None else message)


CHANGES: tuple[Form, ...] = (
    _configuration(WORKS, {"strict_mode_config": {"enabled": True}}),
    _configuration(WORKS, {"strict_mode_config": {"enabled": True, "max_query_limit": 5}}),
    _configuration(WORKS, {"strict_mode_config": {"enabled": False, "max_query_limit": 5}}),
    _configuration(WORKS, {"strict_mode_config": {"max_query_limit": 5}}),
    _configuration(WORKS, {"optimizers_config": {"prevent_unoptimized": True}}),
    _configuration(WORKS, {"optimizers_config": {"prevent_unoptimized": False}}),
    _configuration(WORKS, {"optimizers_config": {"indexing_threshold": 5}}),
)
"""Parts of a configuration, when a collection is made and when it is changed."""

CREATIONS: tuple[Form, ...] = (
    *CHANGES,
    _configuration(LATER, {"sharding_method": "custom"}, {"sharding_method": 1}),
    _configuration(WORKS, {"sharding_method": "auto"}, {"sharding_method": 0}),
    _configuration(
        WORKS, {"sparse_vectors": {"text": {}}}, {"sparse_vectors_config": {"map": {"text": {}}}}
    ),
    _configuration(
        WORKS,
        {"vectors": {"m": _SPACES[""] | {"multivector_config": {"comparator": "max_sim"}}}},
        {
            "vectors_config": {
                "params_map": {"map": {"m": {"size": 4, "distance": 3, "multivector_config": {}}}}
            }
        },
    ),
)
"""The same for creations only."""
