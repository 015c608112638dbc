"""Commands that are committed together have the effect of the same commands one by one."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from tests.command_histories import (
    FIRST,
    REQUEST,
    SPARSE_NAME,
    commands,
    contents,
    id_lists,
    payloads,
    shown,
    sparse_columns,
)
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.vector_storage import dense
from vexfs_twisted.engine.writes import upsert_queue
from vexfs_twisted.model.commands import Command, CommandBatch, Outcome
from vexfs_twisted.model.updates import Upsert
from vexfs_twisted.model.vectors import VectorColumn

NAME = "grouped"


@st.composite
def plain_upserts(draw: st.DrawFn) -> Upsert:
    """An upsert of a few points, of one of three sets of vector names, or one that is refused."""
    ids = draw(id_lists)
    names = draw(st.sampled_from([("a",), ("a",), ("a",), (), ("a", SPARSE_NAME), ("wrong",)]))
    vectors: dict[str, VectorColumn] = {}
    for name in names:
        if name == SPARSE_NAME:
            vectors[name] = VectorColumn(draw(sparse_columns(len(ids))))
            continue
        numbers = st.sampled_from([*range(-3, 4), *range(-3, 4), float("nan")])
        row = st.lists(numbers, min_size=2, max_size=2)
        rows = draw(st.lists(row, min_size=len(ids), max_size=len(ids)))
        vectors[name] = VectorColumn.of(np.array(rows, dtype=np.float32).reshape(len(ids), 2))
    own = draw(st.lists(payloads, min_size=len(ids), max_size=len(ids)))
    return Upsert(ids, vectors, own)


groups = st.lists(
    st.lists(plain_upserts() | plain_upserts() | commands, min_size=1, max_size=12),
    min_size=1,
    max_size=4,
)


class Home:
    """A collection in a folder of its own."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="vexfs-engine-"))
        self.catalog = Catalog(self.path)
        self.catalog.open()
        self.catalog.apply(self.catalog.addition(NAME, REQUEST))
        self.collection.apply([FIRST])

    @property
    def collection(self) -> Collection:
        return self.catalog.get(NAME)

    def reopen(self) -> None:
        self.catalog.close()
        self.catalog = Catalog(self.path)
        self.catalog.open()

    def remove(self) -> None:
        self.catalog.close()
        shutil.rmtree(self.path)


class GroupedWritesTests(SynchronousTestCase):
    """One collection commits groups of commands, another one each of them."""

    def test_single_commands(self) -> None:
        self.check(lambda group: [[command] for command in group])

    def test_batches_of_commands(self) -> None:
        self.check(lambda group: [group[:3], group[3:7], group[7:]])

    def test_small_queues(self) -> None:
        """With bounds that the upserts of a group exceed, and vectors written one by one."""
        self.patch(dense, "_BLOCK", 8)
        self.patch(upsert_queue, "_FEW", 2)
        self.patch(upsert_queue, "_FEW_BYTES", 20)
        self.patch(upsert_queue, "_ENOUGH", 4)
        self.check(lambda group: [[command] for command in group])

    def check(self, batches_of: Any) -> None:
        @settings(max_examples=60, deadline=None)
        @given(groups=groups)
        def they_are_equal(groups: list[list[Command]]) -> None:
            together, alone = Home(), Home()
            try:
                for group in groups:
                    batches = [CommandBatch(own) for own in batches_of(group)]
                    found = together.collection.apply_each(batches)
                    expected: list[list[Outcome]] = [
                        alone.collection.apply_each([batch])[0] for batch in batches
                    ]
                    self.assertEqual(list(map(shown, found)), list(map(shown, expected)))
                self.assertEqual(contents(together.collection), contents(alone.collection))
                together.reopen()
                self.assertEqual(contents(together.collection), contents(alone.collection))
            finally:
                together.remove()
                alone.remove()

        they_are_equal()


class VersionTests(SynchronousTestCase):
    """What joined upserts record of each point."""

    def test_each_point_has_the_operation_that_wrote_it_last(self) -> None:
        home = Home()
        try:
            first = home.collection.state.next_operation
            vector = {"a": VectorColumn.of(np.ones((1, 2), dtype=np.float32))}
            ids = [3, 4, 3, 5, 4]
            group: list[Command] = [Upsert([point], vector, [b"{}"]) for point in ids]
            self.assertEqual(home.collection.apply(group), list(range(first, first + 5)))
            versions = dict(contents(home.collection)["versions"])
            self.assertEqual(
                {point: versions[point] for point in (3, 4, 5)},
                {3: first + 2, 4: first + 4, 5: first + 3},
            )
        finally:
            home.remove()
