"""Reads of points and rows in one transaction, whose checksums are verified."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice, repeat
from typing import TypeAlias

import lmdb
import numpy as np

from ..errors import DamagedRecord
from ..read_bounds import checkpoint, in_slices
from .bitmap import Rows
from .keys import ROW_KEY_SIZE, encode_rows, numbers_of_entries
from .record_checksums import (
    ROWS,
    are_rows_sealed,
    are_sealed,
    is_sealed,
    sealed,
    unsealed,
    without_checksum,
)
from .row_checksum_table import Sums, read_row_checksums
from .row_values import has_checksum
from .tables import Tables, Transaction

_SLICE = 64
_PAGE = 1024
_LEAST_SCAN = 16
_NO_ROWS = np.zeros(0, dtype=np.int64)

POINTS, META = "points", "meta"
CHECKED_TABLES = (POINTS, ROWS, META, "bits", "touches", "outcomes", "sums")
_FORMAT = b"format"

Entries: TypeAlias = "list[tuple[bytes, bytes]]"
"""Records of points: the key of an id, and a value for `TableReader.rows_of`."""

_UNSEALED = b"unsealed"


def unsealed_rows(transaction: Transaction, tables: Tables) -> int:
    """The row below which rows and points may have no checksum, as in tables of version 3."""
    value = transaction.get(_UNSEALED, db=tables.meta)
    return 0 if value is None else int.from_bytes(unsealed(META, _UNSEALED, value), "big")


def write_unsealed_rows(transaction: Transaction, meta: lmdb._Database, row: int) -> None:
    """Record the row below which rows and points may have no checksum."""
    if row:
        transaction.put(_UNSEALED, sealed(_UNSEALED, row.to_bytes(8, "big")), db=meta)
    else:
        transaction.delete(_UNSEALED, db=meta)


class TableReader:
    """Reads points and rows in one transaction. Used by one thread at a time.

    Rows are counted from `base`. What is not what was written raises DamagedRecord.
    """

    def __init__(self, transaction: Transaction, tables: Tables, base: int) -> None:
        self._transaction = transaction
        self._tables = tables
        # None for 0: the common case costs nothing.
        self._base = _as_array(base) if base else None

    def release(self) -> None:
        """Drop the reference to the finished transaction. No reads are allowed afterwards."""
        del self._transaction

    @property
    def number(self) -> int:
        """The number of the transaction."""
        return self._transaction.id()

    def size_of_rows(self) -> int:
        """The bytes of the pages that hold rows, with their payloads."""
        stat = self._transaction.stat(self._tables.rows)
        pages = stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]
        return int(pages * stat["psize"])

    def records(self, table: str, start: bytes, size: int) -> Entries:
        """The records of one of CHECKED_TABLES from a key on, of `size` bytes; not checked."""
        found: Entries = []
        with self._transaction.cursor(self._handle(table)) as cursor:
            if cursor.set_range(start) if start else cursor.first():
                for key, value in cursor.iternext():
                    found.append((key, value))
                    size -= len(key) + len(value)
                    if size <= 0:
                        break
        return found

    def unsealed_among(self, table: str, records: Entries) -> tuple[list[bytes], list[bytes]]:
        """The keys of the damaged ones among records, and of those of a former version."""
        bad: list[bytes] = []
        old: list[bytes] = []
        first = unsealed_rows(self._transaction, self._tables)
        for key, value in records:
            if is_sealed(table, key, value) or (table == META and key == _FORMAT):
                continue
            (old if _may_be_old(table, key, value, first) else bad).append(key)
        return bad, old

    def row_checksums(self, slot: int, rows: Rows) -> Sums:
        """The checksums of the vectors in `rows`, ascending; 0 where none is known."""
        return read_row_checksums(self._transaction, self._tables, slot, self._numbers(rows))

    def _handle(self, table: str) -> lmdb._Database:
        changes = "payload_changes"
        handle: lmdb._Database = getattr(self._tables, changes if table == "touches" else table)
        return handle

    def find(self, keys: Sequence[bytes]) -> Entries:
        """The records of those of the id `keys` whose point exists, in their order.

        The values are for `rows_of`.
        """
        values = list(self._get_each(keys, self._tables.points))
        found = list(zip(keys, values, strict=True))
        if None not in values and are_sealed(keys, values):  # type: ignore[arg-type]
            return found  # type: ignore[return-value]
        return self._checked([(key, value) for key, value in found if value is not None])

    def rows_of(self, entries: Sequence[tuple[bytes, bytes]]) -> Rows:
        """The rows of records of points, in their order."""
        numbers = numbers_of_entries(entries)
        return numbers if self._base is None else numbers - self._base

    def find_rows(self, keys: Sequence[bytes]) -> Rows:
        """The rows of the id keys whose points exist, in their order."""
        return self.rows_of(self.find(keys))

    def find_row(self, key: bytes) -> int | None:
        """The row of the point with the id key `key`, or None."""
        found = self.find([key])
        return int(self.rows_of(found)[0]) if found else None

    def last_key(self) -> bytes | None:
        """The greatest id key; None if there are no points."""
        with self._transaction.cursor(self._tables.points) as cursor:
            return cursor.key() if cursor.last() else None

    def values(self, rows: Rows) -> list[bytes]:
        """The values of `rows`, which must be live, in their order."""
        numbers = self._numbers(rows)
        return self._rows(numbers, list(self._get_each(encode_rows(numbers), self._tables.rows)))

    def _get_each(self, keys: Sequence[bytes], table: lmdb._Database) -> Iterator[bytes | None]:
        # A cursor's getmulti releases the GIL three times per key, each time to whichever thread
        # waits for it; get releases it once, and is faster too.
        get = self._transaction.get
        parts = [keys] if len(keys) <= _SLICE else in_slices(keys, _SLICE)
        return chain.from_iterable(map(get, part, repeat(None), repeat(table)) for part in parts)

    def values_within(self, rows: Rows, size: int, extras: Sequence[int]) -> list[bytes]:
        """The values of live `rows`, in order, until their sizes add up to `size` bytes.

        The value that reaches `size` is included. `extras` are the bytes that each row counts more.
        """
        values: list[bytes] = []
        numbers = self._numbers(rows)
        row_keys = encode_rows(numbers)
        with self._transaction.cursor(self._tables.rows) as cursor:
            for key, extra in zip(row_keys, extras, strict=True):
                cursor.set_key(key)
                values.append(cursor.value())
                size -= len(values[-1]) + extra
                if size <= 0:
                    break
        return self._rows(numbers[: len(values)], values)

    def values_until(self, rows: Rows, size: int) -> list[bytes]:
        """The values of live `rows`, in order, until their sizes add up to `size` bytes.

        The value that reaches `size` is included. Faster than `values_within` if most rows are
        read; that one is for limits that are reached early.
        """
        values: list[bytes | None] = []
        numbers = self._numbers(rows)
        row_keys = encode_rows(numbers)
        for value in self._get_each(row_keys, self._tables.rows):
            values.append(value)
            size -= len(value or b"")
            if size <= 0:
                break
        return self._rows(numbers[: len(values)], values)

    def scan(self, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """The records of all points from the id key `start` on, in id order; see `find`."""
        entries, size = self._scan(start), _LEAST_SCAN
        while found := list(islice(entries, size)):
            yield from self._checked(found)
            size = min(2 * size, _PAGE)

    def pages(self, start: bytes, limit: int) -> Iterator[Entries]:
        """The first `limit` entries of `scan`, in parts, with a checkpoint before each."""
        entries = self._scan(start)
        while limit > 0:
            checkpoint()
            found = list(islice(entries, min(limit, _PAGE)))
            if not found:
                break
            yield self._checked(found)
            limit -= len(found)

    def first_rows(self, start: bytes, limit: int) -> Rows:
        """The rows of the first `limit` points from the id key `start` on, in id order."""
        found = [self.rows_of(entries) for entries in self.pages(start, limit)]
        return found[0] if len(found) == 1 else np.concatenate([_NO_ROWS, *found])

    def _scan(self, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The records of points from the id key `start` on."""
        with self._transaction.cursor(self._tables.points) as cursor:
            if cursor.set_range(start) if start else cursor.first():
                yield from cursor.iternext()

    def _checked(self, records: Entries) -> Entries:
        """Records of points that were read."""
        keys, values = zip(*records, strict=True) if records else ((), ())
        return records if are_sealed(keys, values) else self._old_entries(keys, values)

    def _old_entries(self, keys: Sequence[bytes], values: Sequence[bytes]) -> Entries:
        self._check_old(POINTS, keys, values)
        pairs = zip(keys, values, strict=True)
        return [
            (key, value if is_sealed(POINTS, key, value) else without_checksum(value))
            for key, value in pairs
        ]

    def _numbers(self, rows: Rows) -> Rows:
        """The numbers of rows in the tables."""
        return rows if self._base is None else rows + self._base

    def _rows(self, numbers: Rows, values: Sequence[bytes | None]) -> list[bytes]:
        """The values of records of rows with these numbers, all of which must be there."""
        try:
            if are_rows_sealed(numbers, values):  # type: ignore[arg-type]
                return values  # type: ignore[return-value]
        except TypeError:
            raise DamagedRecord(ROWS, encode_rows(numbers)[values.index(None)]) from None
        whole, keys = [value or b"" for value in values], encode_rows(numbers)
        self._check_old(ROWS, keys, whole)
        return [
            value if is_sealed(ROWS, key, value) else without_checksum(value)
            for key, value in zip(keys, whole, strict=True)
        ]

    def _check_old(self, table: str, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        """Check records of which some are not sealed. Raises DamagedRecord for a bad one."""
        first = unsealed_rows(self._transaction, self._tables)
        for key, value in zip(keys, values, strict=True):
            is_sound = is_sealed(table, key, value)
            if not is_sound and not _may_be_old(table, key, value, first):
                raise DamagedRecord(table, key)


@lru_cache(maxsize=256)
def _as_array(base: int) -> Rows:
    """The base as an array: numpy takes a microsecond for an operation with an int of Python."""
    return np.array([base], dtype=np.int64)


def _may_be_old(table: str, key: bytes, value: bytes, first: int) -> bool:
    """Whether a record may be of a former version: its row is below `first`."""
    if table == POINTS:
        return len(value) == ROW_KEY_SIZE and int.from_bytes(value, "big") < first
    return table == ROWS and not has_checksum(value) and int.from_bytes(key, "big") < first
