"""Aliases: other names of collections, in every call that takes a name but deletion."""

from __future__ import annotations

from tests.suites.operations_contract.case import NAME, ContractCase, ids_of
from tests.suites.values import Point, delete, unnamed, upsert
from vexfs_twisted.model.collection import (
    Alias,
    AliasAction,
    CollectionInfoRequest,
    CreateAlias,
    DeleteAlias,
    RenameAlias,
    UpdateCollection,
)
from vexfs_twisted.model.errors import AlreadyExists, BadInput, NotFound


class AliasesContract(ContractCase):
    """The rules of aliases."""

    async def change(self, *actions: AliasAction) -> bool:
        """Apply actions on aliases."""
        return await self.operations.update_aliases(actions)

    async def aliases(self, collection: str | None = None) -> dict[str, str]:
        """The collection of each alias."""
        found = await self.operations.list_aliases(collection)
        return {alias.alias_name: alias.collection_name for alias in found}

    async def test_an_alias_is_listed(self) -> None:
        await self.create()
        self.assertEqual(await self.operations.list_aliases(), [])
        self.assertIs(await self.change(CreateAlias(NAME, "other")), True)
        self.assertEqual(await self.operations.list_aliases(), [Alias("other", NAME)])

    async def test_the_aliases_of_one_collection(self) -> None:
        await self.create()
        await self.create(name="second")
        await self.change(
            CreateAlias(NAME, "b"), CreateAlias("second", "c"), CreateAlias(NAME, "a")
        )
        self.assertEqual(await self.aliases(NAME), {"a": NAME, "b": NAME})
        self.assertEqual(await self.aliases("second"), {"c": "second"})
        self.assertEqual(await self.aliases(), {"a": NAME, "b": NAME, "c": "second"})
        await self.create(name="third")
        self.assertEqual(await self.aliases("third"), {})

    async def test_what_is_no_collection_has_none(self) -> None:
        await self.create()
        await self.change(CreateAlias(NAME, "other"))
        for name in ("missing", "other"):
            self.assertEqual(await self.operations.list_aliases(name), [])
        await self.operations.delete_collection(NAME)
        self.assertEqual(await self.operations.list_aliases(NAME), [])

    async def test_aliases_are_no_collections(self) -> None:
        await self.create()
        await self.change(CreateAlias(NAME, "other"))
        self.assertEqual(await self.operations.list_collections(), [NAME])

    async def test_every_call_takes_an_alias(self) -> None:
        await self.create()
        await self.change(CreateAlias(NAME, "other"))
        operations = self.operations
        self.assertIs(await operations.collection_exists("other"), True)
        await operations.update("other", upsert(Point(1, [1, 2, 3, 4]), Point(2)), wait=True)
        await operations.update("other", delete(2), wait=True)
        await operations.update_collection("other", UpdateCollection(metadata={"a": 1}))
        info = await operations.read("other", CollectionInfoRequest())
        self.assertEqual((info.points_count, info.config.metadata), (1, {"a": 1}))
        self.assertEqual((await operations.cluster_info("other")).points_count, 1)
        self.assertEqual(ids_of(await self.retrieve(1, name="other")), [1])
        self.assertEqual(await self.count(name="other"), 1)

    async def test_a_write_by_alias_is_read_by_name(self) -> None:
        await self.create()
        await self.change(CreateAlias(NAME, "other"))
        first = await self.put(Point(1, [1, 2, 3, 4]))
        second = await self.operations.update("other", upsert(Point(2, [1, 2, 3, 4])), wait=True)
        self.assertEqual((first.operation_id, second.operation_id), (0, 1))
        self.assertEqual(await self.count(), 2)

    async def test_creating_an_alias_again_points_it_elsewhere(self) -> None:
        await self.create()
        await self.create(name="second")
        await self.change(CreateAlias(NAME, "other"))
        await self.change(CreateAlias("second", "other"))
        self.assertEqual(await self.aliases(), {"other": "second"})

    async def test_a_deleted_alias_is_not_found(self) -> None:
        await self.create()
        await self.change(CreateAlias(NAME, "other"))
        self.assertIs(await self.change(DeleteAlias("other")), True)
        await self.refused(
            NotFound,
            self.operations.read("other", CollectionInfoRequest()),
            "Not found: Collection `other` doesn't exist!",
        )
        self.assertIs(await self.operations.collection_exists(NAME), True)

    async def test_deleting_a_missing_alias_is_no_error(self) -> None:
        self.assertIs(await self.change(DeleteAlias("nothing")), True)

    async def test_rename(self) -> None:
        await self.create()
        await self.change(CreateAlias(NAME, "old"))
        self.assertIs(await self.change(RenameAlias("old", "new")), True)
        self.assertEqual(await self.aliases(), {"new": NAME})

    async def test_renaming_a_missing_alias(self) -> None:
        await self.refused(
            NotFound, self.change(RenameAlias("x", "y")), "Not found: Alias x does not exists!"
        )

    async def test_an_alias_of_a_missing_collection(self) -> None:
        await self.refused(
            NotFound,
            self.change(CreateAlias("x", "other")),
            "Not found: Collection `x` doesn't exist!",
        )
        self.assertEqual(await self.aliases(), {})

    async def test_an_alias_named_as_a_collection(self) -> None:
        await self.create()
        await self.create(name="second")
        await self.refused(
            AlreadyExists,
            self.change(CreateAlias(NAME, "second")),
            "Wrong input: Collection `second` already exists!",
        )
        await self.change(CreateAlias(NAME, "other"))
        await self.refused(AlreadyExists, self.change(RenameAlias("other", "second")))
        self.assertEqual(await self.aliases(), {"other": NAME})

    async def test_a_collection_named_as_an_alias(self) -> None:
        await self.create()
        await self.change(CreateAlias(NAME, "other"))
        error = await self.refused(BadInput, self.operations.create_collection("other", unnamed()))
        self.assertIn("other", error.message)
        self.assertEqual(await self.operations.list_collections(), [NAME])
        self.assertEqual(await self.aliases(), {"other": NAME})

    async def test_actions_are_carried_out_in_order(self) -> None:
        await self.create()
        await self.create(name="second")
        await self.change(
            CreateAlias(NAME, "a"),
            RenameAlias("a", "b"),
            CreateAlias("second", "a"),
            DeleteAlias("b"),
        )
        self.assertEqual(await self.aliases(), {"a": "second"})

    async def test_no_action_takes_effect_when_one_fails(self) -> None:
        await self.create()
        await self.change(CreateAlias(NAME, "kept"))
        actions: list[AliasAction] = [
            DeleteAlias("kept"),
            CreateAlias(NAME, "new"),
            CreateAlias("missing", "x"),
        ]
        await self.refused(NotFound, self.change(*actions))
        self.assertEqual(await self.aliases(), {"kept": NAME})

    async def test_deleting_a_collection_deletes_its_aliases(self) -> None:
        await self.create()
        await self.create(name="second")
        await self.change(CreateAlias(NAME, "a"), CreateAlias("second", "b"))
        await self.operations.delete_collection(NAME)
        self.assertEqual(await self.aliases(), {"b": "second"})
        self.assertIs(await self.operations.collection_exists("a"), False)
        await self.operations.create_collection("a", unnamed())

    async def test_deletion_takes_real_names_only(self) -> None:
        await self.create()
        await self.change(CreateAlias(NAME, "other"))
        self.assertIs(await self.operations.delete_collection("other"), False)
        self.assertIs(await self.operations.collection_exists(NAME), True)
        self.assertEqual(await self.aliases(), {"other": NAME})

    async def test_an_alias_moves_from_one_collection_to_the_next(self) -> None:
        """The usual swap: readers of the alias see the old collection, then the new one."""
        await self.create()
        await self.create(unnamed(2), name="second")
        await self.put(Point(1, [1, 2, 3, 4]))
        await self.operations.update("second", upsert(Point(2, [1, 2])), wait=True)
        await self.change(CreateAlias(NAME, "live"))
        self.assertEqual(ids_of(await self.retrieve(1, 2, name="live")), [1])
        await self.change(DeleteAlias("live"), CreateAlias("second", "live"))
        self.assertEqual(ids_of(await self.retrieve(1, 2, name="live")), [2])
