"""The helper that checks answers finds what is wrong with them."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.openapi import SchemaMismatch, check_answer, check_value
from tests.support import shared_path

JSON = "application/json"
POINT = "/collections/a/points/1"
SEARCH = "/collections/a/points/search"


def enveloped(result: Any) -> Any:
    """A success as it should be."""
    return {"result": result, "status": "ok", "time": 0.1}


class OpenApiHelper(SynchronousTestCase):
    def setUp(self) -> None:
        shared_path("qdrant", "openapi.json")

    def check(self, path: str, value: Any, status: int = 200, kind: str = JSON) -> None:
        method = "POST" if path == SEARCH else "GET"
        check_answer(method, path, status, kind, json.dumps(value).encode())

    def assert_mismatch(self, path: str, value: Any, status: int = 200, kind: str = JSON) -> None:
        with self.assertRaises(SchemaMismatch):
            self.check(path, value, status, kind)

    def test_what_is_right_passes(self) -> None:
        self.check(POINT, enveloped({"id": 1, "payload": None, "vector": {"a": [1.5]}}))
        self.check("/collections", enveloped({"collections": [{"name": "a"}]}))
        self.check(SEARCH, enveloped([{"id": 1, "version": 0, "score": 1.5}]))
        self.check(POINT, {"status": {"error": "x"}, "time": 0.0}, 404)
        self.check("/nowhere", {"status": {"error": "x"}, "time": 0.0}, 404)

    def test_wrong_results_are_found(self) -> None:
        for value in (
            enveloped({"payload": None}),
            enveloped({"id": 1.5}),
            enveloped({"id": None}),
            enveloped({"id": 1, "payload": []}),
            enveloped({"id": 1, "vector": "x"}),
            {"result": {"id": 1}, "status": "ok"},
            {"status": "ok", "time": 0.1},
        ):
            self.assert_mismatch(POINT, value)
        self.assert_mismatch(SEARCH, enveloped([{"id": 1, "score": 1.5}]))

    def test_wrong_errors_are_found(self) -> None:
        for value in (
            {"status": {}, "time": 0.0},
            {"status": "error", "time": 0.0},
            {"status": {"error": "x"}},
            {"status": {"error": "x"}, "time": 0.0, "result": {}},
        ):
            self.assert_mismatch(POINT, value, 404)

    def test_wrong_content_types_are_found(self) -> None:
        self.assert_mismatch(POINT, enveloped({"id": 1}), kind="text/plain")
        self.assert_mismatch("/healthz", "x", kind=JSON)
        self.check("/healthz", "x", kind="text/plain; charset=utf-8")

    def test_a_success_at_an_unknown_path_is_found(self) -> None:
        self.assert_mismatch("/nowhere", enveloped(True))

    def test_null_is_allowed_only_where_the_document_says_so(self) -> None:
        check_value("Record", {"id": 1, "payload": None})
        with self.assertRaises(SchemaMismatch):
            check_value("CollectionInfo", None)
