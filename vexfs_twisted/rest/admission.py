"""Admission of requests: accepts or refuses them by their headers, before their bodies arrive."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from ..interfaces import ReceivedFile
from ..middleware import MiddlewareChain
from ..model.errors import DomainError
from ..threadpool import RunInThread
from .bodies.budget import BodyBudget
from .bodies.content import declared_too_large, is_packed
from .bodies.streaming_body import BodyFormat, BodyHead, ReadGate, StreamingBody
from .call_context import PendingCall, RestCallContext
from .parameters import read_arguments
from .responses.response import Headers, Response
from .routing import Route
from .settings import RestSettings
from .transport.request import ApiRequest


@frozen
class Admission:
    """Admits requests and opens streaming bodies for them. Used in the reactor thread only."""

    chain: MiddlewareChain
    settings: RestSettings
    run_in_thread: RunInThread
    budget: BodyBudget
    new_file: Callable[[], ReceivedFile]

    def admit(
        self, route: Route, request: ApiRequest, length: int | None, headers: Headers
    ) -> PendingCall | Response:
        """Accept a request whose body has yet to arrive, or return the response that refuses it.

        `length` is the Content-Length in bytes, None without one; `headers` are added to the
        response.
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
        """The streaming body that passes `request`'s body to its consumer while it arrives.

        `limit` bounds the decompressed body in bytes. Raises DomainErrors to
        refuse it.
        """
        arguments = read_arguments(request.uri.partition(b"?")[2])
        kind = request.getHeader(b"Content-Type")
        head = BodyHead(_encoding(request), kind, arguments, self.new_file)
        consumer = body_format.consumer(head, limit)
        lease = self.budget.lease(request, consumer.held)
        return StreamingBody(consumer, self.run_in_thread, gate, lease)


def _encoding(request: ApiRequest) -> bytes | None:
    encoding = request.getHeader(b"Content-Encoding")
    return encoding.lower() if encoding else None
