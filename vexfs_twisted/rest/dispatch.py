"""The dispatcher: runs the handlers of routed requests and sends their responses."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TypeVar, cast

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime, ITCPTransport, ITransport
from twisted.python.failure import Failure

from ..interfaces import IStreamOperations
from ..logs import bound, get_logger
from ..reservations import CURRENT
from ..tracebacks import let_go
from .call_context import RestCallContext
from .dependencies import Dependencies
from .errors import describe_error
from .parameters import read_arguments
from .request_context import RequestContext
from .responses.json_pieces import result_response
from .responses.response import Response, StreamingResponse
from .routing import Handler, Route
from .threads import RunInThread
from .transport.request import ApiRequest
from .transport.sender import ResponseSender

T = TypeVar("T")

log = get_logger("vexfs.rest")

_COPIES = 1
"""How many copies of a response's content are in memory: large ones are encoded in pieces."""


@frozen
class Dispatcher:
    """Runs the handlers of requests. Used in the reactor thread only."""

    operations: IStreamOperations
    run_in_thread: RunInThread
    dependencies: Dependencies
    clock: IReactorTime

    def dispatch(self, route: Route, request: ApiRequest, path: dict[str, str]) -> Deferred[bytes]:
        """Run a request's handler. Fires with the body of the response, once its headers are set.

        The body is empty if the response was streamed. Klein cancels the Deferred when the client
        disconnects: that cancels a read, while a write is completed.
        """
        pending = request.take_pending()
        if pending is None:
            context, body = RestCallContext(self.dependencies.chain, route.kind, request), None
        else:
            context, body = pending.context, pending.body
        call = RequestContext(
            self.operations,
            self.run_in_thread,
            path,
            read_arguments(request.uri.partition(b"?")[2]),
            request.take_body(),
            self.dependencies.status,
            body,
        )
        answering = Deferred.fromCoroutine(self._respond(route.handler, call, context, request))
        answering.addErrback(self._forget)
        if route.is_write:
            answering = _shielded(answering)
        return answering.addCallback(lambda answer: request.prepare(answer) if answer else b"")

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
                answer = await handler(call)
                if not isinstance(answer, Response | StreamingResponse):
                    answer = result_response(answer, perf_counter() - started)
                if isinstance(answer, Response):
                    reservation.hold(len(answer.body))
                if reservation.is_used:
                    reservation.sending(
                        partial(_give_up, request.transport, context.call.request_id)
                    )
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

    def _forget(self, failure: Failure) -> Failure:
        if failure.value is not None:
            self._let_go(failure.value)
        return failure

    def _let_go(self, error: BaseException) -> None:
        """Clear the error's traceback in the next reactor turn, when all frames have returned."""
        self.clock.callLater(0, let_go, error)


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
        # Klein cancels this when the connection is lost.
        await Deferred()
    raise CancelledError


def _shielded(work: Deferred[T]) -> Deferred[T]:
    """A Deferred that fires like `work`; cancelling it does not cancel `work`."""
    outer: Deferred[T] = Deferred()
    work.chainDeferred(outer)
    return outer
