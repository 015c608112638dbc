"""What becomes of a request once its head is there, and its body is still to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from ..middleware import MiddlewareChain
from ..model.errors import DomainError
from .answers import Answer, Headers
from .bodies import declared_too_large, is_packed
from .budget import BodyBudget
from .call import RunInThread
from .decoding import BodyDecoder
from .intake import Arrival, Gate, Intake
from .passages import RestPassage
from .routing import Route
from .settings import RestSettings
from .shapes import Shape

if TYPE_CHECKING:
    from .request import ApiRequest

_GZIP_RATIO = 1032
"""How many times its size a packed body may unpack to."""


@frozen
class Reception:
    """Lets requests in by their heads, and has their bodies decoded. In the reactor thread."""

    chain: MiddlewareChain
    settings: RestSettings
    run_in_thread: RunInThread
    budget: BodyBudget

    def admit(
        self, route: Route, request: ApiRequest, length: int | None, headers: Headers
    ) -> Arrival | Answer:
        """Let a request through whose body is still to come, or answer it, with `headers` more.

        `length` is how long the body says it is.
        """
        call_context = RestPassage(self.chain, route.kind, request)
        limit = self.settings.max_body_bytes
        try:
            call_context.begin()
        except Exception as error:
            return call_context.answer_to(error, 0.0, headers)
        try:
            if length is not None and length > limit:
                raise declared_too_large(length, limit)
            is_packed(_encoding(request))
        except DomainError as error:
            call_context.fail(error)
            return call_context.answer_to(error, 0.0, headers)
        return Arrival(call_context, route)

    def intake(self, request: ApiRequest, shape: Shape, gate: Gate) -> Intake:
        """What takes a larger body of a request, or a packed one, to its decoder."""
        encoding, limit = _encoding(request), self.settings.max_body_bytes
        lease = self.budget.lease(request, *((_GZIP_RATIO, limit) if is_packed(encoding) else ()))
        decoder = BodyDecoder(encoding, limit, shape)
        return Intake(decoder, self.run_in_thread, gate, lease)


def _encoding(request: ApiRequest) -> bytes | None:
    encoding = request.getHeader(b"Content-Encoding")
    return encoding.lower() if encoding else None
