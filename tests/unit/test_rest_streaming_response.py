"""Large answers: written piece by piece, at the pace of the client, and never half of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from tests.recorded_operations import RecordedOperations
from tests.rest_harness import RestClient, inline, parse_replies, request_bytes
from vexfs_twisted.interfaces import OutgoingStream
from vexfs_twisted.model.errors import Interrupted, TimedOut, TooMany
from vexfs_twisted.model.queries import Record, ScoredPoint, Scroll
from vexfs_twisted.model.streams import Batch
from vexfs_twisted.rest import request_context
from vexfs_twisted.rest.endpoints import points, search
from vexfs_twisted.rest.responses import rows

POINTS = "/collections/a/points"
COUNT = 1000
BATCH = 100
SMALL = 4096


class StreamingCase(SynchronousTestCase):
    """A thousand points in the collection `a`, and answers that are large from 4 KiB on."""

    def setUp(self) -> None:
        self.operations = RecordedOperations(self)
        client = RestClient(self, self.operations)
        client.ask("PUT", "/collections/a", {"vectors": {"size": 2, "distance": "Dot"}})
        stored = [{"id": i, "vector": [i, 0.5], "payload": {"n": i}} for i in range(COUNT)]
        client.ask("PUT", POINTS, {"points": stored})
        self.connection = client.connect()
        self.client = client

    def streams(self) -> int:
        """How many streams have been opened; all of them are over by now."""
        self.assertEqual(self.operations.streams.status.open_streams, 0)
        return [name for name, _ in self.operations.calls].count("stream")

    def make_large(self, stream_from: int = 100) -> None:
        self.patch(rows, "LARGE_BYTES", SMALL)
        self.patch(request_context, "PIECE_BYTES", SMALL)
        for module in (rows, points, search):
            self.patch(module, "STREAM_FROM_POINTS", stream_from)

    def records(self) -> Sequence[Record]:
        return self.successResultOf(self.operations.read("a", Scroll(limit=COUNT))).records

    def send(self, path: str, body: Any) -> None:
        self.connection.send(request_bytes("POST", POINTS + path, json.dumps(body).encode()))


class Answers(StreamingCase):
    BODIES = (
        ("/scroll", {"limit": 700, "with_vector": True}),
        ("/scroll", {"limit": COUNT}),
        ("/scroll", {"limit": 2 * COUNT, "with_payload": False, "offset": 990}),
        ("/scroll", {"limit": 2 * COUNT, "offset": COUNT}),
        ("", {"ids": list(range(0, 3 * COUNT, 2)), "with_vector": True}),
        ("/search", {"vector": [1, 0], "limit": 700, "with_payload": True}),
        ("/query", {"query": [1, 0], "limit": 700, "with_vector": True}),
        ("/query/batch", {"searches": [{"query": [1, 0], "limit": 300}] * 3}),
    )

    def test_they_are_the_same_whether_large_or_not(self) -> None:
        whole = [self.client.ask("POST", POINTS + path, body).result for path, body in self.BODIES]
        self.assertEqual(self.streams(), 0)
        for stream_from in (100, 10_000):
            self.make_large(stream_from)
            for (path, body), expected in zip(self.BODIES, whole, strict=True):
                reply = self.client.ask("POST", POINTS + path, body)
                self.assertEqual(reply.result, expected, path)
                self.assertEqual(reply.json()["status"], "ok")
            self.streams()
        self.assertEqual(self.streams(), 7)

    def test_only_large_ones_are_sent_without_a_length(self) -> None:
        self.make_large()
        reply = self.client.ask("POST", POINTS + "/scroll", {"limit": 1000})
        self.assertEqual(reply.headers["transfer-encoding"], "chunked")
        self.assertEqual(reply.headers["content-type"], "application/json")
        self.assertEqual(reply.headers["access-control-allow-origin"], "*")
        reply = self.client.ask("POST", POINTS + "/scroll", {"limit": 1000, "offset": 995})
        self.assertEqual(int(reply.headers["content-length"]), len(reply.body))
        self.assertEqual(self.streams(), 2)

    def test_when_too_many_streams_are_open_the_answer_comes_whole(self) -> None:
        self.make_large()
        refusal = TooMany("100 streams are open")
        self.patch(self.operations, "stream", lambda *_: fail(refusal))
        reply = self.client.ask("POST", POINTS + "/scroll", {"limit": 700})
        self.assertEqual(len(reply.result["points"]), 700)
        self.assertEqual(reply.result["next_page_offset"], 700)


class BackPressure(StreamingCase):
    def setUp(self) -> None:
        super().setUp()
        self.make_large()

    @property
    def channel(self) -> Any:
        return self.connection.transport.producer

    def test_nothing_more_is_made_while_there_is_no_room(self) -> None:
        jobs: list[Callable[[], object]] = []

        def later(function: Callable[..., Any], *args: Any) -> Deferred[Any]:
            done: Deferred[Any] = Deferred()
            jobs.append(lambda: inline(function, *args).chainDeferred(done))
            return done

        self.patch(request_context, "THREAD_FROM_BYTES", 0)
        client = RestClient(self, self.operations, run_in_thread=later)
        connection = self.connection = client.connect()
        self.send("/scroll", {"limit": COUNT})
        jobs.pop(0)()
        self.channel.pauseProducing()
        written = 0
        while jobs:
            written += len(connection.take())
            jobs.pop(0)()
        self.assertLess(written, 3 * SMALL)
        self.assertEqual(connection.take(), b"")
        self.channel.resumeProducing()
        self.assertNotEqual(connection.take(), b"")
        self.assertEqual(len(jobs), 1)
        connection.transport.loseConnection()
        self.operations.pump()
        self.assertEqual(self.streams(), 1)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_client_that_goes_away_while_it_is_waited_for(self) -> None:
        stream = self.hold()
        self.connection.transport.loseConnection()
        self.assertTrue(stream.is_closed)
        self.assertEqual(self.flushLoggedErrors(), [])

    def hold(self) -> BreakingStream:
        stream = BreakingStream(self.records(), None)
        self.patch(self.operations, "stream", stream.opened)
        self.send("/scroll", {"limit": COUNT})
        self.assertIn(b"200 OK", self.connection.take())
        return stream


class BreakingStream:
    """A stream that, when most of it is taken, fails with an error or, without one, halts."""

    def __init__(self, points: Sequence[Record], error: Exception | None) -> None:
        self._points = points
        self._error = error
        self.after = 800
        self.is_closed = False

    def take(self) -> Deferred[Any]:
        if COUNT - len(self._points) >= self.after:
            return Deferred() if self._error is None else fail(self._error)
        points, self._points = self._points[:BATCH], self._points[BATCH:]
        return succeed(Batch(points, len(points)))

    def close(self) -> None:
        self.is_closed = True

    def opened(self, *_: Any) -> Deferred[OutgoingStream[Record | ScoredPoint]]:
        return inline(lambda: self)


class BrokenAnswers(StreamingCase):
    def setUp(self) -> None:
        super().setUp()
        self.make_large()

    def ask(self, error: Exception, after: int) -> bytes:
        stream = BreakingStream(self.records(), error)
        stream.after = after
        self.patch(self.operations, "stream", stream.opened)
        self.send("/scroll", {"limit": COUNT})
        self.assertTrue(stream.is_closed)
        return self.connection.take()

    def test_an_error_before_anything_is_written_has_its_status(self) -> None:
        for error, status in ((TimedOut("slow"), 408), (Interrupted("read again"), 503)):
            (reply,) = parse_replies(self.ask(error, 0), "POST")
            self.assertEqual(reply.status, status)
        self.assertTrue(self.connection.transport.connected)

    def test_an_error_in_the_midst_breaks_the_connection(self) -> None:
        for error in (Interrupted("read again"), KeyError("a fault")):
            self.connection = self.client.connect()
            written = self.ask(error, 800)
            self.assertIn(b"200 OK", written)
            self.assertFalse(written.endswith(b"0\r\n\r\n"))
            self.assertNotIn(b'"status"', written)
            self.assertFalse(self.connection.transport.connected)
        # The fault is logged, with the id of an incident; nothing else went wrong.
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_numbers_come_through_pieces_unharmed(self) -> None:
        reply = self.client.ask("POST", POINTS + "/scroll", {"limit": COUNT, "with_vector": True})
        got = np.array([point["vector"] for point in reply.result["points"]])
        np.testing.assert_array_equal(got[:, 0], np.arange(COUNT))
