"""Figures and log lines of calls."""

from __future__ import annotations

import io
import itertools
import math
import random
from threading import Thread
from time import time
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.interceptors import OPEN, STREAM, UNARY, call
from vexfs_twisted import logs
from vexfs_twisted.middleware import CANCELLED, OK, CallInfo
from vexfs_twisted.model.distribution import DURATIONS_S, Distribution
from vexfs_twisted.telemetry.calllog import MAX_FAILURES_PER_S, CallLog
from vexfs_twisted.telemetry.histogram import Histogram
from vexfs_twisted.telemetry.loop_lag import INTERVAL_S, LoopLag
from vexfs_twisted.telemetry.performance import MOST_COLLECTIONS, Performance
from vexfs_twisted.telemetry.slow_calls import MOST_CALLS, SlowCalls


class Histograms(SynchronousTestCase):
    def test_nothing(self) -> None:
        self.assertEqual(Histogram().quantile(0.5), 0.0)

    @settings(max_examples=60)
    @given(
        st.lists(st.floats(2e-6, 3000.0), min_size=1, max_size=300), st.sampled_from([50, 95, 99])
    )
    def test_quantiles_are_near_the_exact_ones(self, durations: list[float], percent: int) -> None:
        histogram = Histogram()
        histogram.add(durations)
        exact = sorted(durations)[-(-len(durations) * percent // 100) - 1]
        found = histogram.quantile(percent / 100)
        self.assertLess(abs(found / exact - 1), 0.05, (found, exact))

    def test_the_ends(self) -> None:
        for duration in (0.0, -1.0, 1e-9, 1e6):
            histogram = Histogram()
            histogram.add([duration])
            self.assertEqual(histogram.count, 1)
            self.assertGreater(histogram.quantile(0.5), 0.0)


class Figures(SynchronousTestCase):
    def setUp(self) -> None:
        self.performance = Performance()

    def pass_through(self, seen: CallInfo, outcome: str, seconds: float = 0.001) -> None:
        self.performance.before(seen)
        self.performance.after(seen, outcome, seconds)

    def test_those_of_other_processes_are_added(self) -> None:
        others = [Performance() for _ in range(2)]
        both = Performance()
        for seconds, outcome in ((0.001, OK), (0.004, "internal"), (0.2, CANCELLED)):
            for one in (self.performance, *others, *[both] * 3):
                one.before(call())
                one.after(call(), outcome, seconds)
        for number, other in enumerate(others):
            self.performance.take(number, orjson.loads(orjson.dumps(other.dump_changes())))
        for wire in ("rest", "grpc"):
            self.assertEqual(self.performance.figures(wire), both.figures(wire))
        self.performance.forget(0)
        self.performance.forget(1)
        self.assertEqual(self.performance.figures("grpc"), others[0].figures("grpc"))

    def test_durations_by_outcome(self) -> None:
        for seconds, outcome in ((0.001, OK), (0.0011, OK), (60.0, OK), (0.02, "not_found")):
            self.pass_through(call(), outcome, seconds)
        (by_outcome,) = self.performance.durations("grpc").values()
        self.assertEqual(set(by_outcome), {OK, "not_found"})
        good = by_outcome[OK]
        self.assertEqual((good.count, good.least, good.most), (3, 0.001, 60.0))
        # A duration at a bound is below it, and beyond the last one there is a bucket more.
        self.assertEqual(good.buckets, [1, 1, *[0] * 9, 1])
        self.assertAlmostEqual(good.average, 60.0021 / 3)
        self.assertLess(abs(good.last - time()), 60.0)
        self.assertEqual(dict(self.performance.durations("rest")), {})

    def test_calls_by_collection(self) -> None:
        for name in ("a", "b", "a", ""):
            self.pass_through(call()._replace(collection=name), OK)
        found = self.performance.durations_by_collection("grpc", ["a", "b", "c"])
        counts = {name: own[UNARY.method][OK].count for name, own in found.items()}
        self.assertEqual(counts, {"a": 2, "b": 1})
        self.assertEqual(self.performance.durations_by_collection("grpc", ["c"]), {})
        self.assertEqual(self.performance.durations_by_collection("rest", ["a"]), {})

    def test_collections_that_other_processes_were_asked_for(self) -> None:
        other = Performance()
        for name in ("a", "b", "a"):
            for process in (self.performance, other):
                process.after(call()._replace(collection=name), OK, 0.001)
        self.performance.take(2, orjson.loads(orjson.dumps(other.dump_changes())))
        other.after(call()._replace(collection="b"), OK, 0.001)
        changes = orjson.loads(orjson.dumps(other.dump_changes()))
        self.assertEqual(list(changes["collections"]), ["b"])
        self.performance.take(2, changes)
        found = self.performance.durations_by_collection("grpc", ["a", "b"])
        counts = {name: own[UNARY.method][OK].count for name, own in found.items()}
        self.assertEqual(counts, {"a": 4, "b": 3})

    def test_names_of_collections_that_are_not_there_take_no_more_memory(self) -> None:
        for number in range(MOST_COLLECTIONS + 50):
            self.pass_through(call()._replace(collection=f"c{number}"), "not_found")
        changes = self.performance.dump_changes()
        self.assertEqual(len(changes["collections"]), MOST_COLLECTIONS)
        self.assertNotIn("c49", changes["collections"])
        other = Performance()
        for _ in range(2):
            other.take(2, changes)
            changes["collections"] = {f"x-{name}": v for name, v in changes["collections"].items()}
        names = [*changes["collections"], "c50"]
        self.assertEqual(other.durations_by_collection("grpc", names), {})
        self.assertEqual(other.durations_by_collection("grpc", ["x-c50"]).keys(), {"x-c50"})

    @settings(max_examples=60)
    @given(st.lists(st.sampled_from(DURATIONS_S) | st.floats(0.0, 100.0), min_size=1))
    def test_each_duration_is_in_its_bucket(self, seconds: list[float]) -> None:
        durations = Distribution()
        durations.add(sorted(seconds), 1.0)
        cumulated = list(itertools.accumulate(durations.buckets))
        self.assertEqual(
            cumulated, [sum(one <= bound for one in seconds) for bound in (*DURATIONS_S, math.inf)]
        )

    def test_calls_by_method_and_wire(self) -> None:
        for outcome in (OK, OK, "not_found", "internal", CANCELLED):
            self.pass_through(call(), outcome)
        self.pass_through(call(OPEN), OK)
        (name,) = self.performance.figures("grpc")
        self.assertEqual(name, UNARY.method)
        figures = self.performance.figures("grpc")[name]
        self.assertEqual((figures.count, figures.errors, figures.cancelled), (5, 2, 1))
        self.assertEqual(list(self.performance.figures("rest")), [OPEN.method])

    def test_quantiles(self) -> None:
        for milliseconds in range(1, 101):
            self.pass_through(call(), OK, milliseconds / 1000)
        figures = self.performance.figures("grpc")[UNARY.method]
        for found, exact in ((figures.p50, 0.050), (figures.p95, 0.095), (figures.p99, 0.099)):
            self.assertLess(abs(found / exact - 1), 0.05)

    def test_streams_that_are_open(self) -> None:
        streams = [call(STREAM) for _ in range(3)]
        for stream in streams:
            self.performance.before(stream)
        figures = self.performance.figures("grpc")[STREAM.method]
        self.assertEqual((figures.open_streams, figures.count), (3, 0))
        for stream in streams[1:]:
            self.performance.after(stream, OK, 1.0)
        figures = self.performance.figures("grpc")[STREAM.method]
        self.assertEqual((figures.open_streams, figures.count), (1, 2))

    def test_no_call_is_lost_between_threads(self) -> None:
        def work() -> None:
            for _ in range(2000):
                self.pass_through(call(STREAM), random.choice([OK, "not_found"]))

        threads = [Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        figures = self.performance.figures("grpc")[STREAM.method]
        self.assertEqual((figures.count, figures.open_streams), (8000, 0))


class Slow(SynchronousTestCase):
    def test_the_slowest_are_kept(self) -> None:
        slow = SlowCalls(0.5)
        seconds = [0.4, 0.5, *(random.uniform(0.6, 9.0) for _ in range(2 * MOST_CALLS))]
        for number, each in enumerate(seconds):
            slow.after(call()._replace(number=number, collection="a"), OK, each)
        slow.after(call(STREAM), OK, 100.0)
        found = [own.seconds for own in slow.slowest()]
        self.assertEqual(found, sorted(seconds, reverse=True)[:MOST_CALLS])
        self.assertEqual(slow.slowest()[0].collection, "a")

    def test_few(self) -> None:
        slow = SlowCalls(0.5)
        slow.after(call(), OK, 0.4)
        self.assertEqual(slow.slowest(), [])


class Lags(SynchronousTestCase):
    def test_how_late_the_reactor_is(self) -> None:
        clock = Clock()
        lag = LoopLag(clock)
        lag.startService()
        clock.advance(INTERVAL_S)
        clock.advance(INTERVAL_S + 0.125)
        found = lag.distribution
        self.assertEqual((found.count, found.least, found.most), (2, 0.0, 0.125))
        lag.stopService()
        self.assertEqual(clock.getDelayedCalls(), [])


class Lines(SynchronousTestCase):
    """The lines as an operator reads them."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.log = CallLog("debug", self.clock.seconds)
        self.text = io.StringIO()
        observer = logs.stream_observer(self.text, "json", "debug")
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.patch(logs._Threshold, "rank", 0)

    def events(self) -> list[dict[str, Any]]:
        lines = self.text.getvalue().splitlines()
        self.text.truncate(0)
        self.text.seek(0)
        return [event for event in map(orjson.loads, lines) if event["logger"] == "vexfs.calls"]

    def pass_through(self, seen: CallInfo, outcome: str = OK) -> None:
        self.log.before(seen)
        self.log.after(seen, outcome, 0.0125)

    def test_a_call_is_one_line(self) -> None:
        self.pass_through(call(target="/a b"))
        (event,) = self.events()
        del event["time"]
        self.assertEqual(
            event,
            {
                "level": "debug",
                "logger": "vexfs.calls",
                "event": "answered",
                "wire": "grpc",
                "method": UNARY.method,
                "path": "/a b",
                "peer": "192.0.2.1",
                "request_id": "id-1",
                "outcome": "ok",
                "ms": 12.5,
            },
        )

    def test_a_stream_is_two_lines(self) -> None:
        stream = call(STREAM)
        self.log.before(stream)
        assert stream.progress is not None
        stream.progress.add(100)
        stream.progress.add(20)
        self.log.after(stream, OK, 1.0)
        began, ended = self.events()
        self.assertEqual((began["event"], ended["event"]), ("stream began", "stream ended"))
        self.assertEqual((ended["messages"], ended["points"]), (2, 120))

    def test_levels(self) -> None:
        for outcome, level in (
            (OK, "debug"),
            (CANCELLED, "debug"),
            ("not_found", "warning"),
            ("unauthenticated", "warning"),
            ("internal", "error"),
        ):
            self.pass_through(call(), outcome)
            (event,) = self.events()
            self.assertEqual((event["outcome"], event["level"]), (outcome, level))

    def test_successes_at_the_level_that_is_configured(self) -> None:
        self.log = CallLog("info", self.clock.seconds)
        self.pass_through(call())
        (event,) = self.events()
        self.assertEqual(event["level"], "info")

    def test_below_the_level_of_the_log_nothing_is_written(self) -> None:
        self.patch(logs._Threshold, "rank", 1)
        self.pass_through(call(STREAM))
        self.pass_through(call(), "not_found")
        (event,) = self.events()
        self.assertEqual(event["outcome"], "not_found")

    def test_nothing_that_is_secret_is_written(self) -> None:
        headers = {"api-key": "s3cret", "authorization": "Bearer s3cret", "x-other": "s3cret"}
        for kind in (UNARY, STREAM):
            for outcome in (OK, "unauthenticated", "internal"):
                self.pass_through(call(kind, headers), outcome)
        self.assertGreater(len(self.text.getvalue()), 100)
        self.assertNotIn("s3cret", self.text.getvalue())

    def test_a_flood_of_failures_is_counted_and_not_written(self) -> None:
        for _ in range(1000):
            self.pass_through(call(), "rate_limited")
        self.assertEqual(len(self.events()), MAX_FAILURES_PER_S)
        self.clock.advance(1)
        self.pass_through(call(), "not_found")
        self.pass_through(call(), "not_found")
        first, second = self.events()
        self.assertEqual(first["left_out"], 1000 - MAX_FAILURES_PER_S)
        self.assertNotIn("left_out", second)

    def test_successes_are_never_left_out(self) -> None:
        for _ in range(MAX_FAILURES_PER_S + 10):
            self.pass_through(call())
        self.assertEqual(len(self.events()), MAX_FAILURES_PER_S + 10)
