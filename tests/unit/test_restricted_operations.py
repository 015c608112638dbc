"""Every operation, endpoint and method says what it needs, and does nothing without it."""

from __future__ import annotations

from itertools import chain
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.interfaces import IMethod

from tests.recorded_operations import RecordedOperations
from vexfs_twisted.interfaces import (
    IDirectOperations,
    IServerOperations,
    ISnapshots,
    IStreamOperations,
)
from vexfs_twisted.model.access import Access, Caller, CollectionMode, Means, Need
from vexfs_twisted.model.errors import Forbidden
from vexfs_twisted.model.queries import Count
from vexfs_twisted.operations.restricted import RestrictedOperations, RestrictedSnapshots
from vexfs_twisted.rest.site import _TOPICS
from vexfs_twisted.rpc.services import _SERVICES


def _methods(interface: Any) -> list[str]:
    described = interface.namesAndDescriptions(all=True)
    return [name for name, kind in described if IMethod.providedBy(kind)]


class Declarations(SynchronousTestCase):
    def test_every_operation(self) -> None:
        for interface, implementation in (
            (IStreamOperations, RestrictedOperations),
            (IDirectOperations, RestrictedOperations),
            (ISnapshots, RestrictedSnapshots),
        ):
            for name in _methods(interface):
                declared = getattr(getattr(implementation, name), "needs", None)
                self.assertIsInstance(declared, Need, name)

    def test_every_endpoint(self) -> None:
        for route in chain.from_iterable(_TOPICS):
            self.assertNotEqual(route.kind.is_open, route.kind.needs is not None, route.kind)

    def test_every_method(self) -> None:
        for service, methods in _SERVICES.items():
            for name, method in methods.items():
                is_open = getattr(method, "is_open", False)
                self.assertNotEqual(is_open, method.needs is not None, (service, name))


class Refusals(SynchronousTestCase):
    def setUp(self) -> None:
        self.operations = RecordedOperations(self)
        access = Access(None, {"other": CollectionMode.WRITE})
        caller = Caller("", Means.TOKEN, access)
        self.restricted = IServerOperations(self.operations).acting_for(caller)

    def test_nothing_is_done_for_a_caller_who_may_not(self) -> None:
        anything: Any = object()
        for name in _methods(IStreamOperations):
            if name not in ("list_collections", "list_aliases", "stream_upsert"):
                method = getattr(self.restricted, name)
                self.assertRaises(Forbidden, method, "c", anything)
        self.assertEqual(self.operations.calls, [])

    def test_reads_that_do_not_pass_through_the_reactor(self) -> None:
        direct = IDirectOperations(self.restricted)

        def answer(_: object) -> None:
            self.fail("answered")

        def ask(name: str) -> object:
            return direct.read_direct(name, Count(), None, 1, answer, when_idle=answer)

        self.assertRaises(Forbidden, ask, "c")
