"""Admits requests by their heads, while their bodies are still to come."""

from __future__ import annotations

from attrs import frozen

from ..middleware import MiddlewareChain
from ..model.errors import DomainError
from .bodies.budget import BodyBudget
from .bodies.content import declared_too_large, is_packed
from .bodies.streaming_body import BodyFormat, ReadGate, StreamingBody
from .call_context import PendingCall, RestCallContext
from .responses.response import Headers, Response
from .routing import Route
from .settings import RestSettings
from .threads import RunInThread
from .transport.request import ApiRequest


@frozen
class Admission:
    """Admits requests, and opens streaming bodies for them. In the reactor thread."""

    chain: MiddlewareChain
    settings: RestSettings
    run_in_thread: RunInThread
    budget: BodyBudget

    def admit(
        self, route: Route, request: ApiRequest, length: int | None, headers: Headers
    ) -> PendingCall | Response:
        """Let a request through whose body is still to come, or answer it, with `headers` more.

        `length` is how long the body says it is.
        """
        context = RestCallContext(self.chain, route.kind, request)
        try:
            context.begin()
        except Exception as error:
            return context.answer_to(error, 0.0, headers)
        limit = self.settings.max_body_bytes
        if route.body is not None:
            limit = route.body.max_bytes(self.settings)
        try:
            if length is not None and length > limit:
                raise declared_too_large(length, limit)
            is_packed(_encoding(request))
        except DomainError as error:
            context.fail(error)
            return context.answer_to(error, 0.0, headers)
        return PendingCall(context, route.body, limit)

    def open_body(
        self, request: ApiRequest, body_format: BodyFormat, limit: int, gate: ReadGate
    ) -> StreamingBody:
        """What takes a body to its consumer while it arrives."""
        consumer = body_format.consumer(_encoding(request), limit)
        lease = self.budget.lease(request, consumer.held)
        return StreamingBody(consumer, self.run_in_thread, gate, lease)


def _encoding(request: ApiRequest) -> bytes | None:
    encoding = request.getHeader(b"Content-Encoding")
    return encoding.lower() if encoding else None
