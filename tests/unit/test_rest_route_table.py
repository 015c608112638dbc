"""The table of routes, which must find what Klein's router finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from werkzeug.exceptions import HTTPException

from vexfs_twisted.rest.site import _TOPICS, _app_of

METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
SEGMENTS = st.sampled_from(
    sorted({part for topic in _TOPICS for route in topic for part in route.path.split("/") if part})
) | st.text("aZ9_.~-%2Fé ", min_size=1, max_size=4)
PATHS = st.lists(SEGMENTS, min_size=1, max_size=6).map("/".join)


class Tables(SynchronousTestCase):
    def setUp(self) -> None:
        app, self.routes, self.table = _app_of(_TOPICS)
        self.router = app.url_map.bind("")

    @given(METHODS, st.sampled_from(["/", "/collections/", "/collections/c/points/"]), PATHS)
    def test_finds_what_the_router_finds(self, method: str, start: str, rest: str) -> None:
        path = start + rest
        match = self.table.find(method.encode(), path.encode())
        if match is None:
            return
        try:
            name, variables = self.router.match(path, method)
        except HTTPException as error:
            self.fail(f"{method} {path}: {error}")
        self.assertIs(match.route, self.routes[name])
        self.assertEqual(match.path, variables)

    def test_finds_the_routes_of_points(self) -> None:
        for method, path, variables in (
            ("GET", "points/1", {"point_id": "1"}),
            ("GET", "points/1f0c-e", {"point_id": "1f0c-e"}),
            ("PUT", "points", {}),
            ("POST", "points", {}),
            ("POST", "points/query", {}),
            ("POST", "points/query/batch", {}),
            ("POST", "points/search", {}),
            ("POST", "points/count", {}),
            ("POST", "points/scroll", {}),
            ("POST", "points/delete", {}),
        ):
            match = self.table.find(method.encode(), f"/collections/a.b~c/{path}".encode())
            assert match is not None, path
            self.assertEqual(match.path, {"collection": "a.b~c", **variables})
            self.assertEqual(match.route.method, method)

    def test_leaves_the_rest_to_the_router(self) -> None:
        for path in (
            b"/collections/c//points/1",
            b"/collections/c/points/1/",
            b"/collections/c/points/%31",
            b"/collections/\xc3\xa4/points/1",
            b"/collections/c/points/1\n",
            b"/collections/c/points/1/2",
            b"/collections/c",
            b"/telemetry",
        ):
            self.assertIsNone(self.table.find(b"GET", path), path)
        self.assertIsNone(self.table.find(b"HEAD", b"/collections/c/points/1"))
