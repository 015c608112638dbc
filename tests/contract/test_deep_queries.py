"""Queries nested without sense are refused clearly by both wires, whatever nests in them."""

from __future__ import annotations

import grpc

from tests.contract.providers import RpcCase
from tests.contract.rest_wire import POINTS, WireCase
from tests.contract.rpc_client import RpcClient
from vexfs_twisted.rpc.generated import points_pb2 as pb

DEEP = 10_000
DEPTHS = (65, 120, 400, DEEP)
PARSED = 90
"""Less is parsed by both wires, more by neither."""

_PREFETCH = 0x0A
"""Tag of the field `prefetch` of PrefetchQuery; that of QueryPoints is 0x12."""
_NEG = 0x52
"""Tag of the field `neg` of Expression."""


def _nested(tag: int, depth: int, inner: bytes) -> bytes:
    """A message within messages of its kind, `depth` times."""
    for _ in range(depth):
        inner = bytes([tag]) + _varint(len(inner)) + inner
    return inner


def _varint(number: int) -> bytes:
    encoded = b""
    while number >= 0x80:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])


class RestDepths(WireCase):
    """JSON, sent whole and, where it is long, read in slices."""

    async def assert_refused(self, body: bytes) -> str:
        return await self.refused(400, "POST", f"{POINTS}/query", body)

    async def test_prefetches(self) -> None:
        for depth in DEPTHS:
            body = b'{"query":1,"prefetch":' * depth + b"{}" + b"}" * depth
            text = await self.assert_refused(body)
            if depth < PARSED:
                expected = "Bad request: prefetches depth 65 exceeds max depth 64"
                self.assertEqual(text, expected)

    async def test_expressions(self) -> None:
        for depth in DEPTHS:
            for head, tail in ((b'{"neg":', b"}"), (b'{"sum":[1,', b"]}")):
                formula = head * depth + b"1" + tail * depth
                body = b'{"query":{"formula":' + formula + b'},"prefetch":{}}'
                text = await self.assert_refused(body)
                if depth < PARSED:
                    expected = "Wrong input: Validation failed: expressions nested deeper than 64"
                    self.assertTrue(text.startswith(expected), text)

    async def test_conditions_in_expressions(self) -> None:
        for depth in DEPTHS:
            formula = b'{"must":[' * depth + b"]}" * depth
            body = b'{"query":{"formula":' + formula + b'},"prefetch":{}}'
            self.assertIn("recursion limit exceeded", await self.assert_refused(body))


class RpcDepths(RpcCase):
    """Messages, of which protobuf itself refuses more than a hundred levels."""

    rpc: RpcClient

    async def setUp(self) -> None:  # type: ignore[override]
        self.rpc = await self.start_rpc()

    async def refusal(self, part: bytes, depth: int) -> str:
        """The text of the error for a query with this part, nested so deeply."""
        request = pb.QueryPoints(collection_name="c").SerializeToString() + part
        try:
            await self.rpc.call_raw("/qdrant.Points/Query", request)
        except grpc.RpcError as error:
            failed: grpc.Call = error  # type: ignore[assignment]
            is_parsed = depth < PARSED
            code = grpc.StatusCode.INVALID_ARGUMENT if is_parsed else grpc.StatusCode.INTERNAL
            self.assertIs(failed.code(), code, failed.details())
            if not is_parsed:
                self.assertIn("failed to decode Protobuf message", failed.details())
            return str(failed.details())
        raise self.failureException("the query was answered")

    async def test_prefetches(self) -> None:
        for depth in DEPTHS:
            inner = _nested(_PREFETCH, depth, b"")
            text = await self.refusal(b"\x12" + _varint(len(inner)) + inner, depth)
            if depth < PARSED:
                expected = "Bad request: prefetches depth 65 exceeds max depth 64"
                self.assertEqual(text, expected)

    async def test_expressions(self) -> None:
        for depth in DEPTHS:
            inner = _nested(_NEG, depth, pb.Expression(constant=1).SerializeToString())
            expression = b"\x0a" + _varint(len(inner)) + inner
            formula = b"\x42" + _varint(len(expression)) + expression
            text = await self.refusal(b"\x1a" + _varint(len(formula)) + formula, depth)
            if depth < PARSED:
                self.assertIn("expressions nested deeper than 64 levels", text)
