"""What the tests of the REST wire start from."""

from __future__ import annotations

from typing import Any

from .providers import RestCase, check_response
from .rest_client import HttpClient, Response

UNNAMED = {"vectors": {"size": 4, "distance": "Dot"}}
POINT = {"id": 1, "vector": [0.15, 0.31, 0.76, 0.74], "payload": {"city": "Berlin"}}
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
