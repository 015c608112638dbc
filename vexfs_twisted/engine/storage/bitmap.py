"""Sets of rows as packed bits, least significant bit first, as faiss reads them.

A `Bitmap` is immutable and shared between threads. A `BitmapBuilder` collects the changes of one
transaction, copies the bits on the first change, and records which chunks to write back.
"""

from __future__ import annotations

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

Rows = NDArray[np.int64]
"""Row numbers, shape [n], ascending unless said otherwise."""

CHUNK_ROWS = 4096
CHUNK_BYTES = CHUNK_ROWS // 8

MOST_ROWS = (1 << 31) - 1
"""The most rows that a state may have, dead or not: positions in ranges of rows are int32."""

_WORD = 64

_MANY_WORDS = 1 << 10
"""From this many words of 64 bits on, empty words are looked for before bits are unpacked."""

_SPARSE = 4
"""If at most one word in this many has bits set, only those words are unpacked."""


@frozen
class Bitmap:
    """An immutable set of rows. `bits` is uint8, a whole number of chunks; `count` its rows."""

    bits: NDArray[np.uint8] = field(eq=False)
    count: int

    @classmethod
    def empty(cls) -> Bitmap:
        """The empty set, with capacity for no rows."""
        return cls(np.zeros(0, dtype=np.uint8), 0)

    @classmethod
    def of_bits(cls, bits: NDArray[np.uint8]) -> Bitmap:
        """The set whose rows are the bits set in `bits`."""
        return cls(bits, int(np.bitwise_count(bits).sum(dtype=np.int64)))

    def with_room(self, rows: int) -> Bitmap:
        """The same set with capacity for at least `rows` rows."""
        if len(self.bits) * 8 >= rows:
            return self
        grown = np.zeros(-(-rows // CHUNK_ROWS) * CHUNK_BYTES, dtype=np.uint8)
        grown[: len(self.bits)] = self.bits
        return Bitmap(grown, self.count)

    def counted_from(self, row: int) -> Bitmap:
        """The same set with its rows counted from `row`, a multiple of CHUNK_ROWS.

        There must be no rows before it.
        """
        return Bitmap(self.bits[row // 8 :].copy(), self.count)

    @property
    def end(self) -> int:
        """One more than the last row of the set; 0 for the empty set."""
        used = np.flatnonzero(self.bits)
        return int(used[-1]) * 8 + int(self.bits[used[-1]]).bit_length() if len(used) else 0

    def rows(self) -> Rows:
        """All rows of the set, ascending."""
        if self._is_full():
            return np.arange(self.count)
        return _rows_in(self.bits)

    def rows_between(self, start: int, stop: int) -> Rows:
        """The rows of the set in [start, stop), ascending."""
        first = start // _WORD
        rows = _rows_in(self._words(start, stop).view(np.uint8)) + first * _WORD
        if start % _WORD or stop % _WORD:
            begin, end = np.searchsorted(rows, (start, stop)).tolist()
            return rows[begin:end]
        return rows

    def has(self, rows: Rows) -> NDArray[np.bool_]:
        """Which of `rows` are in the set. They may have any order, and must be within capacity."""
        shifted: NDArray[np.uint8] = self.bits[rows >> 3] >> (rows & 7).astype(np.uint8)
        return (shifted & 1).astype(np.bool_)

    def mask(self, rows: int) -> NDArray[np.bool_]:
        """Membership of the first `rows` rows, shape [rows]; `rows` must be within capacity."""
        return np.unpackbits(self.bits, count=rows, bitorder="little").view(np.bool_)

    def count_between(self, start: int, stop: int) -> int:
        """How many rows of the set are in [start, stop)."""
        if start >= stop:
            return 0
        words = self._words(start, stop)
        return int(np.bitwise_count(words).sum(dtype=np.int64)) - self._beside(words, start, stop)

    def nth_between(self, start: int, stop: int, number: int) -> int:
        """The `number`-th row of the set, counted from 1, at or after `start`.

        Returns `stop` if that row is not below `stop`.
        """
        words = self._words(start, stop)
        counts = np.cumsum(np.bitwise_count(words), dtype=np.int64)
        number += self._beside(words[:1], start, start - start % _WORD + _WORD)
        place = int(np.searchsorted(counts, number))
        if place == len(words):
            return stop
        before = int(counts[place - 1]) if place else 0
        within = int(_set_bits(words[place : place + 1].view(np.uint8))[number - before - 1])
        return min((start // _WORD + place) * _WORD + within, stop)

    def _words(self, start: int, stop: int) -> NDArray[np.uint64]:
        """The words of 64 bits that cover [start, stop); the outer ones may have other rows too."""
        return self.bits.view(np.uint64)[start // _WORD : -(-stop // _WORD)]

    @staticmethod
    def _beside(words: NDArray[np.uint64], start: int, stop: int) -> int:
        """How many bits of `words`, which cover [start, stop), are of rows outside that range."""
        if not len(words):
            return 0
        first, last = start // _WORD, stop // _WORD
        count = (int(words[0]) & ((1 << start % _WORD) - 1)).bit_count()
        if stop % _WORD and len(words) > last - first:
            count += (int(words[last - first]) >> stop % _WORD).bit_count()
        return count

    def _is_full(self) -> bool:
        """Whether the set is the rows below `count`, as it is until something is deleted."""
        whole = self.count // 8
        rest = np.arange(whole * 8, self.count)
        return bool((self.bits[:whole] == 0xFF).all()) and bool(self.has(rest).all())


class BitmapBuilder:
    """The changes of one transaction to a bitmap. Not thread-safe: only the writer uses it."""

    def __init__(self, base: Bitmap) -> None:
        self._base = base
        self._bits = base.bits
        self._count = base.count
        self._touched: set[int] = set()

    def add(self, rows: Rows) -> None:
        """Add `rows`: distinct, not in the set yet, in any order."""
        if len(rows):
            first, stop = int(rows.min()), int(rows.max()) + 1
            self._own(stop)
            self._count += len(rows)
            if stop - first == len(rows):
                _set_between(self._bits, first, stop)
                self._touched.update(range(first // CHUNK_ROWS, (stop - 1) // CHUNK_ROWS + 1))
            else:
                np.bitwise_or.at(self._bits, rows >> 3, _masks(rows))
                self._touch(rows)

    def discard(self, rows: Rows) -> None:
        """Remove those of `rows` that are in the set. `rows` are distinct."""
        found = rows[self.has(rows)]
        if len(found):
            self._own(0)
            np.bitwise_and.at(self._bits, found >> 3, ~_masks(found))
            self._count -= len(found)
            self._touch(found)

    def has(self, rows: Rows) -> NDArray[np.bool_]:
        """Which of `rows`, in any order, are in the set after the changes so far."""
        now = Bitmap(self._bits, self._count)
        return now.with_room(int(rows.max(initial=-1)) + 1).has(rows)

    def clear(self) -> None:
        """Remove every row."""
        used = np.flatnonzero(self._bits.reshape(-1, CHUNK_BYTES).any(axis=1))
        self._touched.update(used.tolist())
        self._bits = np.zeros_like(self._bits)
        self._count = 0

    def freeze(self, rows: int) -> Bitmap:
        """The set after the changes, with capacity for at least `rows` rows."""
        return Bitmap(self._bits, self._count).with_room(rows)

    def touched_chunks(self) -> list[tuple[int, bytes]]:
        """The number and the bits of each changed chunk, ascending by number."""
        return [
            (chunk, self._bits[chunk * CHUNK_BYTES : (chunk + 1) * CHUNK_BYTES].tobytes())
            for chunk in sorted(self._touched)
        ]

    def _own(self, rows: int) -> None:
        """Make `_bits` a private copy with capacity for at least `rows` rows."""
        self._bits = Bitmap(self._bits, self._count).with_room(rows).bits
        if self._bits is self._base.bits:
            self._bits = self._bits.copy()

    def _touch(self, rows: Rows) -> None:
        self._touched.update(np.unique(rows // CHUNK_ROWS).tolist())


def _rows_in(bits: NDArray[np.uint8]) -> Rows:
    """The rows whose bits are set in `bits`, which are whole words of 64 bits from row 0 on."""
    words = bits.view(np.uint64)
    if len(words) >= _MANY_WORDS:
        # Overwritten points get new rows, so few rows stay live in long ranges of old ones.
        used = np.flatnonzero(words != 0)
        if _SPARSE * len(used) <= len(words):
            within = _set_bits(words[used].view(np.uint8))
            rows: Rows = used[within >> 6] * 64 + (within & 63)
            return rows
    return _set_bits(bits)


def _set_bits(bits: NDArray[np.uint8]) -> Rows:
    # flatnonzero is ten times as fast on booleans as on numbers.
    return np.flatnonzero(np.unpackbits(bits, bitorder="little").view(np.bool_))


def _set_between(bits: NDArray[np.uint8], start: int, stop: int) -> None:
    """Set the bits of the rows in [start, stop), of which there is at least one."""
    first, last = start >> 3, (stop - 1) >> 3
    head, tail = 0xFF << (start & 7) & 0xFF, 0xFF >> (-stop & 7)
    if first == last:
        bits[first] |= head & tail
    else:
        bits[first] |= head
        bits[first + 1 : last] = 0xFF
        bits[last] |= tail


def _masks(rows: Rows) -> NDArray[np.uint8]:
    masks: NDArray[np.uint8] = np.left_shift(1, rows & 7).astype(np.uint8)
    return masks
