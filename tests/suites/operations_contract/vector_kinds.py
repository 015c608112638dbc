"""Points with sparse vectors and multivectors, which are stored and returned like dense ones."""

from __future__ import annotations

from typing import Any

from tests.suites.operations_contract.case import NAME, ContractCase, ids_of
from tests.suites.values import EVERYTHING, Point, has_id, must, sparse, upsert
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import (
    Datatype,
    Distance,
    MultiVectorComparator,
    MultiVectorConfig,
    SparseIndexParams,
    SparseVectorParams,
    VectorParams,
)
from vexfs_twisted.model.commands import CreateVectorName, DeleteVectorName
from vexfs_twisted.model.errors import BadInput
from vexfs_twisted.model.filters import HasVector
from vexfs_twisted.model.queries import Selection
from vexfs_twisted.model.updates import (
    DeletePoints,
    DeleteVectors,
    SetPayload,
    UpdateMode,
    UpdateVectors,
    Upsert,
)

_DENSE = VectorParams(Distance.DOT, 2)
_MAX_SIM = MultiVectorConfig(MultiVectorComparator.MAX_SIM)
_NO_SPARSE = "Wrong input: Conversion between sparse and regular vectors failed"


class KindsCase(ContractCase):
    """Points with vectors of one kind, beside dense ones."""

    params: VectorParams | SparseVectorParams
    """The parameters of the vectors."""

    first: Any
    second: Any
    """Two vectors, as they are given and returned."""

    unfit: Any
    """A vector of another kind."""

    async def prepare(self) -> None:
        """Start with points of which some have the vector `k`, and some a dense one."""
        await self.create(_request(self.params))
        await self.put(
            Point(1, {"k": self.first}, {"n": 1}),
            Point(2, {"": [1, 2], "k": self.second}, {"n": 2}),
            Point(3, [3, 4], {"n": 3}),
            Point(4, {}, {"n": 4}),
        )

    async def have(self, name: str) -> list[Any]:
        """The ids of the points with a vector of this name."""
        return await self.ids_where(must(HasVector(name)))

    async def test_points_come_back_as_they_were_given(self) -> None:
        page = await self.scroll(selection=EVERYTHING)
        wanted: list[dict[str, Any]] = [
            {"k": self.first},
            {"": [1, 2], "k": self.second},
            {"": [3, 4]},
            {},
        ]
        for record, vectors in zip(page.records, wanted, strict=True):
            self.assert_vectors(record, vectors)
        self.assert_vectors(await self.only(2), wanted[1])

    async def test_some_names_are_selected(self) -> None:
        selection = Selection(vectors=("k",))
        self.assert_vectors(await self.only(2, selection), {"k": self.second})
        self.assert_vectors(await self.only(3, selection), {})
        self.assertIsNone((await self.only(2, Selection())).vectors)

    async def test_which_points_have_one(self) -> None:
        self.assertEqual(await self.have("k"), [1, 2])
        self.assertEqual(await self.have(""), [2, 3])

    async def test_the_last_of_equal_ids_wins(self) -> None:
        await self.put(Point(5, {"k": self.first}), Point(5, {"k": self.second}))
        self.assert_vectors(await self.only(5), {"k": self.second})
        await self.put(Point(5, {"k": self.first}), Point(5, [7, 8]))
        self.assert_vectors(await self.only(5), {"": [7, 8]})

    async def test_an_upsert_replaces_the_point(self) -> None:
        await self.put(Point(2, {"k": self.first}), Point(1, [7, 8]))
        self.assert_vectors(await self.only(2), {"k": self.first})
        self.assert_vectors(await self.only(1), {"": [7, 8]})
        self.assertEqual(await self.have("k"), [2])

    async def test_an_upsert_on_conditions(self) -> None:
        new = upsert(Point(1, {"k": self.second}), Point(9, {"k": self.second}))
        await self.update(Upsert(new.ids, new.vectors, new.payloads, mode=UpdateMode.INSERT_ONLY))
        self.assert_vectors(await self.only(1), {"k": self.first})
        self.assert_vectors(await self.only(9), {"k": self.second})

    async def test_new_vectors_of_existing_points(self) -> None:
        new = upsert(
            Point(3, {"k": self.first}), Point(2, {"": [9, 9]}), Point(4, {"k": self.second})
        )
        await self.update(UpdateVectors(new.ids, new.vectors))
        self.assert_vectors(await self.only(3), {"": [3, 4], "k": self.first})
        self.assert_vectors(await self.only(2), {"": [9, 9], "k": self.second})
        self.assert_vectors(await self.only(4), {"k": self.second})
        self.assert_payload(await self.only(3), {"n": 3})

    async def test_vectors_are_deleted(self) -> None:
        await self.update(DeleteVectors(("k",), ids=[2]))
        self.assert_vectors(await self.only(2), {"": [1, 2]})
        await self.update(DeleteVectors(("k", ""), filter=must(has_id(1, 2))))
        for point_id in (1, 2):
            self.assert_vectors(await self.only(point_id), {})
        self.assertEqual(await self.have("k"), [])

    async def test_payloads_change_beside_them(self) -> None:
        await self.update(SetPayload(b'{"m":5}', ids=[1]))
        self.assert_vectors(await self.only(1), {"k": self.first})
        self.assert_payload(await self.only(1), {"n": 1, "m": 5})

    async def test_points_are_deleted_and_written_again(self) -> None:
        await self.update(DeletePoints(ids=[1, 2]))
        self.assertEqual(await self.have("k"), [])
        await self.put(Point(1, {"k": self.second}))
        self.assert_vectors(await self.only(1), {"k": self.second})

    async def test_names_are_created_and_deleted(self) -> None:
        await self.operations.update(NAME, DeleteVectorName("k"), wait=True)
        self.assert_vectors(await self.only(2), {"": [1, 2]})
        await self.refused(
            BadInput,
            self.put(Point(5, {"k": self.first})),
            "Wrong input: Not existing vector name error: k",
        )
        for name in ("k", "l"):
            await self.operations.update(NAME, CreateVectorName(name, self.params), wait=True)
            self.assert_vectors(await self.only(2), {"": [1, 2]})
            await self.put(Point(6, {name: self.second}))
            self.assert_vectors(await self.only(6), {name: self.second})

    async def test_vectors_of_other_kinds_are_refused(self) -> None:
        await self.refused(BadInput, self.put(Point(5, {"k": self.unfit})), _NO_SPARSE)
        self.assertEqual(await self.retrieve(5), [])

    async def test_many_points(self) -> None:
        vectors = [self.first, self.second]
        points = [Point(100 + n, {"k": vectors[n % 2]} if n % 3 else {}) for n in range(700)]
        await self.put(*points)
        page = await self.scroll(offset=100, limit=700, selection=Selection(vectors=True))
        self.assertEqual(ids_of(page.records), [point.id for point in points])
        for record, point in zip(page.records, points, strict=True):
            self.assert_vectors(record, point.vectors)  # type: ignore[arg-type]


class SparseVectorsContract(KindsCase):
    """Sparse vectors."""

    params = SparseVectorParams()
    first = sparse({3: 0.5, 7: -2, 4_294_967_295: 8})
    second = sparse({0: 1})
    unfit = (1, 2)

    async def test_empty_ones_are_vectors(self) -> None:
        await self.put(Point(5, {"k": sparse({})}))
        self.assert_vectors(await self.only(5), {"k": sparse({})})
        self.assertEqual(await self.have("k"), [1, 2, 5])

    async def test_indices_are_put_in_order(self) -> None:
        await self.put(Point(5, {"k": {"indices": [9, 2, 5], "values": [1, 2, 3]}}))
        self.assert_vectors(await self.only(5), {"k": {"indices": [2, 5, 9], "values": [2, 3, 1]}})

    async def test_the_datatype_of_the_index_does_not_change_them(self) -> None:
        halves = SparseVectorParams(index=SparseIndexParams(datatype=Datatype.FLOAT16))
        bytes_ = SparseVectorParams(index=SparseIndexParams(datatype=Datatype.UINT8))
        request = CreateCollection({}, sparse_vectors={"h": halves, "b": bytes_})
        await self.create(request, "typed")
        given = sparse({1: 1.81, 2: 256.19})
        update = upsert(Point(1, {"h": given, "b": given}))
        await self.operations.update("typed", update, wait=True)
        (record,) = await self.retrieve(1, name="typed")
        self.assert_vectors(record, {"h": given, "b": given})


class MultivectorsContract(KindsCase):
    """Multivectors."""

    params = VectorParams(Distance.DOT, 2, multivector_config=_MAX_SIM)
    first = ((1, 2), (3, 4), (5, 6))
    second = ((7, 8),)
    unfit = sparse({1: 1})

    async def test_a_dense_vector_is_one_row(self) -> None:
        await self.put(Point(5, {"k": [1, 2]}), Point(6, {"k": self.first}))
        self.assert_vectors(await self.only(5), {"k": [[1, 2]]})
        self.assert_vectors(await self.only(6), {"k": self.first})

    async def test_a_multivector_is_no_dense_vector(self) -> None:
        await self.refused(
            BadInput,
            self.put(Point(5, {"": [[1, 2], [3, 4]]})),
            "Wrong input: Conversion between multi and regular vectors failed",
        )

    async def test_rows_have_the_size(self) -> None:
        await self.refused(
            BadInput,
            self.put(Point(5, {"k": [[1, 2, 3]]})),
            "Wrong input: Vector dimension error: expected dim: 2, got 3 for vector 'k'",
        )

    async def test_rows_are_normalised_under_cosine(self) -> None:
        params = VectorParams(Distance.COSINE, 2, multivector_config=_MAX_SIM)
        await self.create(CreateCollection({"": params}), "cosine")
        update = upsert(Point(1, [[3, 4], [0, 0], [0, 2]]))
        await self.operations.update("cosine", update, wait=True)
        (record,) = await self.retrieve(1, name="cosine")
        self.assert_vectors(record, {"": [[0.6, 0.8], [0, 0], [0, 1]]})


def _request(params: VectorParams | SparseVectorParams) -> CreateCollection:
    if isinstance(params, SparseVectorParams):
        return CreateCollection({"": _DENSE}, sparse_vectors={"k": params})
    return CreateCollection({"": _DENSE, "k": params})
