from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import current_thread
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.interfaces import IStreamOperations
from vexfs_twisted.middleware import MiddlewareChain
from vexfs_twisted.model.errors import NotFound, Unavailable
from vexfs_twisted.rpc.bridge import Bridge, Operation
from vexfs_twisted.rpc.wire import INLINE_BYTES, INLINE_POINTS, InFlight, Wire


class TwoLoops:
    """A crossing between an event loop and a reactor that run only when told to."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.wakes: list[Callable[[], None]] = []
        # The operations that these tests carry need nothing of an IStreamOperations.
        operations = cast(IStreamOperations, object())
        self.bridge = Bridge(operations, self.loop, self.wakes.append)

    def carry(self, operation: Operation[Any], *, is_write: bool = False) -> asyncio.Task[Any]:
        task = self.loop.create_task(self.bridge.carry(operation, is_write=is_write))
        self.spin_loop()
        return task

    def spin_loop(self) -> None:
        """Let the loop do what is due."""
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()

    def spin_reactor(self) -> None:
        while self.wakes:
            self.wakes.pop(0)()

    def settle(self) -> None:
        self.spin_reactor()
        for _ in range(3):
            self.spin_loop()


class CrossingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bridge = TwoLoops()
        self.addCleanup(self.bridge.loop.close)

    def test_results_come_back(self) -> None:
        task = self.bridge.carry(lambda _: succeed("answer"))
        self.assertFalse(task.done())
        self.bridge.settle()
        self.assertEqual(task.result(), "answer")

    def test_a_result_may_take_its_time(self) -> None:
        pending: Deferred[int] = Deferred()
        task = self.bridge.carry(lambda _: pending)
        self.bridge.settle()
        self.assertFalse(task.done())
        pending.callback(3)
        self.bridge.settle()
        self.assertEqual(task.result(), 3)

    def test_failures_come_back(self) -> None:
        pending: Deferred[int] = Deferred()
        task = self.bridge.carry(lambda _: pending)
        self.bridge.settle()
        pending.errback(NotFound("x"))
        self.bridge.settle()
        self.assertIsInstance(task.exception(), NotFound)

    def test_an_operation_may_fail_to_begin(self) -> None:
        def operation(_: IStreamOperations) -> Deferred[int]:
            raise NotFound("x")

        task = self.bridge.carry(operation)
        self.bridge.settle()
        self.assertIsInstance(task.exception(), NotFound)

    def test_a_burst_wakes_each_side_once(self) -> None:
        pending: list[Deferred[int]] = [Deferred() for _ in range(20)]
        tasks = [self.bridge.carry(lambda _, d=d: d) for d in pending]  # type: ignore[misc]
        self.assertEqual(len(self.bridge.wakes), 1)
        self.bridge.spin_reactor()
        for number, deferred in enumerate(pending):
            deferred.callback(number)
        self.bridge.settle()
        self.assertEqual([task.result() for task in tasks], list(range(20)))

    def test_a_cancelled_read_is_dropped(self) -> None:
        cancelled: list[object] = []
        pending: Deferred[int] = Deferred(cancelled.append)
        task = self.bridge.carry(lambda _: pending)
        self.bridge.settle()
        task.cancel()
        self.bridge.spin_loop()
        self.bridge.settle()
        self.assertTrue(task.cancelled())
        self.assertEqual(cancelled, [pending])

    def test_a_read_cancelled_before_it_crossed_never_begins(self) -> None:
        begun: list[IStreamOperations] = []

        def operation(operations: IStreamOperations) -> Deferred[None]:
            begun.append(operations)
            return succeed(None)

        task = self.bridge.carry(operation)
        task.cancel()
        self.bridge.spin_loop()
        self.bridge.settle()
        self.assertTrue(task.cancelled())
        self.assertEqual(begun, [])

    def test_a_cancelled_write_is_finished(self) -> None:
        cancelled: list[object] = []
        pending: Deferred[int] = Deferred(cancelled.append)
        task = self.bridge.carry(lambda _: pending, is_write=True)
        self.bridge.settle()
        task.cancel()
        self.bridge.spin_loop()
        self.bridge.settle()
        self.assertEqual(cancelled, [])
        pending.callback(1)
        self.bridge.settle()
        self.assertTrue(task.cancelled())

    def test_a_write_cancelled_before_it_crossed_begins_all_the_same(self) -> None:
        begun: list[IStreamOperations] = []

        def operation(operations: IStreamOperations) -> Deferred[None]:
            begun.append(operations)
            return succeed(None)

        task = self.bridge.carry(operation, is_write=True)
        task.cancel()
        self.bridge.spin_loop()
        self.bridge.settle()
        self.assertEqual(len(begun), 1)

    def test_a_write_may_end_after_the_loop_is_closed(self) -> None:
        pending: Deferred[int] = Deferred()
        task = self.bridge.carry(lambda _: pending, is_write=True)
        self.bridge.settle()
        task.cancel()
        self.bridge.spin_loop()
        self.bridge.loop.close()
        pending.callback(1)
        self.successResultOf(pending)


class WireTests(SynchronousTestCase):
    def run_on_wire(self, use: Callable[[Wire], Any]) -> Any:
        async def run() -> Any:
            wire = Wire(cast(Bridge, object()), MiddlewareChain())
            wire.start()
            try:
                return await use(wire)
            finally:
                await wire.close()

        return asyncio.run(run())

    def test_large_requests_are_decoded_in_a_thread(self) -> None:
        def where(_: bytes) -> str:
            return current_thread().name

        here = current_thread().name
        small, large = b"x" * (INLINE_BYTES - 1), b"x" * INLINE_BYTES
        self.assertEqual(self.run_on_wire(lambda wire: wire.decode(where, small)), here)
        self.assertNotEqual(self.run_on_wire(lambda wire: wire.decode(where, large)), here)

    def test_large_results_are_encoded_in_a_thread(self) -> None:
        def where(_: object) -> bytes:
            return current_thread().name.encode()

        here = current_thread().name.encode()
        for weight, is_here in ((0, True), (INLINE_POINTS - 1, True), (INLINE_POINTS, False)):
            encode = lambda wire, weight=weight: wire.encode(where, None, weight)  # noqa: E731
            self.assertEqual(self.run_on_wire(encode) == here, is_here)

    def test_drained_waits_for_the_last_call(self) -> None:
        async def run() -> None:
            calls = InFlight()
            await calls.drained()
            with calls:
                with calls:
                    waiting = asyncio.create_task(calls.drained())
                await asyncio.sleep(0)
                self.assertFalse(waiting.done())
            await waiting

        asyncio.run(run())

    def test_nothing_comes_in_after_the_close(self) -> None:
        calls = InFlight()
        with calls:
            calls.close()
        self.assertRaises(Unavailable, calls.__enter__)
