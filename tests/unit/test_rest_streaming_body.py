"""Large bodies that are decoded while they arrive: back-pressure, refusals, and lost clients."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from tests.body_reader import BodyReader
from tests.recorded_operations import RecordedOperations
from tests.rest_harness import Connection, Reply, RestClient, parse_replies, request_bytes
from tests.suites.values import dense_rows
from vexfs_twisted.middleware import CallInfo, MiddlewareChain
from vexfs_twisted.model.errors import FormatError, Unauthenticated, Unavailable
from vexfs_twisted.rest.bodies import json_decoder, streaming_body
from vexfs_twisted.rest.bodies.budget import BodyBudget
from vexfs_twisted.rest.bodies.streaming_body import ReadGate, StreamingBody
from vexfs_twisted.rest.dependencies import Dependencies
from vexfs_twisted.rest.settings import RestSettings
from vexfs_twisted.rest.site import make_site
from vexfs_twisted.rest.transport import request

POINTS = "/collections/a/points"
STEP = 1000


class Threads:
    """Threads that do what they were asked for when the test says so."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Deferred[Any], Callable[..., Any], tuple[Any, ...]]] = []

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        self.jobs.append((Deferred(), function, args))
        return self.jobs[-1][0]

    def work(self) -> None:
        """Do the oldest job."""
        waiting, function, args = self.jobs.pop(0)
        maybeDeferred(function, *args).chainDeferred(waiting)

    def work_all(self) -> None:
        while self.jobs:
            self.work()


class Joined:
    """Decodes to the pieces in one, unless it is to fail."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.error: Exception | None = None

    def held(self, received: int) -> int:
        return received

    def feed(self, pieces: Sequence[bytes]) -> None:
        if self.error is not None:
            raise self.error
        self.pieces += pieces

    def finish(self, pieces: Sequence[bytes], read: Callable[[Any], Any]) -> Any:
        self.feed(pieces)
        return read(b"".join(self.pieces))


class BackPressure(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(streaming_body, "WORTH_BYTES", 10)
        self.patch(streaming_body, "WAITING_BYTES", 30)
        self.threads = Threads()
        self.consumer = Joined()
        self.source = StringTransport()
        self.body = self.make(self.threads.run)

    def make(self, run: Callable[..., Deferred[Any]]) -> StreamingBody:
        lease = BodyBudget(10**9, 0, Clock()).lease(BodyReader())
        return StreamingBody(self.consumer, run, ReadGate(self.source), lease)

    def finish(self) -> Deferred[bytes]:
        return Deferred.fromCoroutine(self.body.finish(bytes))

    def test_a_thread_is_asked_once_it_is_worth_it_and_one_at_a_time(self) -> None:
        self.body.take(b"123456789")
        self.assertEqual(self.threads.jobs, [])
        self.body.take(b"a")
        self.body.take(b"more than is worth it")
        self.assertEqual(len(self.threads.jobs), 1)
        self.threads.work()
        self.assertEqual(self.consumer.pieces, [b"123456789", b"a"])
        self.assertEqual(len(self.threads.jobs), 1)

    def test_no_more_is_read_while_much_waits(self) -> None:
        self.body.take(b"x" * 10)
        self.body.take(b"y" * 30)
        self.assertEqual(self.source.producerState, "producing")
        self.body.take(b"z")
        self.assertEqual(self.source.producerState, "paused")
        self.threads.work()
        self.assertEqual(self.source.producerState, "producing")

    def test_a_transport_that_others_let_go_on_is_stopped_again(self) -> None:
        self.body.take(b"x" * 10)
        self.body.take(b"y" * 31)
        self.source.resumeProducing()
        self.body.take(b"z")
        self.assertEqual(self.source.producerState, "paused")

    def test_the_end_waits_for_the_thread_and_takes_what_is_left(self) -> None:
        self.body.take(b"x" * 10)
        self.body.take(b"y" * 31)
        done = self.finish()
        self.assertEqual(self.source.producerState, "producing")
        self.threads.work()
        self.assertNoResult(done)
        self.threads.work()
        self.assertEqual(self.successResultOf(done), b"x" * 10 + b"y" * 31)

    def test_a_thread_that_fails_is_told_at_the_end(self) -> None:
        self.consumer.error = FormatError("not this")
        self.body.take(b"x" * 10)
        self.body.take(b"y" * 31)
        self.threads.work_all()
        self.body.take(b"dropped")
        self.assertEqual(self.threads.jobs, [])
        self.failureResultOf(self.finish(), FormatError)

    def test_threads_that_have_stopped(self) -> None:
        stopped = self.make(lambda *_: fail(Unavailable("stopping")))
        stopped.take(b"x" * 10)
        self.failureResultOf(Deferred.fromCoroutine(stopped.finish(bytes)), Unavailable)

    def test_after_the_close_nothing_is_held_or_done(self) -> None:
        self.body.take(b"x" * 10)
        self.body.take(b"y" * 29)
        self.body.close()
        self.threads.work()
        self.body.take(b"z" * 30)
        self.assertEqual(self.threads.jobs, [])
        self.assertEqual(self.source.producerState, "producing")


class Log:
    """Refuses where it is told to, and notes how calls end."""

    def __init__(self) -> None:
        self.refusal: Exception | None = None
        self.begun: list[str] = []
        self.ended: list[tuple[str, str]] = []

    def before(self, call: CallInfo) -> None:
        self.begun.append(call.kind.method)
        if self.refusal is not None:
            raise self.refusal

    def after(self, call: CallInfo, outcome: str, seconds: float) -> None:
        self.ended.append((call.kind.method, outcome))


class Requests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(request, "SMALL_BYTES", 2 * STEP)
        self.patch(json_decoder, "SMALL_BYTES", 2 * STEP)
        self.patch(streaming_body, "WORTH_BYTES", STEP)
        self.patch(streaming_body, "WAITING_BYTES", 4 * STEP)
        self.patch(json_decoder, "STEP_BYTES", STEP)
        self.threads = Threads()
        self.log = Log()
        self.operations = RecordedOperations(self)
        self.make(100 * STEP)

    def make(self, limit: int) -> None:
        client = RestClient(self, self.operations)
        client.ask("PUT", "/collections/a", {"vectors": {"size": 2, "distance": "Dot"}})
        self.operations.calls.clear()
        settings = RestSettings(max_body_bytes=limit)
        dependencies = Dependencies(MiddlewareChain([self.log]))
        site = make_site(self.operations, settings, Clock(), self.threads.run, dependencies)
        site.timeOut = None
        self.connection = Connection(site)

    def body(self, count: int = 300) -> bytes:
        points = [{"id": i, "vector": [i, 0.5], "payload": {"n": i}} for i in range(count)]
        return json.dumps({"points": points}).encode()

    def send(self, data: bytes, size: int = 700) -> None:
        for start in range(0, len(data), size):
            self.connection.send(data[start : start + size])

    def put(self, body: bytes, target: str = POINTS, **headers: str) -> None:
        self.send(request_bytes("PUT", target, body, headers))

    def reply(self) -> Reply:
        self.threads.work_all()
        (reply,) = parse_replies(self.connection.take(), "PUT")
        return reply

    def test_the_body_is_decoded_while_it_arrives(self) -> None:
        whole = request_bytes("PUT", POINTS + "/?wait=true", self.body())
        self.send(whole[:-10])
        self.assertGreater(len(self.threads.jobs), 0)
        self.threads.work_all()
        self.assertEqual(self.operations.calls, [])
        self.send(whole[-10:])
        self.assertEqual(self.reply().result, {"operation_id": 0, "status": "completed"})
        ((_, (_, update, *_)),) = self.operations.calls
        np.testing.assert_array_equal(dense_rows(update.vectors[""])[:, 0], np.arange(300))
        method = "PUT /collections/{collection_name}/points"
        self.assertEqual((self.log.begun, self.log.ended), ([method], [(method, "ok")]))

    def test_more_requests_follow_on_the_connection(self) -> None:
        for _ in range(2):
            self.put(self.body())
            self.assertEqual(self.reply().status, 200)

    def test_the_transport_waits_for_the_threads(self) -> None:
        self.send(request_bytes("PUT", POINTS, self.body())[:-10])
        self.assertEqual(self.connection.transport.producerState, "paused")
        self.threads.work_all()
        self.assertEqual(self.connection.transport.producerState, "producing")

    def test_chunks_and_packed_bodies(self) -> None:
        head = f"PUT {POINTS} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        body = self.body()
        half = len(body) // 2
        self.send(head.encode())
        for piece in (body[:half], body[half:], b""):
            self.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.assertEqual(self.reply().status, 200)
        packed = gzip.compress(body)
        self.assertGreater(len(packed), STEP)
        self.put(packed, **{"Content-Encoding": "gzip"})
        self.assertEqual(self.reply().status, 200)
        first, second = (arguments[1] for _, arguments in self.operations.calls)
        self.assertEqual(first, second)

    def test_errors_come_when_the_body_is_complete(self) -> None:
        points = json.loads(self.body())
        points["points"][200]["vector"] = [1, "2"]
        body = json.dumps(points).encode()
        self.put(body)
        reply = self.reply()
        self.assertEqual(reply.status, 400)
        self.assertIn("points[200].vector: invalid type: string", reply.error)
        colon = body.index(b": 250")
        self.put(body[:colon] + body[colon + 1 :])
        self.assertIn(f"line 1 column {colon + 2}", self.reply().error)
        self.put(body, POINTS + "?ordering=none")
        self.assertEqual(self.reply().status, 400)
        self.put(self.body())
        self.assertEqual(self.reply().status, 200)

    def test_whoever_may_not_call_is_told_before_anything_is_decoded(self) -> None:
        self.log.refusal = Unauthenticated("who are you")
        self.send(request_bytes("PUT", POINTS, self.body())[:3000])
        self.assertEqual(self.threads.jobs, [])
        reply = self.reply()
        self.assertEqual((reply.status, reply.headers["connection"]), (401, "close"))
        self.assertEqual(len(self.log.begun), 1)

    def test_a_body_that_turns_out_too_large(self) -> None:
        self.make(5 * STEP)
        head = f"PUT {POINTS} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.send(head.encode())
        self.send(b"1770\r\n" + self.body()[:0x1770])
        self.assertEqual(self.reply().status, 413)
        (ended,) = self.log.ended
        self.assertEqual(ended[1], "payload_too_large")

    def test_what_is_dropped_is_read_even_if_the_threads_lag(self) -> None:
        self.make(9 * STEP)
        head = f"PUT {POINTS} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.send(head.encode())
        self.send(b"20000\r\n" + self.body()[: 8 * STEP])
        self.assertEqual(self.connection.transport.producerState, "paused")
        self.send(self.body()[8 * STEP :])
        self.assertEqual(self.connection.transport.producerState, "producing")
        self.assertEqual(self.reply().status, 413)

    def test_a_packed_body_that_turns_out_too_large(self) -> None:
        random = np.random.default_rng(1).bytes(2 * STEP).hex()
        text = b'{"points":[' + b" " * 99 * STEP + f'"{random}"]}}'.encode()
        self.put(gzip.compress(text), **{"Content-Encoding": "gzip"})
        reply = self.reply()
        self.assertEqual(reply.status, 413)
        self.assertEqual(reply.error, "JSON payload has exceeded limit (100000 bytes).")

    def test_other_encodings_are_refused_at_the_end(self) -> None:
        self.put(self.body(), **{"Content-Encoding": "br"})
        self.assertIn("Content-Encoding br is not supported", self.reply().error)

    def test_other_endpoints_get_their_bodies_whole(self) -> None:
        self.put(self.body())
        self.assertEqual(self.reply().status, 200)
        vectors = [{"id": i, "vector": [1, 2]} for i in range(300)]
        self.put(json.dumps({"points": vectors}).encode(), POINTS + "/vectors")
        self.assertEqual(self.reply().status, 200)
        self.put(self.body(), "/nothing/here")
        self.assertEqual(self.reply().status, 404)

    def test_a_client_that_goes_away_leaves_nothing(self) -> None:
        self.send(request_bytes("PUT", POINTS, self.body())[:-10])
        self.connection.transport.loseConnection()
        self.threads.work_all()
        self.assertEqual(self.operations.calls, [])
        (ended,) = self.log.ended
        self.assertEqual(ended[1], "cancelled")

    def test_a_write_that_is_complete_goes_on_without_its_client(self) -> None:
        self.put(self.body())
        self.connection.transport.loseConnection()
        self.threads.work_all()
        self.assertEqual(len(self.operations.calls), 1)
        (ended,) = self.log.ended
        self.assertEqual(ended[1], "ok")
