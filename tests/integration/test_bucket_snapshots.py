"""A server that keeps its snapshots in a bucket, by the official client and over HTTP."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import UUID

import numpy as np
from qdrant_client import QdrantClient, models
from twisted.trial.unittest import SynchronousTestCase

from tests.bucket_support import ACCESS_KEY, REGION, SECRET_KEY, BucketServer
from tests.support import SCRIPTS, DaemonProcess, run_command

POINTS = 2000
SIZE = 64
BUCKET = "our-snapshots"
PREFIX = "QDRANT__STORAGE__SNAPSHOTS_CONFIG__"


def settings_of(server: BucketServer, bucket: str = BUCKET) -> dict[str, str]:
    """The environment of a server that has this bucket."""
    return {
        f"{PREFIX}SNAPSHOTS_STORAGE": "s3",
        f"{PREFIX}S3_CONFIG__BUCKET": bucket,
        f"{PREFIX}S3_CONFIG__REGION": REGION,
        f"{PREFIX}S3_CONFIG__ACCESS_KEY": ACCESS_KEY,
        f"{PREFIX}S3_CONFIG__SECRET_KEY": SECRET_KEY,
        f"{PREFIX}S3_CONFIG__ENDPOINT_URL": server.url,
    }


class BucketCase(SynchronousTestCase):
    """A storage with a bucket, and a server with a collection."""

    def setUp(self) -> None:
        self.storage = BucketServer()
        self.addCleanup(self.storage.stop)
        self.storage.start()
        self.storage.make_bucket(BUCKET)
        self.daemon = DaemonProcess(environment=settings_of(self.storage))
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        self.client = self.client_of(prefer_grpc=False)
        self.client.create_collection(
            "a", models.VectorParams(size=SIZE, distance=models.Distance.DOT)
        )
        vectors = np.random.default_rng(1).random((POINTS, SIZE))
        ids: list[int | str | UUID] = list(range(POINTS))
        self.client.upsert("a", models.Batch(ids=ids, vectors=vectors.tolist()), wait=True)

    def client_of(self, *, prefer_grpc: bool) -> QdrantClient:
        client = QdrantClient(
            url=self.daemon.rest_url,
            grpc_port=self.daemon.grpc_port,
            prefer_grpc=prefer_grpc,
            timeout=60,
        )
        self.addCleanup(client.close)
        return client

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        """Status and content of the answer to a request."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.daemon.rest_url + path, data, headers, method=method)
        try:
            with urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except HTTPError as error:
            return error.code, error.read()

    def result(self, method: str, path: str, body: Any = None) -> Any:
        status, content = self.ask(method, path, body)
        self.assertEqual(status, 200, content)
        return json.loads(content)["result"]


class Kept(BucketCase):
    def test_snapshots_of_every_kind(self) -> None:
        paths = "/collections/a/snapshots", "/collections/a/shards/0/snapshots", "/snapshots"
        for path in paths:
            taken = self.result("POST", path)
            self.assertEqual(self.result("GET", path), [taken])
            status, data = self.ask("GET", f"{path}/{taken['name']}")
            self.assertEqual((status, len(data)), (200, taken["size"]))
            self.assertEqual(hashlib.sha256(data).hexdigest(), taken["checksum"])
            status, part = self.ask("GET", f"{path}/{taken['name']}", Range="bytes=1000-")
            self.assertEqual((status, part), (206, data[1000:]))
            self.assertEqual(self.ask("GET", f"{path}/..%2F{taken['name']}")[0], 404)
            self.assertIs(self.result("DELETE", f"{path}/{taken['name']}"), True)
            self.assertEqual(self.ask("DELETE", f"{path}/{taken['name']}")[0], 404)
            self.assertEqual(self.result("GET", path), [])
        self.assertEqual(self.storage.keys(BUCKET), [])
        self.assertEqual(list(self.daemon.data.glob("snapshots/**/*.snapshot*")), [])
        self.assertNotIn(SECRET_KEY, self.daemon.log_text())

    def test_recovery_from_the_bucket_and_from_the_server_itself(self) -> None:
        taken = self.client.create_snapshot("a")
        assert taken is not None
        places = (
            f"s3://{BUCKET}/snapshots/a/{taken.name}",
            f"{self.daemon.rest_url}/collections/a/snapshots/{taken.name}",
        )
        for name, location in zip(("b", "c"), places, strict=True):
            recover = {"location": location, "checksum": taken.checksum}
            self.assertIs(
                self.result("PUT", f"/collections/{name}/snapshots/recover", recover), True
            )
            self.assertEqual(self.client.count(name).count, POINTS)
        for status, location in ((403, "s3://other/x"), (400, f"s3://{BUCKET}/snapshots/x")):
            recover = {"location": location}
            answer = self.ask("PUT", "/collections/d/snapshots/recover", recover)
            self.assertEqual(answer[0], status, answer[1])

    def test_over_grpc(self) -> None:
        client = self.client_of(prefer_grpc=True)
        taken = client.create_snapshot("a")
        assert taken is not None
        self.assertEqual([one.name for one in client.list_snapshots("a")], [taken.name])
        full = client.create_full_snapshot()
        assert full is not None
        self.assertEqual([one.name for one in client.list_full_snapshots()], [full.name])
        client.delete_snapshot("a", taken.name)
        client.delete_full_snapshot(full.name)
        self.assertEqual(self.storage.keys(BUCKET), [])

    def test_a_storage_that_goes_away_and_comes_back(self) -> None:
        self.storage.stop()
        for method in ("POST", "GET"):
            status, content = self.ask(method, "/collections/a/snapshots")
            self.assertEqual(status, 503, content)
            self.assertIn("cannot be reached", json.loads(content)["status"]["error"])
        self.assertEqual(self.client.count("a").count, POINTS)
        self.storage.start()
        status, content = self.ask("POST", "/collections/a/snapshots")
        self.assertEqual(status, 500, content)
        self.assertIn("NoSuchBucket", json.loads(content)["status"]["error"])
        self.storage.make_bucket(BUCKET)
        self.assertEqual(len(self.storage.keys(BUCKET)), 0)
        self.result("POST", "/collections/a/snapshots")
        self.assertEqual(len(self.storage.keys(BUCKET)), 2)

    def test_the_command_keeps_them_there_too(self) -> None:
        self.daemon.stop()
        folder = f"--storage-path={self.daemon.data}"
        command = [str(SCRIPTS / "vexfs-qdrant"), "snapshot", folder, "a"]
        done = run_command(command, environment=settings_of(self.storage))
        expected = f"snapshot   s3://{BUCKET}/snapshots/a/a-"
        self.assertTrue(done.stdout.startswith(expected), done)
        self.assertEqual(len(self.storage.keys(BUCKET)), 2)
