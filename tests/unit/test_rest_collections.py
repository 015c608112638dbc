"""Collections and aliases over the REST wire."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from twisted.trial.unittest import SynchronousTestCase

from tests.rest_harness import RestClient


class Collections(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = RestClient(self)

    def create(self, name: str = "a", **body: Any) -> Any:
        return self.client.ask("PUT", f"/collections/{name}", body)

    def info(self, name: str = "a") -> dict[str, Any]:
        result: dict[str, Any] = self.client.ask("GET", f"/collections/{name}").result
        return result

    def test_create_list_exists_delete(self) -> None:
        self.assertIs(self.create(vectors={"size": 4, "distance": "Dot"}).result, True)
        listed = self.client.ask("GET", "/collections").result
        self.assertEqual(listed, {"collections": [{"name": "a"}]})
        self.assertIs(self.client.ask("GET", "/collections/a/exists").result["exists"], True)
        self.assertIs(self.client.ask("DELETE", "/collections/a").result, True)
        self.assertIs(self.client.ask("DELETE", "/collections/a").result, False)
        self.assertIs(self.client.ask("GET", "/collections/a/exists").result["exists"], False)

    def test_a_name_that_is_taken_is_409(self) -> None:
        self.create()
        reply = self.create()
        self.assertEqual(reply.status, 409)
        self.assertEqual(reply.error, "Wrong input: Collection `a` already exists!")

    def test_a_new_collection_is_described_with_its_defaults(self) -> None:
        self.create(vectors={"size": 4, "distance": "Dot"})
        info = self.info()
        self.assertEqual(info["status"], "green")
        self.assertEqual(info["optimizer_status"], "ok")
        self.assertEqual(info["payload_schema"], {})
        self.assertEqual(info["update_queue"], {"length": 0})
        self.assertEqual((info["points_count"], info["indexed_vectors_count"]), (0, 0))
        config = info["config"]
        self.assertEqual(config["params"]["vectors"], {"size": 4, "distance": "Dot"})
        self.assertIsNone(config["quantization_config"])
        self.assertNotIn("warnings", info)
        self.assertNotIn("strict_mode_config", config)
        self.assertNotIn("metadata", config)
        self.assertNotIn("sparse_vectors", config["params"])

    def test_named_vectors_are_echoed_with_what_was_set_only(self) -> None:
        vectors = {
            "image": {"size": 4, "distance": "Cosine", "hnsw_config": {"m": 8}, "on_disk": False},
            "text": {"size": 8, "distance": "Manhattan"},
        }
        self.create(vectors=vectors, quantization={"scalar": {"type": "int8", "quantile": 0.5}})
        config = self.info()["config"]
        self.assertEqual(config["params"]["vectors"], vectors)
        self.assertEqual(
            config["quantization_config"], {"scalar": {"type": "int8", "quantile": 0.5}}
        )

    def test_values_out_of_range_are_422_with_their_place(self) -> None:
        place = "Validation error in JSON body: "
        for body, text in (
            (
                {"vectors": {"size": 65537, "distance": "Dot"}},
                "[vectors.size: value 65537 invalid, must be from 1 to 65536]",
            ),
            ({"shard_number": 0}, "[shard_number: value 0 invalid, must be 1 or larger]"),
            (
                {"hnsw_config": {"ef_construct": 0}},
                "[hnsw_config.ef_construct: value 0 invalid, must be 4 or larger]",
            ),
        ):
            reply = self.create(**body)
            self.assertEqual((reply.status, reply.error), (422, place + text))
        self.assertEqual(self.client.operations.names(), [])

    def test_values_of_the_wrong_type_are_400(self) -> None:
        for body in (
            {"shard_number": -1},
            {"vectors": {"size": "4", "distance": "Dot"}},
            {"vectors": {"size": 4, "distance": "Hamming"}},
            {"vectors": {"distance": "Dot"}},
            {"vectors": [1]},
            {"on_disk_payload": "yes"},
        ):
            reply = self.create(**body)
            self.assertEqual(reply.status, 400, body)
            self.assertIn("Format error in JSON body: ", reply.error)

    def test_unknown_fields_and_nulls_are_ignored(self) -> None:
        reply = self.create(
            vectors={"size": 4, "distance": "Dot", "surprise": 1},
            sharding_method=None,
            wal_config={"wal_capacity_mb": None},
            on_disk_vectors=True,
        )
        self.assertEqual(reply.status, 200)

    def test_a_body_is_needed(self) -> None:
        reply = self.client.ask("PUT", "/collections/a")
        self.assertEqual(reply.status, 400)
        self.assertEqual(
            reply.error,
            "Format error in JSON body: EOF while parsing a value at line 1 column 0",
        )

    def test_malformed_json_is_400_and_the_connection_goes_on(self) -> None:
        for body in (b"{", b"{'a': 1}", b"[1,]", b"NaN", b'"\xff"', b"{} {}", b"nul"):
            reply = self.client.ask("PUT", "/collections/a", body)
            self.assertEqual(reply.status, 400, body)
            self.assertRegex(reply.error, r"^Format error in JSON body: .* at line 1 column \d+$")
        self.assertEqual(self.client.ask("GET", "/collections").status, 200)

    def test_a_change_is_merged(self) -> None:
        self.create(vectors={"size": 4, "distance": "Dot"})
        body = {"hnsw_config": {"ef_construct": 50}, "metadata": {"owner": "me"}}
        self.assertIs(self.client.ask("PATCH", "/collections/a", body).result, True)
        config = self.info()["config"]
        self.assertEqual(
            (config["hnsw_config"]["m"], config["hnsw_config"]["ef_construct"]), (16, 50)
        )
        self.assertEqual(config["metadata"], {"owner": "me"})

    def test_metadata_nested_beyond_measure_is_refused(self) -> None:
        nested: Any = 1
        for _ in range(900):
            nested = [nested]
        for method in ("PUT", "PATCH"):
            self.create("b")
            reply = self.client.ask(method, "/collections/b", {"metadata": {"a": nested}})
            self.assertEqual(reply.status, 400)
            self.assertEqual(reply.error, "Format error in JSON body: recursion limit exceeded")
        self.assertEqual(self.create(metadata={"a": [[[{"b": []}]]]}).status, 200)

    def test_json_nested_beyond_measure_is_400(self) -> None:
        reply = self.client.ask("PUT", "/collections/b", b"[" * 100_000)
        self.assertEqual(reply.status, 400)

    def test_a_change_of_nothing_known_is_404(self) -> None:
        self.assertEqual(self.client.ask("PATCH", "/collections/none", {}).status, 404)

    def test_cluster_and_shards_of_a_collection(self) -> None:
        self.create(vectors={"size": 1, "distance": "Dot"})
        self.client.ask("PUT", "/collections/a/points", {"points": [{"id": 1, "vector": [1]}]})
        cluster = self.client.ask("GET", "/collections/a/cluster").result
        self.assertEqual(
            cluster,
            {
                "peer_id": crc32(b"vexfs-qdrant"),
                "shard_count": 1,
                "local_shards": [{"shard_id": 0, "points_count": 1, "state": "Active"}],
                "remote_shards": [],
                "shard_transfers": [],
            },
        )
        self.assertEqual(self.client.ask("GET", "/collections/a/shards").result, {})
        for path in ("cluster", "shards"):
            self.assertEqual(self.client.ask("GET", f"/collections/none/{path}").status, 404)

    def test_inline_storage_that_cannot_work_is_warned_of(self) -> None:
        dense = {"size": 4, "distance": "Dot"}
        inline = {"hnsw_config": {"inline_storage": True}}
        quantized = {"quantization_config": {"scalar": {"type": "int8"}}}
        multi = {"multivector_config": {"comparator": "max_sim"}}
        for count, vectors, rest in (
            (1, {**dense, **inline}, {}),
            (1, dense, inline),
            (1, {**dense, **inline, **multi}, quantized),
            (2, {"x": {**dense, **inline}, "y": {**dense, **inline}}, {}),
            (0, {**dense, **inline}, quantized),
            (0, {**dense, **inline, **quantized}, {}),
            (0, {**dense, "hnsw_config": {"inline_storage": False}}, inline),
        ):
            self.client.ask("DELETE", "/collections/a")
            self.create(vectors=vectors, **rest)
            warnings = self.info().get("warnings")
            self.assertEqual(None if warnings is None else len(warnings), count or None)


class Aliases(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = RestClient(self)
        self.client.ask("PUT", "/collections/a", {})

    def change(self, *actions: Any) -> Any:
        return self.client.ask("POST", "/collections/aliases", {"actions": list(actions)})

    def test_create_list_rename_delete(self) -> None:
        made = {"create_alias": {"collection_name": "a", "alias_name": "x"}}
        self.assertIs(self.change(made).result, True)
        expected = {"aliases": [{"alias_name": "x", "collection_name": "a"}]}
        self.assertEqual(self.client.ask("GET", "/aliases").result, expected)
        self.assertEqual(self.client.ask("GET", "/collections/a/aliases").result, expected)
        self.assertEqual(self.client.ask("GET", "/collections/x").status, 200)
        self.change({"rename_alias": {"old_alias_name": "x", "new_alias_name": "y"}})
        self.assertEqual(self.client.ask("GET", "/collections/x").status, 404)
        self.change({"delete_alias": {"alias_name": "y"}})
        self.assertEqual(self.client.ask("GET", "/aliases").result, {"aliases": []})

    def test_a_missing_alias_cannot_be_renamed(self) -> None:
        reply = self.change({"rename_alias": {"old_alias_name": "x", "new_alias_name": "y"}})
        self.assertEqual(reply.status, 404)
        self.assertIn("Alias x does not exists!", reply.error)

    def test_what_is_no_action_is_400(self) -> None:
        self.assertEqual(self.change({"paint_alias": {}}).status, 400)
        self.assertEqual(self.change({"create_alias": {"alias_name": "x"}}).status, 400)
        self.assertEqual(self.client.ask("POST", "/collections/aliases", {}).status, 400)
