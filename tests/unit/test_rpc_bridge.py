from __future__ import annotations

from collections.abc import Callable
from threading import Thread, current_thread
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.interfaces import IServerOperations, IStreamOperations
from vexfs_twisted.middleware import MiddlewareChain
from vexfs_twisted.model.access import ANYONE
from vexfs_twisted.model.errors import NotFound, Unavailable
from vexfs_twisted.rpc.bridge import Bridge, BridgedOperation, Operation
from vexfs_twisted.rpc.wire import INLINE_BYTES, INLINE_POINTS, InFlight, Wire


class BridgeTests(SynchronousTestCase):
    """A bridge to a reactor that runs only when told to."""

    def setUp(self) -> None:
        self.wakes: list[Callable[[], None]] = []
        self.results: list[Any] = []
        # The operations that these tests carry need nothing of an IServerOperations.
        self.bridge = Bridge(cast(IServerOperations, object()), self.wakes.append)

    def begin(self, operation: Operation[Any]) -> BridgedOperation:
        return self.bridge.begin(operation, self.results.append, None, ANYONE)

    def spin_reactor(self) -> None:
        while self.wakes:
            self.wakes.pop(0)()

    def test_results_come_back(self) -> None:
        self.begin(lambda _: succeed("answer"))
        self.assertEqual(self.results, [])
        self.spin_reactor()
        self.assertEqual(self.results, ["answer"])

    def test_a_result_may_take_its_time(self) -> None:
        pending: Deferred[int] = Deferred()
        self.begin(lambda _: pending)
        self.spin_reactor()
        self.assertEqual(self.results, [])
        pending.callback(3)
        self.assertEqual(self.results, [3])

    def test_failures_come_back(self) -> None:
        pending: Deferred[int] = Deferred()
        self.begin(lambda _: pending)
        self.spin_reactor()
        error = NotFound("x")
        pending.errback(error)
        self.assertEqual(self.results, [error])

    def test_an_operation_may_fail_to_begin(self) -> None:
        error = NotFound("x")

        def operation(_: IStreamOperations) -> Deferred[int]:
            raise error

        self.begin(operation)
        self.spin_reactor()
        self.assertEqual(self.results, [error])

    def test_a_burst_wakes_the_reactor_once(self) -> None:
        for number in range(20):
            self.begin(lambda _, n=number: succeed(n))  # type: ignore[misc]
        self.assertEqual(len(self.wakes), 1)
        self.spin_reactor()
        self.assertEqual(self.results, list(range(20)))

    def test_functions_and_operations_keep_their_order(self) -> None:
        self.bridge.call(lambda: self.results.append("first"))
        self.begin(lambda _: succeed("second"))
        self.bridge.call(lambda: self.results.append("third"))
        self.spin_reactor()
        self.assertEqual(self.results, ["first", "second", "third"])

    def test_a_cancelled_operation_is_dropped(self) -> None:
        cancelled: list[object] = []
        pending: Deferred[int] = Deferred(cancelled.append)
        bridged = self.begin(lambda _: pending)
        self.spin_reactor()
        self.bridge.call(bridged.cancel)
        self.spin_reactor()
        self.assertEqual((cancelled, self.results), ([pending], []))

    def test_one_that_is_cancelled_before_it_crossed_never_begins(self) -> None:
        begun: list[IStreamOperations] = []

        def operation(operations: IStreamOperations) -> Deferred[None]:
            begun.append(operations)
            return succeed(None)

        bridged = self.begin(operation)
        bridged.cancel()
        self.spin_reactor()
        self.assertEqual((begun, self.results), ([], []))


class WireTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.calls: list[Callable[[], None]] = []
        nothing: Any = None
        self.wire = Wire(
            cast(Bridge, nothing), MiddlewareChain(), lambda call, *_: self.calls.append(call)
        )
        self.wire.start()
        self.addCleanup(self.wire.stop)

    def result(self, awaitable: Any) -> Any:
        """The result of a coroutine, which may be answered by the codec thread."""
        working = Deferred.fromCoroutine(awaitable)
        while not working.called:
            for call in [self.calls.pop() for _ in list(self.calls)]:
                call()
        return self.successResultOf(working)

    def test_large_requests_are_decoded_in_a_thread(self) -> None:
        def where(_: bytes) -> str:
            return current_thread().name

        here = current_thread().name
        small, large = b"x" * (INLINE_BYTES - 1), b"x" * INLINE_BYTES
        self.assertEqual(self.result(self.wire.decode(where, small)), here)
        self.assertNotEqual(self.result(self.wire.decode(where, large)), here)

    def test_large_results_are_encoded_in_a_thread(self) -> None:
        def where(_: object) -> bytes:
            return current_thread().name.encode()

        here = current_thread().name.encode()
        for weight, is_here in ((0, True), (INLINE_POINTS - 1, True), (INLINE_POINTS, False)):
            encoded = self.result(self.wire.encode(where, None, weight))
            self.assertEqual(encoded == here, is_here)

    def test_waiting_for_the_last_call(self) -> None:
        calls = InFlight()
        with calls:
            with calls:
                calls.close()
            self.assertFalse(calls.wait_until_drained(0))
            found: list[bool] = []
            waiting = Thread(target=lambda: found.append(calls.wait_until_drained(60)))
            waiting.start()
        waiting.join()
        self.assertEqual(found, [True])

    def test_nothing_comes_in_after_the_close(self) -> None:
        calls = InFlight()
        with calls:
            calls.close()
        self.assertRaises(Unavailable, calls.__enter__)
