"""Copies the points of one collection: pages of ids in order, several pages under way.

Ids are listed in their order, without what is stored, which is cheap. Pages of them are then read
and written by as many tasks as `workers`. A page that is written before those in front of it is
written again after an interruption, which changes nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

from attrs import define, frozen

from ..rpc.generated import points_pb2
from ..rpc.generated.qdrant_common_pb2 import PointId
from .connection import GET, SCROLL, UPSERT, Connection
from .errors import MigrationError, Refused, TooLarge
from .plan import CollectionPlan
from .points import Id, get_request, id_message, id_value, point_of

PAGE_BYTES = 2 << 20
"""About how large the points of a page are together."""

_FIRST_PAGE, _LARGEST_PAGE = 16, 1000
_RECORD_SECONDS = 1.0
_DONE = (points_pb2.UpdateStatus.Completed, points_pb2.UpdateStatus.Acknowledged)


@frozen
class TransferSettings:
    """`workers`: pages under way at a time. `skip_refused`: go on without refused points."""

    workers: int = 4
    skip_refused: bool = False


@define
class Counts:
    """Of all points before some id: those seen, and those of them that the target refused."""

    seen: int = 0
    refused: int = 0


@define
class _Page:
    """Ids that are copied together. `after`: the id that follows them; None: none does."""

    ids: Sequence[PointId]
    after: Id | None
    refused: int = 0
    is_done: bool = False


class Transfer:
    """The copy of the points of one collection.

    `record` is called now and then, and at the end, with an id: `counts` are then of the points
    before it, all of which have been copied. `advance` is called with the number of points of each
    page, `say` with text about points that are left out.
    """

    def __init__(
        self,
        source: Connection,
        target: Connection,
        plan: CollectionPlan,
        settings: TransferSettings,
        counts: Counts,
        record: Callable[[Id], None],
        advance: Callable[[int], None],
        say: Callable[[str], None],
    ) -> None:
        self.counts = counts
        self._source, self._target = source, target
        self._plan, self._settings = plan, settings
        self._record, self._advance, self._say = record, advance, say
        self._pages: deque[_Page] = deque()
        self._slots = asyncio.Semaphore(settings.workers)
        self._page_size = min(_FIRST_PAGE, plan.page_limit)
        self._recorded_at = -_RECORD_SECONDS
        self._next: Id | None = None

    async def run(self, start: Id | None = None) -> None:
        """Copy all points from the id `start` on. Raises MigrationErrors."""
        try:
            async with asyncio.TaskGroup() as tasks:
                async for ids, after in listed_ids(
                    self._source, self._plan.source, self._plan.scroll_limit, start
                ):
                    await self._copy_ids(tasks, ids, after)
        except BaseExceptionGroup as group:
            raise _first(group) from None
        finally:
            self._record_done(always=True)

    async def _copy_ids(
        self, tasks: asyncio.TaskGroup, ids: Sequence[PointId], after: Id | None
    ) -> None:
        begin = 0
        while begin < len(ids):
            await self._slots.acquire()
            end = min(begin + self._page_size, len(ids))
            follows = id_value(ids[end]) if end < len(ids) else after
            page = _Page(ids[begin:end], follows)
            self._pages.append(page)
            tasks.create_task(self._copy_page(page))
            begin = end

    async def _copy_page(self, page: _Page) -> None:
        try:
            await self._copy(page, page.ids)
        finally:
            self._slots.release()
        page.is_done = True
        self._advance(len(page.ids))
        self._record_done()

    async def _copy(self, page: _Page, ids: Sequence[PointId]) -> None:
        """Copy points, fewer at a time where they are too large or one of them is refused."""
        try:
            data = await self._upsert(ids)
            if data is not None:
                await self._store(data)
        except (TooLarge, Refused) as error:
            if isinstance(error, Refused) and not error.is_input:
                raise
            if len(ids) == 1:
                self._refuse(ids[0], error)
                page.refused += 1
                return
            middle = len(ids) // 2
            await self._copy(page, ids[:middle])
            await self._copy(page, ids[middle:])

    async def _upsert(self, ids: Sequence[PointId]) -> bytes | None:
        """The request that stores points, as bytes; None if none of them is there any longer."""
        answer, size = await read_points(self._source, self._plan.source, ids)
        if not answer.result:
            return None
        self._choose_page_size(size / len(answer.result))
        points = [point_of(record) for record in answer.result]
        return points_pb2.UpsertPoints(
            collection_name=self._plan.target, wait=True, points=points
        ).SerializeToString()

    async def _store(self, data: bytes) -> None:
        answer, _ = await self._target.page_call(UPSERT, data)
        if answer.result.status not in _DONE:
            status = points_pb2.UpdateStatus.Name(answer.result.status)
            raise MigrationError(f"{self._target.url} did not store points: {status}")

    def _choose_page_size(self, bytes_per_point: float) -> None:
        fitting = int(PAGE_BYTES / max(bytes_per_point, 1.0))
        # By twice at most, since the points so far may have been small.
        size = min(fitting, 2 * self._page_size, _LARGEST_PAGE, self._plan.page_limit)
        self._page_size = max(size, 1)

    def _refuse(self, point_id: PointId, error: MigrationError) -> None:
        text = f"point {id_value(point_id)} of `{self._plan.source}`: {error}"
        if not self._settings.skip_refused:
            raise Refused(f"{text}; --skip-refused goes on without such points") from None
        self._say(f"left out: {text}")

    def _record_done(self, always: bool = False) -> None:
        while self._pages and self._pages[0].is_done:
            page = self._pages.popleft()
            self.counts.seen += len(page.ids)
            self.counts.refused += page.refused
            self._next = page.after
        now = time.monotonic()
        if self._next is not None and (always or now - self._recorded_at >= _RECORD_SECONDS):
            self._record(self._next)
            self._recorded_at, self._next = now, None


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error of a group that is not a group itself."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def read_points(
    server: Connection, collection: str, ids: Sequence[PointId]
) -> tuple[points_pb2.GetResponse, int]:
    """All that is stored of points, and the size of the answer in bytes.

    Raises TooLarge where fewer points would fit: a single one may have any size.
    """
    request = get_request(collection, ids)
    try:
        return await server.page_call(GET, request.SerializeToString())
    except TooLarge:
        if len(ids) > 1:
            raise
    answer = await server.call(GET, request)
    return answer, answer.ByteSize()


async def listed_ids(
    server: Connection, collection: str, limit: int, start: Id | None = None
) -> AsyncIterator[tuple[Sequence[PointId], Id | None]]:
    """The ids of a collection in their order, by pages, each with the id after it."""
    after = start
    while True:
        request = points_pb2.ScrollPoints(
            collection_name=collection,
            limit=limit,
            offset=None if after is None else id_message(after),
            with_payload=points_pb2.WithPayloadSelector(enable=False),
            with_vectors=points_pb2.WithVectorsSelector(enable=False),
        )
        answer = await server.call(SCROLL, request)
        has_more = answer.HasField("next_page_offset")
        after = id_value(answer.next_page_offset) if has_more else None
        yield [record.id for record in answer.result], after
        if after is None:
            return
