"""Request bodies that cannot be taken: malformed, wrong, out of range, too large."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Any

import orjson

from tests.contract.providers import RestCase, check_response, reactor
from tests.contract.raw_http import connect, request
from tests.contract.rest_wire import POINT, UNNAMED, UUID, WireCase


class BadBodyTests(WireCase):
    """Requests that do not deserialize are 400, values out of range are 422."""

    async def test_malformed_json(self) -> None:
        bodies = (b"", b"{", b'{"points": [', b"nonsense", b"\xff\xfe", b'{"a":1}}', b"{'a': 1}")
        for body in bodies:
            for method, path in (
                ("PUT", "/collections/new"),
                ("PUT", "/collections/c/points"),
                ("POST", "/collections/c/points/query"),
            ):
                text = await self.refused(400, method, path, body)
                self.assertTrue(text.startswith("Format error in JSON body: "), text)
        self.assertEqual(await self.ok("GET", "/collections/new/exists"), {"exists": False})

    async def test_words_that_are_no_numbers(self) -> None:
        for word in ("NaN", "Infinity", "-Infinity", "nan", "null", '"1"', "true", "[]", "{}"):
            body = f'{{"points": [{{"id": 2, "vector": [1, {word}, 3, 4]}}]}}'.encode()
            text = await self.refused(400, "PUT", "/collections/c/points", body)
            self.assertTrue(text.startswith("Format error in JSON body: "), text)
            body = f'{{"query": [1, {word}, 3, 4]}}'.encode()
            await self.refused(400, "POST", "/collections/c/points/query", body)

    async def test_numbers_beyond_float32(self) -> None:
        for number in ("1e39", "-1e300"):
            body = f'{{"points": [{{"id": 2, "vector": [1, {number}, 3, 4]}}]}}'.encode()
            await self.refused(400, "PUT", "/collections/c/points", body)

    async def test_ids_that_are_none(self) -> None:
        none: list[Any] = ["abc", "1", "", 1.5, -1, 2**64, None, True, [1], {}, UUID[:-1]]
        for point_id in none:
            body = {"points": [POINT | {"id": 2}, POINT | {"id": point_id}]}
            await self.refused(400, "PUT", "/collections/c/points", body)
            await self.refused(400, "POST", "/collections/c/points", {"ids": [point_id]})

    async def test_values_of_the_wrong_type(self) -> None:
        requests: list[tuple[str, str, Any]] = [
            ("PUT", "/collections/new", {"vectors": {"size": "4", "distance": "Dot"}}),
            ("PUT", "/collections/new", {"vectors": {"size": 4, "distance": "Bogus"}}),
            ("PUT", "/collections/new", {"vectors": {"size": 4}}),
            ("PUT", "/collections/new", UNNAMED | {"shard_number": -1}),
            ("PUT", "/collections/new", []),
            ("PUT", "/collections/c/points", {"points": {}}),
            ("PUT", "/collections/c/points", {}),
            ("PUT", "/collections/c/points", {"points": [{"vector": [1, 2, 3, 4]}]}),
            ("PUT", "/collections/c/points", {"points": [POINT | {"payload": [1]}]}),
            ("POST", "/collections/c/points/scroll", {"limit": "5"}),
            ("POST", "/collections/c/points/scroll", {"limit": -1}),
            ("POST", "/collections/c/points/scroll", {"with_payload": 3}),
            ("POST", "/collections/c/points/count", {"filter": {"must": [{"bogus": 1}]}}),
            ("POST", "/collections/c/points/query", {"query": {"bogus": 1}}),
            ("POST", "/collections/c/points/query", {"offset": 1.5}),
            ("POST", "/collections/c/points/delete", {"points": "1"}),
            ("POST", "/collections/aliases", {"actions": [{"bogus": {}}]}),
        ]
        for method, path, body in requests:
            text = await self.refused(400, method, path, body)
            self.assertTrue(text.startswith("Format error in JSON body: "), (path, body, text))

    async def test_values_out_of_range(self) -> None:
        vectors = {"size": 65537, "distance": "Dot"}
        text = await self.refused(422, "PUT", "/collections/new", {"vectors": vectors})
        self.assertEqual(
            text,
            "Validation error in JSON body: "
            "[vectors.size: value 65537 invalid, must be from 1 to 65536]",
        )
        text = await self.refused(422, "POST", "/collections/c/points/query", {"limit": 0})
        self.assertEqual(
            text,
            "Validation error in JSON body: [internal.limit: value 0 invalid, must be 1 or larger]",
        )
        text = await self.refused(422, "POST", "/collections/c/points/scroll", {"limit": 0})
        self.assertRegex(text, r"[\[.]limit: value 0 invalid, must be 1 or larger\]$")
        text = await self.refused(422, "PUT", "/collections/new?timeout=0", UNNAMED)
        self.assertEqual(
            text,
            "Validation error in query parameters: [timeout: value 0 invalid, must be 1 or larger]",
        )
        text = await self.refused(422, "GET", f"/collections/{'x' * 256}")
        self.assertTrue(text.startswith("Validation error in path parameters: "), text)

    async def test_columns_of_unequal_length(self) -> None:
        batch = {"ids": [2, 3], "vectors": [[1, 2, 3, 4]]}
        text = await self.refused(422, "PUT", "/collections/c/points", {"batch": batch})
        self.assertIn("number of ids and vectors must be equal (2 != 1)", text)

    async def test_nothing_is_written_of_a_batch_whose_last_point_is_wrong(self) -> None:
        good = [POINT | {"id": number} for number in range(2, 100)]
        for last in ({"id": 100, "vector": [1, 2]}, {"id": "x", "vector": [1, 2, 3, 4]}, None):
            body = {"points": [*good, last]}
            await self.refused(400, "PUT", "/collections/c/points?wait=false", body)


class LimitsTests(RestCase):
    """Bodies that are too large, on a server that takes one MiB."""

    settings: Mapping[str, Any] = {"max_request_size_mb": 1}

    async def setUp(self) -> None:  # type: ignore[override]
        self.http = await self.start_http()
        response = await self.http.send_json("PUT", "/collections/c", UNNAMED)
        self.assertEqual(response.status, 200)

    async def test_refused_before_it_is_read(self) -> None:
        connection = await connect(reactor, self.http.port)
        head = (
            b"PUT /collections/c/points HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"
        )
        connection.send(head)
        (reply,) = await connection.replies(1)
        self.assertEqual(reply.status, 413)
        self.assertIn("larger than allowed", reply.json["status"]["error"])
        check_response(
            "PUT", "/collections/c/points", 413, reply.headers["content-type"], reply.body
        )
        connection.disconnect()
        await self.assert_goes_on()

    async def test_a_client_that_sends_it_all_hears_why(self) -> None:
        body = orjson.dumps({"points": [POINT | {"payload": {"a": "x" * (5 << 20)}}]})
        connection = await connect(reactor, self.http.port)
        connection.send(request("PUT", "/collections/c/points", body))
        (reply,) = await connection.replies(1)
        self.assertEqual(reply.status, 413)
        await connection.closed
        await self.assert_goes_on()

    async def test_chunks_are_counted(self) -> None:
        connection = await connect(reactor, self.http.port)
        head = (
            b"PUT /collections/c/points HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        connection.send(head + b"80000\r\n" + b" " * 0x80000 + b"\r\n")
        connection.send(b"80001\r\n" + b" " * 0x80001 + b"\r\n")
        (reply,) = await connection.replies(1)
        self.assertEqual(reply.status, 413)
        connection.disconnect()
        await self.assert_goes_on()

    async def test_what_unpacks_to_too_much(self) -> None:
        packed = gzip.compress(b" " * (64 << 20))
        self.assertLess(len(packed), 1 << 20)
        headers = {"Content-Encoding": "gzip"}
        response = await self.http.request("PUT", "/collections/c/points", packed, headers)
        self.assertEqual(response.status, 413)
        await self.assert_goes_on()

    async def test_just_small_enough(self) -> None:
        plain = orjson.dumps({"points": [POINT]})
        body = plain + b" " * ((1 << 20) - len(plain))
        response = await self.http.request("PUT", "/collections/c/points", body)
        self.assertEqual(response.status, 200)
        response = await self.http.request("PUT", "/collections/c/points", body + b" ")
        self.assertEqual(response.status, 413)

    async def assert_goes_on(self) -> None:
        """Nothing was written, and the next request is answered."""
        response = await self.http.send_json("POST", "/collections/c/points/count", {})
        self.assertEqual(response.json["result"], {"count": 0})
