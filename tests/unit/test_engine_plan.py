"""Plans of the optimizer, made from the segments that exist and the configuration."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable
from typing import Any

import attrs
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.optimizer.jobs import Build, Drop, Job, Reason, Verify
from vexfs_twisted.engine.optimizer.plan import ROWS_AT_ONCE, SMALL, plan
from vexfs_twisted.engine.optimizer.settings import OptimizerSettings, settings_of
from vexfs_twisted.engine.storage.bitmap import Bitmap, BitmapBuilder
from vexfs_twisted.engine.vector_index.graph.file import GraphFacts
from vexfs_twisted.engine.vector_index.segments import Segment, Segments, with_replaced
from vexfs_twisted.engine.vector_index.space import VectorSpace
from vexfs_twisted.model.collection import CollectionConfig
from vexfs_twisted.model.collection_params import (
    Datatype,
    Distance,
    HnswConfig,
    HnswConfigDiff,
    OptimizersConfig,
    QuantizationConfig,
    ScalarQuantization,
    ScalarType,
    VectorParams,
)

PARAMS = VectorParams(Distance.EUCLID, 256)
WANTED = OptimizerSettings(
    threshold=100,
    largest=10_000,
    segment_number=0,
    deleted_threshold=0.2,
    vacuum_least=200,
    m=16,
    ef_construct=100,
    threads=2,
    quantization=None,
    is_paused=False,
)


def rows_of(*ranges: tuple[int, int]) -> Bitmap:
    draft = BitmapBuilder(Bitmap.empty())
    for start, stop in ranges:
        draft.add(np.arange(start, stop))
    return draft.freeze(0)


def segment(
    start: int, stop: int, *, nodes: int | None = None, m: int = 16, **facts: Any
) -> Segment:
    count = stop - start if nodes is None else nodes
    own = GraphFacts(start, stop, count, m, 100, nbytes=0, checksum=0)
    return Segment(f"{start}", attrs.evolve(own, **facts))


def planned(
    present: Bitmap,
    rows: int,
    *segments: Segment,
    wanted: OptimizerSettings = WANTED,
    is_quiet: bool = True,
    unopened: Collection[Segment] = (),
    **changes: Any,
) -> list[Job]:
    space = VectorSpace(PARAMS, 1, present, np.zeros((0, 256), np.float32), 1.0, segments)
    opened = {own.uuid for own in segments if own not in unopened}
    return plan(space, opened, rows, attrs.evolve(wanted, **changes), is_quiet=is_quiet)


def shown(jobs: Iterable[Job]) -> list[tuple[Any, ...]]:
    """What jobs do: a build by its rows, the segments it replaces and its seed."""
    return [
        (job.reason, job.start, job.stop, *(s.uuid for s in job.segments))
        if isinstance(job, Build)
        else (job.reason, *(s.uuid for s in job.segments))
        for job in jobs
    ]


def whole(rows: int) -> Bitmap:
    return rows_of((0, rows))


class IndexingTests(SynchronousTestCase):
    """Rows that get a graph."""

    def test_too_few_rows_get_none(self) -> None:
        self.assertEqual(planned(whole(99), 99), [])
        self.assertEqual(planned(Bitmap.empty(), 0), [])

    def test_enough_rows_get_one_to_the_last_of_them(self) -> None:
        for is_quiet in (True, False):
            found = planned(whole(100), 100, is_quiet=is_quiet)
            self.assertEqual(shown(found), [(Reason.INDEXING, 0, 100)])
        for rows in (100, 127, 128, 129, 1000):
            (job,) = planned(whole(rows), rows)
            assert isinstance(job, Build)
            self.assertEqual((job.stop, job.fresh, job.seed), (rows, rows, None))

    def test_few_are_enough_where_few_are_asked_for(self) -> None:
        for rows in (1, 50, 63):
            for is_quiet in (True, False):
                found = planned(whole(rows), rows, threshold=1, is_quiet=is_quiet)
                self.assertEqual(shown(found), [(Reason.INDEXING, 0, rows)])

    def test_a_small_graph_grows_by_any_number_of_rows_when_it_is_quiet(self) -> None:
        for threshold in (1, 100, 5000):
            for fresh in (1, 36, 63):
                for start in (50, 64, 4096):
                    rows, own = start + fresh, segment(0, start)
                    found = planned(whole(rows), rows, own, threshold=threshold)
                    self.assertEqual(shown(found), [(Reason.INDEXING, 0, rows, "0")])
                    found = planned(whole(rows), rows, own, threshold=threshold, is_quiet=False)
                    self.assertEqual(found, [])

    def test_rows_after_a_large_graph_wait_for_more(self) -> None:
        self.assertEqual(planned(whole(4135), 4135, segment(0, 4097)), [])
        found = planned(whole(4135), 4135, segment(0, 4097), threshold=38)
        self.assertEqual(shown(found), [(Reason.INDEXING, 4097, 4135)])

    def test_dead_rows_do_not_count(self) -> None:
        self.assertEqual(planned(rows_of((901, 1000)), 1000), [])
        (job,) = planned(rows_of((0, 10), (900, 1000)), 1000)
        assert isinstance(job, Build)
        self.assertEqual((job.start, job.stop, job.fresh), (0, 1000, 110))

    def test_nothing_is_built_where_indexing_is_off(self) -> None:
        self.assertEqual(planned(whole(1000), 1000, threshold=None), [])

    def test_a_graph_grows_by_rows_that_have_some_weight(self) -> None:
        (job,) = planned(whole(1100), 1100, segment(0, 960))
        assert isinstance(job, Build) and job.seed is not None
        self.assertEqual((job.start, job.stop, job.fresh, job.seed.start), (0, 1100, 140, 0))
        light = planned(whole(4160 + 100), 4160 + 100, segment(0, 4160))
        self.assertEqual(shown(light), [(Reason.INDEXING, 4160, 4260)])

    def test_a_graph_grows_by_fewer_rows_than_are_worth_one(self) -> None:
        own = segment(0, 5000)
        for rows, expected in ((5000 + 511, []), (5000 + 512, [(Reason.INDEXING, 0, 5512, "0")])):
            self.assertEqual(shown(planned(whole(rows), rows, own, threshold=6000)), expected)
        self.assertEqual(planned(whole(1536), 1536, threshold=5000), [], "there is none to grow")

    def test_a_large_graph_grows_by_few_rows_when_it_is_quiet(self) -> None:
        own, rows = segment(0, 64_000), 64_600
        wanted = attrs.evolve(WANTED, threshold=5000, largest=100_000)
        self.assertEqual(planned(whole(rows), rows, own, is_quiet=False, wanted=wanted), [])
        self.assertEqual(
            shown(planned(whole(rows), rows, own, wanted=wanted)),
            [(Reason.INDEXING, 0, 64_600, "0")],
        )
        self.assertEqual(planned(whole(rows), rows, own, threshold=5000, largest=64_500), [])

    def test_a_graph_grows_no_further_than_it_may(self) -> None:
        grown = planned(whole(1100), 1100, segment(0, 960), largest=1024)
        self.assertEqual(shown(grown), [(Reason.INDEXING, 0, 1024, "0")])
        full = planned(whole(1100), 1100, segment(0, 960), largest=960)
        self.assertEqual(shown(full), [(Reason.INDEXING, 960, 1100)])

    def test_a_graph_takes_in_so_many_rows_at_once(self) -> None:
        rows = ROWS_AT_ONCE + 1000
        (job,) = planned(whole(rows), rows, largest=2 * rows)
        assert isinstance(job, Build)
        self.assertEqual((job.stop, job.fresh), (ROWS_AT_ONCE, ROWS_AT_ONCE))
        (job,) = planned(whole(rows), rows, largest=500)
        assert isinstance(job, Build)
        self.assertEqual(job.stop, 500)

    def test_rows_between_segments_get_one_however_few_they_are(self) -> None:
        present = rows_of((0, 64), (100, 110), (128, 256))
        before = planned(present, 256, segment(0, 64), segment(128, 256))
        self.assertEqual(shown(before), [(Reason.INDEXING, 0, 128, "0")])
        present = rows_of((10, 20), (64, 256))
        after = planned(present, 256, segment(64, 256))
        self.assertEqual(shown(after), [(Reason.INDEXING, 10, 256, "64")])
        many = planned(whole(1256), 1280, segment(1024, 1216), is_quiet=False)
        self.assertEqual(shown(many), [(Reason.INDEXING, 0, 1024)])

    def test_dead_rows_between_segments_are_left_alone(self) -> None:
        present = rows_of((0, 64), (640, 704))
        segments = segment(0, 64), segment(640, 704)
        self.assertEqual(planned(present, 704, *segments, segment_number=2), [])

    def test_segments_are_begun_until_there_are_as_many_as_wanted(self) -> None:
        own = segment(0, 512)
        self.assertEqual(
            shown(planned(whole(1024), 1024, own, segment_number=2)),
            [(Reason.INDEXING, 512, 1024)],
        )
        self.assertEqual(
            shown(planned(whole(1024), 1024, own, segment_number=1)),
            [(Reason.INDEXING, 0, 1024, "0")],
        )


class RenewingTests(SynchronousTestCase):
    """Graphs that are built again, verified, merged or dropped."""

    def test_a_graph_built_otherwise_is_built_again(self) -> None:
        for own in (segment(0, 64, m=8), segment(0, 64, ef_construct=200)):
            self.assertEqual(shown(planned(whole(64), 64, own)), [(Reason.CONFIG, 0, 64, "0")])
            (job,) = planned(whole(64), 64, own, threshold=None)
            assert isinstance(job, Build)
            self.assertIsNone(job.seed)

    def test_a_graph_built_otherwise_is_no_seed(self) -> None:
        jobs = planned(whole(1024), 1024, segment(0, 512, m=8))
        self.assertEqual(shown(jobs), [(Reason.INDEXING, 512, 1024), (Reason.CONFIG, 0, 512, "0")])

    def test_without_links_all_graphs_are_dropped(self) -> None:
        segments = segment(0, 64), segment(64, 128)
        self.assertEqual(planned(whole(1000), 1000, *segments, m=0), [Drop(segments)])

    def test_a_graph_of_dead_rows_is_dropped(self) -> None:
        segments = segment(0, 64), segment(64, 128)
        self.assertEqual(planned(rows_of((0, 64)), 128, *segments), [Drop(segments[1:])])

    def test_a_graph_is_built_again_when_too_much_of_it_has_died(self) -> None:
        def reasons(dead: int, rows: int = 256) -> list[Reason]:
            return [job.reason for job in planned(rows_of((dead, rows)), rows, segment(0, rows))]

        self.assertEqual(reasons(51), [])
        self.assertEqual(reasons(52), [Reason.VACUUM])
        self.assertEqual(reasons(100, rows=192), [], "it is too small to matter")

    def test_what_had_died_before_the_graph_was_built_does_not_count(self) -> None:
        own = segment(0, 640, nodes=320)
        self.assertEqual(planned(rows_of((320, 640)), 640, own), [])

    def test_a_graph_that_nobody_has_looked_at_is_verified_first(self) -> None:
        own = segment(0, 512)
        jobs = planned(whole(1024), 1024, own, unopened=[own])
        self.assertEqual(jobs[0], Verify(own))
        self.assertEqual(shown(jobs[1:]), [(Reason.INDEXING, 512, 1024)])

    def test_room_of_dead_rows_is_given_back_before_graphs_grow(self) -> None:
        own = attrs.evolve(segment(0, 512, nodes=400), unfreed_from=0)
        self.assertEqual(shown(planned(whole(512), 512, own)), [(Reason.HOLES, "0")])
        self.assertEqual(
            shown(planned(whole(1024), 1024, own)),
            [(Reason.HOLES, "0"), (Reason.INDEXING, 0, 1024, "0")],
        )

    def test_of_a_graph_in_which_much_has_died_only_the_live_rows_are_taken(self) -> None:
        own = segment(0, 640)
        (job,) = planned(rows_of((500, 1280)), 1280, own)
        assert isinstance(job, Build)
        self.assertEqual((job.start, job.stop, job.segments, job.seed), (500, 1280, (own,), None))
        self.assertEqual((job.first, job.fresh), (0, 640))
        large = segment(0, 9600)
        (job,) = planned(rows_of((9400, 12_800)), 12_800, large)
        assert isinstance(job, Build)
        self.assertEqual((job.start, job.stop, job.seed), (9400, 12_800, None))

    def test_dead_rows_at_the_beginning_are_left_out_but_not_forgotten(self) -> None:
        (job,) = planned(rows_of((200, 640)), 640)
        assert isinstance(job, Build)
        self.assertEqual((job.start, job.stop, job.first), (200, 640, 0))
        own = attrs.evolve(segment(200, 640), unfreed_from=0)
        _, job = planned(rows_of((200, 1280)), 1280, own)
        assert isinstance(job, Build)
        self.assertEqual((job.start, job.stop, job.first), (200, 1280, 0))


class MergingTests(SynchronousTestCase):
    """Neighbors that become one."""

    def merges(self, *sizes: int, **changes: Any) -> list[tuple[Any, ...]]:
        starts = np.cumsum([0, *sizes]).tolist()
        segments = [segment(a, b) for a, b in itertools.pairwise(starts)]
        jobs = planned(whole(starts[-1]), starts[-1], *segments, **changes)
        return shown(jobs)

    def test_neighbors_of_like_size_are_merged(self) -> None:
        self.assertEqual(self.merges(640, 64), [(Reason.MERGE, 0, 704, "0", "640")])
        self.assertEqual(self.merges(64, 640), [(Reason.MERGE, 0, 704, "0", "64")])
        self.assertEqual(self.merges(6400, 64), [], "the small one is not worth it yet")

    def test_the_larger_one_is_the_seed(self) -> None:
        for sizes, seed in (((640, 64), 0), ((64, 640), 64)):
            segments = segment(0, sizes[0]), segment(sizes[0], 704)
            (job,) = planned(whole(704), 704, *segments)
            assert isinstance(job, Build) and job.seed is not None
            self.assertEqual(job.seed.start, seed)

    def test_the_cheapest_pair_is_merged_first(self) -> None:
        self.assertEqual(self.merges(640, 512, 64, 640), [(Reason.MERGE, 640, 1216, "640", "1152")])

    def test_no_segment_becomes_too_large(self) -> None:
        self.assertEqual(self.merges(640, 512, largest=1100), [])

    def test_as_many_as_wanted_are_kept(self) -> None:
        self.assertEqual(self.merges(640, 512, segment_number=2), [])
        self.assertEqual(
            self.merges(6400, 64, 640, segment_number=2),
            [(Reason.MERGE, 0, 6464, "0", "6400")],
        )

    def test_rows_between_them_come_in(self) -> None:
        present = rows_of((0, 64), (128, 256))
        (job,) = planned(present, 256, segment(0, 64), segment(128, 256))
        assert isinstance(job, Build)
        self.assertEqual((job.start, job.stop, job.fresh), (0, 256, 0))


class SettlingTests(SynchronousTestCase):
    """Whatever there is, doing what is planned comes to an end."""

    @given(
        runs=st.lists(
            st.tuples(st.integers(1, 400), st.integers(0, 300), st.booleans()), max_size=8
        ),
        threshold=st.none() | st.integers(1, 300),
        largest=st.sampled_from([64, 100, 1000, 100_000]),
        number=st.integers(0, 4),
        least=st.sampled_from([1, 100]),
    )
    @settings(max_examples=150)
    def test_all_is_done_after_some_jobs(
        self,
        runs: list[tuple[int, int, bool]],
        threshold: int | None,
        largest: int,
        number: int,
        least: int,
    ) -> None:
        wanted = attrs.evolve(
            WANTED,
            threshold=threshold,
            largest=largest,
            segment_number=number,
            vacuum_least=least,
        )
        draft, segments, row = BitmapBuilder(Bitmap.empty()), [], 0
        for live, dead, is_segment in runs:
            draft.add(np.arange(row, row + live))
            if is_segment:
                stop = row + live + dead
                facts = GraphFacts(row, stop, live + dead // 2, 16 + live % 2, 100, 0, 0)
                segments.append(Segment(f"{row}", facts))
                row = stop
            row += live + dead
        present = draft.freeze(row)
        self.settle(present, row, tuple(segments), wanted)

    def settle(
        self, present: Bitmap, rows: int, segments: Segments, wanted: OptimizerSettings
    ) -> None:
        for number in range(500):
            jobs = planned(present, rows, *segments, wanted=wanted)
            if not jobs:
                break
            segments = done(jobs[0], segments, present, f"new-{number}")
            ends = [row for s in segments for row in (s.start, s.stop)]
            self.assertEqual(ends, sorted(ends), "segments do not overlap")
        else:
            self.fail(f"no end: {shown(jobs)}")
        if wanted.threshold is not None:
            last = segments[-1].stop if segments else 0
            tail = present.count_between(last, rows)
            self.assertLess(tail, wanted.threshold)
            if segments and segments[-1].nodes <= SMALL and wanted.largest > SMALL:
                self.assertEqual(tail, 0)


def done(job: Job, segments: Segments, present: Bitmap, uuid: str) -> Segments:
    """The segments after a job."""
    gone = [s.uuid for s in job.segments]
    if isinstance(job, Drop):
        return with_replaced(segments, gone)
    if not isinstance(job, Build):
        (own,) = job.segments
        unfreed = own.unfreed_from if isinstance(job, Verify) else None
        return with_replaced(segments, gone, attrs.evolve(own, unfreed_from=unfreed))
    nodes = present.count_between(job.start, job.stop)
    if job.seed is not None:
        nodes += job.seed.nodes - job.seed.live(present)
    facts = GraphFacts(job.start, job.stop, nodes, 16, 100, 0, 0)
    return with_replaced(segments, gone, Segment(uuid, facts, job.first))


class SettingsTests(SynchronousTestCase):
    """What the configuration asks for."""

    def test_sizes_are_in_rows(self) -> None:
        found = settings_of(CollectionConfig(), PARAMS, 2)
        self.assertEqual((found.threshold, found.largest), (10_000, 512_000))
        half = attrs.evolve(PARAMS, datatype=Datatype.FLOAT16)
        self.assertEqual(settings_of(CollectionConfig(), half, 2).threshold, 20_000)
        self.assertEqual(settings_of(CollectionConfig(), PARAMS, 4).largest, 1_024_000)

    def test_what_a_vector_sets_goes_before_what_the_collection_sets(self) -> None:
        scalar = QuantizationConfig(scalar=ScalarQuantization(ScalarType.INT8))
        config = CollectionConfig(
            hnsw_config=HnswConfig(m=8, ef_construct=50, max_indexing_threads=3)
        )
        params = attrs.evolve(PARAMS, hnsw_config=HnswConfigDiff(m=4), quantization_config=scalar)
        found = settings_of(config, params, 4)
        self.assertEqual((found.m, found.ef_construct, found.threads), (4, 50, 3))
        self.assertEqual(found.quantization, scalar)
        self.assertEqual(settings_of(config, params, 2).threads, 2)

    def test_the_optimizer_is_as_configured(self) -> None:
        optimizer = OptimizersConfig(
            deleted_threshold=0.5,
            vacuum_min_vector_number=300,
            default_segment_number=3,
            max_segment_size=2000,
            indexing_threshold=0,
            max_optimization_threads=0,
        )
        found = settings_of(CollectionConfig(optimizer_config=optimizer), PARAMS, 2)
        expected = attrs.evolve(
            WANTED,
            threshold=None,
            largest=2000,
            segment_number=3,
            deleted_threshold=0.5,
            vacuum_least=300,
            is_paused=True,
        )
        self.assertEqual(found, expected)

    def test_no_graph_is_built_over_what_it_cannot_compare(self) -> None:
        for datatype in (Datatype.FLOAT16, Datatype.UINT8, Datatype.TURBO4):
            params = attrs.evolve(PARAMS, datatype=datatype, distance=Distance.MANHATTAN)
            self.assertEqual(settings_of(CollectionConfig(), params, 2).m, 0)
