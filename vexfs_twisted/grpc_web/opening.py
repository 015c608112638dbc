"""Tells gRPC-Web calls among the requests of the REST port, and begins them."""

from __future__ import annotations

import re

from ..model.errors import DomainError
from ..rest.dependencies import OpenWebCall
from ..rest.transport.request import ApiRequest
from ..rest.transport.web_calls import WebCall
from ..rpc.transport.call import Accept
from .call import WebContext, WebServerCall
from .frames import timeout_of

_KIND = re.compile(rb"application/grpc-web(-text)?(?:\+proto)?\s*(?:;.*)?", re.IGNORECASE)


def web_calls(accept: Accept, context: WebContext) -> OpenWebCall:
    """What begins a gRPC-Web call in a request that is one, which `accept` handles."""

    def open_call(request: ApiRequest) -> WebCall | None:
        kind = _KIND.fullmatch(request.getHeader(b"Content-Type") or b"")
        if request.method != b"POST" or kind is None:
            return None
        is_text = as_text = kind[1] is not None
        wanted = _KIND.fullmatch(request.getHeader(b"Accept") or b"")
        if wanted is not None:
            as_text = wanted[1] is not None
        call = WebServerCall(request, context, is_text=is_text, as_text=as_text)
        request.web_call = call
        try:
            seconds = timeout_of(request.getHeader("grpc-timeout"))
        except DomainError as error:
            call.fail(error)
            return call
        if seconds is not None:
            call.expire_after(seconds)
        accept(call)
        return call

    return open_call
