"""What is known of a gRPC call before it begins, and what is told of its end."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.message import DecodeError
from twisted.internet.defer import CancelledError
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from tests.interceptors import STREAM, UNARY
from vexfs_twisted.middleware import Method, MiddlewareChain
from vexfs_twisted.model.errors import NotFound, RateLimited
from vexfs_twisted.rpc.call_context import RpcCallContext, address_of


class StandInCall:
    """As much of a call as a call context asks for."""

    peer = "ipv4:192.0.2.7:50051"

    def __init__(self, *metadata: tuple[str, str | bytes], is_over: bool = False) -> None:
        self.metadata = metadata
        self.is_over = is_over


class Passages(SynchronousTestCase):
    def call_context(self, call: StandInCall, kind: Method = UNARY) -> RpcCallContext:
        stand_in: Any = call
        return RpcCallContext(MiddlewareChain(), kind, stand_in)

    def test_addresses(self) -> None:
        for peer, address in (
            ("ipv4:127.0.0.1:50051", "127.0.0.1"),
            ("ipv6:%5B::1%5D:50051", "::1"),
            ("ipv6:[2001:db8::7]:1", "2001:db8::7"),
            ("unix:", ""),
            ("", ""),
        ):
            self.assertEqual(address_of(peer), address, peer)

    def test_metadata(self) -> None:
        call = self.call_context(StandInCall(("a", "1"), ("b", b"2"), ("a", "3"))).call
        self.assertEqual(call.peer, "192.0.2.7")
        self.assertEqual([call.header(name) for name in "abc"], ["1, 3", None, None])
        self.assertIsNone(self.call_context(StandInCall()).call.header("a"))

    def test_an_id_goes_back_where_it_was_given_and_with_streams(self) -> None:
        given = self.call_context(StandInCall(("x-request-id", "a")))
        self.assertEqual(given.trailing, (("x-request-id", "a"),))
        self.assertEqual(self.call_context(StandInCall()).trailing, ())
        stream = self.call_context(StandInCall(), STREAM)
        self.assertEqual(stream.trailing, (("x-request-id", stream.call.request_id),))

    def test_a_failure_has_its_id_and_what_else_there_is_to_tell(self) -> None:
        call_context = self.call_context(StandInCall(("x-request-id", "a")))
        status = call_context.status_of(RateLimited("x", 3))
        self.assertIs(status.code, grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertEqual(status.metadata, (("retry-after", "3"), ("x-request-id", "a")))

    def test_a_fault_is_logged_under_the_id(self) -> None:
        with capturedLogs() as events:
            self.call_context(StandInCall(("x-request-id", "a"))).status_of(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        (fields,) = [event["vexfs_fields"] for event in events if "vexfs_fields" in event]
        self.assertEqual((fields["request_id"], fields["method"]), ("a", UNARY.method))

    def test_outcomes(self) -> None:
        call_context = self.call_context(StandInCall())
        for error, outcome in (
            (CancelledError(), "unavailable"),
            (DecodeError("x"), "format"),
            (NotFound("x"), "not_found"),
            (ZeroDivisionError(), "internal"),
        ):
            self.assertEqual(call_context.outcome_of(error), outcome)
        left = self.call_context(StandInCall(is_over=True))
        self.assertEqual(left.outcome_of(CancelledError()), "cancelled")
