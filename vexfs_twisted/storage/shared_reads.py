"""Reads of several kinds that share a snapshot where they are answered at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ..engine.collection_reads import CollectionReads
from ..model.read_context import ReadContext
from ..model.reads import ReadRequest
from .at_once import ShortReads
from .coalescer import Coalescer, QueuedRead, within_quota
from .read_pools import ReadPools
from .timed_reads import TimedReads

_Read = QueuedRead[ReadRequest[Any], Any]


class SharedReads(ShortReads[ReadRequest[Any], Any]):
    """Counts and short scrolls: together in the thread that submits them, else one by one.

    In the pools they are not coalesced: one that takes long would delay the others.
    """

    def __init__(self, collection: CollectionReads, timed: TimedReads, pools: ReadPools) -> None:
        self._collection = collection
        self._timed = timed
        self._pools = pools
        self._together: Coalescer[ReadRequest[Any], Any] = Coalescer(
            partial(within_quota, self._read_each),
            pools.short,
            at_once=1,
            sized=pools.figures.read_sizes.record,
        )

    def answer_here(self, reads: Sequence[_Read]) -> list[_Read]:
        """See ShortReads."""
        return self._together.answer_here(reads)

    def enqueue(self, read: _Read) -> None:
        """See ShortReads."""
        request = read.request
        if request is not None:
            answer = partial(self._timed.read, request)
            self._pools.submit(read.context, read.answer, answer)

    def _read_each(
        self, requests: Sequence[ReadRequest[Any]], _: Sequence[ReadContext], __: object
    ) -> Sequence[Any]:
        return self._collection.read_each(requests)
