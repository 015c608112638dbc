"""What REST shows and IOperations cannot say: routes, bytes, and the liberties of clients."""

from __future__ import annotations

import gzip
from typing import Any

import orjson

from tests.contract.rest_wire import POINT, UNNAMED, UUID, WireCase
from tests.openapi import check_answer
from tests.support import shared_path


class RoutesTests(WireCase):
    """Paths, methods and the endpoints without an envelope."""

    async def test_unknown_routes(self) -> None:
        for path in ("/nothing", "/collections/c/nothing", "/collections/c/points/1/2"):
            await self.refused(404, "GET", path)
        await self.refused(405, "DELETE", "/collections")

    async def test_slashes_are_tolerated(self) -> None:
        for path in ("//collections/c/", "/collections//c", "/collections/c//"):
            result = await self.ok("GET", path)
            self.assertEqual(result["points_count"], 1)

    async def test_a_path_does_not_leave_its_segment(self) -> None:
        for name in ("..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd", "a%2Fb", "a%00b"):
            await self.refused(422, "PUT", f"/collections/{name}", UNNAMED)
            await self.refused(422, "GET", f"/collections/{name}")
            await self.refused(422, "POST", f"/collections/{name}/points/count", {})

    async def test_root(self) -> None:
        response = await self.ask("GET", "/")
        self.assertEqual(response.json.keys(), {"title", "version", "commit"})
        self.assertEqual(response.json["title"], "qdrant - vector search engine")
        self.assertEqual(response.json["version"], "1.19.0")
        self.assertRegex(response.json["commit"], r"^[0-9a-f]{40}$")

    async def test_health(self) -> None:
        texts = {"/healthz": b"healthz check passed", "/livez": b"healthz check passed"}
        for path, text in (texts | {"/readyz": b"all shards are ready"}).items():
            response = await self.ask("GET", path)
            self.assertEqual((response.status, response.body), (200, text))
            self.assertTrue(response.content_type.startswith("text/plain"))

    async def test_no_cluster(self) -> None:
        self.assertEqual(await self.ok("GET", "/cluster"), {"status": "disabled"})
        self.assertEqual(await self.ok("GET", "/collections/c/shards"), {})

    async def test_points_by_path(self) -> None:
        await self.ok("PUT", "/collections/c/points", {"points": [POINT | {"id": UUID}]})
        self.assertEqual(await self.ok("GET", "/collections/c/points/1"), POINT)
        for spelling in (UUID, UUID.upper(), UUID.replace("-", ""), f"urn:uuid:{UUID}"):
            point = await self.ok("GET", f"/collections/c/points/{spelling}")
            self.assertEqual(point["id"], UUID)
        await self.ok("POST", "/collections/c/points/delete", {"points": [UUID]})
        text = await self.refused(404, "GET", "/collections/c/points/7")
        self.assertEqual(text, "Not found: Point with id 7 does not exists!")
        text = await self.refused(400, "GET", "/collections/c/points/abc")
        self.assertIn('Can not recognize "abc" as point id', text)

    async def test_every_endpoint_answers_as_the_description_says(self) -> None:
        shared_path("qdrant", "openapi.json")
        query = {"query": [1, 2, 3, 4], "with_payload": True, "with_vector": True}
        search = {"vector": [1, 2, 3, 4], "limit": 3, "with_payload": True}
        create_alias = {"create_alias": {"collection_name": "c", "alias_name": "a"}}
        requests: list[tuple[str, str, Any]] = [
            ("GET", "/", None),
            ("GET", "/healthz", None),
            ("GET", "/livez", None),
            ("GET", "/readyz", None),
            ("GET", "/cluster", None),
            ("GET", "/collections", None),
            ("PUT", "/collections/d?timeout=5", {"vectors": {"a": UNNAMED["vectors"]}}),
            ("PATCH", "/collections/d", {"optimizers_config": {"indexing_threshold": 1}}),
            ("GET", "/collections/c", None),
            ("GET", "/collections/d", None),
            ("GET", "/collections/d/exists", None),
            ("GET", "/collections/d/cluster", None),
            ("DELETE", "/collections/d", None),
            ("POST", "/collections/aliases", {"actions": [create_alias]}),
            ("GET", "/aliases", None),
            ("GET", "/collections/c/aliases", None),
            ("PUT", "/collections/c/points?wait=true&ordering=strong", {"points": [POINT]}),
            ("PUT", "/collections/c/points", {"batch": {"ids": [2], "vectors": [[1, 2, 3, 4]]}}),
            ("GET", "/collections/c/points/1", None),
            ("POST", "/collections/c/points", {"ids": [1, 2], "with_vector": True}),
            ("POST", "/collections/c/points/scroll", {"limit": 1, "with_vector": True}),
            ("POST", "/collections/c/points/count", {"exact": True}),
            ("POST", "/collections/c/points/query?consistency=majority", query),
            ("POST", "/collections/c/points/query/batch", {"searches": [query, {}]}),
            ("POST", "/collections/c/points/search", search),
            ("POST", "/collections/c/points/search/batch", {"searches": [search]}),
            ("POST", "/collections/c/points/delete?wait=true", {"points": [2]}),
            ("POST", "/collections/c/points/delete", {"filter": {}}),
            ("DELETE", "/collections/c", None),
        ]
        for method, path, body in requests:
            response = await self.ask(method, path, body)
            self.assertEqual(response.status, 200, (method, path, response.body))
            response.check(check_answer, method, path)


class BytesTests(WireCase):
    """Answers to the byte."""

    async def test_floats_are_written_as_short_as_they_can_be(self) -> None:
        second = {"id": 2, "vector": [0.05, 0.61, 0.76, 0.74]}
        await self.ok("PUT", "/collections/c/points", {"points": [second]})
        body = {"ids": [1, 2], "with_vector": True, "with_payload": False}
        response = await self.ask("POST", "/collections/c/points", body)
        self.assertIn(b'"vector":[0.15,0.31,0.76,0.74]', response.body)
        self.assertIn(b'"vector":[0.05,0.61,0.76,0.74]', response.body)
        query = {"query": [0.36, 0.55, 0.47, 0.94], "filter": {"must": {"has_id": [2]}}}
        response = await self.ask("POST", "/collections/c/points/query", query)
        self.assertIn(b'"score":1.4063001', response.body)

    async def test_payloads_keep_their_numbers(self) -> None:
        payload = (
            b'{"a":1,"b":1.0,"c":-0.0,"d":9223372036854775807,"e":18446744073709551615,'
            b'"f":1e-7,"g":[1.5,2],"h":"\\u0000"}'
        )
        body = b'{"points":[{"id":2,"vector":[1,2,3,4],"payload":' + payload + b"}]}"
        await self.ok("PUT", "/collections/c/points", body)
        response = await self.ask("GET", "/collections/c/points/2")
        self.assertEqual(response.json["result"]["payload"], orjson.loads(payload))
        self.assertIn(b'"b":1.0', response.body)
        self.assertIn(b'"d":9223372036854775807,"e":18446744073709551615', response.body)

    async def test_what_was_not_asked_for_is_not_there(self) -> None:
        hits = await self.ok("POST", "/collections/c/points/query", {"query": [1, 2, 3, 4]})
        self.assertEqual(hits["points"][0].keys(), {"id", "version", "score"})
        page = await self.ok("POST", "/collections/c/points/scroll", {})
        self.assertEqual(page["points"], [{"id": 1, "payload": {"city": "Berlin"}}])
        self.assertIsNone(page["next_page_offset"])

    async def test_a_configuration_shows_what_is_unset(self) -> None:
        config = (await self.ok("GET", "/collections/c"))["config"]
        self.assertEqual(config["params"]["vectors"], {"size": 4, "distance": "Dot"})
        self.assertIn("quantization_config", config)
        self.assertIsNone(config["quantization_config"])
        self.assertNotIn("strict_mode_config", config)
        self.assertNotIn("metadata", config)
        for name in (
            "max_segment_size",
            "memmap_threshold",
            "max_optimization_threads",
            "prevent_unoptimized",
        ):
            self.assertIsNone(config["optimizer_config"][name])

    async def test_metadata_that_is_empty_is_told(self) -> None:
        async def metadata() -> Any:
            return (await self.ok("GET", "/collections/d"))["config"]["metadata"]

        await self.ok("PUT", "/collections/d", UNNAMED | {"metadata": {}})
        self.assertEqual(await metadata(), {})
        await self.ok("PATCH", "/collections/d", {"metadata": {"a": 1}})
        await self.ok("PATCH", "/collections/d", {"metadata": {}})
        self.assertEqual(await metadata(), {"a": 1})
        await self.ok("PATCH", "/collections/d", {"metadata": {"a": None}})
        self.assertEqual(await metadata(), {})

    async def test_the_parameters_of_an_index_show_what_was_left_out(self) -> None:
        for kind, parts, told in (
            ("integer", {}, {"lookup": None, "range": None, "is_principal": None}),
            ("integer", {"range": False}, {"lookup": None, "range": False, "is_principal": None}),
            ("integer", {"lookup": None, "on_disk": True}, {"lookup": None, "on_disk": True}),
            ("float", {}, {"is_principal": None}),
            ("datetime", {"is_principal": False}, {"is_principal": False}),
            ("keyword", {}, {}),
            ("bool", {"on_disk": False}, {"on_disk": False}),
        ):
            declared = {"type": kind, **parts}
            body = {"field_name": "f", "field_schema": declared}
            await self.ok("PUT", "/collections/c/index?wait=true", body)
            info = (await self.ok("GET", "/collections/c"))["payload_schema"]["f"]
            unset = {"lookup", "range", "is_principal"} if kind == "integer" else set()
            expected = dict.fromkeys(unset) | told | {"type": kind}
            self.assertEqual(info["params"], expected)
        body = {"field_name": "f", "field_schema": "integer"}
        await self.ok("PUT", "/collections/c/index?wait=true", body)
        info = (await self.ok("GET", "/collections/c"))["payload_schema"]["f"]
        self.assertNotIn("params", info)

    async def test_the_two_forms_of_an_unnamed_vector(self) -> None:
        space = {"size": 4, "distance": "Dot"}
        for name, vectors in (("d", space), ("e", {"": space})):
            await self.ok("PUT", f"/collections/{name}", {"vectors": vectors})
            change = {"vectors": {"": {"on_disk": True}}}
            await self.ok("PATCH", f"/collections/{name}", change)
            told = (await self.ok("GET", f"/collections/{name}"))["config"]["params"]["vectors"]
            changed = space | {"on_disk": True}
            self.assertEqual(told, changed if name == "d" else {"": changed})
            await self.ok("PUT", f"/collections/{name}/points", {"points": [POINT]})
            self.assertEqual(await self.ok("GET", f"/collections/{name}/points/1"), POINT)

    async def test_points_come_back_in_the_form_of_their_collection(self) -> None:
        vectors = {"a": {"size": 2, "distance": "Dot"}}
        await self.ok("PUT", "/collections/d", {"vectors": vectors})
        points = [{"id": 1, "vector": {"a": [1, 2]}}, {"id": 2, "vector": {}}]
        await self.ok("PUT", "/collections/d/points", {"points": points})
        body = {"ids": [1, 2], "with_vectors": True}
        self.assertEqual(await self.ok("POST", "/collections/d/points", body), points)
        sparse = UNNAMED | {"sparse_vectors": {"text": {}}}
        await self.ok("PUT", "/collections/e", sparse)
        await self.ok("PUT", "/collections/e/points", {"points": [POINT]})
        self.assertEqual(await self.ok("GET", "/collections/e/points/1"), POINT)


class SpellingsTests(WireCase):
    """The liberties that clients take."""

    async def test_null_is_absent_and_unknown_fields_are_nothing(self) -> None:
        body: dict[str, Any] = {
            **UNNAMED,
            "sharding_method": None,
            "wal_config": {"wal_capacity_mb": None},
            "on_disk_vectors": True,
        }
        await self.ok("PUT", "/collections/d", body)
        nulls: dict[str, Any] = {
            "filter": {"must": None, "should": [], "must_not": None},
            "offset": None,
            "limit": None,
            "with_payload": None,
            "shard_key": None,
            "vector": [1],
        }
        page = await self.ok("POST", "/collections/c/points/scroll", nulls)
        self.assertEqual(len(page["points"]), 1)
        nulls |= {"query": None, "params": None, "score_threshold": None, "with_vector": None}
        hits = await self.ok("POST", "/collections/c/points/query", nulls)
        self.assertEqual(hits["points"], [{"id": 1, "version": 0, "score": 1.0}])

    async def test_one_condition_or_a_list(self) -> None:
        condition = {"key": "city", "match": {"value": "Berlin"}}
        for clause in (condition, [condition], [condition, condition]):
            body = {"filter": {"must": clause}}
            self.assertEqual(
                await self.ok("POST", "/collections/c/points/count", body), {"count": 1}
            )
        body = {"filter": {"must_not": condition}}
        self.assertEqual(await self.ok("POST", "/collections/c/points/count", body), {"count": 0})

    async def test_uuids_in_any_spelling(self) -> None:
        for number, spelling in enumerate(
            (UUID.replace("-", ""), UUID.upper(), f"urn:uuid:{UUID}")
        ):
            vector = [number, 0, 0, 0]
            body = {"points": [{"id": spelling, "vector": vector}]}
            await self.ok("PUT", "/collections/c/points", body)
            points = await self.ok(
                "POST", "/collections/c/points", {"ids": [spelling], "with_vector": True}
            )
            self.assertEqual(points, [{"id": UUID, "vector": vector}])

    async def test_the_older_name_of_quantization(self) -> None:
        quantization = {"scalar": {"type": "int8", "quantile": 0.5}}
        await self.ok("PUT", "/collections/d", UNNAMED | {"quantization": quantization})
        config = (await self.ok("GET", "/collections/d"))["config"]
        self.assertEqual(config["quantization_config"], quantization)

    async def test_the_largest_limit(self) -> None:
        for path in ("scroll", "query"):
            body = {"limit": 2**64 - 1}
            result = await self.ok("POST", f"/collections/c/points/{path}", body)
            self.assertEqual(len(result["points"]), 1)

    async def test_older_searches(self) -> None:
        body = {"vector": [1, 2, 3, 4], "limit": 3}
        hits = await self.ok("POST", "/collections/c/points/search", body)
        self.assertEqual([hit["id"] for hit in hits], [1])
        body = {"query": [1, 2, 3, 4], "limit": 3}
        newer = await self.ok("POST", "/collections/c/points/query", body)
        self.assertEqual(hits, newer["points"])

    async def test_packed_bodies(self) -> None:
        packed = gzip.compress(orjson.dumps({"points": [POINT | {"id": 2}]}))
        headers = {"Content-Encoding": "gzip"}
        response = await self.http.request("PUT", "/collections/c/points", packed, headers)
        self.assertEqual(response.status, 200, response.body)
        for body in (packed[:-9], b"no gzip"):
            response = await self.http.request("PUT", "/collections/c/points", body, headers)
            self.assertEqual(response.status, 400, response.body)
        self.assertEqual(await self.ok("POST", "/collections/c/points/count", {}), {"count": 2})

    async def test_a_client_that_takes_gzip_reads_the_answer(self) -> None:
        headers = {"Accept-Encoding": "gzip, deflate"}
        response = await self.http.request("GET", "/collections/c/points/1", None, headers)
        encoding = response.headers.getRawHeaders("Content-Encoding")
        body = gzip.decompress(response.body) if encoding == ["gzip"] else response.body
        self.assertEqual(orjson.loads(body)["result"], POINT)
