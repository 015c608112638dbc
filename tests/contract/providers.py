"""The three providers of IOperations that the contract runs on, each over a real engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import SkipTest

from twisted.internet import reactor as _reactor
from twisted.trial.unittest import TestCase

from tests.openapi import check_answer
from tests.support import shared_path
from vexfs_twisted.config import Config
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.interfaces import IOperations
from vexfs_twisted.operations.service import Operations
from vexfs_twisted.parts import Parts, build
from vexfs_twisted.storage.service import StorageService

from . import model_json
from .rest_client import HttpClient, RestOperations
from .rpc_client import RpcClient, RpcOperations

reactor: Any = _reactor

_NOT_FINITE = "JSON has no numbers that are not finite; the wire tests send the words for them"
_ANY_ORDER = "requests that are under way together may reach the server in any order"


class DirectCase(TestCase):
    """The operations themselves."""

    timeout = 60
    not_for_this_provider: Mapping[str, str] = {}

    async def make_operations(self) -> IOperations:
        storage = StorageService(Catalog(Path(self.mktemp())), reactor.callFromThread)
        await storage.startService()
        self.addCleanup(storage.stopService)
        return Operations(storage, reactor)


class ServerCase(TestCase):
    """A whole server in this process, on ports that the system chooses, over an empty store."""

    timeout = 60
    settings: Mapping[str, Any] = {}

    async def start_server(self, **settings: Any) -> Parts:
        """Start the server; it is stopped after the test."""
        config = Config(http_port=0, storage_path=self.mktemp(), **settings, **self.settings)
        parts = build(config, reactor)
        await parts.service.startService()
        self.addCleanup(parts.service.stopService)
        return parts


class RestCase(ServerCase):
    """The operations over HTTP."""

    not_for_this_provider: Mapping[str, str] = {
        "test_numbers_that_are_not_finite": _NOT_FINITE,
        "test_updates_take_effect_in_the_order_they_were_sent": _ANY_ORDER,
    }

    upsert_json: Callable[[Any], Any] = staticmethod(model_json.upsert_rows)

    async def start_http(self) -> HttpClient:
        """A client of a new server."""
        parts = await self.start_server(grpc_port=None)
        client = HttpClient(reactor, parts.rest.address().port)  # type: ignore[attr-defined]
        self.addCleanup(client.close)
        return client

    async def make_operations(self) -> IOperations:
        return RestOperations(await self.start_http(), check_response, self.upsert_json)


class RpcCase(ServerCase):
    """The operations over gRPC."""

    not_for_this_provider: Mapping[str, str] = {
        "test_updates_take_effect_in_the_order_they_were_sent": _ANY_ORDER,
    }

    async def start_rpc(self) -> RpcClient:
        """A client of a new server."""
        parts = await self.start_server(grpc_port=0)
        assert parts.rpc is not None
        client = RpcClient(reactor, parts.rpc.port)
        self.addCleanup(client.close)
        return client

    async def make_operations(self) -> IOperations:
        return RpcOperations(await self.start_rpc())


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
