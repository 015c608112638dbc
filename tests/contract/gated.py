"""A real server whose storage lets calls through when the test says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from zope.interface import directlyProvides

from tests import TRANSPORT
from tests.contract.providers import reactor
from tests.contract.rest_client import HttpClient
from tests.contract.rpc_client import RpcClient
from tests.suites.values import Point, unnamed, upsert
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.interfaces import IDirectReads, IStorage
from vexfs_twisted.model.queries import Count
from vexfs_twisted.model.reads import ReadRequest
from vexfs_twisted.operations.service import Operations
from vexfs_twisted.rest.dependencies import Dependencies
from vexfs_twisted.rest.settings import RestSettings
from vexfs_twisted.rest.site import make_site
from vexfs_twisted.rest.transport.server import RestService
from vexfs_twisted.rpc.server import RpcService
from vexfs_twisted.rpc.settings import RpcSettings
from vexfs_twisted.storage.service import StorageService

_PATIENCE = 50.0


def _run_in_thread(function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
    return deferToThread(function, *arguments)


class GatedStorage:
    """A storage whose updates, counts and creations wait at a gate; the rest is the real one's.

    `dropped` tells how many calls were cancelled at the gate; updates cannot be.
    """

    def __init__(self, storage: StorageService) -> None:
        directlyProvides(self, IStorage, IDirectReads)
        self._storage = storage
        self.is_open = True
        self.waiting: list[Deferred[Any]] = []
        self.begun = 0
        self.dropped = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def update(self, *arguments: Any) -> Deferred[int]:
        # As IStorage says, cancelling stops the waiting and nothing else.
        answered: Deferred[int] = Deferred()
        self._through(self._storage.update, *arguments).chainDeferred(answered)
        return answered

    def read(self, name: str, request: ReadRequest[Any], *arguments: Any) -> Deferred[Any]:
        read = self._storage.read
        if isinstance(request, Count):
            return self._through(read, name, request, *arguments)
        return read(name, request, *arguments)

    def read_direct(
        self, name: str, request: ReadRequest[Any], *arguments: Any, **how: Any
    ) -> bool:
        """Counts that have to wait take the way through the gate."""
        if isinstance(request, Count) and not self.is_open:
            return False
        return self._storage.read_direct(name, request, *arguments, **how)

    def create_collection(self, *arguments: Any) -> Deferred[None]:
        return self._through(self._storage.create_collection, *arguments)

    def open(self) -> None:
        """Let through who waits, and whoever comes later."""
        self.is_open = True
        waiting, self.waiting = self.waiting, []
        for deferred in waiting:
            deferred.callback(None)

    def _through(self, call: Callable[..., Deferred[Any]], *arguments: Any) -> Deferred[Any]:
        self.begun += 1
        if self.is_open:
            return call(*arguments)
        gate: Deferred[Any] = Deferred(self._note_drop)
        self.waiting.append(gate)
        return gate.addCallback(lambda _: call(*arguments))

    def _note_drop(self, dropped: Deferred[Any]) -> None:
        self.dropped += 1
        self.waiting = [gate for gate in self.waiting if gate is not dropped]


class GatedCase(TestCase):
    """Both wires over a gated storage."""

    timeout = 60

    operations: Operations

    async def setUp(self) -> None:  # type: ignore[override]
        """Start everything with the gate open, and a collection `c` of one point."""
        catalog = Catalog(Path(self.mktemp()))
        storage = StorageService(catalog, reactor.callFromThread, reactor)
        await storage.startService()
        self.addCleanup(storage.stopService)
        self.gate = GatedStorage(storage)
        self.operations = Operations(self.gate, reactor)  # type: ignore[arg-type]
        await self._start_rest()
        await self._start_rpc()
        self.addCleanup(self.gate.open)
        await self.operations.create_collection("c", unnamed())
        await self.operations.update("c", upsert(Point(1, [1, 2, 3, 4])), wait=True)

    async def _start_rest(self) -> None:
        needed = Dependencies(call_in_reactor=reactor.callFromThread)
        site = make_site(self.operations, RestSettings(), reactor, _run_in_thread, needed)
        endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        service = RestService(endpoint, site, reactor)
        await service.startService()
        self.addCleanup(service.stopService)
        self.http_port: int = service.addresses()[0].port  # type: ignore[attr-defined]
        self.http = HttpClient(reactor, self.http_port)
        self.addCleanup(self.http.close)

    async def _start_rpc(self) -> None:
        service = RpcService(
            self.operations, RpcSettings(port=0, transport=TRANSPORT), reactor.callFromThread
        )
        await service.startService()
        self.addCleanup(service.stopService)
        self.rpc = RpcClient(reactor, service.port)
        self.addCleanup(self.rpc.close)

    async def until_count(self, count: int) -> None:
        """Wait until the collection `c` holds so many points."""
        for _ in range(int(_PATIENCE / 0.01)):
            if await self.operations.read("c", Count()) == count:
                return
            await deferLater(reactor, 0.01)
        raise self.failureException("the points never came")

    async def expired(self, method: str, message: Any) -> None:
        """Have a call fail for the deadline of its client once it has come to the gate.

        A call that has not come so far by then is made again with more time.
        """
        seconds, begun = 0.2, self.gate.begun
        while self.gate.begun == begun:
            seconds *= 2
            call = self.rpc.call(method, message, timeout=seconds)
            error: Any = await self.assertFailure(call, grpc.RpcError)
            self.assertIs(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that other threads and the network bring about."""
        for _ in range(int(_PATIENCE / 0.01)):
            if condition():
                return
            await deferLater(reactor, 0.01)
        raise self.failureException("waited in vain")
