"""The site of a process that answers reads, and passes every other request on."""

from __future__ import annotations

import re
from itertools import chain

from twisted.internet.interfaces import IReactorTime
from werkzeug.exceptions import HTTPException

from ..interfaces import IServerOperations
from ..threadpool import RunInThread
from .dependencies import Dependencies
from .endpoints import groups, points, search
from .route_table import RouteMatch
from .routing import Route
from .settings import RestSettings
from .site import ApiSite, site_parts
from .transport.relay import Relay, RelayingRequest

_POINT = re.compile(rb"/collections/[^/]+/points/[^/]+")
"""Paths of single points, of which there are too many to keep the routes of."""

_OTHERS = frozenset(
    {
        "/",
        "/healthz",
        "/livez",
        "/readyz",
        "/collections",
        "/collections/<collection>/exists",
        "/aliases",
        "/collections/<collection>/aliases",
    }
)
_TOPICS = chain.from_iterable((points.routes, search.routes, groups.routes))
_READS = frozenset({(route.method, route.path) for route in _TOPICS if not route.is_write})
_HERE = _READS | {("GET", path) for path in _OTHERS}


class RelayingSite(ApiSite):
    """A site that answers reads of points; see RelaySite."""

    def __init__(
        self,
        operations: IServerOperations,
        settings: RestSettings,
        clock: IReactorTime,
        run_in_thread: RunInThread,
        dependencies: Dependencies,
        relay: Relay,
    ) -> None:
        super().__init__(
            *site_parts(operations, settings, clock, run_in_thread, dependencies), clock
        )
        self.requestFactory = RelayingRequest  # type: ignore[assignment]
        self.relay = relay

    def find(self, method: bytes, path: bytes) -> RouteMatch | None:
        """See RequestSite. None for what is passed on."""
        match = super().find(method, path)
        return match if match is not None and _is_here(match.route) else None

    def is_passed_on(self, method: bytes, path: bytes) -> bool:
        """See RelaySite. What no route takes is refused here."""
        if method == b"GET" and _POINT.fullmatch(path):
            return False
        if method == b"OPTIONS" and self.settings.cors:
            return False
        try:
            return not _is_here(self._api.find_route(method, path))
        except (HTTPException, UnicodeDecodeError):
            return False


def _is_here(route: Route) -> bool:
    return (route.method, route.path) in _HERE
