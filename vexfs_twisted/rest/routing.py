"""Routes: how the modules of endpoints declare the methods and paths of their handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from attrs import frozen

from ..middleware import Method
from ..model.access import Need
from .bodies.streaming_body import BodyFormat
from .call_context import IN_COLLECTION
from .request_context import RequestContext

_KNOWN_VARIABLES = (("{collection}", IN_COLLECTION), ("{point_id}", "{id}"))
"""The names of variables in templates, by which dashboards for Qdrant know its paths."""

Handler = Callable[[RequestContext], Awaitable[object]]
"""Returns a result, which is put into the envelope, or a Response or StreamingResponse."""


@frozen
class Route:
    """An endpoint. `is_write`: it is completed even if the client disconnects.

    `body` is the format of its request body; None if bodies are dropped unread.
    """

    method: str
    path: str
    handler: Handler
    is_write: bool
    kind: Method
    body: BodyFormat | None = None


class Routes:
    """The endpoints of one topic, declared by decorating their handlers.

    Paths have werkzeug's syntax: `<name>` matches one segment, decoded in `RequestContext.path`.
    """

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def read(
        self,
        method: str,
        path: str,
        body: BodyFormat | None = None,
        *,
        needs: Need | None = None,
        is_open: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Declare an endpoint that changes nothing; it is cancelled when its client disconnects.

        `needs`: what the caller must be allowed. `is_open`: needs no API key.
        """
        return self._declare(method, path, body, is_write=False, needs=needs, is_open=is_open)

    def write(
        self,
        method: str,
        path: str,
        body: BodyFormat | None = None,
        *,
        needs: Need | None = None,
        is_local: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Declare an endpoint that changes something; once begun, it is completed.

        `needs`: what the caller must be allowed. `is_local`: where the server has no API key, only
        clients on its own machine may call.
        """
        return self._declare(method, path, body, is_write=True, needs=needs, is_local=is_local)

    def _declare(
        self,
        method: str,
        path: str,
        body: BodyFormat | None,
        *,
        is_write: bool,
        needs: Need | None,
        is_open: bool = False,
        is_local: bool = False,
    ) -> Callable[[Handler], Handler]:
        template = path.replace("<", "{").replace(">", "}")
        for own, known in _KNOWN_VARIABLES:
            template = template.replace(own, known)
        name = f"{method} {template}"
        kind = Method("rest", name, is_open=is_open, is_local=is_local, needs=needs)

        def decorate(handler: Handler) -> Handler:
            self._routes.append(Route(method, path, handler, is_write, kind, body))
            return handler

        return decorate
