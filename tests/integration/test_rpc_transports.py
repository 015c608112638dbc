"""Both transports of gRPC: the check at start, and the tests of calls over grpc.aio as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from tests.contract import test_rpc_guards
from tests.integration import test_rpc_server
from vexfs_twisted.rpc.settings import RpcSettings
from vexfs_twisted.rpc.transport import selection
from vexfs_twisted.rpc.transport.aio import AioTransport
from vexfs_twisted.rpc.transport.completion_queue import QueueTransport


class _Deaf(QueueTransport):
    """Does none of the operations of calls."""

    def begin(self, call: Any, operations: Any, done: Callable[[Any], object]) -> bool:
        return False


class _Broken(QueueTransport):
    """What it is made of has changed."""

    def listen(self, address: str, credentials: Any = None) -> int:
        raise AttributeError("add_http2_port")


class Selection(SynchronousTestCase):
    def test_both_are_sound(self) -> None:
        for transport in (QueueTransport, AioTransport):
            self.assertIsNone(selection.QueueCheck(transport).problem())

    def test_unsound_ones_are_found(self) -> None:
        self.patch(selection, "_PATIENCE_S", 0.2)
        self.patch(selection, "_HANGUP_S", 0.1)
        self.assertIn("DEADLINE_EXCEEDED", str(selection.QueueCheck(_Deaf).problem()))
        self.assertIn("add_http2_port", str(selection.QueueCheck(_Broken).problem()))

    def test_grpc_aio_serves_in_place_of_an_unsound_queue(self) -> None:
        self.patch(selection, "QueueTransport", _Broken)
        with capturedLogs() as events:
            self.assertIs(selection.transport_class(RpcSettings()), AioTransport)
        (fields,) = [event["vexfs_fields"] for event in events if "vexfs_fields" in event]
        self.assertIn("add_http2_port", fields["reason"])

    def test_the_setting(self) -> None:
        for name, transport in (("aio", AioTransport), ("queue", QueueTransport)):
            self.assertIs(selection.transport_class(RpcSettings(transport=name)), transport)
        self.assertIs(selection.transport_class(RpcSettings()), QueueTransport)

    def test_versions(self) -> None:
        for version, is_tested in (
            ("1.84.9", False),
            ("1.85.0", True),
            ("1.86.2", True),
            ("1.87.0rc1", False),
            ("2.0.0", False),
        ):
            self.assertEqual(selection.version_problem(version) is None, is_tested, version)


class AioCalls(test_rpc_server.CallTests):
    transport = "aio"


class AioCancellation(test_rpc_server.CancellationTests):
    transport = "aio"


class AioRefusals(test_rpc_server.RefusalTests):
    transport = "aio"


class AioLifecycle(test_rpc_server.LifecycleTests):
    transport = "aio"


class AioHealth(test_rpc_guards.Health):
    transport = "aio"


class AioSilence(test_rpc_guards.Silence):
    transport = "aio"


class AioReflection(test_rpc_guards.Reflection):
    transport = "aio"


class AioLateMessages(test_rpc_guards.LateMessages):
    transport = "aio"


class AioMessages(test_rpc_guards.Messages):
    transport = "aio"
