"""What a file takes: a body written to disk as it arrives, and a response read from there."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.recorded_operations import RecordedOperations
from tests.rest_harness import Connection, Reply, inline, parse_replies, request_bytes
from vexfs_twisted.rest import site as site_module
from vexfs_twisted.rest.bodies import streaming_body
from vexfs_twisted.rest.bodies.budget import BodyBudget
from vexfs_twisted.rest.bodies.content import is_packed
from vexfs_twisted.rest.bodies.streaming_body import BodyHead
from vexfs_twisted.rest.request_context import RequestContext
from vexfs_twisted.rest.responses.response import StreamingResponse
from vexfs_twisted.rest.routing import Routes
from vexfs_twisted.rest.settings import RestSettings
from vexfs_twisted.rest.site import make_site

T = TypeVar("T")

PIECE = 1000
LIMIT = 50 * PIECE


class FileBody:
    """The format and the consumer of a body that is written to `path`."""

    small_bytes = 0

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def max_bytes(self, settings: RestSettings) -> int:
        return LIMIT

    def consumer(self, head: BodyHead, limit: int) -> FileBody:
        assert not is_packed(head.encoding)
        consumer = FileBody(self._path)
        consumer._file = self._path.open("wb")
        return consumer

    def held(self, received: int) -> int:
        return min(received, 2 * PIECE)

    def feed(self, pieces: Sequence[bytes]) -> None:
        assert self._file is not None
        self._file.writelines(pieces)

    def finish(self, pieces: Sequence[bytes], read: Callable[[Any], T]) -> T:
        self.feed(pieces)
        assert self._file is not None
        self._file.close()
        return read(self._path)


class FileSource:
    """A file as the pieces of a response."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("rb")
        self.taken: list[int] = []

    async def next(self) -> bytes:
        piece = self.file.read(PIECE)
        self.taken.append(len(piece))
        return piece

    def close(self) -> None:
        self.file.close()


class Files(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(streaming_body, "WORTH_BYTES", PIECE)
        self.path = Path(self.mktemp())
        self.sources: list[FileSource] = []
        self.budgets: list[BodyBudget] = []
        routes = Routes()

        @routes.write("POST", "/file", FileBody(self.path))
        async def upload(call: RequestContext) -> object:
            return {"size": await call.read(lambda path: path.stat().st_size)}

        @routes.read("GET", "/file")
        async def download(call: RequestContext) -> object:
            self.sources.append(FileSource(self.path))
            length = (b"Content-Length", b"%d" % self.path.stat().st_size)
            return StreamingResponse(
                self.sources[-1], 203, b"application/octet-stream", headers=(length,)
            )

        self.patch(site_module, "_TOPICS", (routes,))
        self.patch(site_module, "BodyBudget", self.make_budget)
        # JSON may be no larger than a piece: a file has its own bound.
        settings = RestSettings(max_body_bytes=PIECE, bodies_bytes=4 * PIECE)
        site = make_site(RecordedOperations(self), settings, Clock(), inline)
        site.timeOut = None
        self.connection = Connection(site)

    def make_budget(self, *args: Any) -> BodyBudget:
        self.budgets.append(BodyBudget(*args))
        return self.budgets[-1]

    def ask(self, method: str, data: bytes | None = None) -> Reply:
        self.connection.send(request_bytes(method, "/file", data))
        return self.reply(method)

    def reply(self, method: str) -> Reply:
        (reply,) = parse_replies(self.connection.take(), method)
        return reply

    def test_a_file_goes_to_disk_as_it_arrives_and_counts_for_what_is_not_there_yet(self) -> None:
        data = bytes(range(256)) * 150
        head = request_bytes("POST", "/file", data)
        sent = range(0, len(head), PIECE)
        for start in sent:
            self.assertLessEqual(self.budgets[0].used, 2 * PIECE)
            self.connection.send(head[start : start + PIECE])
            self.assertEqual(self.connection.transport.producerState, "producing")
        self.assertEqual(self.reply("POST").result, {"size": len(data)})
        self.assertEqual(self.path.read_bytes(), data)
        self.assertEqual(self.budgets[0].used, 0)

    def test_small_ones_are_files_too(self) -> None:
        self.assertEqual(self.ask("POST", b"{").result, {"size": 1})

    def test_the_bound_is_that_of_files(self) -> None:
        self.assertEqual(self.ask("POST", b"x" * LIMIT).status, 200)
        self.connection.send(request_bytes("POST", "/file", b"x" * (LIMIT + 1)))
        self.assertEqual(self.reply("POST").status, 413)

    def test_a_file_comes_with_its_type_and_length_as_fast_as_it_is_read(self) -> None:
        data = gzip.compress(bytes(range(256)) * 20) * 50
        self.path.write_bytes(data)
        self.connection.send(request_bytes("GET", "/file"))
        reply = self.reply("GET")
        self.assertEqual((reply.status, reply.body), (203, data))
        self.assertEqual(reply.headers["content-length"], str(len(data)))
        self.assertEqual(reply.headers["content-type"], "application/octet-stream")
        self.assertTrue(self.sources[0].file.closed)

    def test_the_headers_alone_take_one_piece(self) -> None:
        self.path.write_bytes(b"x" * LIMIT)
        reply = self.ask("HEAD")
        self.assertEqual((reply.status, reply.body), (203, b""))
        self.assertEqual(reply.headers["content-length"], str(LIMIT))
        self.assertTrue(self.sources[0].file.closed)
        self.assertEqual(self.sources[0].taken, [PIECE])

    def test_an_empty_file(self) -> None:
        self.path.touch()
        reply = self.ask("GET")
        self.assertEqual((reply.status, reply.body), (203, b""))
        self.assertEqual(reply.headers["content-type"], "application/octet-stream")

    def test_a_client_that_does_not_read_or_leaves_holds_one_piece(self) -> None:
        self.path.write_bytes(b"x" * LIMIT)
        transport = self.connection.transport
        self.patch(transport, "write", self.stop_after_first(transport.write))
        self.connection.send(request_bytes("GET", "/file"))
        self.assertEqual(self.sources[0].file.tell(), 2 * PIECE)
        transport.loseConnection()
        self.assertTrue(self.sources[0].file.closed)

    def stop_after_first(self, write: Callable[[bytes], None]) -> Callable[[bytes], None]:
        def full(data: bytes) -> None:
            write(data)
            if b"x" in data:
                producer = self.connection.transport.producer
                assert producer is not None
                producer.pauseProducing()

        return full
