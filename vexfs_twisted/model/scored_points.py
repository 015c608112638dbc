"""Results of many queries in columns, which create objects for points only on access."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any, overload

import numpy as np
from attrs import define, field
from numpy.typing import NDArray

from .queries import ScoredPoint


@define
class ScoredColumns:
    """Points with integer ids, without payloads and vectors: one array, shape [n], per part.

    `encoded` is for whoever encodes their parts one after the other: what a protocol has made of
    all. Threads may both make it.
    """

    ids: NDArray[np.uint64] = field(eq=False)
    versions: NDArray[np.uint64] = field(eq=False)
    scores: NDArray[np.float32] = field(eq=False)
    encoded: Any = field(default=None, eq=False)

    def __len__(self) -> int:
        return len(self.ids)


class ScoredSlice(Sequence[ScoredPoint]):
    """The points of `columns` in [start, stop): the result of one query."""

    __slots__ = ("columns", "start", "stop")

    def __init__(self, columns: ScoredColumns, start: int, stop: int) -> None:
        self.columns = columns
        self.start = start
        self.stop = stop

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[ScoredPoint]:
        part = slice(self.start, self.stop)
        columns = self.columns
        parts = (
            column[part].tolist() for column in (columns.ids, columns.versions, columns.scores)
        )
        return map(ScoredPoint, *parts, repeat(None), repeat(None), repeat(None))

    @overload
    def __getitem__(self, place: int) -> ScoredPoint: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[ScoredPoint]: ...

    def __getitem__(self, place: int | slice) -> ScoredPoint | Sequence[ScoredPoint]:
        if isinstance(place, slice):
            start, stop, step = place.indices(len(self))
            if step == 1:
                return ScoredSlice(self.columns, self.start + start, self.start + max(start, stop))
        return list(self)[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


class AnswerTooLarge(Exception):
    """A read exceeded its memory quota and must be restarted. Never reported to a client.

    `size` estimates the bytes of its answer, which are more than the quota.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size
