"""A collection that another process writes reads like the dictionary after each change."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from tests import examples
from tests.engine_support import EVERYTHING, write
from tests.property.test_engine_machine import (
    NAME,
    CollectionMachine,
    Point,
    expected_of,
    shown_record,
    upsert_of,
)
from tests.remote import Remote
from tests.small_chunks import patch_small_chunks
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.cursor import Cursor
from vexfs_twisted.engine.filtering import row_filter as filtering
from vexfs_twisted.engine.followed_catalog import FollowedCatalog
from vexfs_twisted.engine.payload_index import cache as columns
from vexfs_twisted.model.collection import (
    Alias,
    CollectionConfig,
    CreateAlias,
    CreateCollection,
    DeleteAlias,
)
from vexfs_twisted.model.commands import Command, Outcome
from vexfs_twisted.model.queries import Scroll
from vexfs_twisted.model.updates import Update


class Followed:
    """A folder that another process has open, and this one follows: changed there, read here."""

    def __init__(self, remote: Remote, home: Path) -> None:
        self.remote = remote
        self.home = home
        self.is_open = True
        remote.call("open", home)
        self.here = FollowedCatalog(home)
        self.here.open()

    def create(self, name: str, request: CreateCollection) -> None:
        self.remote.call("create", self.home, name, request)

    def get(self, name: str) -> FollowedThings:
        return FollowedThings(self, name)

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self.here.close()
            self.remote.call("close", self.home)


class FollowedThings:
    """The collection of such a folder."""

    def __init__(self, catalog: Followed, name: str) -> None:
        self._catalog = catalog
        self._name = name

    @property
    def config(self) -> CollectionConfig:
        return self._catalog.here.get(self._name).config

    def apply(self, commands: Sequence[Command]) -> list[Outcome]:
        found = self._catalog.remote.call("apply", self._catalog.home, self._name, list(commands))
        return cast("list[Outcome]", found)

    def read(self, request: Any) -> Any:
        return self._catalog.here.get(self._name).read(request)

    def checkpoint(self) -> None:
        """It comes with `optimize`."""

    def optimize(self) -> None:
        assert self._catalog.remote.call("optimize", self._catalog.home, self._name)
        self._catalog.here.follow()

    def is_optimizer_due(self) -> bool:
        return False


class FollowedMachine(CollectionMachine):
    """The machine of a collection, by way of two processes."""

    remote: Remote

    def opened(self, home: Path) -> Catalog:
        return cast(Catalog, Followed(self.remote, home))

    @property
    def followed(self) -> Followed:
        return cast(Followed, self.catalogs[-1])

    @property
    def collection(self) -> Collection:
        return cast(Collection, self.followed.get(NAME))

    @rule()
    def begin_to_follow(self) -> None:
        """Follow it from now on, without what was known before."""
        self.followed.here.close()
        self.followed.here = FollowedCatalog(self.homes[-1])
        self.followed.here.open()

    @rule()
    def keep_up(self) -> None:
        self.followed.here.follow()

    @rule()
    def delete_and_create(self) -> None:
        config = self.collection.config
        request = CreateCollection(
            config.params.vectors, sparse_vectors=config.params.sparse_vectors
        )
        followed = self.followed
        assert followed.remote.call("delete", followed.home, NAME)
        assert followed.here.names() == []
        assert followed.here.find(NAME) is None
        followed.create(NAME, request)
        self.model.clear()
        self.indexed.clear()
        self.operations = 0

    @rule()
    def rename_an_alias(self) -> None:
        followed = self.followed
        followed.remote.call("update_aliases", followed.home, [CreateAlias(NAME, "other")])
        assert followed.here.aliases() == [Alias("other", NAME)]
        assert followed.here.resolve("other") == NAME
        followed.remote.call("update_aliases", followed.home, [DeleteAlias("other")])
        assert followed.here.aliases() == []


EVERY_POINT = Scroll(limit=2**64 - 1, selection=EVERYTHING)


class RecountingMachine(FollowedMachine):
    """The same where the other process moves points, and counts rows from later ones."""

    bases: set[int]

    def __init__(self) -> None:
        super().__init__()
        self.held: list[tuple[Cursor[Any], FollowedCatalog, list[object]]] = []

    def write(self, *updates: Update) -> None:
        self.count_moves()
        super().write(*updates)

    @invariant()
    def count_moves(self) -> None:
        """Moves and new counts take operation ids that nobody else knows of."""
        state = self.followed.here.get(NAME)._store.state
        self.operations = state.next_operation
        self.bases.add(state.base)

    @initialize()
    def begin_with_a_later_row(self) -> None:
        self.use_up_rows(0, 50, 10)

    @rule(first=st.integers(0, 20), count=st.integers(20, 50), again=st.integers(2, 30))
    def use_up_rows(self, first: int, count: int, again: int) -> None:
        """Write points again and again: perhaps more rows than a page of each file has."""
        written: list[Point] = [
            (100 + i, i % 6, {"": [float(i), 1.0, 2.0], "s": {i: 1}, "m": [[float(i), 0.0, 1.0]]})
            for i in range(first, first + count)
        ]
        for _ in range(1 + again):
            write(self.collection, upsert_of(written))
        self.remember(written)
        self.optimize()

    @rule()
    def hold(self) -> None:
        """Keep a moment, to be read later."""
        cursor = self.followed.here.get(NAME).open_cursor(EVERY_POINT)
        self.held.append((cursor, self.followed.here, expected_of(deepcopy(self.model))))

    @rule()
    def read_what_is_held(self) -> None:
        for cursor, catalog, expected in self.held:
            if catalog is self.followed.here:
                found: list[object] = []
                while batch := cursor.next(7, 1 << 20):
                    found += map(shown_record, batch.points)
                assert found == expected, (found, expected)
            cursor.close()
        self.held.clear()

    @rule()
    def delete_and_create(self) -> None:
        self.read_what_is_held()
        super().delete_and_create()

    def teardown(self) -> None:
        self.read_what_is_held()
        super().teardown()


class FollowedMachineTests(SynchronousTestCase):
    """What was acknowledged is read by the other process, whatever it was."""

    def setUp(self) -> None:
        self.begin()

    def begin(self, **settings: int) -> None:
        FollowedMachine.remote = Remote(**settings)
        self.addCleanup(FollowedMachine.remote.kill)

    def test_where_rows_are_counted_from_later_ones(self) -> None:
        patch_small_chunks(self.patch)
        self.patch(filtering, "FEW_ROWS", 0)
        self.begin(recounts=1)
        RecountingMachine.bases = set()
        self.run_machine(examples(10), RecountingMachine)
        self.assertGreater(len(RecountingMachine.bases), 1)

    def test_with_filters_answered_by_payloads(self) -> None:
        self.run_machine(max_examples=examples(15))

    def test_with_filters_answered_by_columns(self) -> None:
        """Columns are built at once, and take in what changed when that is a few rows."""
        self.patch(filtering, "FEW_ROWS", 0)
        self.patch(columns, "FEW_FRESH", 3)
        self.run_machine(max_examples=examples(20))

    def run_machine(
        self, max_examples: int, machine: type[FollowedMachine] = FollowedMachine
    ) -> None:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=max_examples,
                stateful_step_count=25,
                suppress_health_check=list(HealthCheck),
            ),
        )
