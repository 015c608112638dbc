"""Finds the brackets of a JSON text, and how deep they are: in bulk, over bytes split anywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Positions = NDArray[np.int64]

_QUOTE, _BACKSLASH, _COMMA = b'"'[0], b"\\"[0], b","[0]
_OPENING, _CLOSING = b"{"[0], b"}"[0]
_CASE = 0x20
"""The bit in which square brackets differ from curly ones, and a backslash from a bar."""


@frozen
class Marks:
    """The brackets outside of strings in a piece of text, in order, and its quotes.

    `positions`, `is_opening` and `depths` are of shape [n]: where in the piece the brackets are,
    of which kind, and how many are open after each. `quotes` are those that begin and end strings.
    """

    text: NDArray[np.uint8]
    positions: Positions
    is_opening: NDArray[np.bool]
    depths: Positions
    quotes: Positions
    begins_inside: bool

    @property
    def deepest(self) -> int:
        """How many brackets are open at the most."""
        return int(self.depths.max()) if len(self.depths) else 0

    def first_closing(self, depth: int, start: int) -> int | None:
        """Where, from `start` on, a bracket first closes down to `depth`."""
        return _first(self._closing(depth), start)

    def last_closing(self, depth: int, start: int) -> int | None:
        """Where, from `start` on, a bracket last closes down to `depth`."""
        found = self._closing(depth)
        return int(found[-1]) if len(found) and found[-1] >= start else None

    def left_open(self, depth: int) -> list[int]:
        """Where the brackets are that open above `depth` and do not close, the outermost first.

        Those that are open up to there must not close in the piece, or not any more.
        """
        found: list[int] = []
        last = int(self.depths[-1]) if len(self.depths) else depth
        for level in range(depth + 1, last + 1):
            opened = np.flatnonzero(self.is_opening & (self.depths == level))
            found.append(int(self.positions[opened[-1]]))
        return found

    def count_opening(self, start: int, end: int) -> int:
        """How many brackets open from `start` to before `end`."""
        first, last = self.positions.searchsorted((start, end))
        return int(np.count_nonzero(self.is_opening[first:last]))

    def last_comma(self, start: int) -> int | None:
        """Where, from `start` on, the last comma outside of strings is."""
        commas = np.flatnonzero(self.text[start:] == _COMMA) + start
        before = self.quotes.searchsorted(commas) + self.begins_inside
        outside = commas[before & 1 == 0]
        return int(outside[-1]) if len(outside) else None

    def _closing(self, depth: int) -> Positions:
        found: Positions = self.positions[~self.is_opening & (self.depths == depth)]
        return found


class JsonScanner:
    """Finds the brackets of one text that comes in pieces.

    What it tells is right up to the first mistake in the text; after that it is of no use, and
    does no harm. A few passes of numpy over each piece run at more than 1 GB/s.
    """

    def __init__(self) -> None:
        self.state = (0, False, False)
        """How many brackets are open where the last piece ended, whether that is inside of a
        string, and behind a backslash there. It may be set back, to scan a piece again."""
        self._codes: NDArray[np.uint8] = np.empty(0, dtype=np.uint8)
        self._is_mark = self._is_quote = np.empty(0, dtype=bool)

    def _marks(self, found: NDArray[np.uint8]) -> Positions:
        """Where brackets, quotes and backslashes are.

        The arrays for that are kept: they are too large for memory that is at hand.
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
        """The brackets of the next piece."""
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
    """Which of the marks follow a backslash that escapes them, and whether what comes next does."""
    slashes = marks[codes == _BACKSLASH]
    if not len(slashes) and not is_escaped:
        return np.zeros(len(marks), dtype=bool), False
    escaped = np.zeros(length + 1, dtype=bool)
    escaped[0] = is_escaped
    if is_escaped and len(slashes) and slashes[0] == 0:
        slashes = slashes[1:]
    # Of backslashes in a row every other one escapes what follows it, beginning with the first.
    order = np.arange(len(slashes))
    begins = np.diff(slashes, prepend=-2) != 1
    first = np.maximum.accumulate(np.where(begins, order, 0))
    escaped[slashes[(order - first) % 2 == 0] + 1] = True
    return escaped[marks], bool(escaped[length])


def _first(positions: Positions, start: int) -> int | None:
    index = int(positions.searchsorted(start))
    return int(positions[index]) if index < len(positions) else None
