from __future__ import annotations

from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.middleware import MiddlewareChain
from vexfs_twisted.rpc import reflection
from vexfs_twisted.rpc.bridge import Bridge
from vexfs_twisted.rpc.descriptor_pool import POOL
from vexfs_twisted.rpc.handlers import handlers_of
from vexfs_twisted.rpc.methods import RpcMethod
from vexfs_twisted.rpc.services import public_services
from vexfs_twisted.rpc.wire import Wire


class TableTests(SynchronousTestCase):
    def wire(self) -> Wire:
        nothing: Any = None
        return Wire(cast(Bridge, nothing), MiddlewareChain(), nothing)

    def test_a_name_that_the_service_lacks_is_an_error(self) -> None:
        nothing: Any = None
        table: dict[str, RpcMethod[Any, Any]] = {"Nothing": RpcMethod(nothing, nothing)}
        service = POOL.FindServiceByName("qdrant.Points")
        self.assertRaises(LookupError, handlers_of, service, table, self.wire())

    def test_public_services_are_described_in_the_pool(self) -> None:
        # Reflection puts the description of the health service there.
        self.assertEqual(len(reflection.reflection_handlers(public_services(), self.wire())), 2)
        for name in public_services():
            self.assertEqual(POOL.FindServiceByName(name).full_name, name)
