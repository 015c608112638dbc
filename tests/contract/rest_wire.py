"""What the tests of the REST wire start from."""

from __future__ import annotations

from typing import Any

from tests.contract.providers import RestCase, check_response
from tests.contract.rest_client import HttpClient, Response

UNNAMED = {"vectors": {"size": 4, "distance": "Dot"}}
POINT = {"id": 1, "vector": [0.15, 0.31, 0.76, 0.74], "payload": {"city": "Berlin"}}
POINTS = "/collections/c/points"
NESTED = {"a": {"x": 1, "y": 2}, "list": [{"n": 1}, {"n": 2}], "k": "v"}
UUID = "550e8400-e29b-41d4-a716-446655440000"


class WireCase(RestCase):
    """A server with the collection `c`, which holds one point."""

    http: HttpClient

    async def setUp(self) -> None:  # type: ignore[override]
        self.http = await self.start_http()
        await self.ok("PUT", "/collections/c", UNNAMED)
        await self.ok("PUT", "/collections/c/points?wait=true", {"points": [POINT]})

    async def ask(self, method: str, path: str, body: object = None) -> Response:
        """Any answer; one in JSON is as the description of the API says."""
        if body is None:
            response = await self.http.request(method, path)
        elif isinstance(body, bytes):
            response = await self.http.request(method, path, body)
        else:
            response = await self.http.send_json(method, path, body)
        if response.content_type == "application/json":
            response.check(check_response, method, path)
        return response

    async def ok(self, method: str, path: str, body: object = None) -> Any:
        """The result of a request that succeeds."""
        response = await self.ask(method, path, body)
        self.assertEqual(response.status, 200, response.body)
        return response.json["result"]

    async def refused(self, status: int, method: str, path: str, body: object = None) -> str:
        """The text of an error, after which the server goes on and its only point is as it was."""
        response = await self.ask(method, path, body)
        self.assertEqual(response.status, status, response.body)
        self.assertEqual(response.json.keys(), {"status", "time"})
        count = await self.ok("POST", "/collections/c/points/count", {})
        self.assertEqual(count, {"count": 1})
        return response.error


class PointsCase(WireCase):
    """A server whose points 1 and 2 have the same payload, and point 3 has none."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        await self.put_payloads(NESTED, NESTED, {})

    async def put_payloads(self, *payloads: Any) -> None:
        """Write the points 1, 2 and so on with these payloads."""
        points = [POINT | {"id": i, "payload": p} for i, p in enumerate(payloads, 1)]
        await self.ok("PUT", POINTS, {"points": points})

    async def payload(self, point_id: int = 1) -> Any:
        """The payload of a point."""
        return (await self.ok("GET", f"{POINTS}/{point_id}"))["payload"]

    async def vector(self, point_id: int, collection: str = "c") -> Any:
        """The vector or vectors of a point."""
        return (await self.ok("GET", f"/collections/{collection}/points/{point_id}"))["vector"]

    async def error(self, status: int, method: str, path: str, body: object) -> str:
        """The text of an error."""
        response = await self.ask(method, path, body)
        self.assertEqual(response.status, status, response.body)
        return response.error

    async def ids(self, condition: Any) -> list[Any]:
        """The ids of the points that pass, by scrolling."""
        body = {"filter": condition, "with_payload": False, "limit": 100}
        return [
            point["id"] for point in (await self.ok("POST", f"{POINTS}/scroll", body))["points"]
        ]
