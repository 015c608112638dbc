"""Every endpoint and every method, called by every kind of caller, over a whole server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import grpc
import orjson
from google.protobuf import message_factory
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from tests.contract.access_table import (
    ALT_KEY,
    KEY,
    OPEN,
    READ_ONLY_KEY,
    REST,
    RPC,
    Outcome,
    callers,
    of,
    token,
)
from tests.contract.providers import reactor
from tests.contract.raw_http import connect, request
from tests.contract.surface import ENDPOINTS, REFUSED, WORKS, Endpoint
from tests.contract.test_middleware import WholeServer
from vexfs_twisted.rest.site import _TOPICS
from vexfs_twisted.rpc.descriptor_pool import POOL
from vexfs_twisted.rpc.services import public_services

_OTHERS = (
    Endpoint("GET", "/profiler/slow_requests", WORKS),
    Endpoint("GET", "/logger", WORKS),
    Endpoint("POST", "/logger", REFUSED),
    Endpoint("GET", "/collections/c/memory", WORKS),
    Endpoint("GET", "/grpc/status", WORKS),
    Endpoint("GET", "/vexfs/stats", WORKS),
    Endpoint("POST", "/vexfs/device", WORKS, {"path": None}),
)
_REFUSALS = {
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
}
_DESTRUCTIVE = ("Create", "Update", "Delete", "CreateCollection", "UpdateCollection")


def _templates() -> list[str]:
    return [route.kind.method for route in chain.from_iterable(_TOPICS)]


def _template_of(endpoint: Endpoint) -> str:
    """The template that an endpoint of the table fits, the one with the fewest variables."""
    called = f"{endpoint.method} {endpoint.path}"
    fits = [
        template
        for template in _templates()
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), called)
    ]
    return min(fits, key=lambda template: template.count("{"))


def _methods() -> Iterator[tuple[str, Any]]:
    for name in public_services():
        if name.startswith("qdrant."):
            for method in POOL.FindServiceByName(name).methods:
                yield f"{name.removeprefix('qdrant.')}/{method.name}", method


def _message(name: str, method: Any) -> bytes:
    """A request about `c`, or `d` where that might be gone afterwards."""
    message: Any = message_factory.GetMessageClass(method.input_type)()
    service, _, own = name.partition("/")
    if "collection_name" in method.input_type.fields_by_name:
        is_risky = service == "Collections" and own in _DESTRUCTIVE
        message.collection_name = "d" if is_risky or own.endswith("Collection") else "c"
    if own.startswith("StreamUpsert"):
        point = message.points.add()
        point.id.num = 2
        point.vectors.vector.dense.data.extend([1, 2, 3, 4])
    data: bytes = message.SerializeToString()
    return data


class AccessCase(WholeServer):
    timeout = 240
    settings: Mapping[str, Any] = {
        "api_key": KEY,
        "alt_api_key": ALT_KEY,
        "read_only_api_key": READ_ONLY_KEY,
        "jwt_rbac": True,
        "rate_limit": 0,
    }
    headers: Mapping[str, str] = {"api-key": KEY}

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        point = {"id": 1, "vector": [1, 2, 3, 4], "payload": {"user": "ann"}}
        await self.done("PUT", "/collections/c/points?wait=true", {"points": [point]})

    async def send(self, method: str, path: str, body: Any, key: str | None) -> tuple[int, bytes]:
        headers = {} if key is None else {"api-key": key}
        data = None if body is None else orjson.dumps(body)
        response = await self.http.request(method, path, data, headers)
        return response.status, response.body

    async def done(self, method: str, path: str, body: Any = None, key: str = KEY) -> Any:
        status, answer = await self.send(method, path, body, key)
        self.assertEqual(status, 200, (path, answer))
        return orjson.loads(answer)["result"]

    async def refused(self, text: str, method: str, path: str, body: Any, key: str) -> None:  # type: ignore[override]
        status, answer = await self.send(method, path, body, key)
        self.assertEqual(status, 403, (path, answer))
        self.assertEqual(orjson.loads(answer)["status"]["error"], text)

    def called(self, path: str, data: bytes, key: str | None) -> Deferred[tuple[Any, str]]:
        """The status and details of a call of any kind with one message."""

        def call() -> tuple[Any, str]:
            method: Any = self.rpc.channel.stream_stream(path)
            metadata = () if key is None else (("api-key", key),)
            try:
                for _ in method(iter([data]), metadata=metadata, timeout=60):
                    pass
            except grpc.RpcError as error:
                failed: Any = error
                return failed.code(), failed.details()
            return grpc.StatusCode.OK, ""

        return deferToThread(call)


class EveryEndpoint(AccessCase):
    def test_the_table_has_every_route_and_nothing_else(self) -> None:
        self.assertEqual(set(REST), set(_templates()))

    def test_every_route_is_called(self) -> None:
        called = {_template_of(endpoint) for endpoint in (*ENDPOINTS, *_OTHERS)}
        self.assertEqual(set(REST), called)

    async def test_each_by_every_caller(self) -> None:
        for caller, (key, outcomes) in callers().items():
            for endpoint in (*ENDPOINTS, *_OTHERS):
                need = REST[_template_of(endpoint)]
                expected = None if need == OPEN else outcomes[need]
                await self.check(caller, key, endpoint, expected)

    async def check(
        self, caller: str, key: str | None, endpoint: Endpoint, expected: Outcome
    ) -> None:
        status, body = await self.send(endpoint.method, endpoint.path, endpoint.body, key)
        where = caller, endpoint.method, endpoint.path, status, body[:200]
        if expected is None:
            self.assertNotIn(status, (401, 403), where)
            return
        self.assertEqual(status, expected[0], where)
        text = body.decode()
        if expected[1].startswith("Forbidden"):
            text = orjson.loads(body)["status"]["error"]
        self.assertEqual(text, expected[1].replace("collection c", f"collection {_name(endpoint)}"))


def _name(endpoint: Endpoint) -> str:
    return endpoint.path.split("/")[2] if endpoint.path.startswith("/collections/") else "c"


class EveryMethod(AccessCase):
    def test_the_table_has_every_method_and_nothing_else(self) -> None:
        self.assertEqual(set(RPC), {name for name, _ in _methods()})

    async def test_each_by_every_caller(self) -> None:
        for caller, (key, outcomes) in callers().items():
            for name, method in _methods():
                expected = None if RPC[name] == OPEN else outcomes[RPC[name]]
                code, details = await self.called(f"/qdrant.{name}", _message(name, method), key)
                where = caller, name, code, details
                if expected is None:
                    self.assertNotIn(code, _REFUSALS.values(), where)
                else:
                    self.assertEqual((code, details), (_REFUSALS[expected[0]], expected[1]), where)

    async def test_methods_of_other_services(self) -> None:
        for key, code in ((None, grpc.StatusCode.UNAUTHENTICATED), (of("r"), None)):
            for path in ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "/a/b"):
                found, details = await self.called(path, b"", key)
                if code is None:
                    self.assertNotIn(found, _REFUSALS.values(), details)
                else:
                    self.assertIs(found, code)
            found, details = await self.called("/grpc.health.v1.Health/Check", b"", key)
            self.assertIs(found, grpc.StatusCode.OK, details)


class WhatIsSeen(AccessCase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        await self.done("PUT", "/collections/other", {"vectors": {"size": 4, "distance": "Dot"}})
        actions = [
            {"create_alias": {"collection_name": name, "alias_name": alias}}
            for name, alias in (("c", "a"), ("other", "b"))
        ]
        await self.done("POST", "/collections/aliases", {"actions": actions})

    async def test_lists_have_what_a_caller_may_read(self) -> None:
        for key, names, aliases in (
            (KEY, ["c", "other"], ["a", "b"]),
            (token({"access": "r"}), ["c", "other"], ["a", "b"]),
            (of("prw"), ["c"], ["a"]),
            (of("r", "other"), ["other"], ["b"]),
            (token({"access": []}), [], []),
        ):
            found = await self.done("GET", "/collections", key=key)
            self.assertEqual([own["name"] for own in found["collections"]], names)
            found = await self.done("GET", "/aliases", key=key)
            self.assertEqual([own["alias_name"] for own in found["aliases"]], aliases)

    async def test_an_alias_is_a_name_of_its_own(self) -> None:
        path = "/collections/a/points/count"
        text = "Forbidden: Access to collection a is required"
        await self.refused(text, "POST", path, {}, of("rw", "c"))
        self.assertEqual(await self.done("POST", path, {}, of("r", "a")), {"count": 1})
        text = "Forbidden: Access to collection c is required"
        await self.refused(text, "POST", "/collections/c/points/count", {}, of("r", "a"))

    async def test_lookups_need_both_collections(self) -> None:
        both = token({"access": [{"collection": n, "access": "r"} for n in ("c", "other")]})
        text = "Forbidden: Access to collection other is required"
        looked_up: dict[str, Any] = {"query": 1, "lookup_from": {"collection": "other"}}
        groups = {"query": [1, 2, 3, 4], "group_by": "user", "with_lookup": "other"}
        nested = {"prefetch": [{"prefetch": looked_up}], "query": [1, 2, 3, 4]}
        for path, body in (
            ("query", looked_up),
            ("query", nested),
            ("query/batch", {"searches": [{}, looked_up]}),
            ("query/groups", groups),
        ):
            path = f"/collections/c/points/{path}"
            await self.refused(text, "POST", path, body, of("rw"))
            status, _ = await self.send("POST", path, body, both)
            self.assertIn(status, (200, 404))

    async def test_a_refused_upload_is_not_read(self) -> None:
        connection = await connect(reactor, self.http.port)
        path = "/collections/c/snapshots/upload"
        for key in (READ_ONLY_KEY, of("rw"), "wrong"):
            head = request("POST", path, b"", (f"api-key: {key}", "Expect: 100-continue"))
            connection.send(head.replace(b"Content-Length: 0", b"Content-Length: 60000"))
            (reply,) = await connection.replies(1)
            self.assertIn(reply.status, (401, 403))
            connection.disconnect()
            connection = await connect(reactor, self.http.port)
        connection.disconnect()

    async def test_no_spelling_of_a_name_leads_to_another_collection(self) -> None:
        connection = await connect(reactor, self.http.port)
        key = of("rw", "other")
        for path in (
            "/collections/other/../c",
            "/collections/other%2F..%2Fc",
            "/collections/other/%2e%2e/c",
            "//collections//c",
            "/collections/%63",
            "/collections/c?collection=other",
            "/collections/other%00/../c",
            "/collections/c/snapshots/..%2F..%2Fother",
            "/collections/c/snapshots/%2Fetc%2Fpasswd",
            "/collections/other/points/../../c/points/1",
        ):
            connection.send(request("GET", path, headers=(f"api-key: {key}",)))
            (reply,) = await connection.replies(1)
            self.assertIn(reply.status, (403, 404), path)
            self.assertNotIn(b"result", reply.body, path)
        connection.disconnect()

    async def test_the_last_name_of_a_message_counts(self) -> None:
        """A parser takes the last of several values; what is checked first is another."""
        message = message_factory.GetMessageClass(
            POOL.FindServiceByName("qdrant.Points").methods_by_name["Count"].input_type
        )
        mixed = b"".join(
            message(collection_name=name).SerializeToString() for name in ("other", "c")
        )
        code, details = await self.called("/qdrant.Points/Count", mixed, of("rw", "other"))
        self.assertIs(code, grpc.StatusCode.PERMISSION_DENIED)
        self.assertEqual(details, "Forbidden: Access to collection c is required")

    async def test_points_before_a_refused_message_are_written(self) -> None:
        method = POOL.FindServiceByName("qdrant.Qdrant").methods_by_name["StreamUpsertPoints"]
        name = "Qdrant/StreamUpsertPoints"
        first = _message(name, method)
        second = first.replace(b"\n\x01c", b"\n\x05other", 1)

        def call() -> Any:
            stream: Any = self.rpc.channel.stream_unary(f"/qdrant.{name}")
            try:
                stream(iter([first, second]), metadata=(("api-key", of("prw")),), timeout=60)
            except grpc.RpcError as error:
                return error
            return None

        error = await deferToThread(call)
        self.assertIs(error.code(), grpc.StatusCode.PERMISSION_DENIED)
        self.assertEqual(dict(error.trailing_metadata())["points-written"], "1")
        self.assertEqual(await self.count(), 2)
