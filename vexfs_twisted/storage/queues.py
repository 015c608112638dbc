"""The queues of one collection: its updates, and the reads that may be put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, islice

from ..engine.collection import Collection
from ..engine.query.scrolling import Retrieve
from ..model.queries import Query, Record, ScoredPoint
from .coalescer import Coalescer
from .pool import WorkerPool
from .writer import CollectionWriter

QueryBatch = Sequence[Query]
QueryAnswers = list[Sequence[ScoredPoint]]


class CollectionQueues:
    """What waits for a thread on behalf of `collection`.

    `after_commit` is called when updates have been answered.
    """

    def __init__(
        self,
        collection: Collection,
        readers: WorkerPool,
        committers: WorkerPool,
        after_commit: Callable[[], object],
    ) -> None:
        self.collection = collection
        self.writer = CollectionWriter(collection, committers, after_commit)
        # Reading records is Python for the most part, which two threads do no faster than one.
        self.retrieves: Coalescer[Retrieve, list[Record]] = Coalescer(
            collection.retrieve_each, readers, at_once=1
        )
        self.queries: Coalescer[QueryBatch, QueryAnswers] = Coalescer(
            self._query_each, readers, at_once=readers.size
        )

    def _query_each(self, batches: Sequence[QueryBatch]) -> list[QueryAnswers | Exception]:
        """Answer whole batches by one call; a batch fails with the first error in it."""
        answers = iter(self.collection.query_each(list(chain.from_iterable(batches))))
        return [_whole(list(islice(answers, len(batch)))) for batch in batches]


def _whole(answers: Sequence[Sequence[ScoredPoint] | Exception]) -> QueryAnswers | Exception:
    found: QueryAnswers = []
    for answer in answers:
        if isinstance(answer, Exception):
            return answer
        found.append(answer)
    return found
