"""Vector names that are created and deleted while a collection has points."""

from __future__ import annotations

from tests.suites.operations_contract.case import NAME, ContractCase
from tests.suites.values import Point, nearest, unnamed
from vexfs_twisted.model.collection import CollectionInfoRequest, CollectionParams
from vexfs_twisted.model.collection_params import (
    Datatype,
    Distance,
    Modifier,
    MultiVectorComparator,
    MultiVectorConfig,
    SparseVectorParams,
    VectorParams,
)
from vexfs_twisted.model.commands import CreateVectorName, DeleteVectorName, VectorNameCommand
from vexfs_twisted.model.errors import BadInput, NotFound, ValidationError
from vexfs_twisted.model.updates import UpdateStatus

_SMALL = VectorParams(Distance.EUCLID, 2)
_LARGE = VectorParams(Distance.DOT, 3, datatype=Datatype.FLOAT16)
_SPARSE = SparseVectorParams(modifier=Modifier.IDF)


class VectorNamesContract(ContractCase):
    """Names beside the unnamed vector of a collection with two points."""

    async def prepare(self) -> None:
        """Start with two points."""
        await self.create()
        await self.put(Point(1, [1, 0, 0, 0]), Point(2, [0, 1, 0, 0]))

    async def change(self, command: VectorNameCommand) -> None:
        """Change the vector names."""
        result = await self.operations.update(NAME, command, wait=True)
        self.assertIs(result.status, UpdateStatus.COMPLETED)

    async def params(self) -> CollectionParams:
        """The echoed parameters."""
        return (await self.operations.read(NAME, CollectionInfoRequest())).config.params

    async def names_of(self, point_id: int) -> set[str]:
        """The names of the vectors of a point."""
        (record,) = await self.retrieve(point_id)
        return set(record.vectors or {})

    async def test_points_lack_a_new_vector_until_they_are_updated(self) -> None:
        await self.change(CreateVectorName("new", _SMALL))
        self.assertEqual((await self.params()).vectors, {"": unnamed().vectors[""], "new": _SMALL})
        self.assertEqual(await self.names_of(1), {""})
        await self.put(Point(3, {"": [0, 0, 1, 0], "new": [3, 4]}), Point(2, {"new": [0, 1]}))
        self.assertEqual(await self.names_of(2), {"new"})
        found = await self.query(form=nearest([0, 0]), using="new")
        self.assertEqual([(point.id, point.score) for point in found], [(2, 1.0), (3, 5.0)])

    async def test_a_deleted_vector_is_gone_and_may_come_again(self) -> None:
        await self.change(CreateVectorName("new", _SMALL))
        await self.put(Point(1, {"": [1, 0, 0, 0], "new": [3, 4]}))
        await self.change(DeleteVectorName("new"))
        self.assertEqual(await self.names_of(1), {""})
        await self.refused(
            BadInput,
            self.query(form=nearest([0, 0]), using="new"),
            "Wrong input: Not existing vector name error: new",
        )
        await self.change(CreateVectorName("new", _LARGE))
        self.assertEqual(await self.names_of(1), {""})
        await self.put(Point(1, {"": [1, 0, 0, 0], "new": [1, 2, 3]}))
        (found,) = await self.query(form=nearest([1, 1, 1]), using="new")
        self.assertEqual((found.id, found.score), (1, 6.0))

    async def test_the_unnamed_vector_may_go(self) -> None:
        await self.change(CreateVectorName("new", _SMALL))
        await self.change(DeleteVectorName(""))
        self.assertEqual((await self.params()).vectors, {"new": _SMALL})
        self.assertEqual(await self.names_of(1), set())

    async def test_what_is_so_already_changes_nothing(self) -> None:
        await self.change(DeleteVectorName("none"))
        for command in (CreateVectorName("new", _LARGE), CreateVectorName("s", _SPARSE)):
            for _ in range(2):
                await self.change(command)
        params = await self.params()
        self.assertEqual(params.vectors["new"], _LARGE)
        self.assertEqual(params.sparse_vectors, {"s": _SPARSE})
        await self.change(DeleteVectorName("s"))
        self.assertFalse((await self.params()).sparse_vectors)

    async def test_names_that_exist_otherwise(self) -> None:
        await self.change(CreateVectorName("d", _SMALL))
        await self.change(CreateVectorName("s", _SPARSE))
        multi = MultiVectorConfig(MultiVectorComparator.MAX_SIM)
        for command, text in (
            (
                CreateVectorName("d", _LARGE),
                "Vector `d` already exists with a different configuration",
            ),
            (
                CreateVectorName("d", VectorParams(Distance.EUCLID, 2, multivector_config=multi)),
                "Vector `d` already exists with a different configuration",
            ),
            (
                CreateVectorName("s", SparseVectorParams()),
                "Sparse vector `s` already exists with a different configuration",
            ),
            (CreateVectorName("d", _SPARSE), "Vector `d` already exists as a dense vector"),
            (CreateVectorName("s", _SMALL), "Vector `s` already exists as a sparse vector"),
        ):
            await self.refused(
                BadInput, self.operations.update(NAME, command), f"Wrong input: {text}"
            )
        self.assertEqual((await self.params()).vectors["d"], _SMALL)

    async def test_sizes_that_cannot_be(self) -> None:
        for size in (0, 65537):
            command = CreateVectorName("new", VectorParams(Distance.DOT, size))
            error = await self.refused(ValidationError, self.operations.update(NAME, command))
            self.assertIn("size", error.message)
        self.assertNotIn("new", (await self.params()).vectors)

    async def test_of_a_collection_that_is_not_there(self) -> None:
        for command in (CreateVectorName("new", _SMALL), DeleteVectorName("new")):
            await self.refused(NotFound, self.operations.update("none", command))
