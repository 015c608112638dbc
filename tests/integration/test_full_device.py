"""Devices without room: nothing that is mapped ends the process, and writes go on once there is."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import grpc
from twisted.trial.unittest import SynchronousTestCase

from tests.small_device import fill, make_room, mounted
from tests.support import ROOT, DaemonProcess, run_python
from vexfs_twisted.rpc.generated import collections_pb2

SIZE = 256


class EngineTests(SynchronousTestCase):
    """The engine in a process of its own."""

    def check(self, kind: str, size_mb: int) -> None:
        root = mounted(self, kind, size_mb)
        done = run_python("-m", "tests.programs.full_device", str(root), cwd=ROOT, seconds=600)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_on_tmpfs(self) -> None:
        self.check("tmpfs", 9)

    def test_on_ext4(self) -> None:
        self.check("ext4", 14)


class StepsTests(SynchronousTestCase):
    """A device that is full before every step of a workload."""

    def check(self, kind: str, size_mb: int) -> None:
        root = mounted(self, kind, size_mb)
        home = tempfile.mkdtemp(prefix="vexfs-filled-")
        self.addCleanup(shutil.rmtree, home)
        program = ("-m", "tests.programs.filled_device", str(root), home)
        done = run_python(*program, cwd=ROOT, seconds=600)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertGreater(int(done.stdout), 5)

    def test_on_tmpfs(self) -> None:
        self.check("tmpfs", 16)

    def test_on_ext4(self) -> None:
        self.check("ext4", 24)


class ServerTests(SynchronousTestCase):
    """The server, over both wires."""

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status of a call by REST and its result, or what went wrong."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = Request(self.daemon.rest_url + path, data, headers, method=method)
        try:
            with urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)["result"]
        except HTTPError as error:
            return error.code, json.load(error)["status"]["error"]

    def upsert(self, start: int, count: int) -> tuple[int, Any]:
        """Write points with vectors of their own."""
        points = [
            {"id": start + number, "vector": [float(start + number)] * SIZE}
            for number in range(count)
        ]
        return self.ask("PUT", "/collections/a/points?wait=true", {"points": points})

    def filled(self, root: Path) -> int:
        """Upsert points until there is no room, and leave none; how many there are."""
        for start in range(0, 10**6, 100):
            status, said = self.upsert(start, 100)
            if status == 507:
                self.assertIn("no room left on the device", said)
                fill(root)
                return start
            self.assertEqual((status, said["status"]), (200, "completed"))
        raise AssertionError("the device never became full")

    def create_by_grpc(self) -> grpc.StatusCode:
        """How the creation of a collection ends over gRPC."""
        vectors = collections_pb2.VectorParams(size=SIZE, distance=collections_pb2.Dot)
        request = collections_pb2.CreateCollection(
            collection_name="more", vectors_config=collections_pb2.VectorsConfig(params=vectors)
        )
        with grpc.insecure_channel(self.daemon.grpc_address) as channel:
            call = channel.unary_unary(
                "/qdrant.Collections/Create",
                request_serializer=collections_pb2.CreateCollection.SerializeToString,
                response_deserializer=collections_pb2.CollectionOperationResponse.FromString,
            )
            try:
                call(request, timeout=60)
            except grpc.RpcError as error:
                code: grpc.StatusCode = error.code()
                return code
        return grpc.StatusCode.OK

    def check(self, kind: str, size_mb: int) -> None:
        root = mounted(self, kind, size_mb)
        self.daemon = DaemonProcess(root / "data")
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        config = {"vectors": {"size": SIZE, "distance": "Dot"}}
        (root / "spare").write_bytes(bytes(1 << 20))
        self.assertEqual(self.ask("PUT", "/collections/a", config), (200, True))
        count = self.filled(root)
        for _ in range(2):
            for _ in range(3):
                self.assertEqual(self.ask("PUT", "/collections/more", config)[0], 507)
                self.assertEqual(self.create_by_grpc(), grpc.StatusCode.RESOURCE_EXHAUSTED)
            self.assertEqual(self.upsert(count, 300)[0], 507)
            query = {"query": [1.0] * SIZE, "limit": 5}
            _, found = self.ask("POST", "/collections/a/points/query", query)
            self.assertEqual(found["points"][0]["id"], count - 1)
            counted = self.ask("POST", "/collections/a/points/count", {})
            self.assertEqual(counted, (200, {"count": count}))
            # There may be room for it in the tables, so that it is done.
            nothing = {"points": [10**9]}
            deleted = self.ask("POST", "/collections/a/points/delete?wait=true", nothing)
            self.assertIn(deleted[0], (200, 507))
            self.daemon.stop()
            self.daemon.start()
        (root / "spare").unlink()
        self.assertEqual(self.upsert(count, 10)[0], 200)
        fill(root)
        self.assertEqual(self.ask("DELETE", "/collections/a"), (200, True))
        make_room(root)
        self.assertEqual(self.create_by_grpc(), grpc.StatusCode.OK)
        self.assertEqual(self.daemon.stop(), 0)
        self.assertIsNone(re.search("Traceback|unexpected", self.daemon.log_text()))

    def test_on_tmpfs(self) -> None:
        self.check("tmpfs", 8)

    def test_on_ext4(self) -> None:
        self.check("ext4", 14)
