"""Handles the calls of unary methods."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Lock, get_ident
from time import perf_counter
from typing import Any

from google.protobuf.descriptor import MethodDescriptor

from ..gil import yield_gil
from ..interfaces import IStreamOperations, WhenIdle
from ..middleware import CANCELLED, OK
from ..model.access import ANYONE, MANAGE
from ..model.errors import Unavailable
from ..model.read_context import ReadContext
from ..model.scored_points import AnswerTooLarge
from ..model.trace import Trace, traced
from ..tracebacks import let_go
from .bridge import BridgedOperation, Operation, ReadOperation
from .call_context import method_of
from .messages import checked, collection_in, names_collection
from .methods import PART_POINTS, RpcMethod, message_parser
from .transport.call import Missing, ServerCall
from .wire import INLINE_POINTS, Wire

_COPIES = 4
"""Copies of a response in memory while it is encoded: as it was read, as message objects, as bytes
of ours and of grpc."""

_COPIES_SENT = 2
"""Copies while it is being sent."""

_COUNTED = 16 * 1024
"""Bytes of a response from which they may be counted: copies of smaller ones are not."""


def _traced(trace: Trace, operation: Operation[Any], operations: IStreamOperations) -> Any:
    """Begin an operation whose reads and writes note in `trace`. In the reactor thread."""
    with traced(trace):
        return operation(operations)


def _at_once(function: Callable[[], object]) -> None:
    function()


class UnaryHandler:
    """Handles the calls of one method. See Accept."""

    def __init__(
        self, descriptor: MethodDescriptor, method: RpcMethod[Any, Any], wire: Wire
    ) -> None:
        self.kind = method_of(descriptor, is_open=method.is_open, needs=method.needs)
        self.wire = wire
        self.is_write = method.is_write
        self.weigh = method.weigh
        self.has_collection = names_collection(descriptor)
        self._parse = method.parse or message_parser(descriptor)
        self._decode = method.decode
        self._encode = method.encode
        self._split = method.split
        self._has_time = "time" in descriptor.output_type.fields_by_name

    def __call__(self, call: ServerCall) -> None:
        """Handle a call."""
        _UnaryCall(self, call).begin()

    def decode(self, data: bytes) -> Operation[Any]:
        """The operation of a request. Raises DomainErrors and DecodeError."""
        return self._decode(self._parse(data))

    def encode(self, result: Any, started: float) -> bytes:
        """The response with a result, for a request that came at `started`."""
        encoded: list[bytes] = []
        last = result
        if self._split is not None and self.weigh is not None and self.weigh(result) > PART_POINTS:
            *parts, last = self._split(result)
            for part in parts:
                encoded.append(self._encode(part).SerializeToString())
                yield_gil()
        response: Any = self._encode(last)
        if self._has_time:
            response.time = perf_counter() - started
        data: bytes = response.SerializeToString()
        # A message is the concatenation of its parts.
        return b"".join([*encoded, data]) if encoded else data


class _UnaryCall:
    """One call. Its steps follow each other in different threads; only `_over` may come between."""

    __slots__ = (
        "_call",
        "_caller",
        "_context",
        "_finishing",
        "_handler",
        "_is_counted",
        "_is_held",
        "_operation",
        "_reading",
        "_reservation",
        "_started",
        "_wire",
    )

    def __init__(self, handler: UnaryHandler, call: ServerCall) -> None:
        self._handler = handler
        self._wire = handler.wire
        self._call = call
        self._context = self._wire.call_context(handler.kind, call)
        # What is open is so to any caller.
        self._caller = ANYONE if handler.kind.is_open else self._context.call.caller
        self._reservation = self._wire.reservations.reservation(_COPIES)
        self._operation: BridgedOperation | None = None
        self._reading: ReadContext | None = None
        self._is_counted = False
        self._is_held = False
        # Taken by who finishes the call: with a response, a failure, or because the client left.
        self._finishing = Lock()

    def begin(self) -> None:
        """In the transport's thread."""
        try:
            self._context.begin()
        except Exception as error:
            self._call.finish(self._wire.failed(self._context, error))
            return
        self._call.when_over(self._over)
        if self._caller.value_exists is None:
            self._read()
        else:
            self._wire.bridge.call(self._verify)

    def _verify(self) -> None:
        """In the reactor thread."""
        verified = self._wire.bridge.verify(self._caller)
        verified.addCallbacks(lambda _: self._read(), lambda failure: self._fail(failure.value))

    def _read(self) -> None:
        # A refused call must not cost the memory of a message, which may be of any size.
        self._call.read(self._received, self._wire.settings.message_wait)

    def _received(self, message: bytes | Missing) -> None:
        """In the transport's thread."""
        self._started = perf_counter()
        try:
            data = checked(message, self._wire.settings.message_wait)
            self._wire.calls.__enter__()
            self._is_counted = True
            if self._wire.is_inline(data):
                self._carry(self._operation_in(data), self._call.when_idle)
            else:
                self._wire.codecs.call(partial(self._decode, data))
        except Exception as error:
            self._fail(error)

    def _decode(self, data: bytes) -> None:
        """In the codec thread."""
        try:
            operation = self._wire.unpacked(self._operation_in, data)
        except Exception as error:
            self._fail(error)
        else:
            # The transport is idle in its own thread only, and what waits here would be lost.
            self._carry(operation, _at_once)

    def _operation_in(self, data: bytes) -> Operation[Any]:
        """Decode a message. Raises DomainErrors and DecodeError."""
        if self._handler.has_collection:
            asked = collection_in(data)
            self._context.ask_for(asked)
            if self._caller.access is not MANAGE:
                self._context.check_access(asked)
        return self._handler.decode(data)

    def _carry(self, operation: Operation[Any], when_idle: WhenIdle) -> None:
        if self._call.is_over and not self._handler.is_write:
            return
        trace = self._context.trace
        if trace is not None:
            with traced(trace):
                self._carry_on(operation, when_idle)
        else:
            self._carry_on(operation, when_idle)

    def _carry_on(self, operation: Operation[Any], when_idle: WhenIdle) -> None:
        if isinstance(operation, ReadOperation):
            # A read that turns out to be too large for this is begun again in the reactor.
            try:
                if self._read_directly(operation, when_idle):
                    return
            except Exception as error:
                self._fail(error)
                return
        self._begin(operation)

    def _read_directly(self, read: ReadOperation, when_idle: WhenIdle) -> bool:
        limit = self._reservation.free_bytes

        def answer(result: Any) -> None:
            """In the thread of a reader, or in this one."""
            if isinstance(result, AnswerTooLarge):
                self._begin(read)
            elif isinstance(result, Exception):
                self._fail(result)
            else:
                size = read.request.size_of(result)
                if size >= _COUNTED:
                    self._is_held = True
                    self._wire.bridge.call(partial(self._reservation.fetched, min(size, limit)))
                self._pass_on(result, is_reader=get_ident() != thread)

        thread = get_ident()
        caller = self._caller
        context = self._wire.bridge.read_direct(read, limit, answer, caller, when_idle=when_idle)
        if context is None:
            return False
        self._reading = context
        if self._call.is_over:
            context.cancel()
        return True

    def _begin(self, operation: Operation[Any]) -> None:
        trace, caller = self._context.trace, self._caller
        if trace is not None:
            operation = partial(_traced, trace, operation)
        self._operation = self._wire.bridge.begin(operation, self._done, self._reservation, caller)
        if self._call.is_over:
            # Meanwhile: `_over` may have found no operation to cancel.
            self._cancel()

    def _done(self, result: Any) -> None:
        """In the reactor thread."""
        if isinstance(result, Exception):
            self._fail(result)
        else:
            self._pass_on(result)

    def _pass_on(self, result: Any, *, is_reader: bool = False) -> None:
        """Encode a result: in this thread if it is small, or if this is the thread of a reader."""
        weigh = self._handler.weigh
        if is_reader or weigh is None or weigh(result) < INLINE_POINTS:
            self._encode(result)
        else:
            try:
                self._wire.codecs.call(partial(self._encode, result))
            except Unavailable as error:
                self._fail(error)

    def _encode(self, result: Any) -> None:
        """In any thread."""
        if self._call.is_over:
            return
        try:
            data = self._handler.encode(result, self._started)
        except Exception as error:
            self._fail(error)
            return
        if self._finish(OK):
            if self._is_held or self._reservation.is_used or len(data) >= _COUNTED:
                self._is_held = True
                self._wire.bridge.call(partial(self._hold, len(data)))
            self._call.answer(data, self._context.trailing)

    def _hold(self, size: int) -> None:
        """Hold the memory of the response until it has been sent. In the reactor thread."""
        if not self._call.is_over:
            self._reservation.hold(_COPIES_SENT * size)
            self._reservation.sending(self._call.reset)

    def _fail(self, error: Exception) -> None:
        if self._finish(self._context.outcome_of(error)):
            self._call.finish(self._wire.failed(self._context, error))
        else:
            self._wire.bridge.call(partial(let_go, error))

    def _finish(self, outcome: str) -> bool:
        """End the call for the middleware; False if it has ended. Thread-safe."""
        if not self._finishing.acquire(blocking=False):
            return False
        if self._is_counted:
            self._wire.calls.__exit__(None, None, None)
        self._context.end(outcome)
        return True

    def _cancel(self) -> None:
        """Drop the operation, if there is one. A write is finished all the same."""
        operation = self._operation
        if operation is not None and not self._handler.is_write:
            self._wire.bridge.call(operation.cancel)
        if self._reading is not None:
            self._reading.cancel()

    def _over(self) -> None:
        """The response is out, or the client has left. In the transport's thread."""
        is_cancelled = self._finish(CANCELLED)
        if is_cancelled:
            self._cancel()
        if is_cancelled or self._is_held or self._reservation.is_used:
            self._wire.bridge.call(self._reservation.release)
