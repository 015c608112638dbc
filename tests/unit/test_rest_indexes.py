"""Payload indexes over the REST wire."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tests.rest_harness import Reply
from tests.rest_points_case import BERLIN, RestPointsCase
from vexfs_twisted.model.payload_index import CreateFieldIndex, DeleteFieldIndex, FieldSchema
from vexfs_twisted.model.payload_index import FieldType as Type
from vexfs_twisted.model.payload_path import PayloadPath


class Indexes(RestPointsCase):
    def create(self, body: Any) -> Reply:
        return self.client.ask("PUT", "/collections/a/index", body)

    def schema(self) -> Any:
        return self.client.ask("GET", "/collections/a").result["payload_schema"]

    def asked(self) -> Any:
        return self.client.operations.calls[-1][1]

    def test_by_the_name_of_a_type(self) -> None:
        self.put({"points": [BERLIN]})
        for kind in Type:
            reply = self.create({"field_name": "city", "field_schema": kind.value})
            self.assertEqual(reply.result["status"], "acknowledged")
            points = int(kind.value in ("keyword", "text"))
            self.assertEqual(self.schema(), {"city": {"data_type": kind.value, "points": points}})

    def test_objects_are_echoed_as_they_were_given(self) -> None:
        for params in (
            {"type": "keyword", "is_tenant": True, "on_disk": False},
            {"range": False, "type": "integer", "is_principal": True, "lookup": True},
            {"type": "text", "tokenizer": "prefix", "stopwords": "english", "max_token_len": 9},
            {
                "type": "text",
                "tokenizer": "word",
                "stemmer": {"type": "snowball", "language": "german"},
            },
            {"type": "geo", "enable_hnsw": False, "memory": "cold"},
        ):
            self.create({"field_name": "a.b", "field_schema": params})
            field = self.schema()["a.b"]
            self.assertEqual(field, {"data_type": params["type"], "points": 0, "params": params})
            self.assertEqual(list(field["params"]), list(params))

    def test_what_is_asked_for(self) -> None:
        body = {"field_name": "a[].b", "field_type": "bool", "field_schema": None}
        self.client.ask("PUT", "/collections/a/index?wait=true&timeout=3", body)
        update = CreateFieldIndex(PayloadPath.parse("a[].b"), FieldSchema(Type.BOOL))
        self.assertEqual(self.asked(), ("a", update, True, 3))

    def test_dropping(self) -> None:
        for field in ("city", "a.b", "a[].b", "123", '"x/y z"', '"50%"'):
            self.create({"field_name": field, "field_schema": "keyword"})
            target = f"/collections/a/index/{quote(field, safe='')}"
            for _ in range(2):
                reply = self.client.ask("DELETE", f"{target}?wait=true")
                self.assertEqual(reply.result["status"], "completed")
                update = DeleteFieldIndex(PayloadPath.parse(field))
                self.assertEqual(self.asked(), ("a", update, True, None))
            self.assertEqual(self.schema(), {})

    def test_fields_that_are_none(self) -> None:
        reply = self.client.ask("DELETE", "/collections/a/index/a%20b")
        self.assertEqual(
            (reply.status, reply.error), (400, "Wrong input: Invalid json path: 'a b'")
        )
        for name in ("", "a b", "a.", "a[", 1):
            reply = self.create({"field_name": name, "field_schema": "keyword"})
            self.assertEqual(reply.status, 400, name)
            self.assertIn("Format error in JSON body: field_name: ", reply.error)

    def test_an_integer_index_that_can_do_nothing(self) -> None:
        params = {"type": "integer", "lookup": False, "range": False}
        reply = self.create({"field_name": "a", "field_schema": params})
        self.assertEqual(reply.status, 422)
        text = "Validation error: the 'lookup' and 'range' capabilities can't be both disabled"
        self.assertIn(text, reply.error)

    def test_refusals(self) -> None:
        for body, text in (
            ({}, "Format error in JSON body: missing field `field_name`"),
            ({"field_name": "a"}, "Bad request: Can't auto-detect field type, please specify "),
            ({"field_name": "a", "field_schema": "x"}, 'field_schema: unknown variant string "x"'),
            ({"field_name": "a", "field_schema": {}}, "field_schema: unknown variant null"),
            ({"field_name": "a", "field_schema": 1}, "field_schema: unknown variant integer `1`"),
            (
                {"field_name": "a", "field_schema": {"type": "text", "tokenizer": "x"}},
                'field_schema: tokenizer: unknown variant string "x"',
            ),
            ({"field_name": "a", "field_schema": "geo", "shard_key": "k"}, "Shard key k not found"),
        ):
            reply = self.create(body)
            self.assertEqual(reply.status, 400, body)
            self.assertIn(text, reply.error)
        for method, target in (("PUT", "index"), ("DELETE", "index/a")):
            reply = self.client.ask(
                method, f"/collections/none/{target}", {"field_name": "a", "field_schema": "geo"}
            )
            self.assertEqual(reply.status, 404)

    def test_declarations_nested_beyond_measure(self) -> None:
        nested: Any = []
        for _ in range(200):
            nested = [nested]
        body = {"field_name": "a", "field_schema": {"type": "text", "stopwords": nested}}
        self.assertEqual(self.create(body).status, 400)
