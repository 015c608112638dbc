"""Times the reads of a collection, and tells of those that are slow and have a filter."""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic
from typing import Any

from ..engine.collection_reads import CollectionReads
from ..model.filters import Filter
from ..model.groups import GroupQuery
from ..model.queries import Query
from ..model.reads import Answer, ReadRequest
from .figures import StorageFigures


class TimedReads:
    """The reads of `collection`, in any thread; `figures` say which are slow and who is told."""

    def __init__(self, collection: CollectionReads, figures: StorageFigures) -> None:
        self._collection = collection
        self._figures = figures

    def read(self, request: ReadRequest[Answer]) -> Answer:
        """See CollectionReads."""
        started = monotonic()
        try:
            return self._collection.read(request)
        finally:
            self.took(monotonic() - started, [request])

    def took(self, seconds: float, requests: Iterable[ReadRequest[Any]]) -> None:
        """Tell that these reads have taken so long together."""
        figures = self._figures
        if seconds < figures.slow_s:
            return
        filters = [own for request in requests if (own := _filter_of(request)) is not None]
        if filters:
            figures.on_slow(self._collection.name, self._collection.state.fields, filters)


def _filter_of(request: ReadRequest[Any]) -> Filter | None:
    asked: Any = request.query if isinstance(request, GroupQuery) else request
    found: Filter | None = getattr(asked, "filter", None)
    if found is None and isinstance(asked, Query):
        inner = (own for prefetch in asked.prefetch if (own := prefetch.filter) is not None)
        return next(inner, None)
    return found
