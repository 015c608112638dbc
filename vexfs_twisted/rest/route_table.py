"""The table of the routes below a collection, which matches most requests without Klein's router.

Klein has all routes; the table is made from its map. It matches a path that needs no decoding by
one or two look-ups, where the router compiles and searches a rule for each path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from werkzeug.routing import Rule

from .routing import Route

_PATH = re.compile(rb"/collections/([\w.~-]+)((?:/[\w.~-]+)+)")
"""A path below a collection without empty segments and without characters to be decoded."""

_RULE = re.compile(r"/collections/<(\w+)>((?:/[\w-]+)+)(?:/<(\w+)>)?")


class RouteMatch(NamedTuple):
    """The route of a request and the variables of its path."""

    route: Route
    path: Mapping[str, str]


class RouteTable:
    """The routes `/collections/<name>/...` whose last segment at most is another variable."""

    def __init__(self, rules: Iterable[Rule], routes: Mapping[str, Route]) -> None:
        """`rules` of Klein's map, whose endpoints are the keys of `routes`."""
        # By method and path behind the name: the route, the name's variable and the last one.
        self._fixed: dict[tuple[bytes, bytes], tuple[Route, str]] = {}
        self._variable: dict[tuple[bytes, bytes], tuple[Route, str, str]] = {}
        for rule in rules:
            parts = _RULE.fullmatch(rule.rule)
            if parts is None:
                continue
            route = routes[rule.endpoint]
            name, rest, last = parts.groups()
            key = route.method.encode(), rest.encode()
            if last is None:
                self._fixed[key] = route, name
            else:
                self._variable[key] = route, name, last

    def find(self, method: bytes, path: bytes) -> RouteMatch | None:
        """The route of a request, None where only Klein's router knows."""
        parts = _PATH.fullmatch(path)
        if parts is None:
            return None
        collection, rest = parts.groups()
        fixed = self._fixed.get((method, rest))
        if fixed is not None:
            return RouteMatch(fixed[0], {fixed[1]: collection.decode()})
        above, _, segment = rest.rpartition(b"/")
        found = self._variable.get((method, above))
        if found is None:
            return None
        route, name, last = found
        return RouteMatch(route, {name: collection.decode(), last: segment.decode()})
