"""Reports of optimizations over the REST wire, and how their failures are told."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from tests.contract.model_json import read_optimizations
from tests.rest_harness import RestClient
from vexfs_twisted.engine.collection_reports import collection_info
from vexfs_twisted.engine.read_source import Source
from vexfs_twisted.engine.reads import READS
from vexfs_twisted.model.collection import CollectionInfo, CollectionInfoRequest
from vexfs_twisted.model.optimizations import (
    Optimization,
    Optimizations,
    OptimizationsRequest,
    PendingOptimization,
    Progress,
    SegmentSummary,
)

UUID = "00000000-0000-0000-0000-00000000000{}"
PATH = "/collections/a/optimizations"
ALL = f"{PATH}?with=queued,completed,idle_segments"

RUNNING = Optimization(
    UUID.format(1),
    "indexing",
    [SegmentSummary(UUID.format(2), 500)],
    Progress("indexing", 1_700_000_000.5, done=100, total=500),
)
ENDED = evolve(RUNNING, progress=evolve(RUNNING.progress, finished_at=1_700_000_002.25, done=500))
TOLD = Optimizations(
    running=[RUNNING],
    queued=[
        PendingOptimization("vacuum", [SegmentSummary(UUID.format(3), 10)]),
        PendingOptimization(
            "merge", [SegmentSummary(UUID.format(4), 20), SegmentSummary(UUID.format(5), 30)]
        ),
    ],
    completed=[
        ENDED,
        evolve(ENDED, error="no room"),
        evolve(ENDED, cancelled="it was asked to stop"),
    ],
    idle_segments=[SegmentSummary(UUID.format(6), 0)],
)


class OptimizationsTests(SynchronousTestCase):
    """GET optimizations."""

    def setUp(self) -> None:
        self.client = RestClient(self)
        self.client.ask("PUT", "/collections/a", {"vectors": {"size": 4, "distance": "Dot"}})
        self.told = TOLD
        patched = patch.dict(READS, {OptimizationsRequest: lambda *_: self.told})
        patched.start()
        self.addCleanup(patched.stop)

    def get(self, target: str = PATH) -> Any:
        return self.client.ask("GET", target).result

    def test_what_runs_and_a_summary_are_always_told(self) -> None:
        told = self.get()
        self.assertEqual(told.keys(), {"running", "summary"})
        self.assertEqual(
            told["summary"],
            {
                "queued_optimizations": 2,
                "queued_segments": 3,
                "queued_points": 60,
                "idle_segments": 1,
            },
        )
        (running,) = told["running"]
        self.assertEqual(running["status"], "optimizing")
        self.assertEqual(
            running["progress"],
            {
                "name": "indexing",
                "started_at": "2023-11-14T22:13:20.500000Z",
                "done": 100,
                "total": 500,
            },
        )

    def test_lists_are_told_where_they_are_asked_for(self) -> None:
        self.assertEqual(self.get(f"{PATH}?with=queued").keys(), {"running", "summary", "queued"})
        self.assertEqual(self.get(f"{PATH}?with=").keys(), {"running", "summary"})
        spaced = self.get(f"{PATH}?with=queued%20,%20idle_segments,queued")
        self.assertEqual(spaced.keys(), {"running", "summary", "queued", "idle_segments"})

    def test_all_that_is_known_is_told(self) -> None:
        told = self.get(ALL)
        self.assertEqual(read_optimizations(told), TOLD)
        self.assertEqual(
            [ended["status"] for ended in told["completed"]],
            ["done", {"error": "no room"}, {"cancelled": "it was asked to stop"}],
        )
        self.assertEqual(told["completed"][0]["progress"]["duration_sec"], 1.75)

    def test_the_list_of_what_is_done_has_a_limit(self) -> None:
        self.told = evolve(TOLD, completed=[ENDED] * 50)
        self.assertEqual(len(self.get(ALL)["completed"]), 16)
        self.assertEqual(len(self.get(f"{ALL}&completed_limit=2")["completed"]), 2)
        self.assertEqual(self.get(f"{ALL}&completed_limit=0")["completed"], [])

    def test_an_unknown_word_is_400(self) -> None:
        reply = self.client.ask("GET", f"{PATH}?with=queued,running")
        self.assertEqual(reply.status, 400)
        self.assertEqual(reply.error, "Wrong input: Unknown field in 'with' parameter: running")
        self.assertEqual(self.client.ask("GET", f"{PATH}?completed_limit=-1").status, 400)

    def test_a_collection_that_is_missing_is_404(self) -> None:
        self.assertEqual(self.client.ask("GET", "/collections/b/optimizations").status, 404)


class OptimizerStatusTests(SynchronousTestCase):
    """What the description of a collection tells of failures."""

    def test_a_failure_is_told(self) -> None:
        client = RestClient(self)
        client.ask("PUT", "/collections/a", {})
        self.assertEqual(client.ask("GET", "/collections/a").result["optimizer_status"], "ok")

        def failed(source: Source, request: CollectionInfoRequest) -> CollectionInfo:
            return evolve(collection_info(source, request), optimizer_error="no room")

        with patch.dict(READS, {CollectionInfoRequest: failed}):
            told = client.ask("GET", "/collections/a").result["optimizer_status"]
        self.assertEqual(told, {"error": "no room"})
