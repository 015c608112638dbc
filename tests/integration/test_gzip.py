"""A server that compresses its answers, over both wires."""

from __future__ import annotations

import gzip
import json
from urllib.request import Request, urlopen

import grpc
from twisted.trial.unittest import SynchronousTestCase

from tests.integration.test_grpc_web import POINTS, VECTORS, made
from tests.support import DaemonProcess
from vexfs_twisted.proto import qdrant_pb2 as pb

BODY = {"limit": POINTS, "with_vector": True}


class Gzip(SynchronousTestCase):
    def setUp(self) -> None:
        self.daemon = DaemonProcess(None, "--gzip")
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        made(self.daemon, "a")

    def scroll(self, accepted: str, limit: int) -> tuple[bytes, str | None]:
        """The content of an answer, and its encoding."""
        request = Request(
            f"{self.daemon.rest_url}/collections/a/points/scroll",
            json.dumps({**BODY, "limit": limit}).encode(),
            {"Content-Type": "application/json", "Accept-Encoding": accepted},
        )
        with urlopen(request, timeout=60) as answer:
            return answer.read(), answer.headers["Content-Encoding"]

    def ids_in(self, data: bytes) -> list[int]:
        return [point["id"] for point in json.loads(data)["result"]["points"]]

    def test_over_rest(self) -> None:
        # Streamed in pieces, held whole, and too small.
        for limit, is_packed in ((POINTS, True), (200, True), (2, False)):
            plain, encoding = self.scroll("identity", limit)
            self.assertIsNone(encoding)
            self.assertEqual(self.ids_in(plain), list(range(limit)))
            data, encoding = self.scroll("deflate, gzip;q=0.5", limit)
            self.assertEqual(encoding, "gzip" if is_packed else None)
            if is_packed:
                self.assertLess(len(data), len(plain))
                data = gzip.decompress(data)
            self.assertEqual(self.ids_in(data), list(range(limit)))

    def test_over_grpc(self) -> None:
        with grpc.insecure_channel(self.daemon.grpc_address) as channel:
            scroll = channel.unary_unary(
                "/qdrant.Points/Scroll",
                pb.ScrollPoints.SerializeToString,
                pb.ScrollResponse.FromString,
            )
            request = pb.ScrollPoints(collection_name="a", limit=POINTS, with_vectors=VECTORS)
            self.assertEqual(len(scroll(request, timeout=60).result), POINTS)
            packed = scroll(request, timeout=60, compression=grpc.Compression.Gzip)
            self.assertEqual(len(packed.result), POINTS)
