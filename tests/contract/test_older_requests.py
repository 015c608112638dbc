"""The older requests answer as the queries that say the same, on both wires."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from google.protobuf import json_format

from tests.contract.providers import RpcCase
from tests.contract.rest_wire import WireCase
from tests.contract.rpc_client import RpcClient, RpcOperations
from tests.suites.values import Point, upsert
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import Distance, SparseVectorParams, VectorParams
from vexfs_twisted.rpc.generated import points_pb2 as pb

VECTORS = {1: [1.0, 0.0], 2: [0.0, 1.0], 3: [0.6, 0.8], 4: [-0.5, 0.5], 5: [0.1, 0.9]}
CITIES = {1: "Berlin", 2: "Paris", 3: "Berlin", 4: "Paris", 5: "Rome"}
SPARSE = {"indices": [1, 7], "values": [1.0, 2.0]}
FILTER = {"must_not": [{"has_id": [4]}]}

Json = Mapping[str, Any]


class Pair(NamedTuple):
    """An older request and the query that says the same, as the JSON of REST."""

    path: str
    older: dict[str, Any]
    newer: dict[str, Any]


def _recommend(**more: Any) -> Pair:
    own = {"positive": [1, [0.2, 0.4]], "negative": [2], **more}
    return Pair("recommend", own, {"query": {"recommend": own}})


_NAMED = {"using": "v"}
_CONTEXT = [{"positive": 1, "negative": [0.5, 0.25]}]

PAIRS = (
    Pair("search", {"vector": {"name": "v", "vector": [1, 2]}}, {"query": [1, 2], **_NAMED}),
    Pair("search", {"vector": {"name": "s", "vector": SPARSE}}, {"query": SPARSE, "using": "s"}),
    *(
        Pair(pair.path, pair.older | _NAMED, pair.newer | _NAMED)
        for pair in (
            _recommend(),
            *(_recommend(strategy=own) for own in ("average_vector", "best_score", "sum_scores")),
            Pair(
                "recommend",
                {"positive": [9], "lookup_from": {"collection": "other", "vector": "w"}},
                {
                    "query": {"recommend": {"positive": [9]}},
                    "lookup_from": {"collection": "other", "vector": "w"},
                },
            ),
            Pair(
                "discover",
                {"target": 3, "context": _CONTEXT},
                {"query": {"discover": {"target": 3, "context": _CONTEXT}}},
            ),
            Pair(
                "discover",
                {"target": [0.5, 0.5]},
                {"query": {"discover": {"target": [0.5, 0.5], "context": None}}},
            ),
            Pair("discover", {"context": _CONTEXT}, {"query": {"context": _CONTEXT}}),
        )
    ),
)


class RestOlderRequests(WireCase):
    """Over REST, each alone, in a batch and, where there are groups, for groups."""

    async def setUp(self) -> None:  # type: ignore[override]
        self.http = await self.start_http()
        spaces = {"v": {"size": 2, "distance": "Cosine"}}
        await self.ok("PUT", "/collections/o", {"vectors": spaces, "sparse_vectors": {"s": {}}})
        points = [
            {"id": i, "vector": {"v": row, "s": SPARSE}, "payload": {"city": CITIES[i]}}
            for i, row in VECTORS.items()
        ]
        await self.ok("PUT", "/collections/o/points?wait=true", {"points": points})
        spaces = {"w": {"size": 2, "distance": "Cosine"}}
        await self.ok("PUT", "/collections/other", {"vectors": spaces})
        example = {"id": 9, "vector": {"w": [0.3, -0.9]}}
        await self.ok("PUT", "/collections/other/points?wait=true", {"points": [example]})

    async def post(self, path: str, body: Json) -> Any:
        return await self.ok("POST", f"/collections/o/points/{path}", body)

    async def test_alone_and_in_batches(self) -> None:
        for pair in PAIRS:
            common = {"limit": 3, "offset": 1, "filter": FILTER, "with_payload": True}
            older, newer = pair.older | common, pair.newer | common
            expected = (await self.post("query", newer))["points"]
            self.assertGreater(len(expected), 0, pair)
            self.assertEqual(await self.post(pair.path, older), expected, pair)
            batch = {"searches": [older, older | {"limit": 1}]}
            answers = await self.post(f"{pair.path}/batch", batch)
            self.assertEqual(answers, [expected, expected[:1]])

    async def test_for_groups(self) -> None:
        for pair in PAIRS:
            if pair.path != "discover":
                limits = {"group_by": "city", "limit": 2, "group_size": 2, "with_payload": True}
                expected = await self.post("query/groups", pair.newer | limits)
                self.assertGreater(len(expected["groups"]), 0, pair)
                found = await self.post(f"{pair.path}/groups", pair.older | limits)
                self.assertEqual(found, expected)


def _vector(value: Any) -> dict[str, Any]:
    return {"dense": {"data": value}}


def _recommend_fields(own: dict[str, Any]) -> dict[str, Any]:
    """The fields of an older recommendation, where ids and vectors are apart."""
    fields: dict[str, Any] = {}
    for side in ("positive", "negative"):
        examples = own.get(side, [])
        fields[side] = [{"num": e} for e in examples if isinstance(e, int)]
        fields[f"{side}_vectors"] = [_vector(e) for e in examples if not isinstance(e, int)]
    names = ("average_vector", "best_score", "sum_scores")
    if "strategy" in own:
        fields["strategy"] = names.index(own["strategy"])
    return fields


def _input(value: Any) -> dict[str, Any]:
    return {"id": {"num": value}} if isinstance(value, int) else _vector(value)


def _example(value: Any) -> dict[str, Any]:
    return {"id": {"num": value}} if isinstance(value, int) else {"vector": _vector(value)}


def _pairs(own: dict[str, Any], spell: Any) -> list[dict[str, Any]]:
    return [{side: spell(pair[side]) for side in pair} for pair in own.get("context", [])]


def _messages(pair: Pair) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of the older message and of the newer one."""
    own = pair.older
    older: dict[str, Any]
    newer: dict[str, Any]
    if pair.path == "search":
        name, vector = own["vector"]["name"], own["vector"]["vector"]
        if name == "s":
            older = {"vector": vector["values"], "sparse_indices": {"data": vector["indices"]}}
            newer = {"nearest": {"sparse": vector}}
        else:
            older, newer = {"vector": vector}, {"nearest": _vector(vector)}
        return older | {"vector_name": name}, {"query": newer, "using": name}
    more: dict[str, Any] = {"using": own["using"]}
    if "lookup_from" in own:
        more["lookup_from"] = {"collection_name": "other", "vector_name": "w"}
    if pair.path == "recommend":
        older = _recommend_fields(own)
        newer = {}
        for side in ("positive", "negative"):
            newer[side] = list(map(_input, own.get(side, [])))
        if "strategy" in older:
            newer["strategy"] = older["strategy"]
        return older | more, {"query": {"recommend": newer}} | more
    older = {"context": _pairs(own, _example)}
    context = {"pairs": _pairs(own, _input)}
    if "target" not in own:
        return older | more, {"query": {"context": context}} | more
    older["target"] = {"single": _example(own["target"])}
    query = {"discover": {"target": _input(own["target"]), "context": context}}
    return older | more, {"query": query} | more


class RpcOlderRequests(RpcCase):
    """Over gRPC, each alone, in a batch and, where there are groups, for groups."""

    rpc: RpcClient

    async def setUp(self) -> None:  # type: ignore[override]
        self.rpc = await self.start_rpc()
        operations = RpcOperations(self.rpc)
        spaces = {"v": VectorParams(Distance.COSINE, 2)}
        request = CreateCollection(spaces, sparse_vectors={"s": SparseVectorParams()})
        await operations.create_collection("o", request)
        for i, row in VECTORS.items():
            point = pb.PointStruct()
            point.id.num = i
            named = point.vectors.vectors.vectors
            named["v"].dense.data.extend(row)
            json_format.ParseDict(SPARSE, named["s"].sparse)
            point.payload["city"].string_value = CITIES[i]
            written = pb.UpsertPoints(collection_name="o", wait=True, points=[point])
            await self.rpc.call("Points/Upsert", written)
        spaces = {"w": VectorParams(Distance.COSINE, 2)}
        await operations.create_collection("other", CreateCollection(spaces))
        await operations.update("other", upsert(Point(9, {"w": [0.3, -0.9]})), wait=True)

    async def call(self, method: str, kind: Any, fields: dict[str, Any]) -> Any:
        message = json_format.ParseDict({"collection_name": "o", **fields}, kind())
        return (await self.rpc.call(f"Points/{method}", message)).result

    async def test_alone_and_in_batches(self) -> None:
        kinds: Mapping[str, Any] = {
            "search": (pb.SearchPoints, pb.SearchBatchPoints, "search_points"),
            "recommend": (pb.RecommendPoints, pb.RecommendBatchPoints, "recommend_points"),
            "discover": (pb.DiscoverPoints, pb.DiscoverBatchPoints, "discover_points"),
        }
        common = {"limit": 3, "offset": 1, "with_payload": {"enable": True}}
        for pair in PAIRS:
            older, newer = _messages(pair)
            kind, batch_kind, field = kinds[pair.path]
            method = pair.path.capitalize()
            expected = list(await self.call("Query", pb.QueryPoints, newer | common))
            self.assertGreater(len(expected), 0, pair)
            found = list(await self.call(method, kind, older | common))
            self.assertEqual(found, expected, pair)
            one = {"collection_name": "o", **older, **common}
            batch = {field: [one, one | {"limit": 1}]}
            answers = await self.call(f"{method}Batch", batch_kind, batch)
            self.assertEqual([list(own.result) for own in answers], [expected, expected[:1]])

    async def test_for_groups(self) -> None:
        kinds: Mapping[str, Any] = {
            "search": pb.SearchPointGroups,
            "recommend": pb.RecommendPointGroups,
        }
        limits = {"group_by": "city", "limit": 2, "group_size": 2}
        for pair in PAIRS:
            if pair.path in kinds:
                older, newer = _messages(pair)
                expected = await self.call("QueryGroups", pb.QueryPointGroups, newer | limits)
                self.assertGreater(len(expected.groups), 0, pair)
                method = f"{pair.path.capitalize()}Groups"
                found = await self.call(method, kinds[pair.path], older | limits)
                self.assertEqual(found, expected, pair)
