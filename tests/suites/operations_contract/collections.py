"""Collections: create, list, describe, exists, delete."""

from __future__ import annotations

from collections.abc import Awaitable

from twisted.internet.defer import DeferredList, gatherResults

from tests.suites.operations_contract.case import NAME, ContractCase, ids_of
from tests.suites.values import Point, delete, unnamed, upsert
from vexfs_twisted.model.collection import (
    CollectionInfoRequest,
    CollectionStatus,
    CreateCollection,
    UpdateCollection,
)
from vexfs_twisted.model.collection_params import Distance, VectorParams
from vexfs_twisted.model.errors import AlreadyExists, NotFound, ValidationError
from vexfs_twisted.model.queries import Count, Query, QueryBatch, Retrieve, Scroll, Selection

_UNUSUAL_NAMES = (
    "with space",
    "gr\u00fc\u00dfe \u4e16\u754c",
    "...",
    "100%",
    "a+b&c=d;e#f",
    "CON",
    "-",
    "x" * 255,
)


class CollectionsContract(ContractCase):
    """Calls on collections that do not depend on points."""

    async def test_create_answers_true_and_the_collection_is_listed(self) -> None:
        self.assertIs(await self.operations.create_collection("b", unnamed()), True)
        self.assertIs(await self.operations.create_collection("a", unnamed()), True)
        self.assertEqual(await self.operations.list_collections(), ["a", "b"])

    async def test_nothing_is_listed_at_first(self) -> None:
        self.assertEqual(await self.operations.list_collections(), [])

    async def test_create_twice_is_refused_and_keeps_the_first(self) -> None:
        await self.create(unnamed(3))
        await self.refused(
            AlreadyExists,
            self.operations.create_collection(NAME, unnamed(5)),
            "Wrong input: Collection `things` already exists!",
        )
        info = await self.operations.read(NAME, CollectionInfoRequest())
        self.assertEqual(info.config.params.vectors, {"": VectorParams(Distance.DOT, 3)})

    async def test_of_two_that_create_the_same_at_once_one_wins(self) -> None:
        outcomes = await DeferredList(
            [self.operations.create_collection(NAME, unnamed(size)) for size in (3, 4, 5)],
            consumeErrors=True,
        )
        self.assertEqual(sum(succeeded for succeeded, _ in outcomes), 1)
        self.assertEqual(await self.operations.list_collections(), [NAME])

    async def test_exists(self) -> None:
        self.assertIs(await self.operations.collection_exists(NAME), False)
        await self.create()
        self.assertIs(await self.operations.collection_exists(NAME), True)
        self.assertIs(await self.operations.collection_exists(NAME.upper()), False)

    async def test_an_empty_collection_is_green_and_has_no_points(self) -> None:
        await self.create()
        info = await self.operations.read(NAME, CollectionInfoRequest())
        self.assertIs(info.status, CollectionStatus.GREEN)
        self.assertEqual(info.points_count, 0)
        self.assertEqual(info.indexed_vectors_count, 0)
        self.assertEqual(info.update_queue_length, 0)
        self.assertGreaterEqual(info.segments_count, 1)

    async def test_the_points_count_is_exact(self) -> None:
        await self.create()
        await self.put(*(Point(number, [1, 2, 3, 4]) for number in range(25)))
        await self.put(Point(3, [1, 1, 1, 1]), Point(99))
        await self.update(delete(0, 1, 500))
        info = await self.operations.read(NAME, CollectionInfoRequest())
        self.assertEqual(info.points_count, 24)

    async def test_where_a_collection_lives(self) -> None:
        await self.create()
        await self.put(Point(1, [1, 2, 3, 4]))
        cluster = await self.operations.cluster_info(NAME)
        self.assertEqual((cluster.shard_count, cluster.points_count), (1, 1))
        self.assertGreater(cluster.peer_id, 0)

    async def test_delete(self) -> None:
        await self.create()
        self.assertIs(await self.operations.delete_collection(NAME), True)
        self.assertIs(await self.operations.collection_exists(NAME), False)
        self.assertEqual(await self.operations.list_collections(), [])

    async def test_delete_of_a_missing_collection_answers_false(self) -> None:
        self.assertIs(await self.operations.delete_collection(NAME), False)

    async def test_a_collection_made_again_starts_from_nothing(self) -> None:
        await self.create()
        await self.put(Point(1, [1, 2, 3, 4]), Point(2, [1, 2, 3, 4]))
        await self.operations.delete_collection(NAME)
        await self.create(unnamed(2))
        self.assertEqual(await self.count(), 0)
        self.assertEqual(await self.query(form=None), [])
        result = await self.put(Point(5, [1, 2]))
        self.assertEqual(result.operation_id, 0)
        self.assertEqual(ids_of((await self.scroll()).records), [5])

    async def test_collections_do_not_see_each_other(self) -> None:
        await self.create()
        await self.create(name="others")
        await self.put(Point(1, [1, 2, 3, 4]))
        await self.operations.update("others", upsert(Point(2, [1, 2, 3, 4])), wait=True)
        self.assertEqual(ids_of(await self.retrieve(1, 2)), [1])
        self.assertEqual(ids_of(await self.retrieve(1, 2, name="others")), [2])

    async def test_a_missing_collection_is_named_by_every_call(self) -> None:
        calls: list[Awaitable[object]] = [
            self.operations.read("x", CollectionInfoRequest()),
            self.operations.cluster_info("x"),
            self.operations.update("x", upsert(Point(1, [1, 2, 3, 4]))),
            self.operations.update("x", delete(1)),
            self.operations.read("x", Retrieve([1], Selection())),
            self.operations.read("x", Scroll()),
            self.operations.read("x", Count()),
            self.operations.read("x", Query()),
            self.operations.read("x", QueryBatch([Query()])),
        ]
        for call in calls:
            await self.refused(NotFound, call, "Not found: Collection `x` doesn't exist!")

    async def test_names_may_hold_anything_that_is_not_forbidden(self) -> None:
        for name in _UNUSUAL_NAMES:
            await self.create(name=name)
            await self.operations.update(name, upsert(Point(1, [1, 2, 3, 4])), wait=True)
            self.assertEqual(await self.count(name=name), 1)
        self.assertEqual(await self.operations.list_collections(), sorted(_UNUSUAL_NAMES))
        for name in _UNUSUAL_NAMES:
            self.assertIs(await self.operations.delete_collection(name), True)

    async def test_forbidden_characters_are_refused_in_every_call(self) -> None:
        for character in '<>:"/\\|?*\x1f':
            name = f"a{character}b"
            calls: list[Awaitable[object]] = [
                self.operations.create_collection(name, unnamed()),
                self.operations.update_collection(name, UpdateCollection()),
                self.operations.delete_collection(name),
                self.operations.collection_exists(name),
                self.operations.read(name, CollectionInfoRequest()),
                self.operations.cluster_info(name),
                self.operations.list_aliases(name),
                self.operations.update(name, delete(1)),
                self.operations.read(name, Retrieve([1], Selection())),
                self.operations.read(name, Count()),
                self.operations.read(name, Query()),
                self.operations.read(name, QueryBatch([Query()])),
            ]
            text = f'[collection_name: collection name cannot contain "{character}" char]'
            for call in calls:
                await self.refused(ValidationError, call, text)
        self.assertEqual(await self.operations.list_collections(), [])

    async def test_a_name_that_is_too_long(self) -> None:
        name = "x" * 256
        calls: list[Awaitable[object]] = [
            self.operations.create_collection(name, unnamed()),
            self.operations.read(name, CollectionInfoRequest()),
            self.operations.read(name, Count()),
            self.operations.delete_collection(name),
        ]
        for call in calls:
            error = await self.refused(ValidationError, call)
            text = "[collection_name: must be from 1 to 255 characters]"
            self.assertEqual(error.message, text)

    async def test_a_collection_needs_no_vectors(self) -> None:
        await self.create(CreateCollection())
        await self.put(Point(1, None, {"a": 1}))
        self.assert_vectors(await self.only(1), {})

    async def test_deleting_under_load_ends_every_write(self) -> None:
        await self.create()
        writes = [
            self.operations.update(NAME, upsert(Point(number, [1, 2, 3, 4])))
            for number in range(20)
        ]
        deleted = self.operations.delete_collection(NAME)
        for write in writes:
            try:
                await write
            except NotFound as error:
                self.assertEqual(error.message, "Not found: Collection `things` doesn't exist!")
        self.assertIs(await deleted, True)
        await self.create()
        self.assertEqual(await self.count(), 0)

    async def test_many_collections_at_once(self) -> None:
        names = [f"c{number:02}" for number in range(12)]
        await gatherResults([self.operations.create_collection(n, unnamed()) for n in names])
        await gatherResults(
            [self.operations.update(n, upsert(Point(1, [1, 2, 3, 4])), wait=True) for n in names]
        )
        counts = await gatherResults([self.operations.read(n, Count()) for n in names])
        self.assertEqual(counts, [1] * len(names))
        self.assertEqual(await self.operations.list_collections(), names)
