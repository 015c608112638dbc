"""Requests that Qdrant does not take, and what is close to them and right."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf import json_format

from tests.contract.providers import RpcCase
from tests.contract.rest_wire import POINT, UNNAMED, PointsCase
from tests.contract.rpc_client import RpcClient
from vexfs_twisted.rpc.generated import collections_pb2
from vexfs_twisted.rpc.generated import points_pb2 as pb

COLLECTION = "/collections/c"
POINTS = f"{COLLECTION}/points"
VECTOR = [0.15, 0.31, 0.76, 0.74]
QUERY = {"query": VECTOR}


class NullTests(PointsCase):
    """Null stands for absent only where a field may be null."""

    async def test_what_may_not_be_null(self) -> None:
        for path, body in (
            ("", {"ids": [1], "with_vector": None}),
            ("", {"ids": [1], "with_vectors": None}),
            ("/scroll", {"with_vector": None}),
            ("/scroll", {"with_vector": True, "with_vectors": None}),
            ("/count", {"exact": None}),
            ("/query", QUERY | {"params": {"exact": None}}),
            ("/query", QUERY | {"params": {"indexed_only": None}}),
            ("/query", QUERY | {"params": {"quantization": {"ignore": None}}}),
            ("/query", QUERY | {"params": {"acorn": {"enable": None}}}),
            ("/query/batch", {"searches": [QUERY | {"params": {"exact": None}}]}),
            ("/search", {"vector": VECTOR, "limit": 1, "params": {"exact": None}}),
        ):
            text = await self.error(400, "POST", f"{POINTS}{path}", body)
            self.assertIn("Format error in JSON body: ", text)
        index = {"field_name": "a", "field_schema": {"type": "text", "tokenizer": None}}
        await self.error(400, "PUT", f"{COLLECTION}/index", index)
        text = await self.error(400, "PUT", "/collections/d", {"vectors": None})
        self.assertIn("data did not match any variant of untagged enum VectorsConfig", text)
        await self.error(404, "GET", "/collections/d", None)

    async def test_what_may_be_null(self) -> None:
        selection = {"with_payload": None, "filter": None}
        for path, body in (
            ("", {"ids": [1], "with_payload": None}),
            ("/scroll", selection | {"order_by": None, "limit": None, "offset": None}),
            ("/count", {"filter": None}),
            ("/query", selection | {"with_vector": None, "params": None, "query": None}),
            ("/query", QUERY | {"params": {"hnsw_ef": None, "quantization": None, "acorn": None}}),
            ("/query", QUERY | {"params": {"quantization": {"rescore": None}}}),
            ("/search", {"vector": VECTOR, "limit": 1, "with_vector": None}),
        ):
            await self.ok("POST", f"{POINTS}{path}", body)
        nulls = dict.fromkeys(("shard_number", "sparse_vectors", "hnsw_config", "metadata"))
        await self.ok("PUT", "/collections/d", UNNAMED | nulls)
        await self.ok("PATCH", "/collections/d", dict.fromkeys(("vectors", "params", "metadata")))


class RestRefusals(PointsCase):
    async def test_payload_keys_that_are_no_paths(self) -> None:
        key: Any
        for key in ("", [], "[]", "[0]", {}, 1, "a b", ".a"):
            body = {"payload": {"z": 1}, "points": [1], "key": key}
            for method in ("POST", "PUT"):
                await self.error(400, method, f"{POINTS}/payload", body)
            for name in ("set_payload", "overwrite_payload"):
                operations = {"operations": [{name: body}]}
                await self.error(400, "POST", f"{POINTS}/batch", operations)
        self.assertNotIn("z", await self.payload(1))
        for key in (None, '""', "k"):
            body = {"payload": {"z": 1}, "points": [1], "key": key}
            await self.ok("POST", f"{POINTS}/payload", body)
            await self.ok("PUT", f"{POINTS}/payload", body)
        self.assertEqual(await self.payload(1), {"z": 1})

    async def test_payload_selectors_have_one_member(self) -> None:
        selector: Any
        for selector in (
            {"include": ["k"], "exclude": ["k"]},
            {"include": ["k"], "exclude": None},
            {"include": ["k"], "other": 1},
            {"exclude": ["k"], "other": None},
            {"include": None},
            {"other": ["k"]},
            {},
        ):
            for path, body in (("", {"ids": [1]}), ("/scroll", {}), ("/query", QUERY)):
                await self.error(400, "POST", f"{POINTS}{path}", body | {"with_payload": selector})
        for selector in ({"include": ["k"]}, {"include": []}, {"exclude": ["k"]}):
            await self.ok("POST", f"{POINTS}/scroll", {"with_payload": selector})

    async def test_shard_keys_are_told_as_they_were_meant(self) -> None:
        key: Any
        for key, told in (
            ("k", "k"),
            (0, "0"),
            (["a", "b"], "a"),
            ([7], "7"),
            ({"target": "t", "fallback": "f"}, "t"),
            ({"target": 3, "fallback": 4, "other": 5}, "3"),
        ):
            for path, body in (("", {"ids": [1]}), ("/scroll", {}), ("/query", QUERY)):
                text = await self.error(400, "POST", f"{POINTS}{path}", body | {"shard_key": key})
                self.assertEqual(text, f"Wrong input: Shard key {told} not found")
        for key in ({"target": "t"}, {"fallback": "f"}, True, 1.5, -1, [None], [["a"]], {}):
            text = await self.error(400, "POST", f"{POINTS}/count", {"shard_key": key})
            self.assertIn("data did not match any variant of untagged enum ShardKeySel", text)
        for key in (None, []):
            await self.ok("POST", f"{POINTS}/count", {"shard_key": key})

    async def test_integers_of_the_width_of_their_field(self) -> None:
        for name in ("shard_number", "replication_factor", "write_consistency_factor"):
            for number in (2**32, 2**64 - 1):
                body = UNNAMED | {name: number}
                text = await self.error(400, "PUT", "/collections/d", body)
                self.assertIn(f"{name}: invalid value: integer `{number}`, expected u32", text)
        for name in ("write_consistency_factor", "read_fan_out_factor"):
            body = {"params": {name: 2**32}}
            await self.error(400, "PATCH", COLLECTION, body)
        body = {"strict_mode_config": {"max_resident_memory_percent": 256}}
        await self.error(400, "PATCH", COLLECTION, body)
        body = {"strict_mode_config": {"max_resident_memory_percent": 101}}
        await self.error(422, "PATCH", COLLECTION, body)
        condition = {"filter": {"must": [{"slice": {"total": 2**32, "index": 0}}]}}
        await self.error(400, "POST", f"{POINTS}/count", condition)
        await self.ok("PUT", "/collections/d", UNNAMED | {"write_consistency_factor": 2**32 - 1})
        config = (await self.ok("GET", "/collections/d"))["config"]
        self.assertEqual(config["params"]["write_consistency_factor"], 2**32 - 1)


class VectorNameRefusals(PointsCase):
    """Bodies that create vector names."""

    PATH = "/collections/c/vectors/new"

    async def vectors(self) -> Any:
        return (await self.ok("GET", "/collections/c"))["config"]["params"]

    async def test_what_is_no_configuration(self) -> None:
        dense = {"size": 2, "distance": "Dot"}
        before = await self.vectors()
        for status, body in (
            (400, {}),
            (400, []),
            (400, {"dense": {"size": 2}}),
            (400, {"dense": dense | {"distance": "Chebyshev"}}),
            (400, {"dense": dense | {"datatype": "float64"}}),
            (400, {"sparse": {"modifier": "bm25"}}),
            (422, {"dense": dense | {"size": 0}}),
            (422, {"dense": dense | {"size": 65537}}),
            (422, {"sparse": {"datatype": "turbo4"}}),
        ):
            text = await self.error(status, "PUT", self.PATH, body)
            if status == 422:
                self.assertIn("Validation error in JSON body: [", text)
        self.assertEqual(await self.vectors(), before)

    async def test_only_what_cannot_be_changed_is_taken(self) -> None:
        dense = {"size": 2, "distance": "Dot", "on_disk": True, "hnsw_config": {"m": 3}}
        result = await self.ok("PUT", f"{self.PATH}?wait=true", {"dense": dense})
        self.assertEqual(result["status"], "completed")
        await self.ok("PUT", "/collections/c/vectors/s", {"sparse": {"datatype": "float16"}})
        params = await self.vectors()
        self.assertEqual(params["vectors"]["new"], {"size": 2, "distance": "Dot"})
        self.assertEqual(params["sparse_vectors"], {"s": {"index": {"datatype": "float16"}}})


class RpcRefusals(RpcCase):
    rpc: RpcClient

    async def setUp(self) -> None:  # type: ignore[override]
        self.rpc = await self.start_rpc()
        request = {"vectors_config": {"params": {"size": 4, "distance": "Dot"}}}
        await self.call("Collections/Create", "CreateCollection", request)
        await self.call("Points/Upsert", "UpsertPoints", {"points": [self.point()]})

    def point(self, **parts: Any) -> Any:
        point = {"id": {"num": 1}, "vectors": {"vector": {"dense": {"data": POINT["vector"]}}}}
        return point | parts

    async def call(self, method: str, kind: str, parts: Any) -> Any:
        module = pb if hasattr(pb, kind) else collections_pb2
        message = getattr(module, kind)(collection_name="c")
        return await self.rpc.call(method, json_format.ParseDict(parts, message))

    async def refused(self, text: str, method: str, kind: str, parts: Any) -> None:
        """The call is refused as an invalid argument; `text` stands in the details."""
        with self.assertRaises(grpc.RpcError) as caught:
            await self.call(method, kind, parts)
        failed: Any = caught.exception
        self.assertIs(failed.code(), grpc.StatusCode.INVALID_ARGUMENT, (method, failed.details()))
        self.assertIn(text, failed.details())

    async def test_payload_selectors_say_something(self) -> None:
        selector: Any
        empty: Any = {"with_payload": {}}
        for method, kind, parts in (
            ("Points/Get", "GetPoints", {"ids": [{"num": 1}]}),
            ("Points/Scroll", "ScrollPoints", {}),
            ("Points/Query", "QueryPoints", {}),
            ("Points/Search", "SearchPoints", {"vector": VECTOR, "limit": 1}),
        ):
            await self.refused("No PayloadSelector", method, kind, parts | empty)
            for selector in ({"enable": False}, {"include": {}}, {"exclude": {}}):
                await self.call(method, kind, parts | {"with_payload": selector})

    async def test_consistencies_say_something(self) -> None:
        reads: list[tuple[str, str, Any]] = [
            ("Points/Get", "GetPoints", {"ids": [{"num": 1}]}),
            ("Points/Scroll", "ScrollPoints", {}),
            ("Points/Count", "CountPoints", {}),
            ("Points/Facet", "FacetCounts", {"key": "k"}),
            ("Points/Query", "QueryPoints", {}),
            ("Points/QueryBatch", "QueryBatchPoints", {}),
            ("Points/Search", "SearchPoints", {"vector": VECTOR, "limit": 1}),
            ("Points/SearchBatch", "SearchBatchPoints", {}),
        ]
        index = {"field_name": "k", "field_type": "FieldTypeKeyword", "wait": True}
        await self.call("Points/CreateFieldIndex", "CreateFieldIndexCollection", index)
        for method, kind, parts in reads:
            for wrong in ({}, {"factor": 0}, {"type": 7}):
                body = parts | {"read_consistency": wrong}
                await self.refused("invalid read consistency", method, kind, body)
            for right in ({"factor": 3}, {"type": "All"}, {"type": "Quorum"}):
                await self.call(method, kind, parts | {"read_consistency": right})
        inner: Any = {"query_points": [{"read_consistency": {}}]}
        await self.refused(
            "invalid read consistency", "Points/QueryBatch", "QueryBatchPoints", inner
        )

    async def test_orderings_are_known(self) -> None:
        for method, kind, parts in (
            ("Points/Upsert", "UpsertPoints", {"points": [self.point()]}),
            ("Points/Delete", "DeletePoints", {"points": {"points": {}}}),
            ("Points/UpdateBatch", "UpdateBatchPoints", {"operations": [{"upsert": {}}]}),
        ):
            text = "cannot convert ordering: 7"
            await self.refused(text, method, kind, parts | {"ordering": {"type": 7}})
        ordered = {"points": [self.point()], "ordering": {"type": "Strong"}}
        await self.call("Points/Upsert", "UpsertPoints", ordered)

    async def test_shard_keys_are_told_as_they_were_meant(self) -> None:
        selector: Any
        for selector, told in (
            ({"shard_keys": [{"keyword": "a"}, {"keyword": "b"}]}, "a"),
            ({"shard_keys": [{"number": 0}]}, "0"),
            ({"shard_keys": [{"keyword": "t"}], "fallback": {"keyword": "f"}}, "t"),
        ):
            text = f"Shard key {told} not found"
            parts = {"shard_key_selector": selector}
            for name in ("Count", "Scroll", "Query"):
                await self.refused(text, f"Points/{name}", f"{name}Points", parts)

    async def test_points_say_something_of_vectors(self) -> None:
        vectors: Any
        for vectors in (None, {}):
            point = self.point()
            del point["vectors"]
            if vectors is not None:
                point["vectors"] = vectors
            points = {"points": [point]}
            await self.refused("Expected some vectors", "Points/Upsert", "UpsertPoints", points)
            await self.refused(
                "Expected some vectors",
                "Points/UpdateBatch",
                "UpdateBatchPoints",
                {"operations": [{"upsert": points}]},
            )
        named = {"points": [self.point(vectors={"vectors": {}})]}
        await self.call("Points/Upsert", "UpsertPoints", named)

    async def test_indexes_are_of_one_type(self) -> None:
        kind, method = "CreateFieldIndexCollection", "Points/CreateFieldIndex"
        params = {"field_index_params": {"integer_index_params": {"range": True}}}
        for parts in (params, params | {"field_type": "FieldTypeKeyword"}, {}):
            await self.refused("field", method, kind, {"field_name": "a"} | parts)
        right = params | {"field_type": "FieldTypeInteger", "field_name": "a"}
        await self.call(method, kind, right)

    async def test_new_vectors_have_one_configuration(self) -> None:
        kind, method = "CreateVectorNameRequest", "Points/CreateVectorName"
        await self.refused("vector_config", method, kind, {"vector_name": "a"})
        for dense in ({"size": 0, "distance": "Dot"}, {"size": 70000, "distance": "Dot"}):
            await self.refused("size", method, kind, {"vector_name": "a", "dense_config": dense})
        await self.refused(
            "distance", method, kind, {"vector_name": "a", "dense_config": {"size": 2}}
        )

    async def test_batches_of_updates_have_one(self) -> None:
        await self.refused("operations", "Points/UpdateBatch", "UpdateBatchPoints", {})
        operations: Any = {"operations": [{"delete_points": {"points": {"points": {}}}}, {}]}
        await self.refused("", "Points/UpdateBatch", "UpdateBatchPoints", operations)
