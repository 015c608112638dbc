"""The middleware's context of a REST call: its request id, method, peer and outcome."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import unquote

from attrs import define
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import CancelledError
from twisted.web.http_headers import Headers as HttpHeaders
from werkzeug.exceptions import HTTPException, NotFound

from ..logs import bound
from ..middleware import (
    CANCELLED,
    RELAYED_PEER,
    REQUEST_ID,
    CallContext,
    CallInfo,
    Method,
    MiddlewareChain,
    id_from,
    next_number,
    outcome_of,
)
from ..model import errors
from ..model.access import ANYONE_KNOWN
from .bodies.streaming_body import BodyFormat, StreamingBody
from .responses.response import Headers, Response, error_response

IN_COLLECTION = "{collection_name}"
"""The variable that stands for a collection in the template of a path, always its second segment.
"""

_UNROUTED = Method("rest", "unrouted", needs=ANYONE_KNOWN)


class CalledRequest(Protocol):
    """The members of a request that its call context uses. `call_id` is set to the call's id."""

    requestHeaders: HttpHeaders
    path: bytes
    call_id: bytes

    def getClientAddress(self) -> object:
        """The address of the client."""


class RestCallContext(CallContext):
    """The call context of one request. Used in the reactor thread only.

    The id of the call is returned to the client in a header. `begin` enters the context before the
    request is complete; a later `with` does not enter it a second time.
    """

    __slots__ = ("_is_begun",)

    def __init__(self, chain: MiddlewareChain, kind: Method, request: CalledRequest) -> None:
        def header(name: str) -> str | None:
            values = request.requestHeaders.getRawHeaders(name.encode())
            return None if not values else b", ".join(values).decode("latin-1")

        address = request.getClientAddress()
        if isinstance(address, UNIXAddress):
            # Another process of the server passes the request on.
            peer = header(RELAYED_PEER) or ""
        else:
            peer = str(getattr(address, "host", ""))
        target = (request.path or b"").decode("utf-8", "replace")
        given_id, collection = id_from(header(REQUEST_ID)), _collection_in(target, kind)
        caller = chain.identify(header)
        call = CallInfo(
            kind, given_id, next_number(), peer, header, target, None, caller, collection
        )
        request.call_id = call.request_id.encode()
        super().__init__(chain, call)
        self._is_begun = False

    def __enter__(self) -> None:
        if not self._is_begun:
            self.begin()

    def begin(self) -> None:
        """See CallContext. Once begun, it must be left by a `with` statement or by `fail`."""
        super().begin()
        self._is_begun = True

    def fail(self, error: BaseException) -> None:
        """End, with `error`, a call that has begun and that reaches no endpoint."""
        self.__exit__(type(error), error, None)

    def outcome_of(self, error: BaseException) -> str:
        """See CallContext. A request is cancelled when its client disconnects."""
        if isinstance(error, CancelledError):
            return CANCELLED
        if isinstance(error, HTTPException):
            is_missing = isinstance(error, NotFound)
            return errors.NotFound.code if is_missing else errors.BadRequest.code
        return outcome_of(error)

    def answer_to(self, error: Exception, seconds: float, headers: Headers = ()) -> Response:
        """The response to a request that raised `error`, after `seconds` of work."""
        with bound(request_id=self.call.request_id):
            return error_response(error, seconds, headers)


def _collection_in(path: str, kind: Method) -> str:
    """The collection in a path, decoded; empty where its template has none."""
    if IN_COLLECTION not in kind.method:
        return ""
    segments = path.split("/")
    name = segments[2]
    if not segments[1] or not name:
        name = [segment for segment in segments if segment][1]
    return unquote(name) if "%" in name else name


@define
class PendingCall:
    """A call that was admitted by its headers, and whose body is still arriving.

    `body_format` is None where the endpoint drops bodies; `limit` is the maximum size of the body,
    in bytes.
    """

    context: RestCallContext
    body_format: BodyFormat | None
    limit: int
    body: StreamingBody | None = None

    def fail(self, error: BaseException) -> None:
        """End the call with `error` before its body is complete."""
        self.context.fail(error)
        if self.body is not None:
            self.body.close()


def refuse(
    chain: MiddlewareChain, request: CalledRequest, error: Exception, headers: Headers = ()
) -> Response:
    """The response with `error` to a request that reaches no endpoint.

    A middleware that refuses the call takes precedence: the response then has its error.
    """
    context = RestCallContext(chain, _UNROUTED, request)
    try:
        with context:
            raise error
    except Exception as raised:
        return context.answer_to(raised, 0.0, headers)
