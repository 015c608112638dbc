"""The scrub: checks all data of a collection in the background, a little at a time.

A pass checks the pages of the tables, then the checksum of every record, then that of the vector of
every live row. On the way records of former versions get checksums, and so do rows that have none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock
from time import monotonic

import numpy as np

from ..model.damage import Damage
from .collection_store import CollectionStore
from .damage_log import DamageLog, damage_of_record
from .errors import DamagedRecord
from .mvcc.state import Snapshot
from .scrub_writes import add_checksums, forget_unsealed, seal_records, take_out
from .storage.keys import decode_id
from .storage.page_check import check_pages
from .storage.row_values import key_of
from .storage.table_check import SMALL_TABLES
from .storage.table_reader import CHECKED_TABLES
from .storage.tables import TABLES_FILE
from .vector_index.row_checksums import bytes_of, checksums_of, damage_of_row, damaged_rows
from .vector_index.space import AnySpace

FIRST_SECONDS = 60.0
"""Seconds after the opening at which a pass begins, if nothing is suspicious."""

INTERVAL_SECONDS = 24 * 3600.0
"""Seconds from the end of a pass to the begin of the next."""

BYTES_PER_SECOND = 16 << 20
"""The most that is read in a second, but for the pages of the tables, which are read at once."""

STEP_BYTES = 2 << 20
_MOST_ROWS = 1 << 14


class Scrub:
    """The scrub of one collection. `step` is called by one thread at a time.

    `broken` is what makes it unsafe to read the tables: the collection has to be closed then.
    """

    def __init__(
        self,
        store: CollectionStore,
        damages: DamageLog,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._store = store
        self._damages = damages
        self.broken: list[Damage] = []
        self._clock = clock
        self._halted = Event()
        self._working = Lock()
        self._pass: Iterator[int] | None = None
        # Of large tables, the start has not read all pages.
        is_small = _size(store.path / TABLES_FILE) <= SMALL_TABLES
        self._next = clock() + (FIRST_SECONDS if is_small else 0.0)

    def due_in(self) -> float | None:
        """Seconds until a step is due; None after `halt`. Does not block."""
        return None if self._halted.is_set() else max(self._next - self._clock(), 0.0)

    def wake(self) -> None:
        """Begin a pass now if none is running."""
        if self._pass is None:
            self._next = self._clock()

    def step(self) -> None:
        """Check the next part. Blocks for some milliseconds; raises the errors of reads."""
        with self._working:
            if self._halted.is_set():
                return
            if self._pass is None:
                self._pass = self._all()
            try:
                read = next(self._pass, None)
            except BaseException:
                self._pass, self._next = None, self._clock() + INTERVAL_SECONDS
                raise
            pause = INTERVAL_SECONDS if read is None else read / BYTES_PER_SECOND
            self._pass = None if read is None else self._pass
            self._next = self._clock() + pause

    def run(self) -> None:
        """A whole pass, without pauses."""
        self._pass = None
        self.step()
        while self._pass is not None:
            self.step()

    def stop(self) -> None:
        """Let no step begin."""
        self._halted.set()

    def halt(self) -> None:
        """Let no step begin, and wait for the one that runs."""
        self.stop()
        with self._working:
            # It refers to this object, which would keep the store of a deleted collection.
            self._pass = None

    def _all(self) -> Iterator[int]:
        """A pass; the bytes read by each step."""
        self.broken = self._broken_pages()
        if self.broken:
            self._halted.set()
            return
        yield _size(self._store.path / TABLES_FILE) // 8
        found: list[Damage] = []
        for table in CHECKED_TABLES:
            yield from self._records(table, found)
        if not found:
            self._store.amend(forget_unsealed)
        kept = [own for own in self._damages.all if own.file != TABLES_FILE]
        self._damages.replace([*kept, *found])
        for name in list(self._store.state.spaces):
            yield from self._vectors(name)

    def _broken_pages(self) -> list[Damage]:
        """What is wrong with the pages of the tables in two snapshots, one after the other.

        One alone may be read while the other meta page is written.
        """
        found: list[Damage] = []
        for _ in range(2):
            with self._store.read() as snapshot:
                number = snapshot.tables.number
                path = self._store.path / TABLES_FILE
                found = check_pages(path, every=True, wanted=number)
            if not found:
                break
        return found

    def _records(self, table: str, found: list[Damage]) -> Iterator[int]:
        """Check the records of a table, and give those checksums that have none."""
        start = b""
        while True:
            with self._store.read() as snapshot:
                records = snapshot.tables.records(table, start, STEP_BYTES)
                bad, old = snapshot.tables.unsealed_among(table, records)
            # Writes may have to wait for readers, so there must be none here.
            found += [damage_of_record(self._store.path, DamagedRecord(table, key)) for key in bad]
            self._damages.add(found[len(found) - len(bad) :])
            if old:
                self._store.amend(seal_records(table, old))
            if not records:
                return
            start = records[-1][0] + b"\0"
            yield sum(len(key) + len(value) for key, value in records)

    def _vectors(self, name: str) -> Iterator[int]:
        """Check the vectors of a name, and give those checksums that have none."""
        # As numbered in the tables: between two steps, rows may come to be counted from another.
        place = 0
        while True:
            with self._store.read() as snapshot:
                state = snapshot.state
                space, first = state.spaces.get(name), max(place - state.base, 0)
                if space is None or first >= state.next_row:
                    return
                stop = first + _rows_in(space, first)
                rows = space.present.rows_between(first, min(stop, state.next_row))
                known = snapshot.tables.row_checksums(space.slot, rows)
                bad = damaged_rows(space, rows, known)
                self._damages.add(_damage_of(snapshot, name, space, row) for row in bad.tolist())
            missing = np.setdiff1d(rows[known == 0], bad)
            if len(missing):
                sums = checksums_of(space, missing)
                self._store.amend(add_checksums(space.slot, space.base + missing, sums))
            if len(bad):
                self._store.amend(take_out(name, space.slot, space.base + bad))
            place = state.base + stop
            if len(rows):
                yield bytes_of(space, rows)


def _damage_of(snapshot: Snapshot, name: str, space: AnySpace, row: int) -> Damage:
    shown = f"row {space.base + row}"
    with suppress(DamagedRecord):
        (value,) = snapshot.tables.values(np.array([row]))
        shown = f"point {decode_id(key_of(value))}"
    text = f"the vector `{name}` of {shown} is not what was written, and left out"
    return damage_of_row(space, row, text)


def _rows_in(space: AnySpace, first: int) -> int:
    """So many rows from `first` on take about the bytes of a step."""
    sample = space.present.rows_between(first, first + _MOST_ROWS)
    size = bytes_of(space, sample)
    return _MOST_ROWS if not size else max(1, min(_MOST_ROWS, _MOST_ROWS * STEP_BYTES // size))


def _size(path: Path) -> int:
    return path.stat().st_size
