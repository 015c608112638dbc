"""The optimizer runs while a collection and a dictionary take the same changes and crashes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from functools import partialmethod
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

import attrs
import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from tests.engine_support import write
from tests.property.test_engine_machine import CollectionMachine, Point, upsert_of
from tests.small_chunks import patch_small_chunks
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection_store import CollectionStore
from vexfs_twisted.engine.mvcc.published import PublishedStates
from vexfs_twisted.engine.mvcc.state import CollectionState
from vexfs_twisted.engine.optimizer import dead_rows, moves, optimizer, plan, report
from vexfs_twisted.engine.optimizer.settings import OptimizerSettings
from vexfs_twisted.engine.storage.bitmap import Rows
from vexfs_twisted.engine.vector_index.linked import LinkedSpace, rows_linked
from vexfs_twisted.engine.vector_index.row_checksums import checksums_of
from vexfs_twisted.engine.vector_index.segments import graph_file
from vexfs_twisted.engine.writes.point_batch import PointBatch
from vexfs_twisted.model.collection import CollectionInfoRequest, CollectionStatus, UpdateCollection
from vexfs_twisted.model.collection_params import HnswConfigDiff, OptimizersConfigDiff
from vexfs_twisted.model.updates import Update


class Crash(Exception):
    """The process ended here."""


Crashing = Callable[[], NoReturn]


def contents_of(state: CollectionState) -> object:
    """All that a state holds, as a value."""
    spaces = {}
    for name, space in state.spaces.items():
        rows = space.present.rows()
        vectors = rows.tobytes(), checksums_of(space, rows).tobytes()
        spaces[name] = (space.params, space.slot, space.segments, *vectors)
    counters = state.base, state.next_row, state.next_operation, state.last_command, state.next_slot
    changes = [(own.operation, own.rows.tobytes()) for own in state.payload_changes.changes]
    live = state.live.rows().tobytes()
    return counters, state.config, live, spaces, dict(state.fields), changes


class OptimizerMachine(CollectionMachine):
    """The same collection, with graphs over its rows; each write is followed by quiet."""

    is_quiet = True

    def __init__(self) -> None:
        super().__init__()
        self.many: list[Point] = [
            (100 + i, i % 6, {"": [float(i % 7), i % 5, i % 3], "s": {i: i % 5}})
            for i in range(150)
        ]
        self.held: tuple[CollectionState, object] | None = None
        self.write_many(0, 150)

    @rule()
    def hold_a_state(self) -> None:
        """Keep a state beyond its time, and what it holds."""
        state = self.collection.state
        self.held = (state, contents_of(state))

    @rule()
    def reopen(self) -> None:
        # The next process does not know who held a state in this one, and frees dead rows.
        self.held = None
        super().reopen()

    @rule(first=st.integers(0, 140), count=st.integers(10, 150))
    def write_many(self, first: int, count: int) -> None:
        """Use up rows: any number of them is worth a graph."""
        written: list[Point] = self.many[first : first + count]
        self.write(upsert_of(written))
        self.remember(written)

    @rule(first=st.integers(0, 140), count=st.integers(10, 150))
    def grow(self, first: int, count: int) -> None:
        self.write_many(first, count)
        self.optimize()

    @rule(first=st.integers(0, 140), count=st.integers(1, 100))
    def thin(self, first: int, count: int) -> None:
        ids = [point_id for point_id, _, _ in self.many[first : first + count]]
        self.delete(ids)
        self.optimize()

    @rule()
    def optimizer(self) -> None:
        super().optimize()
        is_green = self.collection.read(CollectionInfoRequest()).status is CollectionStatus.GREEN
        assert is_green or not self.is_quiet

    @rule(asked=st.integers(0, 4))
    def optimize_for_a_while(self, asked: int) -> None:
        answers = iter([False] * asked)
        self.collection.optimize(lambda: next(answers, True))

    @rule(m=st.sampled_from([0, 2, 16, 16, 16, 16]), number=st.integers(0, 3))
    def change_settings(self, m: int, number: int) -> None:
        write(
            self.collection,
            UpdateCollection(
                hnsw_config=HnswConfigDiff(m=m),
                optimizers_config=OptimizersConfigDiff(default_segment_number=number),
            ),
        )

    def crash_in(self, owner: type, name: str, method: Callable[..., None]) -> bool:
        """Optimize with a method replaced; whether it has crashed. `method` gets the new home."""
        home = Path(tempfile.mkdtemp(prefix="vexfs-engine-"))

        def crash() -> NoReturn:
            shutil.copytree(self.homes[-1], home, dirs_exist_ok=True)
            raise Crash

        with patch.object(owner, name, partialmethod(method, crash)):
            try:
                self.collection.optimize()
            except Crash:
                self.homes.append(home)
                self.catalogs.append(Catalog(home))
                self.catalogs[-1].open()
                return True
        home.rmdir()
        return False

    @rule()
    def crash_before_a_graph_is_committed(self) -> None:
        self.crash_in(CollectionStore, "change_segments", lambda store, crash, *_: crash())

    @rule()
    def crash_before_a_move_is_committed(self) -> None:
        original = PointBatch.move

        def move(batch: PointBatch, crash: Crashing, rows: Rows) -> None:
            original(batch, rows)
            # What the tables have so far is of the transaction, and what the files have is there.
            crash()

        self.crash_in(PointBatch, "move", move)

    @rule(place=st.integers(0, 10_000), bit=st.integers(0, 7))
    def damage_a_graph(self, place: int, bit: int) -> None:
        self.held = None
        self.catalogs[-1].close()
        files = sorted(self.homes[-1].glob("collections/*/graph-*"))
        if files:
            data = bytearray(files[place % len(files)].read_bytes())
            data[place % len(data)] ^= 1 << bit
            files[place % len(files)].write_bytes(data)
        self.catalogs.append(Catalog(self.homes[-1]))
        self.catalogs[-1].open()

    @invariant()
    def a_state_is_a_value(self) -> None:
        if self.held is not None:
            state, contents = self.held
            assert contents_of(state) == contents, "a state has changed"

    @invariant()
    def segments_are_sound(self) -> None:
        store = self.collection._store
        spaces = store.state.linkable.values()
        for space in spaces:
            self.check_segments(store, space)
        files = {path.name for path in store.path.glob("graph-*")}
        assert files == {graph_file(own.uuid) for space in spaces for own in space.segments}

    def check_segments(self, store: CollectionStore, space: LinkedSpace) -> None:
        """The segments of a space are in order, and their graphs have all live rows."""
        row = 0
        for segment in space.segments:
            assert row <= segment.start < segment.stop <= store.state.next_row
            row = segment.stop
            opened = store.indexes.graphs.get(segment.key)
            if opened is not None:
                is_linked = rows_linked(space, segment, opened.graph)
                live = space.present.mask(segment.stop)[segment.start :]
                assert not (live & ~is_linked).any(), "a live row is not in the graph"


class BusyMachine(OptimizerMachine):
    """The same where it is never quiet, so that a few rows at the end have no graph."""

    is_quiet = False


class MovingMachine(OptimizerMachine):
    """The same where points are moved, each time under an operation id of its own."""

    crashes: int

    @initialize()
    def begin_with_moves(self) -> None:
        """Few examples would get that far by the rules alone."""
        self.write_many(0, 150)
        for _ in range(4):
            self.write_many(1, 149)
        self.optimize()
        self.crash_before_rows_are_counted_anew(4)

    @rule(again=st.integers(1, 4))
    def crash_before_rows_are_counted_anew(self, again: int) -> None:
        original = PublishedStates.file

        def file(
            states: PublishedStates, crash: Crashing, number: int, state: CollectionState
        ) -> None:
            # All is written by then but the commit.
            if state.base != states.newest.base:
                crash()
            original(states, number, state)

        for _ in range(again):
            self.write_many(0, 150)
        MovingMachine.crashes += self.crash_in(PublishedStates, "file", file)

    def write(self, *updates: Update) -> None:
        self.count_moves()
        super().write(*updates)

    @invariant()
    def count_moves(self) -> None:
        """Nobody but the collection knows when points are moved."""
        self.operations = self.collection._store.state.next_operation


class OptimizerMachineTests(SynchronousTestCase):
    """Whatever the optimizer does, wherever it stops, a collection answers like a dictionary."""

    def setUp(self) -> None:
        def eager(*arguments: Any) -> OptimizerSettings:
            found = real(*arguments)
            return attrs.evolve(found, threshold=1, vacuum_least=1, largest=256)

        real = report.settings_of  # type: ignore[attr-defined]
        self.patch(report, "settings_of", eager)
        self.patch(plan, "ROWS_AT_ONCE", 64)
        self.patch(dead_rows, "LEAST_ROWS", 0)

    def run_machine(
        self, machine: type[OptimizerMachine], seconds: float, examples: int = 15
    ) -> None:
        self.patch(optimizer, "QUIET_SECONDS", seconds)
        run_state_machine_as_test(
            machine, settings=settings(max_examples=examples, stateful_step_count=30)
        )

    def test_where_points_are_moved(self) -> None:
        """As soon as live rows are half of those that they lie among, and rows counted anew."""
        moved: list[int] = []
        recounted: list[int] = []
        original = PointBatch.move

        def move(batch: PointBatch, rows: Rows) -> None:
            original(batch, rows)
            moved.append(len(rows))

        def recount(store: CollectionStore, row: int) -> None:
            real_recount(store, row)
            recounted.append(row)

        real_recount = CollectionStore.recount
        self.patch(CollectionStore, "recount", recount)
        self.patch(PointBatch, "move", move)
        patch_small_chunks(self.patch)
        for name, value in (("LEAST_SPREAD", 20), ("SPREAD", 2), ("DENSE", 1), ("ROWS_AT_ONCE", 9)):
            self.patch(moves, name, value)
        self.patch(plan, "LONG_RANGE", 20)
        MovingMachine.crashes = 0
        self.run_machine(MovingMachine, 0, examples=8)
        self.assertGreater(MovingMachine.crashes, 0)
        self.assertGreater(len(moved), 0)
        self.assertGreater(len(recounted), 0)

    def test_where_it_is_quiet(self) -> None:
        self.run_machine(OptimizerMachine, 0)

    def test_where_it_is_not(self) -> None:
        self.run_machine(BusyMachine, 1000)
