"""Segments of a collection: how they are kept, and how readers come to see them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import cast

import attrs
import lmdb
import orjson

from tests.engine_support import EngineTestCase, floats, unnamed, upsert, write
from vexfs_twisted.engine.collection_store import CollectionStore
from vexfs_twisted.engine.errors import UnknownFormat
from vexfs_twisted.engine.mvcc.state import CollectionState
from vexfs_twisted.engine.storage.record_checksums import sealed
from vexfs_twisted.engine.vector_index.graph.file import GraphFacts
from vexfs_twisted.engine.vector_index.graph.graph import Graph
from vexfs_twisted.engine.vector_index.segments import (
    Segment,
    SegmentGraph,
    Segments,
    graph_file,
    new_uuid,
    unindexed,
    with_replaced,
)
from vexfs_twisted.model.collection import UpdateCollection
from vexfs_twisted.model.commands import CommandBatch

SOME_GRAPH = SegmentGraph(cast(Graph, object()))


def segment(start: int, stop: int, *, nodes: int = 0) -> Segment:
    return Segment(new_uuid(), GraphFacts(start, stop, nodes, 16, 100, nbytes=0, checksum=0))


class ListTests(EngineTestCase):
    """Lists of segments as values."""

    def test_a_new_segment_takes_the_place_of_old_ones(self) -> None:
        first, second, third = segment(0, 64), segment(64, 128), segment(256, 320)
        merged = segment(0, 128)
        segments = with_replaced((first, second, third), [first.uuid, second.uuid], merged)
        self.assertEqual(segments, (merged, third))
        self.assertEqual(with_replaced(segments, [merged.uuid]), (third,))

    def test_they_stay_in_the_order_of_their_rows(self) -> None:
        segments: Segments = ()
        for start in (128, 0, 64):
            segments = with_replaced(segments, (), segment(start, start + 64))
        self.assertTrue(all(one.stop == two.start for one, two in pairwise(segments)))

    def test_rows_without_a_graph_at_hand_are_unindexed(self) -> None:
        ready = segment(64, 128)
        graphs = {ready.uuid: SOME_GRAPH}
        self.assertEqual(list(unindexed((), graphs, 0)), [])
        self.assertEqual(list(unindexed((), graphs, 10)), [(0, 10)])
        self.assertEqual(list(unindexed((ready,), graphs, 200)), [(0, 64), (128, 200)])
        self.assertEqual(list(unindexed((segment(0, 64), ready), graphs, 128)), [(0, 64)])


class StoreTests(EngineTestCase):
    """Segments of a collection on disk."""

    def setUp(self) -> None:
        super().setUp()
        collection = self.catalog.create("things", unnamed(2))
        write(collection, upsert(range(200), floats(*[[n, 1] for n in range(200)])))
        self.catalog.close()
        self.open()
        self.addCleanup(lambda: self.store.close())

    def open(self) -> None:
        self.store = CollectionStore(self.directory())

    def open_again(self) -> None:
        self.store.close()
        self.open()

    def change(self, *segments: Segment) -> None:
        for own in segments:
            (self.directory() / graph_file(own.uuid)).touch()
        self.store.change_segments(lambda state: {"": segments})

    def files(self) -> set[str]:
        return {path.name for path in self.directory().glob("graph-*")}

    def segments(self) -> Segments:
        return self.store.state.spaces[""].segments

    def test_a_new_collection_has_none(self) -> None:
        self.assertEqual(self.segments(), ())

    def test_they_are_there_after_opening_again(self) -> None:
        own = (segment(0, 64, nodes=60), attrs.evolve(segment(64, 192), unfreed_from=64))
        self.change(*own)
        self.open_again()
        self.assertEqual(self.segments(), own)
        self.assertEqual(self.store.indexes.graphs, {})

    def test_they_outlast_writes_and_changes_of_the_configuration(self) -> None:
        own = segment(0, 64)
        self.change(own)
        self.store.commit([CommandBatch([upsert([1], floats([9, 9])), UpdateCollection()])])
        self.assertEqual(self.segments(), (own,))
        self.assertEqual(own.live(self.store.state.spaces[""].present), 63)

    def test_a_read_keeps_the_segments_it_has_begun_with(self) -> None:
        own = segment(0, 64)
        with self.store.read() as snapshot:
            self.change(own)
            self.assertEqual(snapshot.state.spaces[""].segments, ())
        with self.store.read() as snapshot:
            self.assertEqual(snapshot.state.spaces[""].segments, (own,))

    def test_files_of_segments_that_are_gone_are_removed(self) -> None:
        first, second = segment(0, 64), segment(64, 128)
        self.change(first, second)
        self.change(second)
        self.assertEqual(self.files(), {graph_file(second.uuid)})

    def test_files_of_no_segment_are_removed_when_the_store_opens(self) -> None:
        own = segment(0, 64)
        self.change(own)
        for name in ("graph-left-by-a-crash", "graph-left.new", "codes-left"):
            (self.directory() / name).touch()
        self.open_again()
        self.assertEqual(self.files(), {graph_file(own.uuid)})
        self.assertFalse((self.directory() / "codes-left").exists())

    def test_an_opened_graph_changes_no_state(self) -> None:
        own = segment(0, 64)
        self.change(own)
        before = self.store.state
        with self.store.read() as earlier:
            self.store.add_graphs({own.uuid: SOME_GRAPH})
            self.assertEqual(earlier.indexes.graphs, {})
        with self.store.read() as snapshot:
            self.assertIs(snapshot.state, before)
            self.assertIs(snapshot.indexes.graphs[own.uuid], SOME_GRAPH)

    def test_a_graph_is_kept_while_a_state_in_use_has_its_segment(self) -> None:
        old, new, newest = segment(0, 64), segment(0, 64), segment(0, 64)
        self.change(old)
        self.store.add_graphs({old.uuid: SOME_GRAPH})
        with self.store.read() as snapshot:
            self.change(new)
            self.change(newest)
            self.assertIs(self.store.indexes.graphs[old.uuid], SOME_GRAPH)
            del snapshot
        for number in range(3):
            self.store.commit([CommandBatch([upsert([number], floats([9, 9]))])])
        self.assertEqual(self.store.indexes.graphs, {})

    def test_no_graph_is_left_of_segments_that_are_not_committed(self) -> None:
        own = segment(0, 64)

        def unwritable(state: CollectionState) -> Mapping[str, Segments]:
            return {"": (own, cast(Segment, None))}

        with self.assertRaises(AttributeError):
            self.store.change_segments(unwritable, {own.uuid: SOME_GRAPH})
        self.assertEqual(self.store.indexes.graphs, {})

    def test_segments_of_another_version_are_refused(self) -> None:
        directory = self.directory()
        self.change(segment(0, 64))
        self.store.close()
        rewrite_segments(directory, {"version": 99})
        error = self.assertRaises(UnknownFormat, CollectionStore, directory)
        self.assertIn("segments of version 99", str(error))
        rewrite_segments(directory, {"version": 1, "names": {}})
        self.open()

    def test_views_are_alive_while_somebody_reads_them(self) -> None:
        def others() -> list[CollectionState]:
            return [state for state in self.store.states_in_use() if state is not self.store.state]

        with self.store.read() as snapshot:
            self.change(segment(0, 64))
            self.change(segment(64, 128))
            self.assertEqual([state is snapshot.state for state in others()], [True])
        del snapshot
        self.assertEqual(others(), [])


def rewrite_segments(directory: Path, record: object) -> None:
    """Put `record` in the place of the stored segments."""
    with lmdb.open(str(directory), max_dbs=4) as environment:
        meta = environment.open_db(b"meta")
        with environment.begin(write=True) as transaction:
            value = sealed(b"segments", orjson.dumps(record))
            transaction.put(b"segments", value, db=meta)
