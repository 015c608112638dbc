"""The two ways to declare one unnamed vector, which differ only in the echoed parameters."""

from __future__ import annotations

from attrs import evolve

from tests.suites.operations_contract.case import NAME, ContractCase
from tests.suites.values import Point, nearest, unnamed
from vexfs_twisted.model.collection import (
    CollectionInfoRequest,
    CollectionParams,
    CreateCollection,
    UpdateCollection,
)
from vexfs_twisted.model.collection_params import (
    Distance,
    HnswConfigDiff,
    VectorParams,
    VectorParamsDiff,
)
from vexfs_twisted.model.queries import Selection
from vexfs_twisted.model.updates import DeleteVectors

_NAMED = VectorParams(Distance.COSINE, 2)


class VectorFormsContract(ContractCase):
    """Declared alone, or under the name "" in a map."""

    async def params(self) -> CollectionParams:
        """The echoed parameters."""
        return (await self.operations.read(NAME, CollectionInfoRequest())).config.params

    async def test_the_form_is_told_as_it_was_given(self) -> None:
        for in_map in (False, True):
            await self.create(evolve(unnamed(), unnamed_in_map=in_map))
            params = await self.params()
            self.assertEqual(params.vectors, unnamed().vectors)
            self.assertIs(params.unnamed_in_map, in_map)
            await self.operations.delete_collection(NAME)

    async def test_what_is_told_makes_the_same_collection(self) -> None:
        for in_map in (False, True):
            await self.create(evolve(unnamed(), unnamed_in_map=in_map))
            told = await self.params()
            copy = CreateCollection(told.vectors, unnamed_in_map=told.unnamed_in_map)
            await self.create(copy, name="copy")
            info = await self.operations.read("copy", CollectionInfoRequest())
            self.assertEqual(info.config.params, told)
            for name in (NAME, "copy"):
                await self.operations.delete_collection(name)

    async def test_a_change_leaves_the_form(self) -> None:
        for in_map in (False, True):
            await self.create(evolve(unnamed(), unnamed_in_map=in_map))
            change = UpdateCollection({"": VectorParamsDiff(HnswConfigDiff(m=9))})
            await self.operations.update_collection(NAME, change)
            params = await self.params()
            self.assertEqual(params.vectors[""].hnsw_config, HnswConfigDiff(m=9))
            self.assertIs(params.unnamed_in_map, in_map)
            await self.operations.delete_collection(NAME)

    async def test_beside_named_vectors_there_is_one_form(self) -> None:
        request = CreateCollection({**unnamed().vectors, "b": _NAMED}, unnamed_in_map=True)
        await self.create(request)
        params = await self.params()
        self.assertEqual(params.vectors, request.vectors)
        self.assertIs(params.unnamed_in_map, True)
        await self.create(CreateCollection({"b": _NAMED}), name="named")
        info = await self.operations.read("named", CollectionInfoRequest())
        self.assertIs(info.config.params.unnamed_in_map, False)

    async def test_points_are_the_same_in_both_forms(self) -> None:
        for in_map in (False, True):
            await self.create(evolve(unnamed(), unnamed_in_map=in_map))
            await self.put(Point(1, [1, 2, 3, 4]), Point(2, [4, 3, 2, 1]))
            await self.update(DeleteVectors(("",), ids=[2]))
            self.assert_vectors(await self.only(1), {"": [1, 2, 3, 4]})
            self.assert_vectors(await self.only(2), {})
            self.assert_vectors(await self.only(1, Selection(vectors=("",))), {"": [1, 2, 3, 4]})
            (hit,) = await self.query(form=nearest([1, 0, 0, 0]), selection=Selection(vectors=True))
            self.assert_vectors(hit, {"": [1, 2, 3, 4]})
            await self.operations.delete_collection(NAME)
