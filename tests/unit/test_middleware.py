"""The chain that every call passes: its order, its refusals, and how ends are told."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.interceptors import STREAM, call
from vexfs_twisted.middleware import (
    CANCELLED,
    CallContext,
    CallInfo,
    MiddlewareChain,
    id_from,
    next_number,
)
from vexfs_twisted.model.errors import NotFound, Unauthenticated


class Recorder:
    """Writes down what it is told, under its name."""

    def __init__(self, name: str, events: list[str], refuses: Exception | None = None) -> None:
        self.name = name
        self.events = events
        self.refuses = refuses

    def before(self, call: CallInfo) -> None:
        self.events.append(f"{self.name} before")
        if self.refuses is not None:
            raise self.refuses

    def after(self, call: CallInfo, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        self.events.append(f"{self.name} after {outcome}")


class Order(SynchronousTestCase):
    def setUp(self) -> None:
        self.events: list[str] = []

    def call_context(self, *refusals: Exception | None) -> CallContext:
        chain = MiddlewareChain(
            Recorder(name, self.events, refusal)
            for name, refusal in zip("abc", refusals or (None,) * 3, strict=True)
        )
        return CallContext(chain, call())

    def test_the_first_is_the_outermost(self) -> None:
        with self.call_context():
            self.events.append("work")
        before = ["a before", "b before", "c before"]
        after = ["c after ok", "b after ok", "a after ok"]
        self.assertEqual(self.events, [*before, "work", *after])

    def test_a_refusal_is_told_to_those_before_it_only(self) -> None:
        refusal = Unauthenticated("no key")
        call_context = self.call_context(None, refusal, None)
        with self.assertRaises(Unauthenticated) as caught, call_context:
            self.events.append("work")
        self.assertIs(caught.exception, refusal)
        self.assertEqual(self.events, ["a before", "b before", "a after unauthenticated"])

    def test_nobody_is_told_of_what_the_first_refuses(self) -> None:
        with (
            self.assertRaises(Unauthenticated),
            self.call_context(Unauthenticated("no"), None, None),
        ):
            self.fail("the call was refused")
        self.assertEqual(self.events, ["a before"])

    def test_errors_of_the_work_are_told_by_their_codes(self) -> None:
        for error, outcome in ((NotFound("x"), "not_found"), (ZeroDivisionError(), "internal")):
            self.events.clear()
            with self.assertRaises(type(error)), self.call_context():
                raise error
            self.assertEqual(self.events[-1], f"a after {outcome}")

    def test_a_chain_of_nothing(self) -> None:
        with CallContext(MiddlewareChain(), call()):
            self.events.append("work")
        self.assertEqual(self.events, ["work"])

    def test_a_fault_of_an_interceptor_is_an_internal_error(self) -> None:
        with (
            self.assertRaises(ZeroDivisionError),
            self.call_context(None, ZeroDivisionError(), None),
        ):
            self.fail("the call was refused")
        self.assertEqual(self.events[-1], "a after internal")


class Streams(SynchronousTestCase):
    def test_messages_and_points_are_counted(self) -> None:
        seen = call(STREAM)
        with CallContext(MiddlewareChain(), seen) as _:
            pass
        call_context = CallContext(MiddlewareChain(), seen)
        with call_context:
            call_context.count(3)
            call_context.count(0)
        assert seen.progress is not None
        self.assertEqual((seen.progress.messages, seen.progress.points), (2, 3))

    def test_other_calls_have_nothing_to_count(self) -> None:
        call_context = CallContext(MiddlewareChain(), call())
        call_context.count(3)
        self.assertIsNone(call_context.call.progress)


class RequestIds(SynchronousTestCase):
    def made(self, given: str | None) -> str:
        return call()._replace(given_id=id_from(given), number=next_number()).request_id

    def test_what_a_client_gives_is_kept(self) -> None:
        for given in ("1", "abc-DEF_0", "a b", "x" * 128):
            self.assertEqual(self.made(given), given)

    def test_what_cannot_go_back_is_replaced(self) -> None:
        for given in (None, "", "x" * 129, "a\nb", "a\x00", "gr\u00fcn"):
            self.assertRegex(self.made(given), r"^[0-9a-f]{8}-[0-9a-f]+$")

    def test_every_id_is_another(self) -> None:
        self.assertEqual(len({self.made(None) for _ in range(1000)}), 1000)


class Outcomes(SynchronousTestCase):
    def test_no_error_is_called_what_is_none(self) -> None:
        """An error whose code were that of a cancelled call would be told as one."""
        from tests.unit.test_rest_errors import leaves
        from vexfs_twisted.model.errors import DomainError

        codes = {kind.code for kind in leaves(DomainError)}
        self.assertFalse(codes & {"ok", CANCELLED})
