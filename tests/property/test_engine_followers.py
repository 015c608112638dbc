"""A collection that another process writes reads like the dictionary after each change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from hypothesis import HealthCheck, settings
from hypothesis.stateful import rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from tests import examples
from tests.property.test_engine_machine import NAME, CollectionMachine
from tests.remote import Remote
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
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


class FollowedMachineTests(SynchronousTestCase):
    """What was acknowledged is read by the other process, whatever it was."""

    def setUp(self) -> None:
        FollowedMachine.remote = Remote()
        self.addCleanup(FollowedMachine.remote.kill)

    def test_with_filters_answered_by_payloads(self) -> None:
        self.run_machine(max_examples=examples(15))

    def test_with_filters_answered_by_columns(self) -> None:
        """Columns are built at once, and take in what changed when that is a few rows."""
        self.patch(filtering, "FEW_ROWS", 0)
        self.patch(columns, "FEW_FRESH", 3)
        self.run_machine(max_examples=examples(20))

    def run_machine(self, max_examples: int) -> None:
        run_state_machine_as_test(
            FollowedMachine,
            settings=settings(
                max_examples=max_examples,
                stateful_step_count=25,
                suppress_health_check=list(HealthCheck),
            ),
        )
