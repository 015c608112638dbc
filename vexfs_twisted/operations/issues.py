"""Issues: what makes reads slow and an operator can change, found while reads are answered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Lock
from time import time

from ..model.filters import Filter
from ..model.issues import Issue
from ..model.payload_index import FieldSchema, FieldType
from .strict_mode.filters import kinds_for, spelled, unserved

MOST_ISSUES = 100
"""So many are kept, those found last."""

Fields = Mapping[str, FieldSchema]
"""The declared payload indexes of a collection by their paths as spelled."""


class Issues:
    """Fields without a payload index that slow reads were filtered by. Thread-safe."""

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[str, str], Issue] = OrderedDict()
        self._lock = Lock()

    def slow_read(self, collection: str, fields: Fields, filters: Sequence[Filter]) -> None:
        """Note the fields that the filters of a slow read need payload indexes for."""
        for filter_ in filters:
            for path, kinds in unindexed_fields(filter_, fields):
                issue = Issue(collection, path, kinds[0], time())
                with self._lock:
                    self._found[collection, path] = issue
                    self._found.move_to_end((collection, path))
                    while len(self._found) > MOST_ISSUES:
                        self._found.popitem(last=False)

    def open(self, fields_of: Callable[[str], Fields | None]) -> list[Issue]:
        """The issues that are not solved: the collection is there, and the index is not."""
        with self._lock:
            for key in list(self._found):
                fields = fields_of(key[0])
                if fields is None or key[1] in fields:
                    del self._found[key]
            return list(self._found.values())

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._found.clear()


def unindexed_fields(filter_: Filter, fields: Fields) -> Iterator[tuple[str, Sequence[FieldType]]]:
    """The fields of a filter that no payload index serves, and the types that would."""
    for steps, condition, _ in unserved(filter_, lambda steps: fields.get(spelled(steps))):
        yield spelled(steps), kinds_for(condition.predicate)
