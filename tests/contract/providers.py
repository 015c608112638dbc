"""The three providers of IOperations that the contract runs on, each over a real engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import SkipTest

from twisted.internet import reactor as _reactor
from twisted.trial.unittest import TestCase
from zope.interface import directlyProvides

from tests import TRANSPORT
from tests.contract import model_json
from tests.contract.rest_client import HttpClient, RestOperations
from tests.contract.rpc_client import RpcClient
from tests.contract.rpc_streams import RpcStreamOperations
from tests.openapi import check_answer
from tests.support import shared_path
from vexfs_twisted.composition import build
from vexfs_twisted.config import Config
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.interfaces import IDirectOperations, IOperations, IStreamOperations
from vexfs_twisted.operations.service import Operations
from vexfs_twisted.rpc.server import RpcService
from vexfs_twisted.rpc.settings import RpcSettings
from vexfs_twisted.storage.service import StorageService
from vexfs_twisted.storage.snapshots import SnapshotService

reactor: Any = _reactor

_NO_EMPTY_SEGMENT = "a path cannot have an empty name"
_NOT_FINITE = "JSON has no numbers that are not finite; the wire tests send the words for them"
_NO_SUCH_NUMBER = "no client can write such a number; the wire tests read one"
_NO_REPORT = "gRPC has no report of optimizations"
_NEVER_EMPTY = "gRPC refuses a batch without updates; the tests of refusals say how"
_NO_ORDER = "the streams of gRPC are searches by a vector, and scrolls by id"
_ANY_ORDER = "requests that are under way together may reach the server in any order"


class DirectCase(TestCase):
    """The operations themselves."""

    timeout = 60
    not_for_this_provider: Mapping[str, str] = {}

    async def start_operations(self) -> Operations:
        """Operations over an empty store, which is closed after the test."""
        catalog = Catalog(Path(self.mktemp()))
        storage = StorageService(catalog, reactor.callFromThread, reactor)
        await storage.startService()
        self.addCleanup(storage.stopService)
        folder = Path(self.mktemp())
        snapshots = SnapshotService(catalog, folder, reactor.callFromThread, storage.restored)
        await snapshots.startService()
        self.addCleanup(snapshots.stopService)
        return Operations(storage, reactor, snapshots=snapshots)

    async def make_operations(self) -> IOperations:
        return await self.start_operations()


class RestCase(TestCase):
    """The operations over HTTP, of a whole server in this process."""

    timeout = 60
    not_for_this_provider: Mapping[str, str] = {
        "test_numbers_that_are_not_finite": _NOT_FINITE,
        "test_the_unnamed_vector_may_go": _NO_EMPTY_SEGMENT,
        "test_updates_take_effect_in_the_order_they_were_sent": _ANY_ORDER,
    }

    settings: Mapping[str, Any] = {}
    upsert_json: Callable[[Any], Any] = staticmethod(model_json.upsert_rows)

    async def start_http(self) -> HttpClient:
        """A client of a new server over an empty store; both are ended after the test."""
        config = Config(http_port=0, grpc_port=None, storage_path=self.mktemp(), **self.settings)
        parts = build(config, reactor)
        await parts.service.startService()
        self.addCleanup(parts.service.stopService)
        client = HttpClient(reactor, parts.rest.addresses()[0].port)  # type: ignore[attr-defined]
        self.addCleanup(client.close)
        return client

    async def make_operations(self) -> IOperations:
        return RestOperations(await self.start_http(), check_response, self.upsert_json)


class _Switch:
    """Operations that are those of the test that is running."""

    def __init__(self) -> None:
        directlyProvides(self, IStreamOperations, IDirectOperations)
        self.target: Operations | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.target, name)


class _SharedServer:
    """One gRPC server for all tests, over the operations of the test that is running.

    It lives in a thread of its own, so it leaves nothing in the reactor between tests. To stop it
    takes a quarter of a second, in which it refuses calls politely: too long for every test.
    """

    def __init__(self) -> None:
        self.switch = _Switch()
        operations: Any = self.switch
        self._service = RpcService(
            operations, RpcSettings(port=0, transport=TRANSPORT), reactor.callFromThread
        )

    async def port(self) -> int:
        """The port, of a server that is started with the first call."""
        if not self._service.running:
            await self._service.startService()
            reactor.addSystemEventTrigger("before", "shutdown", self._service.stopService)
        return self._service.port


_server = _SharedServer()


class RpcCase(DirectCase):
    """The operations over gRPC."""

    not_for_this_provider: Mapping[str, str] = {
        "test_integers_of_more_than_63_bits_are_not_indexed": _NO_SUCH_NUMBER,
        "test_updates_take_effect_in_the_order_they_were_sent": _ANY_ORDER,
        "test_an_empty_batch_of_updates": _NEVER_EMPTY,
        "test_what_waits_is_told": _NO_REPORT,
        "test_what_is_done_is_told": _NO_REPORT,
        "test_points_that_nothing_waits_for_are_idle": _NO_REPORT,
        "test_nothing_is_told_of_a_missing_collection": _NO_REPORT,
        "test_points_that_are_in_no_order_but_that_of_their_ids": _NO_ORDER,
        "test_a_scroll_has_no_other_order": _NO_ORDER,
    }

    behind: Operations
    """The operations that the server carries out."""

    async def start_rpc(self) -> RpcClient:
        """A client of the server, which has an empty store now."""
        self.behind = _server.switch.target = await self.start_operations()
        client = RpcClient(reactor, await _server.port())
        self.addCleanup(client.close)
        return client

    async def make_operations(self) -> IOperations:
        return RpcStreamOperations(await self.start_rpc())


def check_response(method: str, path: str, status: int, content_type: str, body: bytes) -> None:
    """Check an answer against the description of the API, where that is at hand."""
    if _HAS_DESCRIPTION:
        check_answer(method, path, status, content_type, body)


def _has_description() -> bool:
    try:
        shared_path("qdrant", "openapi.json")
    except SkipTest:
        return False
    return True


_HAS_DESCRIPTION = _has_description()
