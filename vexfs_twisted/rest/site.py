"""The REST API as a twisted.web site, with Klein as its router."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
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
from werkzeug.routing import Rule, UnicodeConverter

from ..interfaces import IServerOperations
from ..middleware import Method
from ..model.errors import BadRequest
from ..model.server_report import MemoryBudget
from ..threadpool import RunInThread
from .admission import Admission
from .bodies.budget import BodyBudget, Lease
from .bodies.streaming_body import BodyFormat, ReadGate, StreamingBody
from .call_context import PendingCall, RestCallContext, refuse
from .dependencies import Dependencies
from .dispatch import Dispatcher
from .endpoints import (
    aliases,
    collections,
    groups,
    indexes,
    points,
    quotas,
    search,
    service,
    snapshots,
    status,
    telemetry,
    unsupported,
    updates,
    vector_names,
    vexfs,
)
from .reads import Reads
from .responses.response import TEXT, Headers, Response, error_response
from .route_table import RouteMatch, RouteTable
from .routing import Route, Routes
from .running import Running
from .settings import RestSettings
from .transport.channel import StrictChannel
from .transport.notices import Notices
from .transport.request import SMALL_BYTES, ApiRequest

_TOPICS = (
    service.routes,
    status.routes,
    telemetry.routes,
    quotas.routes,
    collections.routes,
    aliases.routes,
    indexes.routes,
    vector_names.routes,
    points.routes,
    updates.routes,
    search.routes,
    groups.routes,
    snapshots.routes,
    vexfs.routes,
    unsupported.routes,
)
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_PREFLIGHT_SECONDS = b"3600"
_ROUTES_KEPT = 1024
_PREFLIGHT = Method("rest", "OPTIONS", is_open=True)
_ANY_ORIGIN: Headers = ((b"Access-Control-Allow-Origin", b"*"),)


def make_site(
    operations: IServerOperations,
    settings: RestSettings,
    clock: IReactorTime,
    run_in_thread: RunInThread,
    dependencies: Dependencies | None = None,
) -> ApiSite:
    """The site that serves the REST API of `operations`.

    `clock` schedules the timeouts of idle connections and calls in the next reactor turn.
    `run_in_thread` runs what would block the reactor: the decoding and encoding of large bodies.
    """
    needed = dependencies or Dependencies()
    return ApiSite(*site_parts(operations, settings, clock, run_in_thread, needed), clock)


def site_parts(
    operations: IServerOperations,
    settings: RestSettings,
    clock: IReactorTime,
    run_in_thread: RunInThread,
    needed: Dependencies,
) -> tuple[ApiResource, Admission]:
    """The resource and the admission of a site; see `make_site`."""
    budget = BodyBudget(
        settings.bodies_bytes, settings.max_waiting_bodies, clock, needed.reservations.freed
    )
    reads = Reads(operations, clock, needed.call_in_reactor)
    dispatcher = Dispatcher(operations, reads, run_in_thread, needed, clock, settings.gzip)
    admission = Admission(
        needed.chain, settings, run_in_thread, budget, lambda: operations.snapshots.receive()
    )
    return ApiResource(dispatcher, settings), admission


class ApiSite(Site):
    """A site of API requests.

    `common_headers` are part of every response; `common_lines` are these as text.
    """

    def __init__(self, resource: ApiResource, admission: Admission, clock: IReactorTime) -> None:
        super().__init__(
            resource, requestFactory=ApiRequest, parsePOSTFormSubmission=False, reactor=clock
        )
        self._api = resource
        self._admission = admission
        self.settings = admission.settings
        self.common_headers: Headers = _ANY_ORIGIN if self.settings.cors else ()
        self.common_lines = b"".join(b"%s: %s\r\n" % header for header in self.common_headers)
        self.plain_bytes = min(SMALL_BYTES, self.settings.max_body_bytes)
        self.notices = Notices(clock)
        # Replaces the default channel, which would also negotiate HTTP/2; that needs TLS.
        self.protocol = StrictChannel  # type: ignore[assignment]

    @property
    def bodies(self) -> MemoryBudget:
        """The memory of request bodies."""
        return self._admission.budget.status

    def admit(
        self, request: ApiRequest, length: int | None, headers: Headers
    ) -> PendingCall | Response | None:
        """See RequestSite."""
        if self._api.is_preflight(request):
            return None
        try:
            route = self._api.find_route(request.method, request.path)
        except (HTTPException, UnicodeDecodeError) as error:
            return self._api.refuse(request, error, headers)
        return self._admission.admit(route, request, length, headers)

    def open_web_call(self, request: ApiRequest) -> bool:
        """See RequestSite."""
        begin = self._api.dispatcher.dependencies.open_web_call
        return begin is not None and begin(request) is not None

    def lease(self, request: ApiRequest) -> Lease:
        """See RequestSite."""
        return self._admission.budget.lease(request)

    def open_body(
        self, request: ApiRequest, body_format: BodyFormat, limit: int, gate: ReadGate
    ) -> StreamingBody:
        """See RequestSite."""
        return self._admission.open_body(request, body_format, limit, gate)

    def find(self, method: bytes, path: bytes) -> RouteMatch | None:
        """See RequestSite."""
        return self._api.table.find(method, path)

    def answer(self, match: RouteMatch, request: ApiRequest) -> Running[Any] | None:
        """See RequestSite."""
        return self._api.dispatcher.answer(match, request)

    def log(self, request: Request) -> None:
        """No-op: the middleware logs calls."""


class _Segment(UnicodeConverter):
    """The werkzeug converter of a path segment; undoes the quoting of `_plain_segments`."""

    def to_python(self, value: str) -> str:
        return unquote(value) if "%" in value else value


class _MatchedRule(Rule):
    """A rule to match paths by, without the functions that make URLs of it.

    Nobody calls these, and to compile them takes nine tenths of the time that a rule takes.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        return _make_no_url


def _make_no_url(rule: Rule, **values: object) -> tuple[str, str]:
    raise NotImplementedError


def _name(route: Route) -> str:
    return f"{route.method} {route.path}"


def _add_route(app: Klein, route: Route) -> None:
    """Do what `Klein.route` does, whose rules would be those of werkzeug."""

    def respond(api: ApiResource, request: ApiRequest, **path: str) -> Deferred[None]:
        # Klein reports no failure of a request whose client has left.
        over = request.notifyFinish().addErrback(lambda _: None)
        request.answer_by(RouteMatch(route, path))
        return over

    respond.segment_count = route.path.count("/")  # type: ignore[attr-defined]
    app.endpoints[_name(route)] = respond
    app.url_map.add(_MatchedRule(route.path, methods=[route.method], endpoint=_name(route)))


@cache
def _app_of(topics: tuple[Routes, ...]) -> tuple[Klein, Mapping[str, Route], RouteTable]:
    """An app to be bound to an ApiResource, its endpoints by name, and the table of its routes.

    Its paths are compiled once a process.
    """
    app = Klein()
    app.url_map.converters["default"] = _Segment
    routes = {_name(route): route for route in chain.from_iterable(topics)}
    for route in routes.values():
        _add_route(app, route)
    app.handle_errors(Exception)(ApiResource._answer_failure)  # type: ignore[arg-type]
    return app, routes, RouteTable(app.url_map.iter_rules(), routes)


class ApiResource(Resource):
    """The root resource: routes every request of the API."""

    isLeaf = True

    def __init__(self, dispatcher: Dispatcher, settings: RestSettings) -> None:
        super().__init__()
        self.dispatcher = dispatcher
        shared, self._routes, self.table = _app_of(_TOPICS)
        app = shared.__get__(self, ApiResource)
        self._map = app.url_map.bind("")
        self._klein = app.resource()
        self._chain = dispatcher.dependencies.chain
        self._answers_preflights = settings.cors
        # Few paths occur with a body: those of single points, of which there are many, have none.
        self.find_route = lru_cache(_ROUTES_KEPT)(self._find_route)

    def _find_route(self, method: bytes, path: bytes) -> Route:
        """The endpoint of a method and a path. Raises HTTPException or UnicodeDecodeError."""
        match = self.table.find(method, path)
        if match is not None:
            return match.route
        segments = _plain_segments([*map(unquote_to_bytes, path.split(b"/"))])
        name, _ = self._map.match(b"/".join(segments).decode(), method.decode())
        return self._routes[name]

    def is_preflight(self, request: ApiRequest) -> bool:
        """Whether a request is a CORS preflight that the site answers."""
        return request.method == b"OPTIONS" and self._answers_preflights

    def render(self, request: ApiRequest) -> Any:
        """Render a request, whatever its method and path."""
        if self.is_preflight(request):
            return request.prepare(self._preflight(request))
        try:
            request.postpath = _plain_segments(request.postpath or [])
        except UnicodeDecodeError as error:
            return request.prepare(self.refuse(request, error))
        return self._klein.render(request)

    def refuse(self, request: ApiRequest, error: Exception, headers: Headers = ()) -> Response:
        """The error response to a request that reaches no endpoint."""
        if isinstance(error, UnicodeDecodeError):
            error = BadRequest("the path is not UTF-8")
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            allowed = (b"Allow", ", ".join(sorted(error.valid_methods)).encode())
            headers = (*headers, allowed)
        return refuse(self._chain, request, error, headers)

    def _answer_failure(self, request: ApiRequest, failure: Failure) -> bytes:
        """Render an error that no handler caught: usually an unknown path or method."""
        error = failure.value or Exception("no reason given")
        if not isinstance(error, HTTPException):
            return request.prepare(error_response(error, 0.0))
        return request.prepare(self.refuse(request, error))

    def _preflight(self, request: ApiRequest) -> Response:
        """The response to a CORS preflight, which browsers send without an API key."""
        context = RestCallContext(self._chain, _PREFLIGHT, request)
        try:
            with context:
                return _preflight_answer(request)
        except Exception as error:
            return context.answer_to(error, 0.0)


def _plain_segments(segments: list[bytes]) -> list[bytes]:
    """Decoded path segments without the empty ones: repeated and trailing slashes are ignored.

    Klein joins segments with slashes before it matches them. A slash or percent sign inside a
    segment is quoted again, so that `..%2Fsecret` remains one segment. Raises UnicodeDecodeError.
    """
    plain = []
    for segment in segments:
        segment.decode("utf-8")
        if b"%" in segment or b"/" in segment:
            segment = segment.replace(b"%", b"%25").replace(b"/", b"%2F")
        if segment:
            plain.append(segment)
    return plain or [b""]


def _preflight_answer(request: ApiRequest) -> Response:
    """The CORS preflight response: allows every method and header."""
    asked = request.getHeader(b"Access-Control-Request-Headers") or b"*"
    headers: Headers = (
        (b"Access-Control-Allow-Methods", _METHODS),
        (b"Access-Control-Allow-Headers", asked),
        (b"Access-Control-Max-Age", _PREFLIGHT_SECONDS),
    )
    return Response(b"", content_type=TEXT, headers=headers)
