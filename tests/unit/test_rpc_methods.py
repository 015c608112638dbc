from __future__ import annotations

from typing import Any, cast

from google.protobuf.message import Message
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.middleware import MiddlewareChain
from vexfs_twisted.model.queries import Page, Record, ScoredPoint
from vexfs_twisted.rpc import reflection
from vexfs_twisted.rpc.bridge import Bridge
from vexfs_twisted.rpc.descriptor_pool import POOL
from vexfs_twisted.rpc.generated import points_pb2 as pb
from vexfs_twisted.rpc.handlers import handlers_of
from vexfs_twisted.rpc.methods import PART_POINTS, RpcMethod
from vexfs_twisted.rpc.services import public_services
from vexfs_twisted.rpc.services.points import POINTS
from vexfs_twisted.rpc.unary import UnaryHandler
from vexfs_twisted.rpc.wire import Wire


def wire() -> Wire:
    nothing: Any = None
    return Wire(cast(Bridge, nothing), MiddlewareChain(), nothing)


class TableTests(SynchronousTestCase):
    def test_a_name_that_the_service_lacks_is_an_error(self) -> None:
        nothing: Any = None
        table: dict[str, RpcMethod[Any, Any]] = {"Nothing": RpcMethod(nothing, nothing)}
        service = POOL.FindServiceByName("qdrant.Points")
        self.assertRaises(LookupError, handlers_of, service, table, wire())

    def test_public_services_are_described_in_the_pool(self) -> None:
        # Reflection puts the description of the health service there.
        self.assertEqual(len(reflection.reflection_handlers(public_services(), wire())), 2)
        for name in public_services():
            self.assertEqual(POOL.FindServiceByName(name).full_name, name)


class ResponsesInParts(SynchronousTestCase):
    """Large responses are encoded in parts, which together are the whole."""

    def check(self, name: str, result: Any, points: int, response: Message) -> None:
        method = POINTS[name]
        descriptor = POOL.FindServiceByName("qdrant.Points").methods_by_name[name]
        whole = method.encode(result)
        encoded = UnaryHandler(descriptor, method, wire()).encode(result, 0.0)
        found: Any = type(response).FromString(encoded)
        self.assertGreater(found.time, 0)
        found.ClearField("time")
        self.assertEqual(len(found.result), points)
        self.assertEqual(found, type(response).FromString(whole.SerializeToString()))

    def test_records(self) -> None:
        for count in (0, 1, PART_POINTS, PART_POINTS + 1, 3 * PART_POINTS):
            records = [Record(number, b'{"a":1}', None, None) for number in range(count)]
            self.check("Get", records, count, pb.GetResponse())
            for offset in (None, count):
                self.check("Scroll", Page(records, offset), count, pb.ScrollResponse())

    def test_scored_points(self) -> None:
        for count in (PART_POINTS, 2 * PART_POINTS + 1):
            points = [ScoredPoint(number, 3, 0.5, None, None, None) for number in range(count)]
            self.check("Query", points, count, pb.QueryResponse())
            self.check("Search", points, count, pb.SearchResponse())
