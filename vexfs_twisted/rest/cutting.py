"""The points of an upsert, cut out of its body and decoded while the body arrives."""

from __future__ import annotations

import re
from bisect import bisect_right
from secrets import token_hex
from typing import Any

import numpy as np
import orjson
from attrs import frozen

from ..model.errors import FormatError
from ..model.updates import Upsert
from .bodies import parse
from .codecs.pointlists import PointsDraft
from .codecs.upserts import Streamed, read_upsert
from .structure import Positions, Structure

_KEY = re.compile(rb'[{,][ \t\r\n]*"points"[ \t\r\n]*:[ \t\r\n]*\Z')
_KEY_BYTES = 256
_OBJECT_DEPTH, _ARRAY_DEPTH = 1, 2


@frozen
class _Place:
    """How many lines, and characters of the last line, come before a place in a text."""

    line: int = 0
    column: int = 0

    def after(self, text: bytes) -> _Place:
        """The place behind `text`, which may end within a character: its first byte counts."""
        lines = text.count(b"\n")
        tail = np.frombuffer(text, dtype=np.uint8)[text.rfind(b"\n") + 1 :]
        column = int(np.count_nonzero((tail & 0xC0) != 0x80))
        return _Place(self.line + lines, column if lines else self.column + column)


class PointsCutter:
    """Decodes the body of an upsert that comes in pieces. In one thread at a time.

    The elements of the array `points` are parsed as they come, some at a time, and become columns.
    What is left of the body, with a mark in their place, is parsed at its end. An array that is not
    found this way, its key being spelled with escapes or far from it, stays in what is left.
    """

    def __init__(self) -> None:
        self._structure = Structure()
        self._rest = _Rest()
        self._points = PointsDraft()
        # What no client can guess cannot come from one.
        self._mark = [token_hex(16)]
        self._is_inside = False
        self._is_marked = False
        self._uncut = bytearray()
        self._place = _Place()
        self._broken: FormatError | None = None

    def feed(self, text: bytes) -> None:
        """Take the next piece of the body. Errors are kept for the end."""
        if self._broken is not None:
            return
        try:
            self._feed(text)
        except FormatError as error:
            self._broken = error
            self._points = PointsDraft()
            self._uncut.clear()

    def finish(self) -> Upsert:
        """The upsert, once the body is complete. Raises DomainErrors."""
        if self._broken is not None:
            raise self._broken
        if self._is_inside:
            self._leave(b"")
        body = self._rest.parse()
        return read_upsert(body, Streamed(self._points, self._mark))

    def _feed(self, text: bytes) -> None:
        brackets = self._structure.scan(text)
        arrays = brackets.opening(b"[", _ARRAY_DEPTH)
        elements = brackets.closing(_ARRAY_DEPTH)
        ends = brackets.closing(_OBJECT_DEPTH)
        start = 0
        while start < len(text):
            if not self._is_inside:
                found = self._find_points(text, start, arrays)
                self._keep(text[start:found])
                start = found
                continue
            end = _first(ends, start)
            if end is None:
                last = _last(elements, start)
                if last is not None:
                    self._cut(text[start : last + 1])
                    start = last + 1
                self._uncut += text[start:]
                return
            self._cut(text[start:end])
            self._leave(text[end : end + 1])
            start = end + 1

    def _find_points(self, text: bytes, start: int, arrays: Positions) -> int:
        """Where the array of points begins, behind its bracket; the end of `text` if it does not.

        A string that comes before a colon and is not preceded by a backslash is whole, so that the
        key is a key of the outermost object.
        """
        following: list[int] = arrays[arrays.searchsorted(start) :].tolist()
        for position in following:
            before = text[max(start, position - _KEY_BYTES) : position]
            if len(before) < _KEY_BYTES:
                before = self._rest.tail(_KEY_BYTES - len(before)) + before
            if _KEY.search(before):
                self._is_inside, self._is_marked = True, False
                # Of arrays with the same key the last one counts.
                self._points = PointsDraft()
                return position + 1
        return len(text)

    def _keep(self, text: bytes) -> None:
        self._rest.add(text, self._place)
        self._place = self._place.after(text)

    def _leave(self, bracket: bytes) -> None:
        """The array has come to its end, or the text has: what is uncut belongs to what is left."""
        if self._is_marked:
            self._rest.add(orjson.dumps(self._mark)[1:-1], self._place)
        self._keep(bytes(self._uncut) + bracket)
        self._uncut.clear()
        self._is_inside = False

    def _cut(self, text: bytes) -> None:
        """Decode elements that are complete, with what comes before and between them."""
        piece = bytes(self._uncut) + text
        self._uncut.clear()
        # As deep as in the body: parsers refuse what is too deep. A comma must come first, or none.
        head = b"[[null" if self._is_marked else b"[["
        try:
            elements: list[Any] = orjson.loads(b"".join((head, piece, b"]]")))[0]
        except orjson.JSONDecodeError as error:
            raise self._error_in_piece(error, len(head)) from None
        if not elements:
            self._uncut += piece
            return
        self._points.add(elements[1:] if self._is_marked else elements)
        self._is_marked = True
        self._place = self._place.after(piece)

    def _error_in_piece(self, error: orjson.JSONDecodeError, head: int) -> FormatError:
        if not error.doc:
            return parse_error(error.msg, _Place())
        line, column = error.lineno - 1, error.colno - 1
        if line == 0:
            column += self._place.column - head
        return parse_error(error.msg, _Place(self._place.line + line, column))


class _Rest:
    """What is left of a text from which pieces were cut, knowing where each part of it was."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._parts: list[tuple[int, _Place]] = []

    def add(self, text: bytes, place: _Place) -> None:
        """Add a part that was at `place`."""
        self._parts.append((len(self._text), place))
        self._text += text

    def tail(self, length: int) -> bytes:
        """The last bytes, at most so many."""
        return bytes(self._text[-length:]) if length else b""

    def parse(self) -> Any:
        """The JSON value. Raises FormatError with the place in the whole text."""
        text = bytes(self._text)
        if not text:
            return parse(text)
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            if not error.doc:
                raise parse_error(error.msg, _Place()) from None
            position = len(error.doc[: error.pos].encode())
            part = bisect_right(self._parts, position, key=lambda found: found[0]) - 1
            begin, place = self._parts[part]
            raise parse_error(error.msg, place.after(text[begin:position])) from None


def parse_error(message: str, place: _Place) -> FormatError:
    """The error for a text that is no JSON, which is seen at `place`."""
    return FormatError(f"{message} at line {place.line + 1} column {place.column + 1}")


def _first(positions: Positions, start: int) -> int | None:
    index = int(positions.searchsorted(start))
    return int(positions[index]) if index < len(positions) else None


def _last(positions: Positions, start: int) -> int | None:
    return int(positions[-1]) if len(positions) and positions[-1] >= start else None
