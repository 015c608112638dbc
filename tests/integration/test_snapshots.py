"""Snapshots as their users see them: by the official client over both wires, and over HTTP."""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import json
import shutil
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests.openapi import check_answer, is_here
from tests.support import SCRIPTS, DaemonDied, DaemonProcess, run_command, shared_daemon

if TYPE_CHECKING or importlib.util.find_spec("qdrant_client") is not None:
    from qdrant_client import QdrantClient, models
    from qdrant_client.http.exceptions import UnexpectedResponse

    SKIP = None
else:
    SKIP = "needs qdrant-client"

DAEMON = "official client"
POINTS = 300
SIZE = 8
BOUNDARY = "a-boundary"


def form(data: bytes, field: str = "snapshot") -> tuple[bytes, dict[str, str]]:
    """A form with a file, and its header."""
    lead = (
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; name={field}; filename=x\r\n"
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = lead.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


class SnapshotCase(SynchronousTestCase):
    """A shared daemon, a client of it, and a collection of the test's own."""

    skip = SKIP
    prefer_grpc = False

    def setUp(self) -> None:
        self.daemon = self.find_daemon()
        self.name = self.id().rpartition(".")[2] + ("_grpc" if self.prefer_grpc else "")
        self.client = QdrantClient(
            url=self.daemon.rest_url,
            grpc_port=self.daemon.grpc_port,
            prefer_grpc=self.prefer_grpc,
            timeout=60,
        )
        self.addCleanup(self.client.close)
        self.addCleanup(self.client.delete_collection, self.name)
        generator = np.random.default_rng(1)
        self.vectors = generator.random((POINTS, SIZE)).astype(np.float32)

    def find_daemon(self) -> DaemonProcess:
        return shared_daemon(DAEMON)

    def fill(self, name: str) -> None:
        """A collection with vectors of every kind, payloads and an index."""
        self.client.create_collection(
            name,
            vectors_config={
                "dense": models.VectorParams(size=SIZE, distance=models.Distance.COSINE),
                "lines": models.VectorParams(
                    size=SIZE,
                    distance=models.Distance.EUCLID,
                    multivector_config=models.MultiVectorConfig(
                        comparator=models.MultiVectorComparator.MAX_SIM
                    ),
                ),
            },
            sparse_vectors_config={"words": models.SparseVectorParams()},
        )
        self.client.create_payload_index(name, "city", models.PayloadSchemaType.KEYWORD)
        self.client.upsert(name, [self.point(number) for number in range(POINTS)], wait=True)

    def point(self, number: int) -> models.PointStruct:
        vector: Any = {
            "dense": self.vectors[number].tolist(),
            "lines": self.vectors[[number, number - 1]].tolist(),
            "words": models.SparseVector(indices=[number % 7, 10 + number], values=[1.0, 2.0]),
        }
        return models.PointStruct(id=number, vector=vector, payload={"city": f"c{number % 5}"})

    def assert_filled(self, name: str) -> None:
        """The collection is as `fill` has made it."""
        self.assertEqual(self.client.count(name).count, POINTS)
        info = self.client.get_collection(name)
        self.assertEqual(info.payload_schema["city"].points, POINTS)
        city = models.FieldCondition(key="city", match=models.MatchValue(value="c3"))
        found = self.client.count(name, count_filter=models.Filter(must=[city]))
        self.assertEqual(found.count, POINTS // 5)
        for number in (0, 7, POINTS - 1):
            for using in ("dense", "lines", "words"):
                vector: Any = self.point(number).vector
                (hit,) = self.client.query_points(name, vector[using], using=using, limit=1).points
                self.assertEqual(hit.id, number, using)

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, bytes]:
        """Status, headers and body of an answer, which is checked against the interface."""
        wire = http.client.HTTPConnection("127.0.0.1", self.daemon.http_port, timeout=60)
        try:
            data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            wire.request(method, path, data, headers or {})
            answer = wire.getresponse()
            content = answer.read()
        finally:
            wire.close()
        kind = answer.getheader("Content-Type", "")
        if is_here() and answer.status not in (206, 416):
            check_answer(method, path.partition("?")[0], answer.status, kind, content)
        return answer.status, answer.headers, content

    def error(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        """Status and text of an answer that is an error."""
        status, _, content = self.ask(method, path, body, headers)
        return status, json.loads(content)["status"]["error"]

    def path(self, rest: str = "", name: str = "") -> str:
        return f"/collections/{quote(name or self.name)}{rest}"

    def taken(self) -> tuple[str, bytes]:
        """The name and the bytes of a new snapshot of the collection."""
        found = self.client.create_snapshot(self.name)
        assert found is not None
        status, _, data = self.ask("GET", self.path(f"/snapshots/{found.name}"))
        self.assertEqual((status, len(data)), (200, found.size))
        self.assertEqual(hashlib.sha256(data).hexdigest(), found.checksum)
        return found.name, data


class ClientSnapshots(SnapshotCase):
    """The calls of the official client."""

    def test_a_collection_goes_back_to_its_snapshot(self) -> None:
        self.fill(self.name)
        self.assertEqual(self.client.list_snapshots(self.name), [])
        made = self.client.create_snapshot(self.name)
        assert made is not None
        self.assertEqual(self.client.list_snapshots(self.name), [made])
        self.client.delete(self.name, list(range(100)), wait=True)
        self.client.upsert(self.name, [self.point(5)], wait=True)
        url = f"{self.daemon.rest_url}{self.path(f'/snapshots/{made.name}')}"
        self.assertTrue(self.client.recover_snapshot(self.name, url, checksum=made.checksum))
        self.assert_filled(self.name)
        self.assertTrue(self.client.delete_snapshot(self.name, made.name))
        self.assertEqual(self.client.list_snapshots(self.name), [])

    def test_one_of_everything(self) -> None:
        self.fill(self.name)
        before = self.client.list_full_snapshots()
        made = self.client.create_full_snapshot()
        assert made is not None
        self.assertEqual(self.client.list_full_snapshots(), [*before, made])
        self.assertTrue(self.client.delete_full_snapshot(made.name))
        self.assertEqual(self.client.list_full_snapshots(), before)

    def test_the_only_shard(self) -> None:
        self.fill(self.name)
        made = self.client.create_shard_snapshot(self.name, 0)
        assert made is not None
        self.assertEqual(self.client.list_shard_snapshots(self.name, 0), [made])
        self.assertEqual(self.client.list_snapshots(self.name), [])
        url = f"{self.daemon.rest_url}{self.path(f'/shards/0/snapshots/{made.name}')}"
        self.client.delete(self.name, [1], wait=True)
        self.client.recover_shard_snapshot(self.name, 0, url)
        self.assert_filled(self.name)
        self.client.delete_shard_snapshot(self.name, 0, made.name)
        self.assertEqual(self.client.list_shard_snapshots(self.name, 0), [])

    def test_unknown_ones(self) -> None:
        for call in (
            lambda: self.client.create_snapshot("nowhere"),
            lambda: self.client.list_snapshots("nowhere"),
            lambda: self.client.delete_full_snapshot("nothing.snapshot"),
        ):
            with self.assertRaises(Exception) as caught:
                call()
            self.assertIn("not found", str(caught.exception).lower().replace("_", " "))


class GrpcClientSnapshots(ClientSnapshots):
    """The same, what gRPC has of it over that."""

    prefer_grpc = True


class HttpSnapshots(SnapshotCase):
    """What the client does not call, and what is refused."""

    def test_an_upload_makes_a_collection_and_keeps_aliases(self) -> None:
        self.fill(self.name)
        _, data = self.taken()
        other = f"{self.name}-other"
        self.addCleanup(self.client.delete_collection, other)
        body, headers = form(data)
        for _ in range(2):
            status, _, _ = self.ask("POST", self.path("/snapshots/upload", other), body, headers)
            self.assertEqual(status, 200)
            self.assert_filled(other)
        self.client.update_collection_aliases(
            [
                models.CreateAliasOperation(
                    create_alias=models.CreateAlias(collection_name=other, alias_name="an-alias")
                )
            ]
        )
        path = self.path("/snapshots/upload?wait=true", "an-alias")
        self.assertEqual(self.ask("POST", path, body, headers)[0], 200)
        self.assert_filled("an-alias")

    def test_uploads_that_are_refused_change_nothing(self) -> None:
        self.fill(self.name)
        _, data = self.taken()
        upload = self.path("/snapshots/upload", "never")
        body, headers = form(data)
        status, text = self.error("POST", f"{upload}?checksum={'0' * 64}", body, **headers)
        self.assertEqual(status, 400, text)
        status, text = self.error("POST", f"{upload}?checksum=abc", body, **headers)
        self.assertEqual(status, 422)
        self.assertIn("invalid_sha256_hash", text)
        self.assertEqual(self.error("POST", f"{upload}?priority=x", body, **headers)[0], 400)
        self.assertEqual(self.error("POST", f"{upload}?wait=x", body, **headers)[0], 400)
        for broken in (data[:-1], data[: len(data) // 2], b"", b"x" * 3000, data + b"x"):
            body, headers = form(broken)
            status, text = self.error("POST", upload, body, **headers)
            self.assertEqual((status, text[:34]), (400, "Bad request: Snapshot cannot be re"))
        body, headers = form(data, "other")
        self.assertEqual(
            self.error("POST", upload, body, **headers),
            (400, "Bad request: Multipart error: field `snapshot` is missing"),
        )
        body, headers = form(data)
        self.assertEqual(self.error("POST", upload, body[:-9], **headers)[0], 400)
        self.assertEqual(self.error("POST", upload, body)[0], 400)
        self.assertEqual(self.error("POST", upload, b"", **headers)[0], 400)
        path = self.path("/snapshots/upload", "a|b")
        self.assertEqual(self.error("POST", path, body, **headers)[0], 422)
        self.assertFalse(self.client.collection_exists("never"))

    def test_ranges(self) -> None:
        self.fill(self.name)
        name, data = self.taken()
        path, size = self.path(f"/snapshots/{name}"), len(data)
        tag = f'"{hashlib.sha256(data).hexdigest()}"'
        for asked, start, stop in (
            ("bytes=0-99", 0, 100),
            ("bytes=1000-", 1000, size),
            ("bytes=-7", size - 7, size),
            (f"bytes=5-{size + 9}", 5, size),
        ):
            headers = {"Range": asked, "If-Range": tag}
            status, told, content = self.ask("GET", path, headers=headers)
            self.assertEqual((status, content), (206, data[start:stop]), asked)
            self.assertEqual(told["Content-Range"], f"bytes {start}-{stop - 1}/{size}")
        for asked in ("bytes=9-5", "bytes=0-1,4-5", "lines=1-2", "bytes=-"):
            self.assertEqual(self.ask("GET", path, headers={"Range": asked})[2], data)
        old = {"Range": "bytes=0-9", "If-Range": '"other"'}
        self.assertEqual(self.ask("GET", path, headers=old)[2], data)
        status, told, _ = self.ask("GET", path, headers={"Range": f"bytes={size}-"})
        self.assertEqual((status, told["Content-Range"]), (416, f"bytes */{size}"))

    def test_names_of_files_elsewhere(self) -> None:
        self.fill(self.name)
        for prefix in ("/snapshots", self.path("/snapshots"), self.path("/shards/0/snapshots")):
            for name in ("..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd", "x", "..%00", "%2e%2e"):
                for method in ("GET", "DELETE"):
                    self.assertEqual(self.ask(method, f"{prefix}/{name}")[0], 404, name)

    def test_locations_of_files(self) -> None:
        def recover(location: str) -> tuple[int, str]:
            body = {"location": location}
            return self.error("PUT", self.path("/snapshots/recover", "never"), body)

        wrong = "Bad request: Invalid snapshot URI, file path must be absolute or on localhost"
        missing = 'Bad request: Snapshot file "/whatever.snapshot" does not exist'
        self.assertEqual(recover("file://whatever.snapshot"), (400, wrong))
        self.assertEqual(recover("file://./etc/passwd"), (400, wrong))
        self.assertEqual(recover("file:///whatever.snapshot"), (400, missing))
        self.assertEqual(recover("file://localhost/whatever.snapshot"), (400, missing))
        status, text = recover("file:///etc/passwd")
        self.assertEqual(status, 403)
        inside = "Forbidden: Snapshot file path must be inside the snapshots directory"
        self.assertTrue(text.startswith(inside), text)
        self.assertEqual(recover("s3://a/b")[0], 400)
        self.assertEqual(recover("nothing")[0], 400)
        self.assertEqual(recover("http://127.0.0.1:1/x")[0], 400)
        self.assertEqual(recover(f"{self.daemon.rest_url}/snapshots/x")[0], 400)
        self.assertFalse(self.client.collection_exists("never"))

    def test_a_file_of_the_folder(self) -> None:
        self.fill(self.name)
        name, data = self.taken()
        file = self.daemon.data / "snapshots" / self.name / name
        self.assertEqual(file.read_bytes(), data)
        self.client.delete_collection(self.name)
        body = {"location": f"file://{file}", "priority": "snapshot", "checksum": "0" * 64}
        path = self.path("/snapshots/recover")
        self.assertEqual(self.error("PUT", path, body)[0], 400)
        self.assertFalse(self.client.collection_exists(self.name))
        self.assertEqual(self.error("PUT", path, body | {"checksum": "abc"})[0], 422)
        body["checksum"] = hashlib.sha256(data).hexdigest()
        self.assertEqual(self.ask("PUT", path, body)[0], 200)
        self.assert_filled(self.name)

    def test_without_waiting(self) -> None:
        self.fill(self.name)
        for method, path, wanted in (
            ("POST", "/snapshots?wait=false", 1),
            ("DELETE", "/snapshots/{}?wait=false", 0),
        ):
            name = "".join(one.name for one in self.client.list_snapshots(self.name))
            self.assertEqual(self.ask(method, self.path(path.format(name)))[0], 202)
            for _ in range(200):
                if len(self.client.list_snapshots(self.name)) == wanted:
                    break
                threading.Event().wait(0.05)
            self.assertEqual(len(self.client.list_snapshots(self.name)), wanted)

    def test_shards(self) -> None:
        self.fill(self.name)
        status, _, data = self.ask("GET", self.path("/shards/0/snapshot"))
        self.assertEqual(status, 200)
        self.client.delete(self.name, list(range(50)), wait=True)
        body, headers = form(data)
        upload = "/shards/0/snapshots/upload"
        self.assertEqual(self.ask("POST", self.path(upload), body, headers)[0], 200)
        self.assert_filled(self.name)
        self.assertEqual(self.error("POST", self.path(upload, "never"), body, **headers)[0], 404)
        for shard, path in ((7, self.path()), (0, self.path(name="never"))):
            path = f"{path}/shards/{shard}"
            self.assertEqual(self.error("GET", f"{path}/snapshots")[0], 404)
            self.assertEqual(self.error("POST", f"{path}/snapshots")[0], 404)
            missing = {"location": "file:///whatever.snapshot"}
            self.assertEqual(self.error("PUT", f"{path}/snapshots/recover", missing)[0], 404)
        path = self.path("/shards/0/snapshots/recover")
        self.assertEqual(self.error("PUT", path, missing)[0], 400)

    def test_a_download_from_elsewhere_with_a_key(self) -> None:
        self.fill(self.name)
        _, data = self.taken()
        keys: list[str | None] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                keys.append(self.headers["api-key"])
                if self.path == "/moved":
                    self.send_response(302)
                    host = f"localhost:{self.server.server_port}"  # type: ignore[attr-defined]
                    self.send_header("Location", f"http://{host}/file")
                    self.end_headers()
                    return
                self.send_response(200)
                self.end_headers()
                self.wfile.write(data if self.path == "/file" else data[:2000])

            def log_message(self, *args: Any) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.client.delete_collection(self.name)
        path = self.path("/snapshots/recover")
        at = f"http://127.0.0.1:{server.server_port}"
        for source, status in (("/cut", 400), ("/moved", 200)):
            body = {"location": f"{at}{source}", "api_key": "a-key"}
            self.assertEqual(self.ask("PUT", path, body)[0], status)
            self.assertEqual(self.client.collection_exists(self.name), status == 200)
        self.assertEqual(keys, ["a-key", "a-key", None])
        self.assert_filled(self.name)


class Starts(SynchronousTestCase):
    """Snapshots that are restored at the start, and by commands with a server that runs."""

    skip = SKIP

    def setUp(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="vexfs-daemon-"))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)

    def run_command(self, *arguments: str) -> str:
        """What a command writes that is done."""
        done = run_command([str(SCRIPTS / "vexfs-qdrant"), *arguments])
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.strip()

    def names(self, daemon: DaemonProcess) -> list[str]:
        client = QdrantClient(url=daemon.rest_url, timeout=60)
        try:
            return sorted(one.name for one in client.get_collections().collections)
        finally:
            client.close()

    def test_options_of_the_start_and_commands(self) -> None:
        with DaemonProcess(self.home / "first") as daemon:
            client = QdrantClient(url=daemon.rest_url, timeout=60)
            params = models.VectorParams(size=2, distance=models.Distance.DOT)
            client.create_collection("a", params)
            client.upsert("a", [models.PointStruct(id=1, vector=[1.0, 2.0])], wait=True)
            client.close()
            url = f"--url={daemon.rest_url}"
            name = self.run_command("snapshot", url, "a").removeprefix("snapshot   ")
            file = self.home / "first" / "snapshots" / "a" / name
            full = self.run_command("snapshot", url).removeprefix("snapshot   ")
            self.assertEqual(self.run_command("restore", url, str(file), "b"), "restored   `b`")
            self.assertEqual(self.names(daemon), ["a", "b"])
        options = [f"--snapshot={file}:x", f"--snapshot={file}:y"]
        options.append(f"--storage-snapshot={self.home / 'first' / 'snapshots' / full}")
        with DaemonProcess(self.home / "second", *options) as daemon:
            self.assertEqual(self.names(daemon), ["a", "x", "y"])
        with self.assertRaises(DaemonDied) as caught:
            DaemonProcess(self.home / "second", *options).start()
        self.assertIn("is there already; it is replaced only by force", str(caught.exception))
        options += ["--force-snapshot", "--incremental-snapshots"]
        environment = {"QDRANT__SERVICE__ENABLE_SNAPSHOT_URL_RECOVERY": "false"}
        with DaemonProcess(self.home / "second", *options, environment=environment) as daemon:
            self.assertEqual(self.names(daemon), ["a", "x", "y"])
            self.assert_in_parts(daemon)

    def assert_in_parts(self, daemon: DaemonProcess) -> None:
        """Snapshots in parts are as others, and URLs are refused where they are not wanted."""
        client = QdrantClient(url=daemon.rest_url, timeout=60)
        self.addCleanup(client.close)
        made = client.create_snapshot("x")
        assert made is not None
        client.upsert("x", [models.PointStruct(id=2, vector=[1.0, 2.0])], wait=True)
        folder = daemon.data / "snapshots" / "x"
        self.assertTrue((folder / f"{made.name}.parts").is_file())
        wire = http.client.HTTPConnection("127.0.0.1", daemon.http_port, timeout=60)
        wire.request("GET", f"/collections/x/snapshots/{made.name}")
        data = wire.getresponse().read()
        wire.close()
        self.assertEqual(hashlib.sha256(data).hexdigest(), made.checksum)
        with self.assertRaises(UnexpectedResponse) as caught:
            client.recover_snapshot("x", f"{daemon.rest_url}/collections/x/snapshots/{made.name}")
        self.assertEqual(caught.exception.status_code, 403)
        client.recover_snapshot("x", f"file://{folder / made.name}", checksum=made.checksum)
        self.assertEqual(client.count("x").count, 1)
        client.delete_snapshot("x", made.name)
        self.assertEqual([name.name for name in folder.glob("*.p*")], [".parts-lock"])

    def test_several_processes_pass_snapshots_on(self) -> None:
        with DaemonProcess(self.home / "data", "--processes=2") as daemon:
            wires = [http.client.HTTPConnection("127.0.0.1", daemon.http_port, timeout=60)]
            ids: set[str] = set()
            while len(ids) < 2:
                wire = http.client.HTTPConnection("127.0.0.1", daemon.http_port, timeout=60)
                wire.request("GET", "/healthz")
                answer = wire.getresponse()
                answer.read()
                process = answer.headers["X-Request-Id"].partition("-")[0]
                if process not in ids:
                    ids.add(process)
                    wires.append(wire)
            del wires[0]
            for wire in wires:
                self.assert_round_trip(wire)
            for wire in wires:
                wire.close()

    def assert_round_trip(self, wire: http.client.HTTPConnection) -> None:
        """Over one connection, so by one of the processes."""

        def ask(method: str, path: str, body: Any = None, **headers: str) -> bytes:
            data = json.dumps(body).encode() if isinstance(body, dict) else body
            wire.request(method, path, data, headers)
            answer = wire.getresponse()
            content = answer.read()
            self.assertIn(answer.status, (200, 206), content)
            return content

        ask("PUT", "/collections/a", {"vectors": {"size": 512, "distance": "Dot"}})
        vector = [0.5] * 512
        points = [{"id": number, "vector": vector} for number in range(1500)]
        ask("PUT", "/collections/a/points?wait=true", {"points": points})
        told = json.loads(ask("POST", "/collections/a/snapshots"))["result"]
        path = f"/collections/a/snapshots/{told['name']}"
        data = ask("GET", path)
        self.assertEqual(hashlib.sha256(data).hexdigest(), told["checksum"])
        self.assertGreater(len(data), 3 << 20)
        self.assertEqual(ask("GET", path, Range="bytes=10-99"), data[10:100])
        body, headers = form(data)
        ask("DELETE", "/collections/a")
        for _ in range(2):
            wire.request("POST", "/collections/a/snapshots/upload", body, headers)
            answer = wire.getresponse()
            self.assertEqual((answer.status, json.loads(answer.read())["result"]), (200, True))
            counted = ask("POST", "/collections/a/points/count", {})
            self.assertEqual(json.loads(counted)["result"]["count"], 1500)
            # The second one replaces what has changed since.
            ask("POST", "/collections/a/points/delete?wait=true", {"points": [1, 2, 3]})
            counted = ask("POST", "/collections/a/points/count", {})
            self.assertEqual(json.loads(counted)["result"]["count"], 1497)
        ask("DELETE", "/collections/a")
