"""From a routed request to a handler, and from what the handler makes of it to an answer."""

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
from .answers import Answer, result_answer
from .call import Call, RunInThread
from .errors import describe_error
from .outflow import Outflow
from .oversight import Oversight
from .parameters import read_arguments
from .passages import RestPassage
from .request import ApiRequest
from .routing import Handler, Route

T = TypeVar("T")

log = get_logger("vexfs.rest")

_COPIES = 1
"""How often the content of an answer is in memory: what is large is encoded piece by piece."""


@frozen
class Dispatcher:
    """Takes requests to their handlers."""

    operations: IStreamOperations
    run_in_thread: RunInThread
    oversight: Oversight
    clock: IReactorTime

    def dispatch(self, route: Route, request: ApiRequest, path: dict[str, str]) -> Deferred[bytes]:
        """Carry out a request; fires with the body of its answer, whose headers are set by then.

        Klein cancels the Deferred when the client goes away. That ends a read; a write goes on.
        """
        arrival = request.take_arrival()
        if arrival is None:
            call_context, intake = self._call_context(route, request), None
        else:
            call_context, intake = arrival.call_context, arrival.intake
        call = Call(
            self.operations,
            self.run_in_thread,
            path,
            read_arguments(request.uri.partition(b"?")[2]),
            request.take_body(),
            self.oversight.status,
            intake,
        )
        answering = Deferred.fromCoroutine(
            self._respond(route.handler, call, call_context, request)
        )
        answering.addErrback(self._forget)
        if route.is_write:
            answering = _shielded(answering)
        return answering.addCallback(lambda answer: request.prepare(answer) if answer else b"")

    async def _respond(
        self, handler: Handler, call: Call, call_context: RestPassage, request: ApiRequest
    ) -> Answer | None:
        """What `handler` answers to `call`, in its envelope; errors become answers, too.

        None for an answer that has been written. Only a cancellation is raised: there is nobody to
        answer to.
        """
        started = perf_counter()
        reservation = self.oversight.reservations.reservation(_COPIES)
        CURRENT.set(reservation)
        request.answered_in(reservation)
        try:
            with call_context:
                result = await handler(call)
                if isinstance(result, Answer):
                    return result
                answer = result_answer(result, perf_counter() - started)
                del result
                if isinstance(answer, Answer):
                    reservation.hold(len(answer.body))
                if reservation.is_used:
                    reservation.sending(
                        partial(_give_up, request.transport, call_context.call.request_id)
                    )
                if isinstance(answer, Answer):
                    return answer
                await Outflow(request).send(answer)
                return None
        except Exception as error:
            self._let_go(error)
            if request.startedWriting:
                await _break_off(request, error, call_context.call.request_id)
            if isinstance(error, CancelledError):
                raise
            return call_context.answer_to(error, perf_counter() - started)
        finally:
            if call.intake is not None:
                call.intake.close()

    def _forget(self, failure: Failure) -> Failure:
        if failure.value is not None:
            self._let_go(failure.value)
        return failure

    def _let_go(self, error: BaseException) -> None:
        """Let go of an error in the next turn, when all frames of this one have returned."""
        self.clock.callLater(0, let_go, error)

    def _call_context(self, route: Route, request: ApiRequest) -> RestPassage:
        return RestPassage(self.oversight.chain, route.kind, request)


def _give_up(transport: ITransport | None, request_id: str) -> None:
    """Break off an answer that its client does not read while others wait for the memory."""
    with bound(request_id=request_id):
        log.warning("answer given up", reason="its client does not read it, and others wait")
    cast(ITCPTransport, transport).abortConnection()


async def _break_off(request: ApiRequest, error: Exception, request_id: str) -> None:
    """End a request in the midst of its answer. Raises CancelledError once its client is gone."""
    if not request.is_lost:
        with bound(request_id=request_id):
            log.warning("answer broken off", error=describe_error(error)[1])
        request.break_off()
    if not request.is_lost:
        # Cancelled when it is: whoever rendered this request watches its connection.
        await Deferred()
    raise CancelledError


def _shielded(work: Deferred[T]) -> Deferred[T]:
    """A Deferred that fires like `work`, and whose cancellation leaves `work` alone."""
    outer: Deferred[T] = Deferred()
    work.chainDeferred(outer)
    return outer
