"""The postings of the sparse spaces of a collection in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Lock

from attrs import frozen

from ....model.collection_params import Datatype
from ...read_bounds import expect
from ..space import SparseSpace
from .postings import Postings

_LEAST_ELEMENTS = 1 << 13
"""From this many elements on, postings are made of new rows in the background."""

_MOST_SCANNED = 1 << 16
"""A search makes them itself rather than scan rows with more elements than this."""

_MERGED = 8
"""A range is joined to one before it that has less than this many times its elements."""

_MOST_DEAD = 0.25
"""The largest share of dead rows that a range may have before it is made anew."""

_ELEMENT_S = 1e-7


@frozen(eq=False)
class _Built:
    """Postings of ranges of rows, from row 0 on, as of an operation: rows deleted by then miss.

    Their weights are of the datatype of the index.
    """

    operation: int
    postings: tuple[Postings, ...] = ()

    @property
    def stop(self) -> int:
        return self.postings[-1].stop if self.postings else 0


_NOTHING = _Built(0)


@frozen(eq=False)
class _Rest:
    """Postings of the rows after those, as of an operation; made anew when there are more rows.

    Their weights are the values, as in a segment of Qdrant that has not been optimized.
    """

    operation: int
    postings: Postings


_Key = tuple[int, int]
"""The slot of a space, and the row that its rows are counted from."""


class PostingsCache:
    """Postings of sparse spaces. Thread-safe; shared by all snapshots.

    New rows become a range at the end, joined with those before it unless they are much larger, so
    that there are few. One thread at a time makes postings; searches never wait for it.
    """

    def __init__(self) -> None:
        self._building = Lock()
        self._built: dict[_Key, _Built] = {}
        self._rests: dict[_Key, _Rest] = {}

    def of(self, space: SparseSpace, operation: int) -> Sequence[Postings]:
        """The postings of the space of a snapshot whose next operation is `operation`.

        They cover all rows, or none: then all have to be scanned.
        """
        built = self._built.get(_key(space), _NOTHING)
        if _elements_after(space, built) >= _MOST_SCANNED:
            expect(_elements_after(space, built) * _ELEMENT_S)
            if self._building.acquire(blocking=False):
                try:
                    built = self._extend(space, operation)
                finally:
                    self._building.release()
        if built.operation > operation:
            # The snapshot has rows that were deleted before the postings were made.
            return ()
        if built.stop >= space.rows:
            return built.postings
        rest = self._rests.get(_key(space))
        if rest is None or not _is_rest(rest, space, built, operation):
            new = Postings.of(space, built.stop, space.rows, Datatype.FLOAT32)
            rest = _Rest(operation, new)
            self._rests[_key(space)] = rest
        return *built.postings, rest.postings

    def put(self, space: SparseSpace, operation: int, postings: Sequence[Postings]) -> None:
        """Set the postings of a space that were loaded: ranges from row 0 on, without gaps."""
        self._built[_key(space)] = _Built(operation, tuple(postings))

    def recount(self, before: SparseSpace, after: SparseSpace, operation: int) -> None:
        """Keep the postings of a space, all rows of which are counted from a later one `after`.

        That state is the one before `operation`. The range that the row is in is made anew.
        """
        with self._building:
            built, shift = self._built.get(_key(before), _NOTHING), after.base - before.base
            kept = [own.moved(-shift) for own in built.postings if own.start >= shift]
            stop = kept[0].start if kept else min(max(built.stop - shift, 0), after.rows)
            first = [_made(after, 0, stop)] if stop else []
            self._built[_key(after)] = _Built(operation, (*first, *kept))

    def ranges(self, space: SparseSpace) -> Sequence[Postings]:
        """The postings of a space as they are. Does not block."""
        return self._built.get(_key(space), _NOTHING).postings

    def is_due(self, space: SparseSpace) -> bool:
        """Whether there is something to do for `update`. Does not block."""
        built = self._built.get(_key(space), _NOTHING)
        if _elements_after(space, built) >= _LEAST_ELEMENTS:
            return True
        return any(_is_outdated(space, own) for own in built.postings)

    def update(self, space: SparseSpace, operation: int) -> Sequence[Postings]:
        """The postings of the newest snapshot, with its rows and datatype, and few dead rows."""
        with self._building:
            built = self._extend(space, operation)
            if built.operation <= operation and any(
                _is_outdated(space, own) for own in built.postings
            ):
                renewed = tuple(
                    _made(space, own.start, own.stop) if _is_outdated(space, own) else own
                    for own in built.postings
                )
                built = self._built[_key(space)] = _Built(operation, renewed)
            return built.postings

    def keep(self, spaces: Iterable[SparseSpace]) -> None:
        """Drop the postings of all other spaces."""
        keys = set(map(_key, spaces))
        if self._built.keys() - keys:
            self._built = {key: own for key, own in self._built.items() if key in keys}
        if self._rests.keys() - keys:
            self._rests = {key: own for key, own in self._rests.items() if key in keys}

    def _extend(self, space: SparseSpace, operation: int) -> _Built:
        """Add the rows that have been added. The caller holds the lock."""
        built = self._built.get(_key(space), _NOTHING)
        if operation < built.operation or _elements_after(space, built) < _LEAST_ELEMENTS:
            return built
        kept = list(built.postings)
        start, stop = built.stop, space.rows
        while kept:
            if kept[-1].elements >= _MERGED * _elements(space, start, stop):
                break
            start = kept.pop().start
        built = _Built(operation, (*kept, _made(space, start, stop)))
        self._built[_key(space)] = built
        return built


def _key(space: SparseSpace) -> _Key:
    return space.slot, space.base


def _is_rest(rest: _Rest, space: SparseSpace, built: _Built, operation: int) -> bool:
    own = rest.postings
    is_whole = (own.start, own.stop) == (built.stop, space.rows)
    return is_whole and rest.operation <= operation


def _elements(space: SparseSpace, start: int, stop: int) -> int:
    """The number of elements of the rows in [start, stop)."""
    return int(space.offsets[stop] - space.offsets[start])


def _elements_after(space: SparseSpace, built: _Built) -> int:
    """The number of elements of the rows after those with postings."""
    return _elements(space, built.stop, space.rows) if built.stop < space.rows else 0


def _made(space: SparseSpace, start: int, stop: int) -> Postings:
    """The postings of a range, of the datatype of the index."""
    return Postings.of(space, start, stop, _datatype(space))


def _datatype(space: SparseSpace) -> Datatype:
    index = space.params.index
    return (index and index.datatype) or Datatype.FLOAT32


def _is_outdated(space: SparseSpace, postings: Postings) -> bool:
    """Whether a range is to be made anew: without its dead rows, or of another datatype."""
    if postings.datatype is not _datatype(space):
        return True
    if postings.elements < _LEAST_ELEMENTS:
        return False
    live = space.present.count_between(postings.start, postings.stop)
    return live < (1 - _MOST_DEAD) * postings.count
