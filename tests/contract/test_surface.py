"""Of the whole interface, every part works or says in words that it does not yet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import grpc
from google.protobuf import json_format, message_factory

from tests.contract.providers import RpcCase
from tests.contract.rest_wire import POINT
from tests.contract.rest_wire import WireCase as RestWireCase
from tests.contract.rpc_client import RpcClient
from tests.contract.surface import (
    CHANGES,
    CLUSTER,
    CREATIONS,
    ENDPOINTS,
    LATER,
    METHODS,
    POINTS,
    QUERIES,
    REFUSED,
    WORKS,
    Form,
)
from tests.support import shared_path
from vexfs_twisted.rpc.descriptor_pool import POOL
from vexfs_twisted.rpc.generated import collections_pb2, points_pb2

NOT_YET = r"not supported yet$"
STANDALONE = "Qdrant is running in standalone mode"
SPACES = {
    "": {"size": 4, "distance": "Dot"},
    "multi": {"size": 4, "distance": "Dot", "multivector_config": {"comparator": "max_sim"}},
}
ANY_OF_THE_FORMS = {"vectors": SPACES, "sparse_vectors": {"text": {}}}
KEY = {"api-key": "secret"}


class RestSurface(RestWireCase):
    async def assert_status(self, status: int, method: str, path: str, body: Any) -> None:
        """A refusal says why."""
        response = await self.ask(method, path, body)
        self.assertEqual(response.status, status, (method, path, body, response.body))
        if status == LATER:
            self.assertRegex(response.error, NOT_YET, (method, path))
        elif status == CLUSTER:
            self.assertEqual(response.error, STANDALONE)

    def test_the_table_is_that_of_the_description(self) -> None:
        document = json.loads(shared_path("qdrant", "openapi.json").read_bytes())
        described = {
            (method.upper(), _shape(path))
            for path, methods in document["paths"].items()
            for method in methods
        }
        listed = {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}
        missing = [own for own in described if not any(_fits(own, other) for other in listed)]
        self.assertEqual(missing, [])

    async def test_every_endpoint(self) -> None:
        for endpoint in ENDPOINTS:
            await self.assert_status(endpoint.status, endpoint.method, endpoint.path, endpoint.body)

    async def test_what_comes_later_checks_names_of_collections(self) -> None:
        for endpoint in ENDPOINTS:
            if endpoint.status != WORKS and endpoint.path.startswith("/collections/c/"):
                path = endpoint.path.replace("/c/", f"/{'x' * 256}/", 1)
                text = await self.refused(422, endpoint.method, path, endpoint.body)
                self.assertIn("must be", text)

    async def test_paths_that_are_none_and_methods_that_are_wrong_stay_so(self) -> None:
        await self.refused(404, "GET", "/collections/c/nothing")
        await self.refused(404, "POST", "/collections/c/points/recommend/nothing")
        await self.refused(405, "PUT", "/collections/c/points/query")

    async def test_queries(self) -> None:
        await self.ok("PUT", "/collections/forms", ANY_OF_THE_FORMS)
        await self.ok("PUT", "/collections/forms/points?wait=true", {"points": [POINT]})
        path = "/collections/forms/points/query"
        for form in QUERIES:
            await self.assert_status(form.status, "POST", path, form.json)
            await self.assert_status(
                form.status, "POST", f"{path}/batch", {"searches": [{}, form.json]}
            )

    async def test_points(self) -> None:
        await self.ok("PUT", "/collections/forms", ANY_OF_THE_FORMS)
        path = "/collections/forms/points"
        for form in POINTS:
            await self.assert_status(form.status, "PUT", path, form.json)
            operations = {"operations": [{"upsert": form.json}]}
            await self.assert_status(form.status, "POST", f"{path}/batch", operations)
        self.assertEqual(await self.ok("POST", f"{path}/count", {}), {"count": 1})

    async def test_configurations(self) -> None:
        for form in CHANGES:
            await self.assert_status(form.status, "PATCH", "/collections/c", form.json)
        for number, form in enumerate(CREATIONS):
            await self.assert_status(form.status, "PUT", f"/collections/n{number}", form.json)
            exists = await self.ok("GET", f"/collections/n{number}/exists")
            self.assertEqual(exists, {"exists": form.status == WORKS}, form)


class RestSurfaceWithKeys(RestWireCase):
    settings: Mapping[str, Any] = {"api_key": "secret"}

    async def setUp(self) -> None:  # type: ignore[override]
        self.http = await self.start_http()

    async def test_what_comes_later_asks_for_a_key(self) -> None:
        for endpoint in ENDPOINTS:
            if endpoint.status == LATER and endpoint.path != "/dashboard":
                response = await self.http.request(endpoint.method, endpoint.path)
                self.assertEqual(response.status, 401, endpoint)
        response = await self.http.request("GET", "/stacktrace", None, KEY)
        self.assertEqual(response.status, 501)


class RpcSurface(RpcCase):
    rpc: RpcClient

    async def setUp(self) -> None:  # type: ignore[override]
        self.rpc = await self.start_rpc()
        await self.make("c", {"params_map": {"map": {"": {"size": 4, "distance": "Dot"}}}})

    async def make(self, name: str, vectors: Any) -> None:
        request = collections_pb2.CreateCollection(collection_name=name)
        json_format.ParseDict({"vectors_config": vectors}, request)
        await self.rpc.call("Collections/Create", request)

    async def outcome(self, method: str, message: Any) -> tuple[grpc.StatusCode, str]:
        """How a call ends: its status, and its details."""
        try:
            await self.rpc.call(method, message)
        except grpc.RpcError as error:
            failed: Any = error
            return failed.code(), failed.details()
        return grpc.StatusCode.OK, ""

    async def assert_form(self, method: str, message: Any, form: Form) -> None:
        code, details = await self.outcome(method, message)
        if form.status == WORKS:
            self.assertIs(code, grpc.StatusCode.OK, (form, details))
        elif form.status == REFUSED:
            self.assertIs(code, grpc.StatusCode.INVALID_ARGUMENT, (form, details))
        else:
            self.assertIs(code, grpc.StatusCode.UNIMPLEMENTED, (form, details))
            self.assertRegex(details, NOT_YET)

    def test_the_table_is_that_of_the_services(self) -> None:
        for name in ("Collections", "Points", "Snapshots"):
            service = POOL.FindServiceByName(f"qdrant.{name}")
            self.assertEqual(set(METHODS[name]), set(service.methods_by_name))

    async def test_every_method(self) -> None:
        for service, methods in METHODS.items():
            for method, status in methods.items():
                await self.check_method(service, method, status)

    async def check_method(self, service: str, method: str, status: int) -> None:
        path = f"/qdrant.{service}/{method}"
        request = b""
        if service != "StorageRead":
            kind = POOL.FindServiceByName(f"qdrant.{service}").methods_by_name[method].input_type
            message: Any = message_factory.GetMessageClass(kind)()
            if "collection_name" in kind.fields_by_name:
                message.collection_name = "c"
            request = message.SerializeToString()
        try:
            await self.rpc.call_raw(path, request)
        except grpc.RpcError as error:
            failed: Any = error
            is_there = failed.code() is not grpc.StatusCode.UNIMPLEMENTED
            self.assertEqual(is_there, status == WORKS, (path, failed.details()))
            if status == LATER:
                text = f"The method qdrant.{service}.{method} is not supported yet"
                self.assertEqual(failed.details(), text)
            elif status == CLUSTER:
                self.assertEqual(failed.details(), STANDALONE)
        else:
            self.assertEqual(status, WORKS, path)

    async def test_what_comes_later_checks_names_of_collections(self) -> None:
        for method in ("QueryGroups", "Discover", "Recommend"):
            kind = POOL.FindServiceByName("qdrant.Points").methods_by_name[method].input_type
            message = message_factory.GetMessageClass(kind)()
            code, details = await self.outcome(f"Points/{method}", message)
            self.assertIs(code, grpc.StatusCode.INVALID_ARGUMENT)
            self.assertIn("must be from 1 to 255 characters", details)

    async def make_forms(self) -> None:
        request = collections_pb2.CreateCollection(collection_name="forms")
        dense = {"size": 4, "distance": "Dot"}
        spaces = {"": dense, "multi": dense | {"multivector_config": {}}}
        parts = {
            "vectors_config": {"params_map": {"map": spaces}},
            "sparse_vectors_config": {"map": {"text": {}}},
        }
        json_format.ParseDict(parts, request)
        await self.rpc.call("Collections/Create", request)
        upsert = points_pb2.UpsertPoints(collection_name="forms", wait=True)
        point = upsert.points.add()
        point.id.num = 1
        point.vectors.vector.dense.data.extend(POINT["vector"])  # type: ignore[arg-type]
        await self.rpc.call("Points/Upsert", upsert)

    async def test_queries(self) -> None:
        await self.make_forms()
        for form in QUERIES:
            query = json_format.ParseDict(
                form.message, points_pb2.QueryPoints(collection_name="forms")
            )
            await self.assert_form("Points/Query", query, form)
            batch = points_pb2.QueryBatchPoints(collection_name="forms", query_points=[query])
            await self.assert_form("Points/QueryBatch", batch, form)

    async def test_points(self) -> None:
        await self.make_forms()
        for form in POINTS:
            message = points_pb2.UpsertPoints(collection_name="forms")
            upsert = json_format.ParseDict(form.message, message)
            await self.assert_form("Points/Upsert", upsert, form)

    async def test_configurations(self) -> None:
        for form in CHANGES:
            message: Any = collections_pb2.UpdateCollection(collection_name="c")
            change = json_format.ParseDict(form.message, message)
            await self.assert_form("Collections/Update", change, form)
        for number, form in enumerate(CREATIONS):
            message = collections_pb2.CreateCollection(collection_name=f"n{number}")
            creation = json_format.ParseDict(form.message, message)
            await self.assert_form("Collections/Create", creation, form)


def _shape(path: str) -> tuple[str, ...]:
    """The segments of a path of the description; None for a parameter."""
    return tuple(part for part in path.split("/") if part)


def _fits(own: tuple[str, tuple[str, ...]], listed: tuple[str, str]) -> bool:
    """Whether a request of the table is one to an endpoint of the description."""
    method, parts = own
    segments = _shape(listed[1])
    pairs = zip(parts, segments, strict=False)
    return (
        method == listed[0]
        and len(parts) == len(segments)
        and all(part == segment or part.startswith("{") for part, segment in pairs)
    )
