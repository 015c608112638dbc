"""A gRPC-Web call in memory: deadlines, backpressure, limits, and clients that leave."""

from __future__ import annotations

from collections.abc import Mapping
from struct import pack

from grpc import StatusCode
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.recorded_operations import RecordedOperations
from tests.rest_harness import Connection, inline, request_bytes
from vexfs_twisted.grpc_web.call import WebContext
from vexfs_twisted.grpc_web.opening import web_calls
from vexfs_twisted.rest.dependencies import Dependencies
from vexfs_twisted.rest.settings import RestSettings
from vexfs_twisted.rest.site import make_site
from vexfs_twisted.rpc.errors import RpcStatus
from vexfs_twisted.rpc.transport.call import Missing, ServerCall

PATH = "/a.Service/Method"
KIND = {"Content-Type": "application/grpc-web"}


def framed(data: bytes, kind: int = 0) -> bytes:
    return pack(">BI", kind, len(data)) + data


class WebCalls(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.calls: list[ServerCall] = []
        self.over: list[ServerCall] = []
        self.read: list[bytes | Missing] = []
        self.settings = RestSettings(max_body_bytes=1000)

    def connect(self) -> Connection:
        """A connection to a site whose calls are taken note of."""
        cors = self.settings.cors
        context = WebContext(self.clock, lambda function, *args: function(*args), inline, cors)
        needed = Dependencies(open_web_call=web_calls(self.accept, context))
        operations = RecordedOperations(self)
        return Connection(make_site(operations, self.settings, self.clock, inline, needed))

    def accept(self, call: ServerCall) -> None:
        self.calls.append(call)
        call.when_over(lambda: self.over.append(call))

    def begun(self, headers: Mapping[str, str] = KIND) -> tuple[Connection, ServerCall]:
        connection = self.connect()
        connection.send(request_bytes("POST", PATH, framed(b"x"), {**KIND, **headers}))
        return connection, self.calls[-1]

    def test_messages_are_read_one_by_one(self) -> None:
        connection = self.connect()
        body = framed(b"a") + framed(b"b")
        connection.send(request_bytes("POST", PATH, body, KIND)[:-5])
        (call,) = self.calls
        self.assertEqual((call.method, call.is_over), (PATH, False))
        call.read(self.read.append)
        self.assertEqual(self.read, [])
        connection.send(body[-5:])
        self.assertEqual(self.read, [b"a"])
        for _ in range(2):
            call.read(self.read.append)
        self.assertEqual(self.read, [b"a", b"b", Missing.NONE])
        call.answer(b"done")
        self.assertIn(framed(b"done") + framed(b"grpc-status: 0\r\n", 0x80), connection.take())
        self.assertEqual(self.over, [call])

    def test_the_connection_takes_the_next_call(self) -> None:
        connection, call = self.begun()
        call.answer(b"one")
        connection.take()
        connection.send(request_bytes("POST", PATH, framed(b"y"), KIND))
        self.calls[-1].finish(RpcStatus(StatusCode.NOT_FOUND, "nothing"))
        self.assertIn(b"grpc-message: nothing\r\n", connection.take())
        self.assertEqual(len(self.over), 2)
        self.assertEqual(self.clock.getDelayedCalls()[1:], [])

    def test_a_message_that_does_not_come(self) -> None:
        connection = self.connect()
        connection.send(request_bytes("POST", PATH, framed(b"abc"), KIND)[:-1])
        self.calls[0].read(self.read.append, 5.0)
        self.clock.advance(4.9)
        self.assertEqual(self.read, [])
        self.clock.advance(0.2)
        self.assertEqual(self.read, [Missing.LATE])

    def test_a_deadline(self) -> None:
        connection, call = self.begun({"grpc-timeout": "1500m"})
        call.read(self.read.append)
        self.clock.advance(1.4)
        self.assertFalse(call.is_over)
        self.clock.advance(0.2)
        self.assertTrue(call.is_over)
        self.assertEqual(self.over, [call])
        self.assertIn(b"grpc-status: 4\r\n", connection.take())
        call.answer(b"late")
        self.assertEqual(connection.take(), b"")

    def test_a_deadline_within_a_stream(self) -> None:
        connection, call = self.begun({"grpc-timeout": "1S"})
        call.write(b"one", lambda: None)
        self.clock.advance(1)
        data = connection.take()
        self.assertIn(framed(b"one"), data)
        self.assertIn(b"grpc-status: 4\r\n", data)
        self.assertTrue(data.endswith(b"0\r\n\r\n"))

    def test_a_message_is_sent_once_the_connection_takes_it(self) -> None:
        connection, call = self.begun()
        sent: list[int] = []
        call.write(b"one", lambda: sent.append(1))
        self.assertEqual(sent, [1])
        producer = IPushProducer(connection.transport.producer)
        producer.pauseProducing()
        call.write(b"two", lambda: sent.append(2))
        self.assertEqual(sent, [1])
        producer.resumeProducing()
        self.assertEqual(sent, [1, 2])
        call.finish(None, (("x-own", "1"),))
        data = connection.take()
        self.assertIn(framed(b"grpc-status: 0\r\nx-own: 1\r\n", 0x80), data)
        self.assertEqual(self.over, [call])

    def test_a_client_that_leaves(self) -> None:
        for is_streaming in (False, True):
            connection, call = self.begun()
            call.read(self.read.append)
            if is_streaming:
                call.write(b"one", lambda: None)
            connection.transport.loseConnection()
            self.assertTrue(call.is_over)
            call.write(b"two", lambda: None)
            call.answer(b"done")
            call.reset()
        self.assertEqual(len(self.over), 2)

    def test_a_client_that_leaves_before_its_message_is_complete(self) -> None:
        connection = self.connect()
        connection.send(request_bytes("POST", PATH, framed(b"abc"), KIND)[:-1])
        self.calls[0].read(self.read.append, 5.0)
        connection.transport.loseConnection()
        self.assertEqual((self.read, self.over), ([Missing.NONE], self.calls))

    def test_a_body_that_is_too_large(self) -> None:
        connection = self.connect()
        connection.send(request_bytes("POST", PATH, framed(bytes(2000)), KIND))
        data = connection.take()
        self.assertIn(b"grpc-status: 8\r\n", data)
        self.assertEqual(self.over, self.calls)
        self.assertFalse(connection.transport.connected)

    def test_a_response_without_cors_exposes_nothing(self) -> None:
        connection, call = self.begun()
        call.answer(b"")
        self.assertIn(b"Access-Control-Expose-Headers: grpc-status", connection.take())
        self.settings = RestSettings(cors=False)
        connection, call = self.begun()
        call.answer(b"")
        self.assertNotIn(b"Access-Control", connection.take())

    def test_what_is_no_such_call(self) -> None:
        connection = self.connect()
        for method, kind in (("GET", KIND["Content-Type"]), ("POST", "application/grpc")):
            connection.send(request_bytes(method, PATH, b"", {"Content-Type": kind}))
            self.assertIn(b" 404 ", connection.take())
        self.assertEqual(self.calls, [])
