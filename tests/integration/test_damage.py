"""A server over a folder with a damaged collection, as clients see it over both protocols."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import grpc
import numpy as np
from qdrant_client import QdrantClient
from twisted.trial.unittest import SynchronousTestCase

from tests.engine_support import unnamed, upsert, write
from tests.support import DaemonProcess
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.model.collection import CreateAlias

PROCESSES = 2
TRIES = 8
"""Connections; each is to one of the processes, which the kernel chooses."""


class DamagedCollectionTests(SynchronousTestCase):
    """The collection `hurt`, with the alias `other`, is damaged; `sound` is not."""

    def setUp(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="vexfs-damage-"))
        self.addCleanup(shutil.rmtree, self.path, ignore_errors=True)
        catalog = Catalog(self.path)
        catalog.open()
        for name in ("hurt", "sound"):
            collection = catalog.create(name, unnamed())
            write(collection, upsert([1, 2], np.eye(2, 4, dtype=np.float32)))
        self.home = catalog.get("hurt").path
        catalog.update_aliases([CreateAlias("hurt", "other")])
        catalog.close()
        os.truncate(self.home / "vectors-1.f32", 4096 + 16)
        self.place = f"{self.home.name}/vectors-1.f32 at byte 4112"
        self.daemon = DaemonProcess(self.path, f"--processes={PROCESSES}")
        self.addCleanup(self.daemon.close)
        self.daemon.start()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status and the JSON of an answer, over a connection of its own."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.daemon.rest_url + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            return error.code, json.load(error)

    def test_it_is_told_of_and_others_serve(self) -> None:
        self.over_grpc()
        self.over_rest()

    def over_rest(self) -> None:
        """What a client of REST sees, which deletes it in the end."""
        _, listed = self.ask("GET", "/collections")
        self.assertEqual(
            sorted(own["name"] for own in listed["result"]["collections"]), ["hurt", "sound"]
        )
        status, told = self.ask("GET", "/collections/other")
        self.assertEqual((status, told["result"]["status"]), (200, "red"))
        self.assertIn(self.place, told["result"]["optimizer_status"]["error"])
        query = {"query": [1, 0, 0, 0]}
        for _ in range(TRIES):
            for name in ("hurt", "other"):
                status, told = self.ask("POST", f"/collections/{name}/points/query", query)
                self.assertEqual(status, 500, told)
                self.assertIn(self.place, told["status"]["error"])
            status, told = self.ask("POST", "/collections/sound/points/query", query)
            self.assertEqual((status, len(told["result"]["points"])), (200, 2))
        point = {"points": [{"id": 1, "vector": [1, 2, 3, 4]}]}
        self.assertEqual(self.ask("PUT", "/collections/hurt/points?wait=true", point)[0], 500)
        self.assertIn(self.place, self.daemon.log_text())
        self.assertEqual(self.ask("DELETE", "/collections/hurt"), (200, self.ok(True)))
        self.assertEqual(self.ask("GET", "/collections/hurt")[0], 404)
        self.assertEqual(self.ask("GET", "/aliases")[1]["result"], {"aliases": []})
        self.assertEqual(self.ask("GET", "/vexfs/stats")[0], 200)

    def ok(self, result: Any) -> Any:
        """An answer with any time."""
        return _AnyTime(result=result, status="ok")

    def over_grpc(self) -> None:
        """What the official client sees over gRPC."""
        for _ in range(TRIES):
            client = QdrantClient(
                port=self.daemon.http_port,
                grpc_port=self.daemon.grpc_port,
                prefer_grpc=True,
                check_compatibility=False,
                # Connections with the same options are shared otherwise.
                grpc_options={"grpc.use_local_subchannel_pool": 1},
            )
            self.addCleanup(client.close)
            told = client.get_collection("hurt")
            self.assertEqual(told.status, "red")
            self.assertIn(self.place, str(told.optimizer_status))
            error = self.assertRaises(grpc.RpcError, client.count, "other")
            self.assertEqual(error.code(), grpc.StatusCode.INTERNAL)
            self.assertIn(self.place, error.details())
            self.assertEqual(client.count("sound").count, 2)


class _AnyTime(dict[str, Any]):
    def __eq__(self, other: object) -> bool:
        return isinstance(other, dict) and dict(self) == {
            name: value for name, value in other.items() if name not in ("time", "usage")
        }
