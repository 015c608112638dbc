"""The postings of the sparse spaces of a collection in memory."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from ...read_bounds import PatientLock, expect
from ..space import SparseSpace
from .postings import Postings

_LEAST_ELEMENTS = 1 << 13
"""Rows with fewer elements in all are scanned, which is cheaper than postings for one search."""

_MERGED = 8
"""A range is joined to one before it that has less than this many times its elements."""

_ELEMENT_S = 1e-7


@frozen(eq=False)
class _Built:
    """Postings of ranges of rows, from row 0 on, as of an operation: rows deleted by then miss."""

    operation: int
    postings: tuple[Postings, ...] = ()

    @property
    def stop(self) -> int:
        return self.postings[-1].stop if self.postings else 0


class PostingsCache:
    """Postings by the slots of sparse spaces. Thread-safe; shared by all snapshots.

    They are extended by the first search after enough rows were added: a range of new rows at the
    end, joined with those before it unless they are much larger, so that there are few.
    """

    def __init__(self) -> None:
        self._building = PatientLock()
        self._built: dict[int, _Built] = {}

    def of(self, space: SparseSpace, operation: int) -> Sequence[Postings]:
        """The postings of the space of a snapshot whose next operation is `operation`.

        Rows that they do not cover have to be scanned.
        """
        built = self._built.get(space.slot)
        if built is None or self._is_due(space, built):
            with self._building:
                built = self._built.get(space.slot, _Built(operation))
                if self._is_due(space, built) and operation >= built.operation:
                    built = _extended(space, built, operation)
                    self._built[space.slot] = built
        # A snapshot of before has rows that were deleted before the postings were made.
        return built.postings if built.operation <= operation else ()

    def keep(self, slots: set[int]) -> None:
        """Drop the postings of all other slots."""
        self._built = {slot: own for slot, own in self._built.items() if slot in slots}

    @staticmethod
    def _is_due(space: SparseSpace, built: _Built) -> bool:
        if built.stop >= space.rows:
            return False
        return int(space.offsets[space.rows] - space.offsets[built.stop]) >= _LEAST_ELEMENTS


def _extended(space: SparseSpace, built: _Built, operation: int) -> _Built:
    """The postings with the rows that have been added."""
    kept = list(built.postings)
    start, stop = built.stop, space.rows
    while kept:
        last = kept[-1]
        if last.elements >= _MERGED * int(space.offsets[stop] - space.offsets[start]):
            break
        start = kept.pop().start
    expect(int(space.offsets[stop] - space.offsets[start]) * _ELEMENT_S)
    return _Built(operation, (*kept, Postings.of(space, start, stop)))
