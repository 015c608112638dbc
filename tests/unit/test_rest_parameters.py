"""Query strings of updates and reads."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.rest_harness import RestClient
from tests.rest_points_case import BERLIN

VECTORS = {"vectors": {"size": 4, "distance": "Dot"}}


class QueryStrings(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = RestClient(self)
        self.client.ask("PUT", "/collections/a", VECTORS)

    def upsert(self, query: str) -> tuple[int, str]:
        reply = self.client.ask("PUT", f"/collections/a/points{query}", {"points": [BERLIN]})
        return reply.status, "" if reply.status == 200 else reply.error

    def test_wait_chooses_the_status(self) -> None:
        for query, status in (
            ("", "acknowledged"),
            ("?wait=false", "acknowledged"),
            ("?wait=true", "completed"),
            ("?timeout=5", "acknowledged"),
            ("?timeout=0", "acknowledged"),
            ("?wait=true&timeout=0", "completed"),
            ("?%77ait=tru%65", "completed"),
            ("?wait=true&", "completed"),
        ):
            reply = self.client.ask("PUT", f"/collections/a/points{query}", {"points": [BERLIN]})
            self.assertEqual(reply.result["status"], status)

    def test_operation_ids_count_from_zero(self) -> None:
        for expected in range(3):
            reply = self.client.ask("PUT", "/collections/a/points", {"points": [BERLIN]})
            self.assertEqual(reply.result["operation_id"], expected)

    def test_what_is_no_boolean_is_400(self) -> None:
        text = "Deserialize error in query parameters: provided string was not `true` or `false`"
        for query in ("?wait=1", "?wait=True", "?wait=", "?wait=%FF", "?wait", "?timeout=1&wait"):
            self.assertEqual(self.upsert(query), (400, text))

    def test_what_stands_twice_is_400(self) -> None:
        for name, value in (("wait", "true"), ("timeout", "5"), ("ordering", "weak")):
            for again in (f"{name}={value}", name, f"%{ord(name[0]):x}{name[1:]}=x"):
                status, text = self.upsert(f"?{name}={value}&x=1&{again}")
                self.assertEqual(status, 400)
                self.assertEqual(
                    text, f"Deserialize error in query parameters: duplicate field `{name}`"
                )
        for query in ("consistency=all&consistency=all", "timeout=1&timeout=1"):
            reply = self.client.ask("POST", f"/collections/a/points/count?{query}", {})
            self.assertEqual(reply.status, 400)
        reply = self.client.ask("GET", "/collections/a/optimizations?with=queued&with=queued")
        self.assertEqual(reply.status, 400)
        self.assertEqual(self.upsert("?x=1&x=2")[0], 200)

    def test_orderings_are_checked(self) -> None:
        for ordering in ("weak", "medium", "strong"):
            self.assertEqual(self.upsert(f"?ordering={ordering}")[0], 200)
        status, text = self.upsert("?ordering=total")
        self.assertEqual(status, 400)
        self.assertEqual(
            text,
            "Deserialize error in query parameters: unknown variant `total`, "
            "expected one of `weak`, `medium`, `strong`",
        )

    def test_a_timeout_reaches_the_operation(self) -> None:
        self.upsert("?wait=true&timeout=7")
        self.assertEqual(self.client.operations.calls[-1][1][2:], (True, 7))
        self.client.ask("POST", "/collections/a/points/count?timeout=9", {})
        self.assertEqual(self.client.operations.calls[-1][1][-1], 9)

    def test_timeout_zero_is_422_for_changes_of_collections(self) -> None:
        text = (
            "Validation error in query parameters: [timeout: value 0 invalid, must be 1 or larger]"
        )
        for method, path, body in (
            ("PUT", "/collections/b", VECTORS),
            ("PATCH", "/collections/a", {}),
            ("DELETE", "/collections/a", None),
            ("POST", "/collections/aliases", {"actions": []}),
        ):
            reply = self.client.ask(method, f"{path}?timeout=0", body)
            self.assertEqual((reply.status, reply.error), (422, text), path)
        self.assertEqual(self.client.operations.names(), ["a"])

    def test_timeout_zero_is_400_for_reads(self) -> None:
        text = (
            "Deserialize error in query parameters: "
            "invalid value: integer `0`, expected a nonzero u64"
        )
        for method, path, body in (
            ("POST", "/collections/a/points", {"ids": []}),
            ("POST", "/collections/a/points/scroll", {}),
            ("POST", "/collections/a/points/count", {}),
            ("POST", "/collections/a/facet", {"key": "a"}),
            ("POST", "/collections/a/points/query", {}),
            ("POST", "/collections/a/points/query/batch", {"searches": []}),
            ("POST", "/collections/a/points/search", {"vector": [1, 2, 3, 4], "limit": 1}),
            ("GET", "/collections/a/points/1", None),
        ):
            for zero in ("0", "00", "%2B0"):
                reply = self.client.ask(method, f"{path}?timeout={zero}", body)
                self.assertEqual((reply.status, reply.error), (400, text), path)

    def test_timeout_zero_is_taken_by_updates(self) -> None:
        for method, path, body in (
            ("PUT", "", {"points": [BERLIN]}),
            ("POST", "/payload", {"payload": {}, "points": [1]}),
            ("POST", "/batch", {"operations": [{"delete": {"points": [1]}}]}),
        ):
            reply = self.client.ask(method, f"/collections/a/points{path}?timeout=0", body)
            self.assertEqual(reply.status, 200, path)

    def test_a_timeout_that_is_no_number_is_400(self) -> None:
        for value, text in (
            ("x", "invalid digit found in string"),
            ("-1", "invalid digit found in string"),
            ("1.5", "invalid digit found in string"),
            ("+5", "invalid digit found in string"),
            ("%2B", "invalid digit found in string"),
            ("%2B%2B5", "invalid digit found in string"),
            ("%D9%A3", "invalid digit found in string"),
            ("", "cannot parse integer from empty string"),
            (str(2**64), "number too large to fit in target type"),
            ("1" * 400, "number too large to fit in target type"),
        ):
            for method, path in (("PUT", "points"), ("POST", "points/count"), ("PATCH", "")):
                body: Any = {"points": [BERLIN]} if method == "PUT" else {}
                reply = self.client.ask(method, f"/collections/a/{path}?timeout={value}", body)
                self.assertEqual(reply.status, 400, value)
                self.assertEqual(reply.error, f"Deserialize error in query parameters: {text}")

    def test_spellings_of_a_timeout(self) -> None:
        for value, seconds in (("%2B5", 5), ("007", 7), (str(2**64 - 1), 2**64 - 1)):
            self.assertEqual(self.upsert(f"?wait=true&timeout={value}")[0], 200)
            self.assertEqual(self.client.operations.calls[-1][1][-1], seconds)

    def test_consistencies_are_checked(self) -> None:
        body: dict[str, Any] = {}
        for path in ("count", "scroll", "query"):
            target = f"/collections/a/points/{path}?consistency="
            for value in ("1", "3", "majority", "quorum", "all", ""):
                self.assertEqual(self.client.ask("POST", target + value, body).status, 200)
            for value in ("0", "some", "-1", "ALL", "1.5", "x"):
                reply = self.client.ask("POST", target + value, body)
                self.assertEqual(reply.status, 400)
                self.assertEqual(
                    reply.error,
                    "Deserialize error in query parameters: failed to deserialize "
                    f"read consistency query parameter value '{value}'",
                )
        self.assertEqual(
            self.client.ask("GET", "/collections/a/points/1?consistency=x").status, 400
        )

    def test_parameters_that_an_endpoint_does_not_take_are_ignored(self) -> None:
        self.assertEqual(self.client.ask("GET", "/collections?timeout=0&x=y").status, 200)
        self.assertEqual(self.upsert("?consistency=some&unknown")[0], 200)
