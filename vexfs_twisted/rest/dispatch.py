"""From a routed request to a handler, and from what the handler makes of it to an answer."""

from __future__ import annotations

from time import perf_counter
from typing import Any, TypeVar

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IPushProducer

from ..interfaces import IStreamOperations
from ..logs import bound, get_logger
from ..model.errors import DomainError
from .answers import Answer, result_answer
from .bodies import Body
from .call import Call, RunInThread
from .errors import describe_error
from .intake import Arrival, Intake
from .outflow import Outflow
from .oversight import Oversight
from .parameters import read_arguments
from .passages import RestPassage
from .request import ApiRequest
from .routing import Handler, Route
from .settings import RestSettings

T = TypeVar("T")

log = get_logger("vexfs.rest")


@frozen
class Dispatcher:
    """Takes requests to their handlers."""

    operations: IStreamOperations
    settings: RestSettings
    run_in_thread: RunInThread
    oversight: Oversight

    def dispatch(self, route: Route, request: ApiRequest, path: dict[str, str]) -> Deferred[bytes]:
        """Carry out a request; fires with the body of its answer, whose headers are set by then.

        Klein cancels the Deferred when the client goes away. That ends a read; a write goes on.
        """
        arrival = request.take_arrival()
        passage = self._passage(route, request) if arrival is None else arrival.passage
        call = self._call(request, path, None if arrival is None else arrival.intake)
        answering = Deferred.fromCoroutine(_respond(route.handler, call, passage, request))
        if route.is_write:
            answering = _shielded(answering)
        return answering.addCallback(lambda answer: request.prepare(answer) if answer else b"")

    def expect(self, route: Route, request: ApiRequest) -> Arrival | None:
        """A request whose body is still arriving, if it can be decoded while it does."""
        if route.make_decoder is None:
            return None
        try:
            decoder = route.make_decoder(_encoding(request), self.settings.max_body_bytes)
        except DomainError:
            # It will be told once the body is complete, as it is for others.
            return None
        intake = Intake(decoder, self.run_in_thread, IPushProducer(request.transport))
        return Arrival(self._passage(route, request), intake)

    def _passage(self, route: Route, request: ApiRequest) -> RestPassage:
        return RestPassage(self.oversight.chain, route.kind, request)

    def _call(self, request: ApiRequest, path: dict[str, str], intake: Intake[Any] | None) -> Call:
        return Call(
            self.operations,
            self.run_in_thread,
            path,
            read_arguments(request.uri.partition(b"?")[2]),
            self._body(request),
            self.oversight.status,
            intake,
        )

    def _body(self, request: ApiRequest) -> Body:
        return Body(request.take_body(), _encoding(request), self.settings.max_body_bytes)


async def _respond(
    handler: Handler, call: Call, passage: RestPassage, request: ApiRequest
) -> Answer | None:
    """What `handler` answers to `call`, in its envelope; errors become answers, too.

    None for an answer that has been written. Only a cancellation is raised: there is nobody to
    answer to.
    """
    started = perf_counter()
    try:
        with passage:
            result = await handler(call)
            if isinstance(result, Answer):
                return result
            answer = result_answer(result, perf_counter() - started)
            if isinstance(answer, Answer):
                return answer
            await Outflow(request).send(answer)
            return None
    except Exception as error:
        if request.startedWriting:
            await _break_off(request, error, passage.call.request_id)
        if isinstance(error, CancelledError):
            raise
        return passage.answer_to(error, perf_counter() - started)
    finally:
        if call.intake is not None:
            call.intake.close()


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


def _encoding(request: ApiRequest) -> bytes | None:
    encoding = request.getHeader(b"Content-Encoding")
    return encoding.lower() if encoding else None


def _shielded(work: Deferred[T]) -> Deferred[T]:
    """A Deferred that fires like `work`, and whose cancellation leaves `work` alone."""
    outer: Deferred[T] = Deferred()
    work.chainDeferred(outer)
    return outer
