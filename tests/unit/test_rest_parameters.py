"""Query strings of updates and reads."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.rest_harness import RestClient
from tests.rest_points_case import BERLIN

VECTORS = {"vectors": {"size": 4, "distance": "Dot"}}


class QueryStrings(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = RestClient()
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
            ("?wait=false&wait=true", "completed"),
        ):
            reply = self.client.ask("PUT", f"/collections/a/points{query}", {"points": [BERLIN]})
            self.assertEqual(reply.result["status"], status)

    def test_operation_ids_count_from_zero(self) -> None:
        for expected in range(3):
            reply = self.client.ask("PUT", "/collections/a/points", {"points": [BERLIN]})
            self.assertEqual(reply.result["operation_id"], expected)

    def test_what_is_no_boolean_is_400(self) -> None:
        text = "Deserialize error in query parameters: provided string was not `true` or `false`"
        for query in ("?wait=1", "?wait=True", "?wait=", "?wait=%FF"):
            self.assertEqual(self.upsert(query), (400, text))

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

    def test_timeout_zero_is_422_wherever_a_timeout_is_taken(self) -> None:
        text = (
            "Validation error in query parameters: [timeout: value 0 invalid, must be 1 or larger]"
        )
        for method, path, body in (
            ("PUT", "/collections/b", VECTORS),
            ("PATCH", "/collections/a", {}),
            ("DELETE", "/collections/a", None),
            ("POST", "/collections/aliases", {"actions": []}),
            ("PUT", "/collections/a/points", {"points": [BERLIN]}),
            ("POST", "/collections/a/points", {"ids": []}),
            ("POST", "/collections/a/points/scroll", {}),
            ("POST", "/collections/a/points/query", {}),
            ("GET", "/collections/a/points/1", None),
        ):
            reply = self.client.ask(method, f"{path}?timeout=0", body)
            self.assertEqual((reply.status, reply.error), (422, text), path)
        self.assertEqual(list(self.client.operations.collections), ["a"])

    def test_a_timeout_that_is_no_number_is_400(self) -> None:
        for value in ("x", "-1", "1.5", "", "1" * 400):
            status, text = self.upsert(f"?timeout={value}")
            self.assertEqual(status, 400)
            self.assertIn("Deserialize error in query parameters: ", text)

    def test_consistencies_are_checked(self) -> None:
        def count(query: str) -> int:
            return self.client.ask("POST", f"/collections/a/points/count{query}", {}).status

        for value in ("1", "3", "majority", "quorum", "all"):
            self.assertEqual(count(f"?consistency={value}"), 200)
        self.assertEqual(count("?consistency=0"), 422)
        self.assertEqual(count("?consistency=some"), 400)
        self.assertEqual(count("?consistency=-1"), 400)

    def test_parameters_that_an_endpoint_does_not_take_are_ignored(self) -> None:
        self.assertEqual(self.client.ask("GET", "/collections?timeout=0&x=y").status, 200)
        self.assertEqual(self.upsert("?consistency=some&unknown")[0], 200)
