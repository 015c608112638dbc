"""The REST API as a twisted.web site: Klein takes paths to endpoints."""

from __future__ import annotations

from itertools import chain
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import Site
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import UnicodeConverter

from ..interception import Kind
from ..interfaces import IStreamOperations
from ..model.errors import BadRequest
from .answers import TEXT, Answer, Headers, error_answer
from .call import RunInThread
from .dispatch import Dispatcher
from .endpoints import (
    aliases,
    collections,
    indexes,
    points,
    search,
    service,
    status,
    unsupported,
    updates,
    vexfs,
)
from .intake import Arrival
from .oversight import Oversight
from .passages import RestPassage, refuse
from .request import ApiRequest
from .routing import Route
from .settings import RestSettings

_TOPICS = (
    service.routes,
    status.routes,
    collections.routes,
    aliases.routes,
    indexes.routes,
    points.routes,
    updates.routes,
    search.routes,
    vexfs.routes,
    unsupported.routes,
)
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_PREFLIGHT_SECONDS = b"3600"
_PREFLIGHT = Kind("rest", "OPTIONS", is_open=True)
_ANY_ORIGIN: Headers = ((b"Access-Control-Allow-Origin", b"*"),)


def make_site(
    operations: IStreamOperations,
    settings: RestSettings,
    clock: IReactorTime,
    run_in_thread: RunInThread,
    oversight: Oversight | None = None,
) -> Site:
    """The site that answers the REST API by `operations`.

    `clock` times out idle connections. `run_in_thread` runs what would hold up the reactor: the
    decoding and encoding of large bodies.
    """
    dispatcher = Dispatcher(operations, settings, run_in_thread, oversight or Oversight())
    return ApiSite(ApiResource(dispatcher), dispatcher, clock)


class ApiSite(Site):
    """A site of API requests. `common_headers` go with every answer."""

    def __init__(self, resource: ApiResource, dispatcher: Dispatcher, clock: IReactorTime) -> None:
        super().__init__(
            resource, requestFactory=ApiRequest, parsePOSTFormSubmission=False, reactor=clock
        )
        self._find_route = resource.find_route
        self._dispatcher = dispatcher
        self.settings = dispatcher.settings
        self.chain = dispatcher.oversight.chain
        self.common_headers: Headers = _ANY_ORIGIN if self.settings.cors else ()

    def expect(self, request: ApiRequest) -> Arrival | None:
        """A request whose body is still arriving, if it can be decoded while it does."""
        route = self._find_route(request.method, request.path)
        return None if route is None else self._dispatcher.expect(route, request)

    def log(self, request: Request) -> None:
        """Write nothing: calls are logged where they pass the interceptors."""


class ApiResource(Resource):
    """The whole API under one resource."""

    isLeaf = True

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__()
        klein = Klein()
        klein.url_map.converters["default"] = _Segment
        self._routes = {_name(route): route for route in chain.from_iterable(_TOPICS)}
        for route in self._routes.values():
            _add_route(klein, route, dispatcher)
        self._map = klein.url_map.bind("")
        klein.handle_errors(Exception)(self._answer_failure)  # type: ignore[arg-type]
        self._klein = klein.resource()
        self._chain = dispatcher.oversight.chain
        self._answers_preflights = dispatcher.settings.cors

    def find_route(self, method: bytes, path: bytes) -> Route | None:
        """The endpoint of a method and a path, None where there is none."""
        try:
            segments = _plain_segments([*map(unquote_to_bytes, path.split(b"/"))])
            info, verb = b"/".join(segments).decode(), method.decode()
            name, _ = self._map.match(info, verb)
        except (HTTPException, UnicodeDecodeError):
            return None
        return self._routes[name]

    def render(self, request: ApiRequest) -> Any:
        """Answer a request, whatever its method and path."""
        if request.method == b"OPTIONS" and self._answers_preflights:
            return request.prepare(self._preflight(request))
        try:
            request.postpath = _plain_segments(request.postpath or [])
        except UnicodeDecodeError:
            error = BadRequest("the path is not UTF-8")
            return request.prepare(refuse(self._chain, request, error))
        return self._klein.render(request)

    def _answer_failure(self, request: ApiRequest, failure: Failure) -> bytes:
        """Answer what no handler has caught: a path or a method that is not there, mostly."""
        error = failure.value or Exception("no reason given")
        if not isinstance(error, HTTPException):
            return request.prepare(error_answer(error, 0.0))
        headers: Headers = ()
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            headers = ((b"Allow", ", ".join(sorted(error.valid_methods)).encode()),)
        return request.prepare(refuse(self._chain, request, error, headers))

    def _preflight(self, request: ApiRequest) -> Answer:
        """What a browser asks, without a key, before it lets a page call."""
        passage = RestPassage(self._chain, _PREFLIGHT, request)
        try:
            with passage:
                return _preflight_answer(request)
        except Exception as error:
            return passage.answer_to(error, 0.0)


class _Segment(UnicodeConverter):
    """A path segment that keeps a slash or a percent sign of its own: see `_plain_segments`."""

    def to_python(self, value: str) -> str:
        return unquote(value) if "%" in value else value


def _plain_segments(segments: list[bytes]) -> list[bytes]:
    """Decoded path segments without the empty ones, so that repeated and trailing slashes go.

    Klein joins segments with slashes before it matches them. A slash inside of a segment is quoted
    again, so that `..%2Fsecret` stays the single segment that it is.
    """
    plain = []
    for segment in segments:
        segment.decode("utf-8")
        if b"%" in segment or b"/" in segment:
            segment = segment.replace(b"%", b"%25").replace(b"/", b"%2F")
        if segment:
            plain.append(segment)
    return plain or [b""]


def _add_route(klein: Klein, route: Route, dispatcher: Dispatcher) -> None:
    def respond(request: ApiRequest, **path: str) -> Deferred[bytes]:
        return dispatcher.dispatch(route, request, path)

    klein.route(route.path, methods=[route.method], endpoint=_name(route))(respond)


def _name(route: Route) -> str:
    return f"{route.method} {route.path}"


def _preflight_answer(request: ApiRequest) -> Answer:
    """Every method and header is allowed."""
    asked = request.getHeader(b"Access-Control-Request-Headers") or b"*"
    headers: Headers = (
        (b"Access-Control-Allow-Methods", _METHODS),
        (b"Access-Control-Allow-Headers", asked),
        (b"Access-Control-Max-Age", _PREFLIGHT_SECONDS),
    )
    return Answer(200, b"", TEXT, headers)
