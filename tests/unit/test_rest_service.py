"""What the REST wire answers whatever is stored: service endpoints, routing, headers."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.rest_harness import Connection, RestClient, parse_replies, request_bytes
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.rest.settings import RestSettings


class ServiceEndpoints(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = RestClient(self)

    def test_root_has_title_version_and_commit_without_an_envelope(self) -> None:
        root = self.client.ask("GET", "/").json()
        self.assertEqual(set(root), {"title", "version", "commit"})
        self.assertEqual(root["title"], "qdrant - vector search engine")
        self.assertEqual(root["version"], "1.19.0")
        self.assertRegex(root["commit"], "^[0-9a-f]{40}$")

    def test_health_endpoints_are_plain_text(self) -> None:
        texts = {
            "/healthz": b"healthz check passed",
            "/livez": b"healthz check passed",
            "/readyz": b"all shards are ready",
        }
        for path, text in texts.items():
            reply = self.client.ask("GET", path)
            self.assertEqual((reply.status, reply.body), (200, text))
            self.assertTrue(reply.headers["content-type"].startswith("text/plain"))

    def test_there_are_no_issues(self) -> None:
        self.assertEqual(self.client.ask("GET", "/issues").result, {"issues": []})
        self.assertIs(self.client.ask("DELETE", "/issues").result, True)

    def test_cluster_is_disabled(self) -> None:
        reply = self.client.ask("GET", "/cluster")
        self.assertEqual(reply.result, {"status": "disabled"})

    def test_cluster_operations_are_refused(self) -> None:
        for method, path in (
            ("POST", "/cluster/recover"),
            ("DELETE", "/cluster/peer/1"),
            ("POST", "/collections/a/cluster"),
            ("PUT", "/collections/a/shards"),
            ("POST", "/collections/a/shards/delete"),
        ):
            for body in (None, {"shard_key": "k"}, b"no JSON"):
                reply = self.client.ask(method, path, body)
                self.assertEqual(reply.status, 405)
                self.assertEqual(reply.error, "Qdrant is running in standalone mode")

    def test_the_envelope_of_a_success(self) -> None:
        answer = self.client.ask("GET", "/collections").json()
        self.assertEqual(set(answer), {"result", "status", "time"})
        self.assertEqual(answer["status"], "ok")
        self.assertIsInstance(answer["time"], float)

    def test_the_envelope_of_an_error(self) -> None:
        answer = self.client.ask("GET", "/collections/none").json()
        self.assertEqual(set(answer), {"status", "time"})
        self.assertEqual(answer["status"], {"error": "Not found: Collection `none` doesn't exist!"})


class Routing(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = RestClient(self)

    def test_unknown_paths_are_404_in_the_usual_shape(self) -> None:
        for path in ("/nope", "/collections/a/points/1/2", "/collections/a/nope", "/dashboard/.."):
            reply = self.client.ask("GET", path)
            self.assertEqual(
                (reply.status, reply.headers["content-type"]), (404, "application/json")
            )
            self.assertIn("Not found", reply.error)

    def test_wrong_methods_are_405_and_say_which_are_right(self) -> None:
        reply = self.client.ask("POST", "/collections")
        self.assertEqual(reply.status, 405)
        self.assertEqual(reply.headers["allow"], "GET, HEAD")
        self.assertEqual(self.client.ask("PATCH", "/collections/a/points").status, 405)
        self.assertEqual(self.client.ask("BREW", "/").status, 405)

    def test_repeated_and_trailing_slashes_are_tolerated(self) -> None:
        self.client.ask("PUT", "/collections/a", {})
        for path in ("//collections", "/collections/", "///collections//"):
            self.assertEqual(self.client.ask("GET", path).result, {"collections": [{"name": "a"}]})
        self.assertEqual(self.client.ask("GET", "//collections//a/").status, 200)
        self.assertEqual(self.client.ask("GET", "//").json()["version"], "1.19.0")

    def test_names_are_percent_decoded(self) -> None:
        for target, name in (
            ("/collections/a%20b", "a b"),
            ("/collections/gr%C3%BC%C3%9Fe", "grüße"),
            ("/collections/100%25", "100%"),
            ("/collections/%252F", "%2F"),
        ):
            self.assertEqual(self.client.ask("PUT", target, {}).status, 200)
            self.assertIn(name, self.client.operations.names())
            self.assertEqual(self.client.ask("GET", f"{target}/exists").result, {"exists": True})

    def test_names_of_older_versions_stay_reachable(self) -> None:
        storage = self.client.operations.storage
        for target, name in (("a%0Ab", "a\nb"), ("%E2%80%AEa", "\u202ea"), ("..", "..")):
            self.assertEqual(self.client.ask("PUT", f"/collections/{target}", {}).status, 422)
            self.successResultOf(storage.create_collection(name, CreateCollection()))
            self.assertEqual(self.client.ask("GET", f"/collections/{target}").status, 200)
            reply = self.client.ask("POST", f"/collections/{target}/points/count", {})
            self.assertEqual(reply.status, 200)
            self.assertIs(self.client.ask("DELETE", f"/collections/{target}").result, True)

    def test_an_encoded_slash_stays_within_its_segment(self) -> None:
        reply = self.client.ask("GET", "/collections/..%2F..%2Fetc%2Fpasswd")
        self.assertEqual(reply.status, 422)
        for method, rest, body in (
            ("GET", "", None),
            ("PUT", "", {}),
            ("DELETE", "", None),
            ("GET", "/exists", None),
            ("GET", "/aliases", None),
            ("GET", "/points/1", None),
            ("POST", "/points/scroll", {}),
            ("PUT", "/points", {"points": [{"id": 1, "vector": {}}]}),
        ):
            reply = self.client.ask(method, f"/collections/a%2Fb{rest}", body)
            self.assertEqual(reply.status, 422, method + rest)
            self.assertEqual(
                reply.error,
                "Validation error in path parameters: "
                '[collection_name: collection name cannot contain "/" char]',
            )

    def test_a_path_that_is_not_utf8_is_refused(self) -> None:
        reply = self.client.ask("GET", "/collections/%ff")
        self.assertEqual(reply.status, 400)

    def test_a_name_of_256_characters_is_refused_everywhere(self) -> None:
        name = "x" * 256
        place = "Validation error in path parameters"
        text = f"{place}: [collection_name: must be from 1 to 255 characters]"
        for method, rest, body in (
            ("GET", "", None),
            ("PUT", "", {}),
            ("DELETE", "", None),
            ("GET", "/exists", None),
            ("POST", "/points/count", {}),
            ("PUT", "/points", {"points": [{"id": 1, "vector": {}}]}),
        ):
            reply = self.client.ask(method, f"/collections/{name}{rest}", body)
            self.assertEqual((reply.status, reply.error), (422, text))

    def test_head_answers_like_get_without_a_body(self) -> None:
        self.client.ask("PUT", "/collections/a", {})
        reply = self.client.ask("HEAD", "/collections/a")
        self.assertEqual((reply.status, reply.body), (200, b""))
        self.assertGreater(int(reply.headers["content-length"]), 100)

    def test_a_host_header_that_makes_no_sense_does_no_harm(self) -> None:
        for host in (b"[::1", b"", b"a b", b"\xff\xfe", b"x:y:z"):
            connection = Connection(self.client.site)
            connection.send(b"GET /collections HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
            (reply,) = parse_replies(connection.take(), "GET")
            self.assertIn(reply.status, (200, 400), host)
            self.assertIn("content-type", reply.headers)
        self.flushLoggedErrors()

    def test_pipelined_requests_are_answered_in_order(self) -> None:
        connection = Connection(self.client.site)
        connection.send(request_bytes("GET", "/healthz") + request_bytes("GET", "/readyz"))
        first, second = parse_replies(connection.take(), "GET", "GET")
        self.assertEqual(first.body, b"healthz check passed")
        self.assertEqual(second.body, b"all shards are ready")


class CrossOrigin(SynchronousTestCase):
    def test_every_answer_allows_every_origin(self) -> None:
        client = RestClient(self)
        for method, target in (("GET", "/"), ("GET", "/none"), ("GET", "/collections/none")):
            reply = client.ask(method, target)
            self.assertEqual(reply.headers["access-control-allow-origin"], "*")

    def test_preflights_allow_what_is_asked(self) -> None:
        asked = {
            "Origin": "http://page.example",
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "api-key,content-type",
        }
        reply = RestClient(self).ask("OPTIONS", "/collections/a/points", headers=asked)
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.headers["access-control-allow-origin"], "*")
        self.assertIn("PUT", reply.headers["access-control-allow-methods"])
        self.assertEqual(reply.headers["access-control-allow-headers"], "api-key,content-type")

    def test_it_can_be_turned_off(self) -> None:
        client = RestClient(self, settings=RestSettings(cors=False))
        self.assertNotIn("access-control-allow-origin", client.ask("GET", "/").headers)
        self.assertEqual(client.ask("OPTIONS", "/collections").status, 405)
