"""The queues of one collection: commands, and reads that are coalesced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from time import monotonic
from typing import Any, Generic, TypeVar

import attrs
from twisted.internet.defer import Deferred

from ..engine.collection import Collection
from ..engine.collection_reads import CollectionReads
from ..engine.read_bounds import ReadBoundsOfEach
from ..interfaces import WhenIdle
from ..model.collection import CollectionInfo, CollectionInfoRequest
from ..model.queries import (
    Count,
    Query,
    QueryBatch,
    Record,
    Retrieve,
    ScoredPoint,
    Scroll,
    joined_queries,
    kinds_of,
)
from ..model.read_context import ReadContext
from ..model.reads import Answer, ReadRequest
from ..threadpool import PendingAnswer, WorkerPool
from .at_once import AtOnceQueue
from .coalescer import Coalescer, within_quota
from .read_pools import ReadPools
from .shared_reads import SharedReads
from .timed_reads import TimedReads
from .waiting_updates import WaitingUpdates
from .write_turns import WriteTurns
from .writer import CollectionWriter

Request = TypeVar("Request")
Result = TypeVar("Result")
C = TypeVar("C", bound=CollectionReads)


Queries = Sequence[Query]
QueryAnswers = list[Sequence[ScoredPoint]]
OnLong = Callable[[], object]

_MOST_TOGETHER = 100
"""The most points that a read may ask for by ids or by a page to be answered with others."""

_MOST_SHORT_QUERIES = 100
"""A larger batch of queries is a long read from the start: it would take tens of milliseconds."""

_Answered = Callable[[Any], object]


_Submit = Callable[[Any, ReadContext, _Answered, WhenIdle | None], object]
"""Submits a read. With a WhenIdle, a short one may be answered in the thread that submits it."""


class ReadQueues(Generic[C]):
    """The read queues of `collection`.

    Reads by ids and queries are coalesced, other reads are run one by one, unless they are short
    and answered at once.
    """

    def __init__(self, collection: C, readers: ReadPools) -> None:
        self.collection = collection
        self._readers = readers
        sized = readers.figures.read_sizes.record
        self._timed = TimedReads(collection, readers.figures)
        # Reading records is mostly Python code, which two threads run no faster than one (GIL).
        self._retrieves: Coalescer[Retrieve, list[Record]] = Coalescer(
            partial(within_quota, self._retrieve_each), readers.short, at_once=1, sized=sized
        )
        self._long_queries: Coalescer[Queries, QueryAnswers] = Coalescer(
            partial(within_quota, partial(self._query_each, False)),
            readers.long,
            at_once=readers.size,
            kind_of=_kind_of,
            sized=sized,
        )
        self._queries: Coalescer[Queries, QueryAnswers] = Coalescer(
            partial(within_quota, partial(self._query_each, True)),
            readers.short,
            at_once=readers.size,
            long=self._long_queries,
            sized=sized,
        )
        self._short_retrieves = AtOnceQueue(self._retrieves)
        self._short_queries = AtOnceQueue(self._queries)
        self._short_reads = AtOnceQueue(SharedReads(collection, self._timed, readers))
        self._own: dict[type[ReadRequest[Any]], _Submit] = {
            Retrieve: self._retrieve,
            Query: self._query,
            QueryBatch: self._query_batch,
            Count: self._shared,
            Scroll: self._shared,
        }

    def read(self, request: ReadRequest[Answer], context: ReadContext) -> Deferred[Answer]:
        """The answer to a request, which is coalesced with others of its type where that pays.

        Cancelling the Deferred cancels the read context. In the reactor thread.
        """
        pending: PendingAnswer[Answer] = PendingAnswer(self._readers.short, context.cancel)
        self._submit(request, context, pending.answer, None)
        return pending.deferred

    def read_direct(
        self,
        request: ReadRequest[Answer],
        context: ReadContext,
        answer: Callable[[Answer | Exception], object],
        when_idle: WhenIdle,
    ) -> None:
        """See IDirectReads. Thread-safe."""
        self._submit(request, context, answer, when_idle)

    def _submit(
        self,
        request: ReadRequest[Any],
        context: ReadContext,
        answer: _Answered,
        when_idle: WhenIdle | None,
    ) -> None:
        self._own.get(type(request), self._alone)(request, context, answer, when_idle)

    def _alone(
        self,
        request: ReadRequest[Any],
        context: ReadContext,
        answer: _Answered,
        when_idle: WhenIdle | None,
    ) -> None:
        self._readers.submit(context, answer, partial(self._timed.read, request))

    def _shared(
        self,
        request: Count | Scroll,
        context: ReadContext,
        answer: _Answered,
        when_idle: WhenIdle | None,
    ) -> None:
        is_short = isinstance(request, Count) or request.limit <= _MOST_TOGETHER
        if is_short and when_idle is not None:
            self._short_reads.submit(request, context, answer, when_idle)
        else:
            self._alone(request, context, answer, when_idle)

    def _retrieve(
        self,
        request: Retrieve,
        context: ReadContext,
        answer: _Answered,
        when_idle: WhenIdle | None,
    ) -> None:
        if len(request.ids) > _MOST_TOGETHER:
            self._alone(request, context, answer, when_idle)
        elif when_idle is None:
            self._retrieves.submit(request, context, answer)
        else:
            self._short_retrieves.submit(request, context, answer, when_idle)

    def _query(
        self, request: Query, context: ReadContext, answer: _Answered, when_idle: WhenIdle | None
    ) -> None:
        def answer_first(answers: QueryAnswers | Exception) -> None:
            answer(answers if isinstance(answers, Exception) else answers[0])

        # A device answers when it likes, which only the threads of readers may wait for.
        if when_idle is None or self.collection.accelerator is not None:
            self._queries.submit([request], context, answer_first)
        else:
            self._short_queries.submit([request], context, answer_first, when_idle)

    def _query_batch(
        self,
        request: QueryBatch,
        context: ReadContext,
        answer: _Answered,
        when_idle: WhenIdle | None,
    ) -> None:
        is_short = len(request.queries) <= _MOST_SHORT_QUERIES
        queue = self._queries if is_short else self._long_queries
        queue.submit(request.queries, context, answer)

    def _retrieve_each(
        self, requests: Sequence[Retrieve], _: Sequence[ReadContext], on_long: OnLong
    ) -> Sequence[list[Record] | Exception]:
        # Too short to be worth cancelling: the read contexts are not checked.
        return self.collection.retrieve_each(requests)

    def _query_each(
        self,
        is_short: bool,
        batches: Sequence[Queries],
        contexts: Sequence[ReadContext],
        on_long: OnLong,
    ) -> list[QueryAnswers | Exception]:
        """Answer several query batches by one call; a batch fails with its first error."""
        pairs = zip(batches, contexts, strict=True)
        own = [context for batch, context in pairs for _ in range(len(batch))]
        bounds = ReadBoundsOfEach(own, is_short=is_short, on_long=on_long)
        queries = joined_queries(batches)
        started = monotonic()
        try:
            answers = iter(self.collection.query_each(queries, bounds))
        finally:
            if not is_short:
                self._timed.took(monotonic() - started, kinds_of(queries))
        return [_all_or_error(list(islice(answers, len(batch)))) for batch in batches]


class CollectionQueues(ReadQueues[Collection]):
    """The writer queue and the read queues of `collection`, and the turns of its writes.

    `after_commit` is called in the reactor thread when a group of commands has been answered.
    """

    @property
    def update_queue(self) -> int:
        """The number of commands that wait for a turn or a commit, or are being committed."""
        return self.turns.length + self.writer.queue_length

    def __init__(
        self,
        collection: Collection,
        readers: ReadPools,
        committers: WorkerPool,
        after_commit: Callable[[], object],
        turns_of: Callable[[CollectionWriter], WriteTurns],
        limit: WaitingUpdates,
    ) -> None:
        super().__init__(collection, readers)
        committed = readers.figures.committed

        def go_on() -> None:
            after_commit()
            self.turns.look()

        self.writer = CollectionWriter(collection, committers, go_on, limit, committed)
        self.turns = turns_of(self.writer)
        self._own[CollectionInfoRequest] = self._info

    def _info(
        self,
        request: CollectionInfoRequest,
        context: ReadContext,
        answer: _Answered,
        when_idle: WhenIdle | None,
    ) -> None:
        waiting = self.update_queue

        def with_queue(info: CollectionInfo | Exception) -> None:
            if isinstance(info, CollectionInfo):
                info = attrs.evolve(info, update_queue_length=waiting)
            answer(info)

        self._alone(request, context, with_queue, when_idle)


def _kind_of(batch: Queries) -> int:
    """A hash that is equal for batches whose searches can share one call of the engine."""
    kinds = kinds_of(batch)
    return hash(frozenset((query.using, query.filter, query.params) for query in kinds))


def _all_or_error(answers: Sequence[Sequence[ScoredPoint] | Exception]) -> QueryAnswers | Exception:
    found: QueryAnswers = []
    for answer in answers:
        if isinstance(answer, Exception):
            return answer
        found.append(answer)
    return found
