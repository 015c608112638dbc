"""A vectorized scanner of JSON: finds brackets and their depths in text that comes in pieces."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Positions = NDArray[np.int64]

_QUOTE, _BACKSLASH, _COMMA = b'"'[0], b"\\"[0], b","[0]
_OPENING, _CLOSING = b"{"[0], b"}"[0]
_CASE = 0x20
"""The bit in which `[` differs from `{`, `]` from `}`, and a backslash from `|`."""


@frozen
class Marks:
    """The brackets outside of strings in a piece of text, in order, and its quotes.

    `text` is the piece, shape [size]. `positions`, `is_opening` and `depths` have shape [n], one
    element per bracket: its offset in the piece, whether it opens, and the number of open brackets
    after it. `quotes` has the offsets of the quotes that begin or end strings. `begins_inside`:
    the piece begins inside a string.
    """

    text: NDArray[np.uint8]
    positions: Positions
    is_opening: NDArray[np.bool]
    depths: Positions
    quotes: Positions
    begins_inside: bool

    @property
    def deepest(self) -> int:
        """The maximum number of open brackets; 0 without brackets."""
        return int(self.depths.max()) if len(self.depths) else 0

    def first_closing(self, depth: int, start: int) -> int | None:
        """The offset, from `start` on, of the first bracket that closes to `depth`, or None."""
        return _first(self._closing(depth), start)

    def last_closing(self, depth: int, start: int) -> int | None:
        """The offset, from `start` on, of the last bracket that closes to `depth`, or None."""
        found = self._closing(depth)
        return int(found[-1]) if len(found) and found[-1] >= start else None

    def left_open(self, depth: int) -> list[int]:
        """The offsets of the brackets that open beyond `depth` and stay open, outermost first.

        The outer `depth` brackets must not close in the rest of the piece.
        """
        found: list[int] = []
        last = int(self.depths[-1]) if len(self.depths) else depth
        for level in range(depth + 1, last + 1):
            opened = np.flatnonzero(self.is_opening & (self.depths == level))
            found.append(int(self.positions[opened[-1]]))
        return found

    def count_opening(self, start: int, end: int) -> int:
        """The number of brackets that open at the offsets from `start` to before `end`."""
        first, last = self.positions.searchsorted((start, end))
        return int(np.count_nonzero(self.is_opening[first:last]))

    def last_comma(self, start: int) -> int | None:
        """The offset, from `start` on, of the last comma outside of strings, or None."""
        commas = np.flatnonzero(self.text[start:] == _COMMA) + start
        before = self.quotes.searchsorted(commas) + self.begins_inside
        outside = commas[before & 1 == 0]
        return int(outside[-1]) if len(outside) else None

    def _closing(self, depth: int) -> Positions:
        found: Positions = self.positions[~self.is_opening & (self.depths == depth)]
        return found


class JsonScanner:
    """Finds the brackets of one JSON text that comes in pieces, split anywhere.

    Results are correct up to the first syntax error in the text, and meaningless after it; it never
    raises. Takes a few numpy passes over each piece, at more than 1 GB/s.
    """

    def __init__(self) -> None:
        self.state = (0, False, False)
        """State at the end of the last piece: the number of open brackets, whether it is inside a
        string, and whether it follows a backslash there. May be restored to scan a piece again."""
        self._codes: NDArray[np.uint8] = np.empty(0, dtype=np.uint8)
        self._is_mark = self._is_quote = np.empty(0, dtype=bool)

    def _marks(self, found: NDArray[np.uint8]) -> Positions:
        """The offsets of brackets, quotes and backslashes.

        Scratch arrays are reused between pieces: the allocator would map and fault in arrays of
        their size on each call.
        """
        size = len(found)
        if size > len(self._codes):
            self._codes = np.empty(size, dtype=np.uint8)
            self._is_mark, self._is_quote = np.empty((2, size), dtype=bool)
        codes, is_mark, is_quote = self._codes[:size], self._is_mark[:size], self._is_quote[:size]
        np.bitwise_or(found, _CASE, out=codes)
        np.subtract(codes, _OPENING, out=codes)
        np.less_equal(codes, _CLOSING - _OPENING, out=is_mark)
        np.equal(found, _QUOTE, out=is_quote)
        np.logical_or(is_mark, is_quote, out=is_mark)
        marks: Positions = is_mark.nonzero()[0]
        return marks

    def scan(self, text: bytes) -> Marks:
        """Scan the next piece."""
        depth, is_inside, is_escaped = self.state
        found: NDArray[Any] = np.frombuffer(text, dtype=np.uint8)
        marks = self._marks(found)
        codes = found[marks]
        quotes = codes == _QUOTE
        escaped, ends_escaped = _escaped(marks, codes, len(text), is_escaped)
        quotes &= ~escaped
        inside = (np.cumsum(quotes) + is_inside) & 1
        is_bracket = ((codes | _CASE == _OPENING) | (codes | _CASE == _CLOSING)) & (inside == 0)
        is_opening = codes[is_bracket] | _CASE == _OPENING
        depths = depth + np.cumsum(np.where(is_opening, 1, -1))
        ends_inside = bool(inside[-1]) if len(inside) else is_inside
        self.state = (int(depths[-1]) if len(depths) else depth, ends_inside, ends_escaped)
        return Marks(found, marks[is_bracket], is_opening, depths, marks[quotes], is_inside)


def _escaped(
    marks: Positions, codes: NDArray[np.uint8], length: int, is_escaped: bool
) -> tuple[NDArray[np.bool], bool]:
    """Whether each mark is escaped by a backslash, shape [n], and whether the next byte is."""
    slashes = marks[codes == _BACKSLASH]
    if not len(slashes) and not is_escaped:
        return np.zeros(len(marks), dtype=bool), False
    escaped = np.zeros(length + 1, dtype=bool)
    escaped[0] = is_escaped
    if is_escaped and len(slashes) and slashes[0] == 0:
        slashes = slashes[1:]
    # In a run of backslashes every other one, from the first, escapes the byte after it.
    order = np.arange(len(slashes))
    begins = np.diff(slashes, prepend=-2) != 1
    first = np.maximum.accumulate(np.where(begins, order, 0))
    escaped[slashes[(order - first) % 2 == 0] + 1] = True
    return escaped[marks], bool(escaped[length])


def _first(positions: Positions, start: int) -> int | None:
    index = int(positions.searchsorted(start))
    return int(positions[index]) if index < len(positions) else None
