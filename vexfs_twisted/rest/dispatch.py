"""The dispatcher: runs the handlers of routed requests and sends their responses."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import Any, cast

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime, ITCPTransport, ITransport

from ..interfaces import IServerOperations
from ..logs import bound, get_logger
from ..model.trace import CURRENT as CURRENT_TRACE
from ..reservations import CURRENT, Reservation
from ..threadpool import RunInThread
from ..tracebacks import let_go
from .call_context import RestCallContext
from .dependencies import Dependencies
from .errors import describe_error
from .parameters import read_arguments
from .reads import Reads
from .request_context import RequestContext
from .responses.compression import accepts_gzip, compressed
from .responses.json_pieces import result_response
from .responses.response import Response, StreamingResponse
from .route_table import RouteMatch
from .routing import Handler
from .running import Running
from .transport.request import ApiRequest
from .transport.sender import ResponseSender

log = get_logger("vexfs.rest")

_RESPONSES = (Response, StreamingResponse)

_COPIES = 1
"""How many copies of a response's content are in memory: large ones are encoded in pieces."""


@frozen
class Dispatcher:
    """Runs the handlers of requests. Used in the reactor thread only."""

    operations: IServerOperations
    reads: Reads
    run_in_thread: RunInThread
    dependencies: Dependencies
    clock: IReactorTime
    compresses: bool = False

    def answer(self, match: RouteMatch, request: ApiRequest) -> Running[Any] | None:
        """Run a request's handler and send its response; None if that is done when this returns.

        Cancel it when the client disconnects, unless it writes.
        """
        route = match.route
        pending = request.take_pending()
        if pending is None:
            context, body = RestCallContext(self.dependencies.chain, route.kind, request), None
        else:
            context, body = pending.context, pending.body
        caller = context.call.caller
        operations = self.operations if caller.may_all else self.operations.acting_for(caller)
        call = RequestContext(
            operations,
            self.reads,
            self.run_in_thread,
            match.path,
            read_arguments(request.uri.partition(b"?")[2]),
            request.take_body(),
            self.dependencies.status,
            body,
            context.call.header,
            caller,
        )
        responding = self._respond(route.handler, call, context, request)
        running = Running(responding, request.respond, request.processingFailed)
        return None if running.is_over else running

    async def _respond(
        self, handler: Handler, call: RequestContext, context: RestCallContext, request: ApiRequest
    ) -> Response | None:
        """Run `handler` and return its response, results in an envelope, errors as error responses.

        None if the response was streamed and has been written. Raises CancelledError only, when
        the client has disconnected.
        """
        started = perf_counter()
        reservation = self.dependencies.reservations.reservation(_COPIES)
        CURRENT.set(reservation)
        request.answered_in(reservation)
        try:
            with context:
                _set_trace(context)
                answer = await self._answer(handler, call, context.call.kind.is_open)
                if not isinstance(answer, _RESPONSES):
                    answer = result_response(answer, perf_counter() - started)
                _hold(reservation, answer, request, context)
                if self.compresses:
                    answer = await self._packed(answer, context)
                if isinstance(answer, Response):
                    return answer
                await ResponseSender(request).send(answer)
                return None
        except Exception as error:
            self._let_go(error)
            if request.startedWriting:
                await _break_off(request, error, context.call.request_id)
            if isinstance(error, CancelledError):
                raise
            return context.answer_to(error, perf_counter() - started)
        finally:
            if call.streaming_body is not None:
                call.streaming_body.close()

    async def _answer(self, handler: Handler, call: RequestContext, is_open: bool) -> Any:
        if call.caller.value_exists is not None and not is_open:
            await self.operations.verify_caller(call.caller)
        return await handler(call)

    async def _packed(
        self, answer: Response | StreamingResponse, context: RestCallContext
    ) -> Response | StreamingResponse:
        """The same response, compressed if its client accepts that."""
        if not accepts_gzip(context.call.header("accept-encoding")):
            return answer
        return await compressed(answer, self.run_in_thread)

    def _let_go(self, error: BaseException) -> None:
        """Clear the error's traceback in the next reactor turn, when all frames have returned."""
        self.clock.callLater(0, let_go, error)


def _set_trace(context: RestCallContext) -> None:
    """Make the trace of a call that of its coroutine, and of what that begins."""
    if context.trace is not None:
        CURRENT_TRACE.set(context.trace)


def _hold(
    reservation: Reservation,
    answer: Response | StreamingResponse,
    request: ApiRequest,
    context: RestCallContext,
) -> None:
    """Reserve the memory of an answer until it has been sent."""
    if isinstance(answer, Response):
        reservation.hold(len(answer.body))
    if reservation.is_used:
        reservation.sending(partial(_give_up, request.transport, context.call.request_id))


def _give_up(transport: ITransport | None, request_id: str) -> None:
    """Abort a response that its client does not read while others wait for its memory."""
    with bound(request_id=request_id):
        log.warning("response aborted", reason="not read by its client while others wait")
    cast(ITCPTransport, transport).abortConnection()


async def _break_off(request: ApiRequest, error: Exception, request_id: str) -> None:
    """Abort a partly sent response. Raises CancelledError once the client is disconnected."""
    if not request.is_lost:
        with bound(request_id=request_id):
            log.warning("response aborted", error=describe_error(error)[1])
        request.break_off()
    if not request.is_lost:
        # Cancelled when the connection is lost.
        await Deferred()
    raise CancelledError
