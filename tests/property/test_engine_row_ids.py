"""Pages are in the order of ids, in whatever order the points were added."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import hypothesis.strategies as st
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from tests.engine_support import UUID_1, UUID_2, field, unnamed, upsert, write
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.filtering import row_filter
from vexfs_twisted.engine.payload_index.row_ids import RowIdCache
from vexfs_twisted.engine.query import scrolling
from vexfs_twisted.engine.storage.keys import decode_id
from vexfs_twisted.engine.storage.row_sets import RowSet
from vexfs_twisted.engine.storage.row_values import key_of
from vexfs_twisted.model.filters import Filter, MatchValue
from vexfs_twisted.model.ids import PointId, sort_key
from vexfs_twisted.model.queries import Page, Scroll
from vexfs_twisted.model.updates import DeletePoints

RED = Filter(must=(field("c", MatchValue("red")),))


def in_order(ids: list[PointId]) -> list[PointId]:
    return sorted(ids, key=sort_key)


integers: st.SearchStrategy[PointId] = st.integers(0, 600)
uuids: st.SearchStrategy[PointId] = st.integers(0, 2**128 - 1).map(
    lambda number: str(UUID(int=number))
)
mixed = st.lists(st.one_of(integers, uuids), max_size=12, unique=True)
batches = st.lists(mixed | st.lists(integers, max_size=12, unique=True).map(in_order), max_size=4)


few = st.integers(0, 9) | st.sampled_from([UUID_1, UUID_2])
changes = st.tuples(st.lists(few, min_size=1, max_size=4, unique=True), st.booleans())


class RowIdTests(SynchronousTestCase):
    def setUp(self) -> None:
        path = Path(tempfile.mkdtemp(prefix="vexfs-engine-"))
        self.addCleanup(shutil.rmtree, path)
        self.catalog = Catalog(path)
        self.catalog.open()
        self.addCleanup(self.catalog.close)
        # Whatever passes is found by columns, and put in order by the ids of rows.
        self.patch(row_filter, "FEW_ROWS", -1)

    @settings(max_examples=60)
    @given(
        batches,
        st.lists(integers),
        st.one_of(integers, uuids),
        st.one_of(integers, uuids),
        st.integers(1, 12),
        st.sampled_from([0, scrolling.STEP]),
    )
    def test_pages_are_what_sorting_finds(
        self,
        added: list[list[PointId]],
        deleted: list[PointId],
        split: PointId,
        start: PointId,
        limit: int,
        step: int,
    ) -> None:
        self.patch(scrolling, "STEP", step)
        collection = self.catalog.create("a", unnamed())
        try:
            kept: set[PointId] = set()
            for batch in added:
                is_red = [sort_key(i) >= sort_key(split) for i in batch]
                payloads = [{"c": "red" if red else "blue"} for red in is_red]
                write(collection, upsert(batch, None, payloads), DeletePoints(ids=deleted[:2]))
                red = {i for i, passes in zip(batch, is_red, strict=True) if passes}
                kept = kept - set(batch) - set(deleted[:2]) | (red - set(deleted[:2]))
                deleted = deleted[2:]
                expected = in_order([i for i in kept if sort_key(i) >= sort_key(start)])
                page: Page = collection.read(Scroll(limit, start, RED))
                self.assertEqual([record.id for record in page.records], expected[:limit])
                following = expected[limit] if limit < len(expected) else None
                self.assertEqual(page.next_offset, following)
        finally:
            self.catalog.delete("a")

    @settings(max_examples=60)
    @given(st.lists(changes, min_size=1, max_size=8), st.data())
    def test_moments_that_are_asked_for_in_any_order(
        self, written: list[tuple[list[PointId], bool]], data: st.DataObject
    ) -> None:
        collection = self.catalog.create("a", unnamed())
        kept: set[PointId] = set()
        expected: list[list[PointId]] = []
        cache = RowIdCache()
        try:
            with ExitStack() as held:
                snapshots = []
                for ids, is_added in written:
                    write(collection, upsert(ids) if is_added else DeletePoints(ids=ids))
                    kept = kept | set(ids) if is_added else kept - set(ids)
                    expected.append(in_order(list(kept)))
                    snapshots.append(held.enter_context(collection._store.read()))
                for number in data.draw(st.permutations(range(len(snapshots)))):
                    moment = snapshots[number].rows
                    live = RowSet.of_bitmap(moment.live, moment.next_row)
                    found = cache.at(moment).first(live, b"", len(live))
                    values = snapshots[number].tables.values(found)
                    self.assertEqual([decode_id(key_of(v)) for v in values], expected[number])
        finally:
            self.catalog.delete("a")
