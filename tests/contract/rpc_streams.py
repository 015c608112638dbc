"""IStreamOperations over gRPC: the streams of the flat service, by a client of the real server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import Any

import grpc
from attrs import evolve
from google.protobuf import message_factory
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.threads import deferToThread
from zope.interface import implementer

from tests.contract import point_messages, query_messages, update_messages
from tests.contract.client_parts import deferred, error_from
from tests.contract.rpc_client import ERRORS, RpcClient, RpcOperations
from tests.suites.values import dense
from vexfs_twisted.interfaces import IncomingStream, IStreamOperations, OutgoingStream
from vexfs_twisted.model.queries import PointsRequest, Query, Retrieve, Scroll, Selection
from vexfs_twisted.model.query_forms import VectorExample
from vexfs_twisted.model.streams import UNLIMITED, Acknowledgement, Batch, P
from vexfs_twisted.model.updates import Upsert
from vexfs_twisted.rpc.descriptor_pool import POOL
from vexfs_twisted.rpc.generated import flat_pb2
from vexfs_twisted.rpc.stream_call import POINTS_WRITTEN

_SERVICE = "qdrant.Qdrant"
_PROGRESS = re.compile(r" \((\d+) points of the stream are on disk\)$")


@implementer(IStreamOperations)
class RpcStreamOperations(RpcOperations):
    """IStreamOperations by gRPC. The schema of the flat service has no timeouts."""

    snapshots: Any = None

    def __init__(self, client: RpcClient) -> None:
        super().__init__(client)
        self._channel = client.channel

    def stream(
        self, name: str, request: PointsRequest[Any, P], timeout: float | None = None
    ) -> Deferred[OutgoingStream[P]]:
        assert timeout is None, "the schema cannot say it"
        opening: Any
        if isinstance(request, Scroll):
            opening = self._scrolled(name, request)
        elif isinstance(request, Retrieve):
            opening = self._retrieved(name, request)
        else:
            assert isinstance(request, Query)
            opening = self._queried(name, request)
        return opening

    def _scrolled(self, name: str, request: Scroll) -> Deferred[Any]:
        assert request.order_by is None, "the schema cannot say it"
        # A field of 32 bits holds a limit; where it is not set, there is none.
        whole = request.limit == UNLIMITED
        limited = evolve(request, limit=1) if whole else request
        message = flat_pb2.ScrollRequest()
        _copy(point_messages.scroll(name, limited, {}), message, ("limit",) if whole else ())
        return self._outgoing(
            "StreamScroll", message, request.selection, point_messages.read_record
        )

    def _queried(self, name: str, query: Query) -> Deferred[Any]:
        assert isinstance(query.form, VectorExample)
        message = flat_pb2.SearchPointsRequest(vector=dense(query.form.vector).tolist())
        _copy(query_messages.query(name, query, {}), message, ("query", "using"))
        if query.using:
            message.vector_name = query.using
        return self._outgoing(
            "StreamSearchPoints", message, query.selection, point_messages.read_scored_point
        )

    def _retrieved(self, name: str, request: Retrieve) -> Deferred[Any]:
        message = flat_pb2.GetPointsRequest()
        _copy(point_messages.get(name, request.ids, request.selection, {}), message)
        return self._outgoing(
            "StreamGetPoints", message, request.selection, point_messages.read_record
        )

    def stream_upsert(
        self, acknowledge: bool = False, timeout: float | None = None
    ) -> Deferred[IncomingStream]:
        assert timeout is None
        return succeed((_Acknowledged if acknowledge else _Gathered)(self._channel))

    def _outgoing(
        self, method: str, message: Any, selection: Selection, read: Callable[..., Any]
    ) -> Deferred[Any]:
        start: Any = self._channel.unary_stream(f"/{_SERVICE}/{method}")
        response_class = _response_class(method)

        def batch(data: bytes) -> Batch[Any]:
            points = response_class.FromString(data).result
            return Batch([read(point, selection) for point in points], len(data))

        return succeed(_Outgoing(start(message.SerializeToString()), batch))


class _Outgoing:
    """OutgoingStream: a message of the server is a batch."""

    def __init__(self, call: Any, read: Callable[[bytes], Batch[Any]]) -> None:
        self._call = call
        self._read = read

    @deferred
    async def take(self) -> Batch[Any] | None:
        data = await deferToThread(_next, self._call)
        return None if data is None else self._read(data)

    def close(self) -> None:
        self._call.cancel()


class _Incoming:
    """IncomingStream: what both methods share. gRPC takes the messages in a thread of its own."""

    def __init__(self) -> None:
        self.points_written = 0
        self._is_closed = False
        self._messages: SimpleQueue[bytes | None] = SimpleQueue()
        self._call: Any = None

    def _requests(self) -> Iterator[bytes]:
        return iter(self._messages.get, None)

    @deferred
    async def put(self, name: str, update: Upsert) -> None:
        self._check_open()
        _, upsert = update_messages.update_call(name, update, {})
        request = flat_pb2.UpsertPointsRequest(collection_name=name, points=upsert.points)
        self._messages.put(request.SerializeToString())

    def close(self) -> None:
        self._is_closed = True
        self._call.cancel()
        self._messages.put(None)

    def _check_open(self) -> None:
        if self._is_closed:
            raise CancelledError

    def _failed(self, call: Any) -> Exception:
        """The error that has ended the stream, with the number of points written before it."""
        written = dict(call.trailing_metadata()).get(POINTS_WRITTEN, "0")
        progress = _PROGRESS.search(call.details())
        assert written == (progress[1] if progress else "0"), call.details()
        self.points_written = int(written)
        return _error(call)


class _Gathered(_Incoming):
    """One answer at the end."""

    def __init__(self, channel: grpc.Channel) -> None:
        super().__init__()
        method: Any = channel.stream_unary(f"/{_SERVICE}/StreamUpsertPoints")
        self._call = method.future(self._requests())

    @deferred
    async def finish(self) -> int:
        self._check_open()
        self._messages.put(None)
        try:
            data = await deferToThread(self._call.result)
        except grpc.RpcError as error:
            raise self._failed(error) from None
        response = _response_class("StreamUpsertPoints").FromString(data)
        self.points_written = response.result.operation_id
        return self.points_written

    def acknowledged(self) -> Deferred[Sequence[Acknowledgement]]:
        raise AssertionError("this stream acknowledges nothing")


class _Acknowledged(_Incoming):
    """An answer for each message. What `finish` hears is kept for `acknowledged`."""

    def __init__(self, channel: grpc.Channel) -> None:
        super().__init__()
        method: Any = channel.stream_stream(f"/{_SERVICE}/StreamUpsert")
        self._call = method(self._requests())
        self._heard: list[Acknowledgement] = []
        self._is_finished = False

    @deferred
    async def finish(self) -> int:
        self._check_open()
        self._messages.put(None)
        while (acknowledgement := await self._next()) is not None:
            self._heard.append(acknowledgement)
        self._is_finished = True
        return self.points_written

    @deferred
    async def acknowledged(self) -> Sequence[Acknowledgement]:
        self._check_open()
        if self._heard or self._is_finished:
            heard, self._heard = self._heard, []
            return heard
        acknowledgement = await self._next()
        return [] if acknowledgement is None else [acknowledgement]

    async def _next(self) -> Acknowledgement | None:
        try:
            data = await deferToThread(next, self._call, None)
        except grpc.RpcError as error:
            raise self._failed(error) from None
        if data is None:
            return None
        message = flat_pb2.UpsertAck.FromString(data)
        assert message.time > 0, "an acknowledgement without its time"
        self.points_written += message.points
        return Acknowledgement(message.batch, message.points, message.operation_id)


def _next(call: Any) -> bytes | None:
    """The next message of a stream; None after the last. Blocks."""
    try:
        data: bytes | None = next(call, None)
    except grpc.RpcError as error:
        raise _error(error) from None
    return data


def _error(call: Any) -> Exception:
    """The error that a status stands for."""
    if call.code() is grpc.StatusCode.CANCELLED:
        return CancelledError()
    return error_from(_PROGRESS.sub("", call.details()), ERRORS[call.code()])


def _response_class(method: str) -> Any:
    kind = POOL.FindServiceByName(_SERVICE).methods_by_name[method].output_type
    return message_factory.GetMessageClass(kind)


def _copy(source: Any, target: Any, skip: Sequence[str] = ()) -> None:
    """Set in `target` the fields that are set in `source`, by name, but for those in `skip`."""
    for field, value in source.ListFields():
        if field.name in skip:
            continue
        if field.is_repeated:
            getattr(target, field.name).MergeFrom(value)
        elif field.message_type is not None:
            getattr(target, field.name).CopyFrom(value)
        else:
            setattr(target, field.name, value)
