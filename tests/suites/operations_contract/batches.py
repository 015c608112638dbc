"""Batches of updates: applied in order, up to the first that fails."""

from __future__ import annotations

from tests.suites.operations_contract.case import NAME, ContractCase, ids_of
from tests.suites.values import Point, delete, delete_where, equals, must, upsert
from vexfs_twisted.model.errors import BadInput, BadRequest, NotFound
from vexfs_twisted.model.filters import Filter
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.updates import (
    ClearPayload,
    DeletePayload,
    DeleteVectors,
    OverwritePayload,
    SetPayload,
    Update,
    UpdateResult,
    UpdateStatus,
)

_EMPTY = "Bad request: Empty update request"


class BatchesContract(ContractCase):
    """Each update of a batch sees the effects of earlier ones."""

    async def prepare(self) -> None:
        """Start with three points."""
        await self.create()
        await self.put(*(Point(n, [n, 1, 1, 1], {"n": n}) for n in (1, 2, 3)))

    async def batch(self, *updates: Update, wait: bool = True) -> list[UpdateResult]:
        """Apply updates in one request."""
        return await self.operations.update_batch(NAME, updates, wait=wait)

    async def ids(self) -> list[int | str]:
        """The ids of all points."""
        return ids_of((await self.scroll(limit=100)).records)

    async def test_updates_take_effect_in_order(self) -> None:
        results = await self.batch(
            upsert(Point(4, [1, 2, 3, 4], {"n": 4})),
            SetPayload(b'{"new":true}', filter=must(equals("n", 4))),
            OverwritePayload(b'{"old":1,"gone":2}', ids=[1]),
            DeletePayload((PayloadPath.parse("gone"),), filter=must(equals("old", 1))),
            ClearPayload(ids=[2]),
            DeleteVectors(("",), ids=[2]),
            delete_where(must(equals("n", 3))),
        )
        expected = [UpdateResult(number, UpdateStatus.COMPLETED) for number in range(1, 8)]
        self.assertEqual(results, expected)
        self.assertEqual(await self.ids(), [1, 2, 4])
        for point_id, payload in ((1, {"old": 1}), (2, {}), (4, {"n": 4, "new": True})):
            self.assert_payload(await self.only(point_id), payload)
        self.assert_vectors(await self.only(2), {})

    async def test_without_wait_all_is_done_and_acknowledged(self) -> None:
        results = await self.batch(delete(1), delete(2), wait=False)
        expected = [UpdateResult(number, UpdateStatus.ACKNOWLEDGED) for number in (1, 2)]
        self.assertEqual(results, expected)
        self.assertEqual(await self.ids(), [3])

    async def test_an_empty_batch_of_updates(self) -> None:
        self.assertEqual(await self.batch(), [])
        self.assertEqual(await self.ids(), [1, 2, 3])

    async def test_a_wrong_vector_ends_the_batch(self) -> None:
        call = self.batch(delete(1), upsert(Point(4, [1, 2, 3])), delete(2))
        text = "Wrong input: Vector dimension error: expected dim: 4, got 3"
        await self.refused(BadInput, call, text)
        self.assertEqual(await self.ids(), [2, 3])

    async def test_a_missing_point_ends_the_batch(self) -> None:
        call = self.batch(delete(1), ClearPayload(ids=[2, 9]), delete(3))
        await self.refused(NotFound, call, "Not found: No point with id 9 found")
        self.assertEqual(await self.ids(), [2, 3])
        self.assert_payload(await self.only(2), {"n": 2})

    async def test_an_update_of_no_points_ends_the_batch(self) -> None:
        for wait, first, empty in (
            (True, delete(1), delete()),
            (False, delete(2), upsert()),
            (True, delete_where(must(equals("n", 7))), SetPayload(b'{"a":1}', ids=[])),
        ):
            call = self.batch(first, empty, delete_where(Filter()), wait=wait)
            await self.refused(BadRequest, call, _EMPTY)
        self.assertEqual(await self.ids(), [3])

    async def test_the_first_error_is_told(self) -> None:
        await self.refused(BadRequest, self.batch(delete(), ClearPayload(ids=[9])), _EMPTY)
        call = self.batch(ClearPayload(ids=[9]), delete())
        await self.refused(NotFound, call, "Not found: No point with id 9 found")

    async def test_updates_that_were_not_tried_take_no_operation_id(self) -> None:
        await self.refused(BadRequest, self.batch(delete(1), delete(), delete(2)), _EMPTY)
        self.assertEqual((await self.update(delete(3))).operation_id, 2)
