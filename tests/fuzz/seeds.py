"""Requests to mutate: one body or more for every endpoint and method that takes one."""

from __future__ import annotations

from typing import Any

Json = Any

FILTER = {
    "must": [
        {"key": "city", "match": {"value": "Berlin"}},
        {"key": "n", "range": {"gte": 1, "lt": 9.5}},
        {"key": "at", "range": {"gte": "2024-01-01T00:00:00Z"}},
        {"has_id": [1, "6ba7b810-9dad-11d1-80b4-00c04fd430c8"]},
        {"has_vector": ""},
    ],
    "should": {"key": "tags", "match": {"any": ["a", "b"]}},
    "must_not": [
        {"is_empty": {"key": "x"}},
        {"is_null": {"key": "y.z[]"}},
        {"nested": {"key": "a[]", "filter": {"must": {"key": "b", "match": {"except": [1, 2]}}}}},
        {"key": "p", "geo_radius": {"center": {"lon": 1.5, "lat": 2.5}, "radius": 10.0}},
        {"key": "v", "values_count": {"gt": 1}},
    ],
    "min_should": {"conditions": [{"key": "t", "match": {"text": "some words"}}], "min_count": 1},
}
_POINTS = [
    {
        "id": 1,
        "vector": [0.1, 0.2, 0.3, 0.4],
        "payload": {"city": "Berlin", "n": 3, "a": [{"b": 1}]},
    },
    {"id": "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "vector": {"": [1, 2, 3, 4]}, "payload": None},
    {
        "id": 7,
        "vector": {"sparse": {"indices": [1, 5], "values": [0.5, 2]}, "multi": [[1, 2], [3, 4]]},
    },
]
_COLUMNS = {
    "ids": [1, 2],
    "vectors": [[0.1, 0.2, 0.3, 0.4], [1, 2, 3, 4]],
    "payloads": [{"a": 1}, None],
}
_FORMULA = {
    "sum": [
        "$score",
        {"mult": [0.5, {"key": "city", "match": {"value": "Berlin"}}]},
        {
            "gauss_decay": {
                "x": {"geo_distance": {"origin": {"lon": 0, "lat": 0}, "to": "p"}},
                "scale": 5,
            }
        },
        {"div": {"left": 1, "right": "n", "by_zero_default": 2}},
        {"pow": {"base": {"abs": -2}, "exponent": 2}},
        {"datetime_key": "at"},
        {"exp": {"neg": {"sqrt": 4}}},
    ]
}
_QUERIES: list[Json] = [
    {"query": [0.1, 0.2, 0.3, 0.4], "limit": 3, "filter": FILTER, "with_payload": True},
    {"query": 1, "params": {"hnsw_ef": 64, "exact": True, "quantization": {"oversampling": 2.0}}},
    {
        "query": {
            "recommend": {"positive": [1], "negative": [[1, 2, 3, 4]], "strategy": "best_score"}
        }
    },
    {"query": {"discover": {"target": 1, "context": [{"positive": 1, "negative": 2}]}}},
    {"query": {"context": {"positive": [1, 1, 1, 1], "negative": 2}}, "using": ""},
    {"query": {"order_by": {"key": "n", "direction": "desc", "start_from": 3}}, "offset": 1},
    {"query": {"sample": "random"}, "with_vectors": ["", "sparse"]},
    {"query": {"nearest": [1, 2, 3, 4], "mmr": {"diversity": 0.5, "candidates_limit": 10}}},
    {"query": {"fusion": "rrf"}, "prefetch": [{"query": 1}, {"query": [1, 2, 3, 4], "limit": 5}]},
    {
        "query": {"rrf": {"k": 3, "weights": [1, 2]}},
        "prefetch": [{}, {"query": 2, "prefetch": {"query": 1}}],
    },
    {"query": {"formula": _FORMULA, "defaults": {"n": 1}}, "prefetch": {"query": [1, 2, 3, 4]}},
    {"query": {"indices": [1, 3], "values": [0.5, 1.5]}, "using": "sparse", "score_threshold": 0.1},
    {"query": [[1, 2], [3, 4]], "using": "multi", "with_payload": {"exclude": ["a"]}},
    {"lookup_from": {"collection": "fuzz", "vector": ""}, "query": 1, "with_payload": ["a[].b"]},
]
_SEARCH = {"vector": {"name": "", "vector": [1, 2, 3, 4]}, "limit": 3, "filter": FILTER}
_RECOMMEND = {"positive": [1, [1, 2, 3, 4]], "negative": [2], "limit": 2, "strategy": "sum_scores"}
_DISCOVER = {"target": 1, "context": [{"positive": 1, "negative": 2}], "limit": 2}

CREATE: Json = {
    "vectors": {
        "": {"size": 4, "distance": "Cosine"},
        "multi": {
            "size": 2,
            "distance": "Dot",
            "multivector_config": {"comparator": "max_sim"},
            "datatype": "float16",
        },
    },
    "sparse_vectors": {"sparse": {"modifier": "idf", "index": {"on_disk": False}}},
}
_SETTINGS: Json = {
    "hnsw_config": {"m": 8, "ef_construct": 50, "payload_m": 4},
    "optimizers_config": {"indexing_threshold": 100, "max_optimization_threads": "auto"},
    "quantization_config": {"scalar": {"type": "int8", "quantile": 0.9, "always_ram": True}},
    "metadata": {"a": None, "b": [1]},
}
_STRICT: Json = {
    "strict_mode_config": {
        "enabled": True,
        "max_query_limit": 1000,
        "read_rate_limit": 1_000_000,
        "multivector_config": {"multi": {"max_vectors": 100}},
        "sparse_config": {"sparse": {"max_length": 100}},
    }
}

_BY_PATH: dict[str, list[Json]] = {
    "PUT /points": [{"points": _POINTS}, {"batch": _COLUMNS, "update_filter": FILTER}],
    "POST /points": [{"ids": [1, 2], "with_payload": ["a"], "with_vector": True}],
    "POST /points/delete": [{"points": [1, 99]}, {"filter": FILTER}],
    "PUT /points/vectors": [{"points": [{"id": 1, "vector": {"": [1, 2, 3, 4]}}]}],
    "POST /points/vectors/delete": [{"points": [1], "vector": ["sparse"], "filter": FILTER}],
    "POST /points/payload": [{"payload": {"b": [1, {"c": 2}]}, "points": [1], "key": "a.b[0]"}],
    "PUT /points/payload": [{"payload": {"z": 1.5}, "filter": FILTER}],
    "POST /points/payload/delete": [{"keys": ["a", "b[0].c"], "points": [1]}],
    "POST /points/payload/clear": [{"points": [2]}, [1]],
    "POST /points/batch": [
        {
            "operations": [
                {"upsert": {"points": _POINTS}},
                {"delete": {"points": [5]}},
                {"set_payload": {"payload": {"q": 1}, "points": [1]}},
                {"update_vectors": {"points": [{"id": 1, "vector": [4, 3, 2, 1]}]}},
                {"clear_payload": {"filter": FILTER}},
            ]
        }
    ],
    "POST /points/scroll": [
        {"limit": 5, "filter": FILTER, "offset": 1},
        {"order_by": {"key": "n", "direction": "asc"}},
        {"limit": 200, "with_payload": True, "with_vector": [""]},
    ],
    "POST /points/count": [{"filter": FILTER, "exact": False}],
    "POST /facet": [{"key": "city", "limit": 3, "filter": FILTER}],
    "POST /points/query": _QUERIES,
    "POST /points/query/batch": [{"searches": _QUERIES}],
    "POST /points/query/groups": [
        {"query": [1, 2, 3, 4], "group_by": "city", "group_size": 2, "with_lookup": "fuzz"}
    ],
    "POST /points/search": [_SEARCH],
    "POST /points/search/batch": [{"searches": [_SEARCH, _SEARCH]}],
    "POST /points/search/groups": [{**_SEARCH, "group_by": "n", "group_size": 1}],
    "POST /points/recommend": [_RECOMMEND],
    "POST /points/recommend/batch": [{"searches": [_RECOMMEND]}],
    "POST /points/recommend/groups": [{**_RECOMMEND, "group_by": "n", "group_size": 1}],
    "POST /points/discover": [_DISCOVER],
    "POST /points/discover/batch": [{"searches": [_DISCOVER]}],
    "POST /points/search/matrix/pairs": [{"sample": 5, "limit": 2, "filter": FILTER}],
    "POST /points/search/matrix/offsets": [{"sample": 3, "limit": 2, "using": ""}],
    "PATCH ": [_SETTINGS, _STRICT, {"vectors": {"multi": {"on_disk": True}}}],
    "PUT /index": [
        {"field_name": "city", "field_schema": "keyword"},
        {
            "field_name": "t",
            "field_schema": {"type": "text", "tokenizer": "word", "lowercase": True},
        },
        {"field_name": "n", "field_schema": {"type": "integer", "lookup": True, "range": True}},
    ],
    "PUT /vectors/extra": [
        {"dense": {"size": 3, "distance": "Dot"}},
        {"sparse": {"modifier": "idf"}},
    ],
}


def rest_seeds(collection: str) -> list[tuple[str, str, Json]]:
    """Method, path and body of requests to a collection that `CREATE` has made."""
    seeds = []
    for key, bodies in _BY_PATH.items():
        method, _, path = key.partition(" ")
        seeds += [(method, f"/collections/{collection}{path}", body) for body in bodies]
    # Made and dropped under names of their own.
    seeds.append(("PUT", f"/collections/{collection}-new", {**CREATE, **_SETTINGS}))
    alias = {"create_alias": {"collection_name": collection, "alias_name": f"{collection}-alias"}}
    seeds.append(("POST", "/collections/aliases", {"actions": [alias]}))
    return seeds


def decoder_of(method: str, path: str) -> str:
    """The template of a path, as endpoints are named."""
    parts = path.split("/")
    if parts[2] != "aliases":
        parts[2] = "<collection>"
    if parts[3:4] == ["vectors"]:
        parts[4] = "<vector_name>"
    return f"{method} {'/'.join(parts)}"
