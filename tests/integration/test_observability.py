"""Metrics, telemetry and the memory of collections, of a real daemon that was used."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from grpc import insecure_channel
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families
from qdrant_client import QdrantClient
from qdrant_client.models import (
    Distance,
    MultiVectorComparator,
    MultiVectorConfig,
    PayloadSchemaType,
    PointStruct,
    SparseVector,
    SparseVectorParams,
    VectorParams,
)
from twisted.trial.unittest import SynchronousTestCase

from tests import openapi
from tests.support import ROOT, DaemonProcess, shared_daemon

DASHBOARD = ROOT / "deploy" / "grafana" / "vexfs-qdrant.json"
_WORDS = re.compile(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|on) \([^)]*\)|\b\w+(?=\()')
_NAMES = re.compile(r"[a-z]\w*_\w+")

SHARD = {"id", "key", "local", "remote", "replicate_states", "partial_snapshot"}
LOCAL = {"variant_name", "status", "total_optimized_points", "vectors_size_bytes"}
LOCAL |= {"payloads_size_bytes", "num_points", "num_vectors", "num_vectors_by_name"}
LOCAL |= {"optimizations", "async_scorer", "update_queue"}
ANY_LEVEL = {"id", "app", "collections", "cluster", "requests", "quota"}
DETAILED = ANY_LEVEL | {"memory", "hardware", "search_pool"}


def fetch(url: str, accept: str = "") -> tuple[str, bytes]:
    """The type and the body of an answer."""
    with urlopen(Request(url, headers={"Accept": accept})) as answer:
        return answer.headers["Content-Type"], answer.read()


@cache
def used_daemon() -> DaemonProcess:
    """A daemon that both wires have used."""
    daemon = shared_daemon("observed")
    rest = QdrantClient(daemon.rest_url, grpc_port=daemon.grpc_port)
    grpc = QdrantClient(daemon.rest_url, grpc_port=daemon.grpc_port, prefer_grpc=True)
    multi = MultiVectorConfig(comparator=MultiVectorComparator.MAX_SIM)
    for name in ("first", "second"):
        rest.create_collection(
            name,
            {
                "d": VectorParams(size=4, distance=Distance.COSINE),
                "m": VectorParams(size=2, distance=Distance.DOT, multivector_config=multi),
            },
            sparse_vectors_config={"s": SparseVectorParams()},
        )
        points = [
            PointStruct(
                id=number,
                vector={
                    "d": [1.0, 0.0, 0.5, number],
                    "m": [[1.0, 2.0]],
                    "s": SparseVector(indices=[1, number + 2], values=[0.5, 1.0]),
                },
                payload={"city": f"c{number % 3}"},
            )
            for number in range(50)
        ]
        rest.upsert(name, points)
        grpc.query_points(name, [1.0, 0.0, 0.0, 1.0], using="d")
    rest.create_payload_index("first", "city", PayloadSchemaType.KEYWORD)
    grpc.retrieve("first", [1])
    for client in (rest, grpc):
        client.close()
    return daemon


class ObservedCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.daemon = used_daemon()

    def get(self, path: str) -> Any:
        """The result of an endpoint, whose answer the OpenAPI document allows."""
        kind, body = fetch(f"{self.daemon.rest_url}{path}")
        bare = path.partition("?")[0]
        if openapi.is_here() and not bare.endswith("/memory"):
            openapi.check_answer("GET", bare, 200, kind, body)
        return json.loads(body)["result"]

    def metrics(self, query: str = "") -> str:
        kind, body = fetch(f"{self.daemon.rest_url}/metrics{query}")
        self.assertTrue(kind.startswith("text/plain"), kind)
        return body.decode()

    def families(self, query: str = "") -> dict[str, Metric]:
        return {own.name: own for own in text_string_to_metric_families(self.metrics(query))}


class Metrics(ObservedCase):
    def value(self, name: str, **labels: str) -> float:
        values = [
            sample.value
            for family in self.families().values()
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        self.assertEqual(len(values), 1, (name, labels, values))
        return float(values[0])

    def test_what_qdrant_begins_with(self) -> None:
        text = self.metrics()
        self.assertIn("# HELP app_info information about qdrant server\n", text)
        self.assertIn("# TYPE app_info gauge\n", text)
        self.assertRegex(text, r'(?m)^app_info\{name="qdrant",version="1\.19\.0"\} 1')
        self.assertIn("\ncollections_total 2", text)
        self.assertIn('\ncollection_points{id="first"} 50', text)
        self.assertNotIn("# EOF", text)

    def test_collections(self) -> None:
        self.assertEqual(self.value("collections_vector_total"), 300.0)
        self.assertEqual(self.value("collection_vectors", id="second", vector="m"), 50.0)
        self.assertEqual(self.value("collection_update_queue_length", id="first"), 0.0)
        for direction in ("incoming", "outgoing"):
            name = f"collection_shard_transfer_{direction}"
            self.assertEqual(self.value(name, id="second"), 0.0)
        self.assertEqual(self.value("vexfs_collection_damages", id="first"), 0.0)

    def test_calls_by_template_and_status(self) -> None:
        path = "/collections/{collection_name}/points"
        rest = {"method": "PUT", "endpoint": path, "status": "200"}
        self.assertEqual(self.value("rest_responses_total", **rest), 2.0)
        grpc = {"endpoint": "/qdrant.Points/Query", "status": "0"}
        self.assertEqual(self.value("grpc_responses_total", **grpc), 2.0)
        for wire, labels in (("rest", rest), ("grpc", grpc)):
            bounds = self.families()[f"{wire}_responses_duration_seconds"]
            own = [s for s in bounds.samples if labels.items() <= s.labels.items()]
            self.assertEqual([s.value for s in own if s.labels.get("le") == "+Inf"], [2.0])
            least, mean, most = (
                self.value(f"{wire}_responses_{kind}_duration_seconds", **labels)
                for kind in ("min", "avg", "max")
            )
            self.assertTrue(0.0 < least <= mean <= most, (least, mean, most))

    def test_failures_have_no_durations(self) -> None:
        with self.assertRaises(HTTPError):
            fetch(f"{self.daemon.rest_url}/collections/none")
        labels = {"endpoint": "/collections/{collection_name}", "status": "404"}
        self.assertGreaterEqual(self.value("rest_responses_total", **labels), 1.0)
        timed = self.families()["rest_responses_avg_duration_seconds"].samples
        self.assertEqual({sample.labels["status"] for sample in timed}, {"200"})

    def test_by_collection(self) -> None:
        calls = r"(?m)^(rest|grpc)_.*collection=\"first\""
        self.assertIsNone(re.search(calls, self.metrics()))
        self.assertIsNone(re.search(calls, self.metrics("?per_collection=false")))
        text = self.metrics("?per_collection=true")
        for wire in ("rest", "grpc"):
            for name in ("first", "second"):
                found = rf'(?m)^{wire}_responses_total\{{.*collection="{name}".*\}} [1-9]'
                self.assertRegex(text, found)

    def test_without_names(self) -> None:
        text = self.metrics("?anonymize=true&per_collection=true")
        for name in ('"first"', '"second"', '"d"', '"m"'):
            self.assertFalse(name in text, name)
        self.assertIn("collections_total 2", text)

    def test_work_and_resources(self) -> None:
        families = self.families()
        for name in ("commit_duration_seconds", "commit_commands", "read_batch_reads"):
            self.assertGreater(self.value(f"vexfs_{name}_count"), 0.0, name)
        for name in ("memory_resident_bytes", "memory_allocated_bytes", "process_threads"):
            self.assertGreater(self.value(name), 0.0, name)
        for name in ("process_open_fds", "process_open_mmaps", "process_max_fds"):
            self.assertGreater(self.value(name), 0.0, name)
        self.assertGreater(self.value("process_minor_page_faults_total"), 0.0)
        budgets = families["vexfs_memory_budget_limit_bytes"].samples
        self.assertEqual(len(budgets), 4)
        self.assertGreater(self.value("vexfs_process_cpu_seconds_total", process="1"), 0.0)

    def test_the_other_format(self) -> None:
        accept = "application/openmetrics-text; version=1.0.0"
        kind, body = fetch(f"{self.daemon.rest_url}/metrics", accept)
        self.assertTrue(kind.startswith("application/openmetrics-text"), kind)
        found = openmetrics_parser.text_string_to_metric_families(body.decode())
        self.assertIn("collection_points", {family.name for family in found})

    def test_a_version_that_is_none(self) -> None:
        for accept in ("text/plain; version=x.y", "application/openmetrics-text; version=z"):
            _, body = fetch(f"{self.daemon.rest_url}/metrics", accept)
            self.assertIn(b"app_info", body)

    def test_promtool_has_no_complaint(self) -> None:
        promtool = shutil.which("promtool")
        if promtool is None:
            self.skipTest("promtool is not installed")
        command = [promtool, "check", "metrics", "--lint=none"]
        done = subprocess.run(command, input=self.metrics().encode(), capture_output=True)
        if b"unknown long flag" in done.stderr:
            done = subprocess.run(command[:-1], input=self.metrics().encode(), capture_output=True)
            # 3 are complaints about names, which are Qdrant's.
            self.assertIn(done.returncode, (0, 3), done.stderr)
            return
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_wrong_parameters(self) -> None:
        for query in ("?per_collection=maybe", "?anonymize=1", "?timeout=0"):
            with self.assertRaises(HTTPError) as failed:
                fetch(f"{self.daemon.rest_url}/metrics{query}")
            self.assertIn(failed.exception.code, (400, 422))


class Dashboard(ObservedCase):
    def names(self) -> Iterator[str]:
        dashboard = json.loads(DASHBOARD.read_text())
        queries = [own["query"]["query"] for own in dashboard["templating"]["list"][1:]]
        targets = [target for own in dashboard["panels"] for target in own.get("targets", ())]
        queries += [target["expr"] for target in targets]
        for query in queries:
            yield from _NAMES.findall(_WORDS.sub(" ", query.removeprefix("label_values")))

    def test_every_metric_is_there(self) -> None:
        families = self.families().values()
        samples = {sample.name for family in families for sample in family.samples}
        # Without a device, and where nothing is, a family has no values.
        declared = {own.name for own in families}
        declared |= {f"{own.name}_total" for own in families if own.type == "counter"}
        names = set(self.names())
        self.assertGreater(len(names), 30)
        self.assertEqual(names - samples - declared, set())

    def test_variables(self) -> None:
        variables = json.loads(DASHBOARD.read_text())["templating"]["list"]
        self.assertLessEqual({"instance", "collection"}, {own["name"] for own in variables})


class Telemetry(ObservedCase):
    def telemetry(self, level: int | None = None, query: str = "") -> Mapping[str, Any]:
        levels = "" if level is None else f"details_level={level}&"
        result: Mapping[str, Any] = self.get(f"/telemetry?{levels}{query}")
        return result

    def test_the_members_at_each_level(self) -> None:
        self.assertEqual(set(self.telemetry()), ANY_LEVEL)
        for level in range(6):
            told = self.telemetry(level)
            self.assertEqual(set(told), DETAILED if level else ANY_LEVEL, level)
            collections = {"number_of_collections"}
            if level:
                collections |= {"collections", "snapshots"}
            self.assertEqual(set(told["collections"]), collections)
            self.assertEqual(told["collections"]["number_of_collections"], 2)

    def test_collections(self) -> None:
        for own in self.telemetry(1)["collections"]["collections"]:
            self.assertEqual(set(own), {"vectors", "optimizers_status", "params"})
            self.assertEqual((own["vectors"], own["optimizers_status"]), (150, "ok"))
        for own in self.telemetry(2)["collections"]["collections"]:
            self.assertEqual(set(own), {"id", "init_time_ms", "config"})
        for level in (3, 4):
            for own in self.telemetry(level)["collections"]["collections"]:
                members = {"id", "init_time_ms", "config", "shards", "transfers", "resharding"}
                self.assertEqual(set(own), members)

    def test_shards(self) -> None:
        for level in (3, 4):
            more = {"segments", "indexed_only_excluded_vectors"} if level > 3 else set()
            for own in self.telemetry(level)["collections"]["collections"]:
                (shard,) = own["shards"]
                self.assertEqual(set(shard), SHARD)
                local = shard["local"]
                self.assertEqual(set(local), LOCAL | more)
                self.assertEqual(local["num_vectors_by_name"], dict.fromkeys("dms", 50))
                self.assertEqual(set(local["update_queue"]), {"length", "op_num"})
                for segment in local.get("segments", ()):
                    members = {"info", "config", "vector_index_searches", "payload_field_indices"}
                    self.assertEqual(set(segment), members)

    def test_operations_are_counted_from_0(self) -> None:
        with QdrantClientOf(self.daemon) as client:
            client.recreate_collection("t", VectorParams(size=1, distance=Distance.DOT))
            self.addCleanup(self.delete, "t")
            for done in range(3):
                (own,) = self.collection("t")["shards"]
                self.assertEqual(own["local"]["update_queue"], {"length": 0, "op_num": done})
                client.upsert("t", [PointStruct(id=done, vector=[1.0])])

    def collection(self, name: str) -> Any:
        told = self.telemetry(3)["collections"]["collections"]
        (own,) = [own for own in told if own["id"] == name]
        return own

    def delete(self, name: str) -> None:
        with QdrantClientOf(self.daemon) as client:
            client.delete_collection(name)

    def test_calls(self) -> None:
        requests = self.telemetry()["requests"]
        for wire, method, status in (
            ("rest", "PUT /collections/{collection_name}/points", "200"),
            ("grpc", "/qdrant.Points/Query", "0"),
        ):
            self.assertNotIn("per_collection_responses", requests[wire])
            own = requests[wire]["responses"][method][status]
            self.assertGreaterEqual(own["count"], 2)
            self.assertGreater(own["avg_duration_micros"], 0)
            last = datetime.fromisoformat(own["last_responded"])
            self.assertLess(abs((datetime.now(UTC) - last).total_seconds()), 86_400)

    def test_calls_by_collection(self) -> None:
        requests = self.telemetry(query="per_collection=true")["requests"]
        for wire in ("rest", "grpc"):
            own = requests[wire]["per_collection_responses"]
            self.assertLessEqual({"first", "second"}, set(own))

    def test_the_application(self) -> None:
        app = self.telemetry(1)["app"]
        self.assertEqual((app["name"], app["version"]), ("qdrant", "1.19.0"))
        self.assertIs(app["features"]["staging"], False)

    def test_without_names(self) -> None:
        text = json.dumps(self.telemetry(4, "anonymize=true&per_collection=true")["collections"])
        for name in ('"first"', '"second"', '"d"', '"s"', '"city"'):
            self.assertFalse(name in text, name)

    def test_of_a_cluster(self) -> None:
        with self.assertRaises(HTTPError) as failed:
            fetch(f"{self.daemon.rest_url}/cluster/telemetry")
        self.assertEqual(failed.exception.code, 500)
        self.assertIn(b"Could not get telemetry from cluster", failed.exception.read())

    def test_memory(self) -> None:
        report = self.get("/collections/first/memory")
        self.assertEqual(set(report["vectors"]), {"d", "m", "s"})
        self.assertGreater(report["total"]["disk_bytes"], 0)


class Audit(SynchronousTestCase):
    def test_every_call_of_all_processes_is_told(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="vexfs-audit-"))
        self.addCleanup(shutil.rmtree, folder)
        options = ("--audit", "--audit-dir", str(folder), "--processes", "2")
        daemon = DaemonProcess(None, *options, environment={"QDRANT__SERVICE__API_KEY": "k"})
        self.addCleanup(daemon.close)
        daemon.start()
        for number in range(20):
            headers = {"api-key": "k", "x-request-id": f"rest-{number}"}
            request = Request(f"{daemon.rest_url}/collections", headers=headers)
            with urlopen(request) as answer:
                answer.read()
        with self.assertRaises(HTTPError):
            fetch(f"{daemon.rest_url}/collections/secret")
        headers = {"api-key": "k"}
        request = Request(f"{daemon.rest_url}/telemetry?details_level=1", headers=headers)
        with urlopen(request) as answer:
            audit = json.load(answer)["result"]["app"]["audit"]
        self.assertEqual((audit["dir"], audit["rotation"]), (str(folder), "daily"))
        daemon.stop()
        lines = [
            json.loads(line)
            for path in sorted(folder.glob("*.log"))
            for line in path.read_text().splitlines()
        ]
        ids = [line["request_id"] for line in lines if line["request_id"].startswith("rest-")]
        means = {line["means"] for line in lines if line["request_id"].startswith("rest-")}
        self.assertEqual(means, {"api_key"})
        self.assertEqual(sorted(ids), sorted(f"rest-{number}" for number in range(20)))
        (refused,) = [line for line in lines if line["outcome"] == "unauthenticated"]
        self.assertEqual((refused["collection"], refused["peer"]), ("secret", "127.0.0.1"))
        self.assertNotIn("healthz", " ".join(line["method"] for line in lines))


class Traces(SynchronousTestCase):
    TRACE = "0af7651916cd43dd8448eb211c80319c"

    def spans(self, processes: int) -> dict[str, list[dict[str, Any]]]:
        """The spans of a daemon that has answered an upsert and a query over each wire."""
        folder = Path(tempfile.mkdtemp(prefix="vexfs-traces-"))
        self.addCleanup(shutil.rmtree, folder)
        file = folder / "spans"
        options = ("--traces", str(file), "--processes", str(processes))
        daemon = DaemonProcess(None, *options)
        self.addCleanup(daemon.close)
        daemon.start()
        for grpc in (False, True):
            port = daemon.grpc_port
            client = QdrantClient(daemon.rest_url, grpc_port=port, prefer_grpc=grpc)
            name = f"traced-{grpc}"
            client.create_collection(name, VectorParams(size=2, distance=Distance.DOT))
            client.upsert(name, [PointStruct(id=1, vector=[1.0, 0.0])])
            client.query_points(name, [1.0, 1.0])
            client.close()
        parent = {"traceparent": f"00-{self.TRACE}-b7ad6b7169203331-01"}
        with urlopen(Request(f"{daemon.rest_url}/aliases", headers=parent)) as answer:
            answer.read()
        with insecure_channel(daemon.grpc_address) as channel:
            list_aliases: Any = channel.unary_unary("/qdrant.Collections/ListAliases")
            list_aliases(b"", metadata=tuple(parent.items()))
        daemon.stop()
        spans = [json.loads(line) for line in file.read_text().splitlines()]
        found: dict[str, list[dict[str, Any]]] = {}
        for span in spans:
            found.setdefault(span["name"], []).append(span)
        return found

    def check(self, spans: dict[str, list[dict[str, Any]]], name: str, work: str) -> None:
        (call,) = spans[name]
        own = call["context"]["span_id"]
        parts = [s for each in spans.values() for s in each if s["parent_id"] == f"{own}"]
        self.assertEqual(sorted(s["name"] for s in parts), sorted(["queue wait", work]), name)
        for part in parts:
            self.assertEqual(part["context"]["trace_id"], call["context"]["trace_id"])
            self.assertLessEqual(call["start_time"], part["start_time"])
            self.assertLessEqual(part["start_time"], part["end_time"])
            self.assertLessEqual(part["end_time"], call["end_time"])
        self.assertTrue(call["attributes"]["db.collection.name"].startswith("traced-"))

    def test_from_the_wire_to_the_commit(self) -> None:
        spans = self.spans(1)
        self.check(spans, "qdrant.Points/Upsert", "engine commit")
        self.check(spans, "qdrant.Points/Query", "engine read")
        self.check(spans, "PUT /collections/{collection_name}/points", "engine commit")
        self.check(spans, "POST /collections/{collection_name}/points/query", "engine read")
        for name in ("GET /aliases", "qdrant.Collections/ListAliases"):
            (span,) = spans[name]
            self.assertEqual(span["context"]["trace_id"], f"0x{self.TRACE}")
            self.assertEqual(span["parent_id"], "0xb7ad6b7169203331")
            self.assertEqual(span["resource"]["attributes"]["service.name"], "vexfs-qdrant")

    def test_of_several_processes(self) -> None:
        spans = self.spans(2)
        self.check(spans, "qdrant.Points/Upsert", "engine commit")
        self.check(spans, "qdrant.Points/Query", "engine read")


class SlowReads(SynchronousTestCase):
    def setUp(self) -> None:
        settings = {"QDRANT__SERVICE__SLOW_QUERY_SECS": "0.000001"}
        self.daemon = DaemonProcess(None, environment=settings)
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        self.client = QdrantClient(self.daemon.rest_url, grpc_port=self.daemon.grpc_port)
        self.addCleanup(self.client.close)
        self.client.create_collection("slow", VectorParams(size=1, distance=Distance.DOT))
        self.client.upsert("slow", [PointStruct(id=1, vector=[1.0], payload={"city": "a"})])

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        url = f"{self.daemon.rest_url}{path}"
        headers = {"content-type": "application/json"}
        with urlopen(Request(url, data, headers, method=method)) as answer:
            return json.load(answer)["result"]

    def issues(self) -> list[Any]:
        found: list[Any] = self.ask("GET", "/issues")["issues"]
        return found

    def filtered(self) -> None:
        match = {"key": "city", "match": {"value": "a"}}
        filter_ = {"must": [{"should": [match]}]}
        self.ask("POST", "/collections/slow/points/scroll", {"filter": filter_, "limit": 500})

    def test_issues_are_found_and_solved(self) -> None:
        self.assertEqual(self.issues(), [])
        self.filtered()
        (issue,) = self.issues()
        self.assertEqual(issue["id"], "UNINDEXED_FIELD/slow/city")
        action = issue["solution"]["immediate"]["action"]
        self.ask(action["method"], action["uri"], action["body"])
        self.assertEqual(self.issues(), [])
        self.filtered()
        self.assertEqual(self.issues(), [])

    def test_issues_are_forgotten(self) -> None:
        self.filtered()
        self.assertIs(self.ask("DELETE", "/issues"), True)
        self.assertEqual(self.issues(), [])
        self.filtered()
        self.client.delete_collection("slow")
        self.assertEqual(self.issues(), [])

    def test_slow_calls(self) -> None:
        calls = self.ask("GET", "/profiler/slow_requests")["requests"]
        (upsert,) = [c for c in calls if c["request_name"].startswith("PUT") and "points" in str(c)]
        self.assertEqual((upsert["collection_name"], upsert["outcome"]), ("slow", "ok"))
        durations = [call["duration"] for call in calls]
        self.assertEqual(durations, sorted(durations, reverse=True))

    def test_the_level_of_the_log(self) -> None:
        self.assertEqual(self.ask("GET", "/logger"), {"log_level": "info"})
        self.assertFalse(any(e["level"] == "debug" for e in self.daemon.log_events()))
        self.assertIs(self.ask("POST", "/logger", {"log_level": "DEBUG"}), True)
        self.assertEqual(self.ask("GET", "/logger"), {"log_level": "debug"})
        self.assertTrue(any(e["level"] == "debug" for e in self.daemon.log_events()))
        for body, status in (({"log_level": "loud"}, 400), ({"format": "json"}, 501)):
            with self.assertRaises(HTTPError) as failed:
                self.ask("POST", "/logger", body)
            self.assertEqual(failed.exception.code, status)

    def test_reads_that_are_fast_find_no_issues(self) -> None:
        daemon = used_daemon()
        match = {"key": "nowhere", "match": {"value": "a"}}
        body = json.dumps({"filter": {"must": [match]}, "limit": 500}).encode()
        url = f"{daemon.rest_url}/collections/first/points/scroll"
        urlopen(Request(url, body, {"content-type": "application/json"})).close()
        _, found = fetch(f"{daemon.rest_url}/issues")
        self.assertEqual(json.loads(found)["result"], {"issues": []})


class QdrantClientOf:
    """The official client of a daemon, for a `with` block."""

    def __init__(self, daemon: DaemonProcess) -> None:
        self._client = QdrantClient(daemon.rest_url, grpc_port=daemon.grpc_port)

    def __enter__(self) -> QdrantClient:
        return self._client

    def __exit__(self, *_: object) -> None:
        self._client.close()
