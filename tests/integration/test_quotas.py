"""Quotas of a daemon of two processes: set, enforced on both wires, told, and kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.request import Request, urlopen

import grpc
from qdrant_client import QdrantClient
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import UnexpectedResponse
from qdrant_client.models import (
    Distance,
    PayloadSchemaType,
    PointStruct,
    PointVectors,
    VectorParams,
)
from twisted.trial.unittest import SynchronousTestCase

from tests import openapi
from tests.integration.test_streams import NAME, requests
from tests.support import DaemonProcess
from vexfs_twisted.proto.qdrant_pb2_grpc import QdrantStub

POINT = PointStruct(id=1, vector=[1.0, 0.0, 0.0, 0.0], payload={"a": 1})


class QuotaTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.daemon = DaemonProcess(None, "--processes=2")
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        self.clients = [self.client(grpc=False), self.client(grpc=True)]
        rest = self.clients[0]
        rest.create_collection(NAME, VectorParams(size=4, distance=Distance.DOT))
        rest.upsert(NAME, [POINT])
        used = self.ask("GET", "/quotas")["usage"]["disk_usage_percent"]
        # Others use the disk as well.
        self.limit = max(used // 2, 1)
        self.exceeded = {"enabled": True, "max_disk_usage_percent": self.limit}

    def client(self, *, grpc: bool) -> QdrantClient:
        client = QdrantClient(
            self.daemon.rest_url, grpc_port=self.daemon.grpc_port, prefer_grpc=grpc
        )
        self.addCleanup(client.close)
        return client

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The result of a request on a connection of its own, to any of the processes."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        with urlopen(Request(self.daemon.rest_url + path, data, headers, method=method)) as answer:
            text = answer.read()
            if openapi.is_here():
                kind = answer.headers["Content-Type"]
                openapi.check_answer(method, path.partition("?")[0], answer.status, kind, text)
        return json.loads(text)["result"]

    def metric(self) -> list[str]:
        with urlopen(f"{self.daemon.rest_url}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return [line for line in lines if line.startswith("quota_exceeded")]

    def refused(self, function: Callable[..., Any], *args: Any, **fields: Any) -> None:
        """A call is refused since the disk is full, over either wire."""
        try:
            function(*args, **fields)
        except UnexpectedResponse as error:
            self.assertEqual(error.status_code, 507)
            text = error.content.decode()
        except ResourceExhaustedResponse as error:
            self.assertEqual(error.retry_after_s, 60)
            text = error.message
        else:
            self.fail("taken")
        self.assertIn(f"its quota of {self.limit}% of the disk", text)

    def test_what_is_refused_while_the_disk_is_full(self) -> None:
        if self.ask("GET", "/quotas")["usage"]["disk_usage_percent"] == 0:
            self.skipTest("less than one percent of the disk is used")
        self.assertIs(self.ask("PUT", "/quotas?wait=true", self.exceeded), True)
        for client in self.clients:
            self.refused(client.upsert, NAME, [POINT], wait=False)
            self.refused(client.set_payload, NAME, {"b": 1}, points=[1])
            vectors = [PointVectors(id=1, vector=[0.0, 0.0, 0.0, 1.0])]
            self.refused(client.update_vectors, NAME, vectors)
            keyword = PayloadSchemaType.KEYWORD
            self.refused(client.create_payload_index, NAME, "a", field_schema=keyword)
            size = VectorParams(size=4, distance=Distance.DOT)
            self.refused(client.create_collection, "other", size)
            self.assertEqual(client.retrieve(NAME, [1])[0].payload, {"a": 1})
            self.assertEqual(client.count(NAME).count, 1)
        rest = self.clients[0]
        self.refused(rest.recover_snapshot, NAME, "file:///nowhere")
        with grpc.insecure_channel(self.daemon.grpc_address) as channel:
            stream = QdrantStub(channel).StreamUpsert
            error = self.assertRaises(grpc.RpcError, lambda: list(stream(requests(10, 100))))
            self.assertEqual(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertEqual(rest.count(NAME).count, 1)
        self.assertIn('quota_exceeded{resource="disk_usage"} 1.0', self.metric())
        self.assertEqual(
            self.ask("GET", "/telemetry")["quota"],
            {"config": self.exceeded, "exceeded": {"resident_memory": None, "disk_usage": True}},
        )
        rest.delete_payload(NAME, ["a"], points=[1])
        self.clients[1].delete(NAME, [1])
        self.assertEqual(rest.count(NAME).count, 0)
        self.assertIs(self.ask("PUT", "/quotas", {}), True)
        for client in self.clients:
            client.upsert(NAME, [POINT])
        self.assertEqual(self.metric(), [])

    def test_they_are_kept_and_told_by_every_process(self) -> None:
        config = {"enabled": True, "max_resident_memory_percent": 99, "release_margin_percent": 0}
        self.ask("PUT", "/quotas", config)
        self.daemon.stop()
        self.daemon.start()
        for _ in range(20):
            found = self.ask("GET", "/quotas")
            self.assertEqual(found["config"], config)
            self.assertEqual(
                found["usage"].keys(), {"resident_memory_percent", "disk_usage_percent"}
            )
        self.assertEqual(self.metric(), ['quota_exceeded{resource="resident_memory"} 0.0'])


class SettingsTests(SynchronousTestCase):
    def test_the_settings_hold_until_others_are_set(self) -> None:
        variables = {
            "QDRANT__STORAGE__QUOTAS__ENABLED": "true",
            "QDRANT__STORAGE__QUOTAS__MAX_RESIDENT_MEMORY_PERCENT": "98",
        }
        with DaemonProcess(None, environment=variables) as daemon:
            for body, config in (
                (None, {"enabled": True, "max_resident_memory_percent": 98}),
                ({"enabled": False}, {"enabled": False}),
            ):
                if body is not None:
                    data = json.dumps(body).encode()
                    headers = {"Content-Type": "application/json"}
                    request = Request(f"{daemon.rest_url}/quotas", data, headers, method="PUT")
                    urlopen(request).close()
                    daemon.stop()
                    daemon.start()
                with urlopen(f"{daemon.rest_url}/quotas") as answer:
                    self.assertEqual(json.loads(answer.read())["result"]["config"], config)
