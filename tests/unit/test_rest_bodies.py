"""Request bodies: their bounds, their packing, threads, and clients that go away."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.recorded_operations import RecordedOperations
from tests.rest_harness import Connection, Reply, RestClient, inline, parse_replies, request_bytes
from tests.suites.values import dense_rows
from vexfs_twisted.model.commands import VectorNameCommand
from vexfs_twisted.model.errors import TimedOut
from vexfs_twisted.model.reads import ReadRequest
from vexfs_twisted.model.updates import Update, UpdateResult
from vexfs_twisted.operations.service import Operations
from vexfs_twisted.rest.settings import RestSettings
from vexfs_twisted.rest.transport import request as rest_request

LIMIT = 1000
COUNT = "/collections/a/points/count"


def points_body(count: int) -> dict[str, Any]:
    """An upsert of `count` points of two numbers."""
    return {"points": [{"id": i, "vector": [i, 0.5], "payload": {"n": i}} for i in range(count)]}


def chunked(*pieces: bytes) -> bytes:
    """Pieces of a body in chunked encoding, without the end of it."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


class RestBodiesCase(SynchronousTestCase):
    def make(self, **settings: Any) -> RestClient:
        client = RestClient(self, settings=RestSettings(**settings))
        client.ask("PUT", "/collections/a", {"vectors": {"size": 2, "distance": "Dot"}})
        return client


class BoundedBodies(RestBodiesCase):
    def setUp(self) -> None:
        self.client = self.make(max_body_bytes=LIMIT)
        self.connection = Connection(self.client.site)

    def head(self, *headers: str) -> bytes:
        return "\r\n".join([f"POST {COUNT} HTTP/1.1", "Host: h", *headers, "", ""]).encode()

    def reply(self) -> Reply:
        (reply,) = parse_replies(self.connection.take(), "POST")
        return reply

    def assert_refused(self, text: str) -> None:
        reply = self.reply()
        self.assertEqual((reply.status, reply.error), (413, text))
        self.assertEqual(reply.headers["content-type"], "application/json")
        self.assertEqual(reply.headers["access-control-allow-origin"], "*")
        self.assertEqual(reply.headers["connection"], "close")

    def test_a_body_of_the_limit_is_taken(self) -> None:
        body = b'{"exact":true}'.ljust(LIMIT)
        self.assertEqual(self.client.ask("POST", COUNT, body).status, 200)

    def test_a_declared_length_is_refused_before_anything_is_sent(self) -> None:
        self.connection.send(self.head("Content-Length: 1001"))
        self.assert_refused("JSON payload (1001 bytes) is larger than allowed (limit: 1000 bytes).")
        self.assertTrue(self.connection.transport.connected)

    def test_what_is_sent_after_a_refusal_is_dropped_and_then_the_connection_closes(self) -> None:
        self.connection.send(self.head("Content-Length: 100000"))
        self.reply()
        for _ in range(99):
            self.connection.send(b"x" * 1000)
            self.assertTrue(self.connection.transport.connected)
        self.connection.send(b"x" * 1000)
        self.assertEqual(self.connection.take(), b"")
        self.assertFalse(self.connection.transport.connected)

    def test_chunks_are_refused_as_soon_as_they_exceed_the_limit(self) -> None:
        self.connection.send(self.head("Transfer-Encoding: chunked"))
        self.connection.send(chunked(b"x" * 600))
        self.assertEqual(self.connection.take(), b"")
        self.connection.send(chunked(b"x" * 401))
        self.assert_refused("JSON payload has exceeded limit (1000 bytes).")
        self.connection.send(chunked(b"x" * 5000))
        self.connection.send(b"0\r\n\r\n")
        self.assertEqual(self.connection.take(), b"")
        self.assertFalse(self.connection.transport.connected)

    def test_chunks_within_the_limit_are_taken(self) -> None:
        self.connection.send(self.head("Transfer-Encoding: chunked"))
        self.connection.send(chunked(b'{"exact"', b":true}".ljust(900)) + b"0\r\n\r\n")
        self.assertEqual(self.reply().result, {"count": 0})

    def test_a_client_that_waits_for_leave_to_send_is_not_given_it(self) -> None:
        self.connection.send(self.head("Content-Length: 1001", "Expect: 100-continue"))
        self.assert_refused("JSON payload (1001 bytes) is larger than allowed (limit: 1000 bytes).")

    def test_a_client_that_waits_for_leave_to_send_a_small_body_is_given_it(self) -> None:
        self.connection.send(self.head("Content-Length: 2", "Expect: 100-continue"))
        self.assertEqual(self.connection.take(), b"HTTP/1.1 100 Continue\r\n\r\n")
        self.connection.send(b"{}")
        self.assertEqual(self.reply().status, 200)

    def test_a_body_without_end_is_not_read_without_end(self) -> None:
        self.patch(rest_request, "LINGER_BYTES", 5000)
        self.connection.send(self.head("Content-Length: 1000000"))
        self.connection.send(b"x" * 5000)
        self.assertTrue(self.connection.transport.connected)
        self.connection.send(b"x")
        self.assertFalse(self.connection.transport.connected)
        self.assertEqual(self.reply().status, 413)

    def test_requests_before_a_refused_one_are_answered(self) -> None:
        first = request_bytes("POST", COUNT, b"{}")
        self.connection.send(first + self.head("Content-Length: 1001"))
        ok, refused = parse_replies(self.connection.take(), "POST", "POST")
        self.assertEqual((ok.status, refused.status), (200, 413))


class PackedBodies(RestBodiesCase):
    def ask(self, data: bytes, encoding: str = "gzip", limit: int = LIMIT) -> Reply:
        client = self.make(max_body_bytes=limit)
        return client.ask("POST", COUNT, data, {"Content-Encoding": encoding})

    def test_gzip(self) -> None:
        packed = gzip.compress(b'{"exact":true}')
        for encoding in ("gzip", "GZIP", "x-gzip"):
            self.assertEqual(self.ask(packed, encoding).result, {"count": 0})

    def test_identity_is_no_packing(self) -> None:
        self.assertEqual(self.ask(b"{}", "identity").result, {"count": 0})

    def test_a_bomb_is_refused(self) -> None:
        packed = gzip.compress(b" " * 100_000)
        self.assertLess(len(packed), LIMIT)
        reply = self.ask(packed)
        self.assertEqual(reply.status, 413)
        self.assertEqual(reply.error, "JSON payload has exceeded limit (1000 bytes).")

    def test_a_bomb_is_never_unpacked_whole(self) -> None:
        packed = gzip.compress(bytes(64 << 20))
        client = self.make(max_body_bytes=1 << 20)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        reply = client.ask("POST", COUNT, packed, {"Content-Encoding": "gzip"})
        self.assertEqual(reply.status, 413)
        self.assertLess(tracemalloc.get_traced_memory()[1], 8 << 20)

    def test_what_unpacks_to_the_limit_is_taken(self) -> None:
        self.assertEqual(self.ask(gzip.compress(b"{}".ljust(LIMIT))).status, 200)

    def test_damaged_packing_is_400(self) -> None:
        packed = gzip.compress(b'{"exact":true}')
        damaged = packed[:12] + bytes([packed[12] ^ 255]) + packed[13:]
        for data in (b"", b"{}", packed[:-4], packed + packed, damaged):
            self.assertEqual(self.ask(data).status, 400, data)

    def test_other_encodings_are_refused(self) -> None:
        reply = self.ask(b"{}", "br")
        self.assertEqual(reply.status, 400)
        self.assertIn("Content-Encoding br is not supported", reply.error)


class Threads(SynchronousTestCase):
    """What is handed to a thread: large bodies, large results, and nothing else."""

    def setUp(self) -> None:
        self.handed_over: list[str] = []
        self.client = RestClient(self, run_in_thread=self.run_in_thread)
        self.client.ask("PUT", "/collections/a", {"vectors": {"size": 2, "distance": "Dot"}})

    def run_in_thread(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        self.handed_over.append(function.__name__)
        return inline(function, *args)

    def test_small_things_stay_in_the_reactor_thread(self) -> None:
        self.client.ask("PUT", "/collections/a/points", points_body(100))
        self.client.ask("POST", "/collections/a/points/scroll", {"limit": 100})
        self.assertEqual(self.handed_over, [])

    def test_large_bodies_are_decoded_in_a_thread(self) -> None:
        body = points_body(3000)
        self.assertGreater(len(json.dumps(body)), 64 * 1024)
        self.client.ask("PUT", "/collections/a/points", body)
        self.assertEqual(self.handed_over, ["finish"])
        self.assertEqual(self.client.operations.ids("a"), list(range(3000)))

    def test_errors_of_a_large_body_arrive(self) -> None:
        body = points_body(3000)
        body["points"][2999]["vector"] = [1, "2"]
        reply = self.client.ask("PUT", "/collections/a/points", body)
        self.assertEqual(reply.status, 400)
        self.assertIn("points[2999].vector: invalid type", reply.error)
        self.assertEqual(self.handed_over, ["finish"])

    def test_large_results_are_written_in_a_thread_and_are_the_same(self) -> None:
        points = points_body(3000)["points"]
        self.client.ask("PUT", "/collections/a/points", {"points": points})
        self.handed_over.clear()
        body = {"limit": 3000, "with_vector": True}
        page = self.client.ask("POST", "/collections/a/points/scroll", body).result
        self.assertEqual(page["points"], points)
        self.assertEqual(len(self.handed_over), 1)

    def test_packed_bodies_are_unpacked_in_a_thread_however_small(self) -> None:
        packed = gzip.compress(b"{}")
        self.client.ask("POST", COUNT, packed, {"Content-Encoding": "gzip"})
        self.assertEqual(self.handed_over, ["finish"])


class WaitingOperations(RecordedOperations):
    """Holds every retrieve and every update until `pending` is fired."""

    def __init__(self, test: SynchronousTestCase) -> None:
        super().__init__(test)
        self.cancelled: list[str] = []
        self.pending: Deferred[Any] = Deferred()

    def _wait(self, what: str) -> Deferred[Any]:
        self.pending = Deferred(lambda _: self.cancelled.append(what))
        return self.pending

    def read(
        self, name: str, request: ReadRequest[Any], timeout: float | None = None
    ) -> Deferred[Any]:
        return self._wait("read")

    def update(
        self,
        name: str,
        update: Update | VectorNameCommand,
        wait: bool = False,
        timeout: float | None = None,
    ) -> Deferred[UpdateResult]:
        self.calls.append(("update", (update,)))
        return self._wait("update").addCallback(
            lambda _: Operations.update(self, name, update, wait, timeout)
        )


class LostClients(SynchronousTestCase):
    def setUp(self) -> None:
        self.operations = WaitingOperations(self)
        self.client = RestClient(self, self.operations)
        self.client.ask("PUT", "/collections/a", {"vectors": {"size": 2, "distance": "Dot"}})
        self.connection = Connection(self.client.site)

    def test_a_read_is_cancelled(self) -> None:
        self.connection.send(request_bytes("GET", "/collections/a/points/1"))
        self.assertEqual(self.operations.cancelled, [])
        self.connection.transport.loseConnection()
        self.assertEqual(self.operations.cancelled, ["read"])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_read_that_makes_an_error_of_its_cancellation_is_no_fault(self) -> None:
        def time_out(_: object) -> None:
            raise TimedOut("gone")

        self.connection.send(request_bytes("GET", "/collections/a/points/1"))
        self.operations.pending.addErrback(time_out)
        self.connection.transport.loseConnection()
        self.assertEqual(self.operations.cancelled, ["read"])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_write_is_finished(self) -> None:
        body = json.dumps(points_body(1)).encode()
        self.connection.send(request_bytes("PUT", "/collections/a/points", body))
        self.connection.transport.loseConnection()
        self.assertEqual(self.operations.cancelled, [])
        self.operations.pending.callback(None)
        self.assertEqual(self.operations.ids("a"), [0])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_write_that_is_still_being_decoded_goes_on(self) -> None:
        decoded: list[tuple[Deferred[Any], Callable[..., Any], tuple[Any, ...]]] = []

        def later(function: Callable[..., Any], *args: Any) -> Deferred[Any]:
            decoded.append((Deferred(), function, args))
            return decoded[-1][0]

        client = RestClient(self, self.operations, run_in_thread=later)
        connection = Connection(client.site)
        body = json.dumps(points_body(3000)).encode()
        connection.send(request_bytes("PUT", "/collections/a/points", body))
        connection.transport.loseConnection()
        ((waiting, function, args),) = decoded
        waiting.callback(function(*args))
        (update,) = self.operations.calls[-1][1]
        np.testing.assert_array_equal(dense_rows(update.vectors[""])[:, 0], np.arange(3000))

    def test_a_write_that_fails_after_its_client_is_gone_is_no_fault(self) -> None:
        body = json.dumps({"points": [{"id": 1, "vector": [1, 2, 3]}]}).encode()
        self.connection.send(request_bytes("PUT", "/collections/a/points", body))
        self.connection.transport.loseConnection()
        self.operations.pending.callback(None)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_an_operation_that_is_cancelled_below_is_told_to_a_client_that_is_there(self) -> None:
        self.connection.send(request_bytes("GET", "/collections/a/points/1"))
        self.operations.pending.cancel()
        (reply,) = parse_replies(self.connection.take(), "GET")
        self.assertEqual(reply.status, 503)
