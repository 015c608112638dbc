"""The contract of searches over REST, of a whole server with the userspace device attached."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from tests.contract.providers import RestCase, check_response
from tests.contract.rest_client import HttpClient, RestOperations
from tests.device_support import shared_device
from tests.suites.operations_contract import NearestContract, QueriesContract, contract_cases
from vexfs_twisted.interfaces import IOperations

reactor: Any = _reactor


async def device_of(client: HttpClient) -> Any:
    """What the server tells of its device."""
    return (await client.request("GET", "/vexfs/stats")).json["result"]["device"]


class _Settled(RestOperations):
    """Operations whose searches wait until the device has all that was written before them."""

    async def _call(self, method: str, route: str, *args: Any, **kwargs: Any) -> Any:
        while "/query" in route and (await device_of(self._http))["waiting"]:
            await deferLater(reactor, 0.005)
        return await super()._call(method, route, *args, **kwargs)


class RestDeviceCase(RestCase):
    """A server with a sound device, which stays attached and makes no mistakes."""

    async def make_operations(self) -> IOperations:
        mount = str(shared_device().mount)
        self.settings = {"device": mount, "require_device": True}
        client = await self.start_http()
        self.addCleanup(lambda: Deferred.fromCoroutine(self._check(client)))
        return _Settled(client, check_response, self.upsert_json)

    async def _check(self, client: HttpClient) -> None:
        device = await device_of(client)
        self.assertTrue(device["attached"], device["detached"])
        errors = {kind: calls["errors"] for kind, calls in device["calls"].items()}
        self.assertFalse(any(errors.values()), errors)


globals().update(contract_cases(RestDeviceCase, __name__, (NearestContract, QueriesContract)))
