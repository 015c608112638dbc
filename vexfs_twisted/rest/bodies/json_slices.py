"""An incremental JSON parser: parses text slice by slice, without holding the whole of it."""

from __future__ import annotations

from secrets import token_hex
from typing import Any

import numpy as np
import orjson
from attrs import define, frozen

from ...model.errors import DomainError, FormatError
from .content import parse
from .json_scanner import JsonScanner, Marks
from .shapes import MAX_HELD, Gatherer, RawArray, Shape

DENSE_BRACKETS = 16_384
"""Text with more brackets is parsed in smaller slices: each bracket may become an object."""

PENDING_BYTES = 1024
"""Trailing numbers and strings of more bytes are parsed now, not with the next slice."""

KEPT_BYTES = 32 * 1024
"""An incomplete last element of a slice of up to so many bytes is parsed with the next slice."""

_SPACE = b" \t\r\n"

# Random, so that no client can send them.
_KEY = token_hex(16)
_MARK = token_hex(16)
_MARK_TEXT = orjson.dumps(_MARK)


@frozen
class _Place:
    """A position in a text: the numbers of lines, and of characters in the last line, before it."""

    line: int = 0
    column: int = 0

    def after(self, text: bytes) -> _Place:
        """The position after `text`. A truncated character at its end counts by its first byte."""
        # `in` is much faster than `count`, and most texts have one line.
        lines = text.count(b"\n") if b"\n" in text else 0
        tail = text[text.rindex(b"\n") + 1 :] if lines else text
        column = len(tail)
        if not tail.isascii():
            column = int(np.count_nonzero((np.frombuffer(tail, dtype=np.uint8) & 0xC0) != 0x80))
        return _Place(self.line + lines, column if lines else self.column + column)


class SlicedReader:
    """Parses one JSON object from text that comes in pieces. Not thread-safe.

    orjson holds the GIL for the whole of each call, so each call gets one slice only. Objects and
    arrays that begin and end in a slice are parsed as they are. Others are assembled from their
    members, as many at a time as a slice completes. The value, or the error and its position, is
    the same as if the text were parsed at once. Exception: an array in place of the object is
    parsed as an empty one, as callers refuse it anyway.

    `shape` determines how long arrays are collected, and bounds the number of objects held.
    """

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._scanner = JsonScanner()
        self._frames: list[_Frame] = []
        self._pending = bytearray()
        self._place = _Place()
        self._held = 0
        self._is_object = self._is_scalar = False
        self._is_kept = False
        self._value: Any = None
        self._broken: DomainError | None = None

    def feed(self, text: bytes) -> None:
        """Parse the next piece, of at most a slice. Errors are raised by `finish` only."""
        if self._broken is not None or isinstance(self._value, list):
            return
        try:
            self._feed(text)
        except DomainError as error:
            self._broken = error
            self._frames.clear()
            self._pending.clear()

    def finish(self) -> Any:
        """The value, when the text is complete. Raises DomainErrors."""
        if self._broken is not None:
            raise self._broken
        if self._frames:
            self._parse(self._frames[-1].head, bytes(self._pending), b"")
        elif not self._is_object and self._value is None:
            return parse(bytes(self._pending))
        return self._value

    def _feed(self, text: bytes) -> None:
        if not self._is_object:
            text = self._begin(text)
            if not self._is_object:
                return
        if self._is_kept:
            self._scanner.state = (len(self._frames), False, False)
            text = self._piece(text)
            self._is_kept = False
        self._slice(text, KEPT_BYTES)

    def _slice(self, text: bytes, keep: int) -> None:
        before = self._scanner.state
        marks = self._scanner.scan(text)
        if len(marks.positions) > DENSE_BRACKETS:
            self._scanner.state = before
            middle = len(text) // 2
            self._slice(text[:middle], 0)
            self._slice(text[middle:], 0)
        else:
            self._walk(text, marks, keep)

    def _begin(self, text: bytes) -> bytes:
        """Look for the object's opening bracket. Returns the text from it on, or nothing."""
        start = b"" if self._is_scalar else text.lstrip(_SPACE)
        self._pending += text[: len(text) - len(start)]
        if start[:1] == b"[":
            self._value = []
            self._pending.clear()
        elif start[:1] == b"{":
            self._is_object = True
            self._place = _Place().after(bytes(self._pending))
            self._pending.clear()
            return start
        elif start:
            self._is_scalar = True
            self._pending += start
        return b""

    def _walk(self, text: bytes, marks: Marks, keep: int) -> None:
        """Parse a piece: the frames that it closes, those it leaves open, and members between.

        An incomplete element at its end of up to `keep` bytes is kept as text instead.
        """
        if marks.deepest > self._shape.max_depth:
            raise FormatError("recursion limit exceeded")
        if not self._frames and self._value is None:
            self._frames.append(_Frame(b"{", self._shape, 0, ""))
            self._place = self._place.after(text[:1])
            position = 1
        else:
            position = 0
        while self._frames:
            end = marks.first_closing(len(self._frames) - 1, position)
            if end is None:
                break
            self._close(text[position : end + 1], marks.count_opening(position, end))
            position = end + 1
        if not self._frames:
            self._end(text[position:])
            return
        left_open = marks.left_open(len(self._frames))
        cut = self._cut(marks, position)
        if left_open and len(self._pending) + len(text) - cut > keep:
            for opening in left_open:
                self._open(text[position : opening + 1], marks.count_opening(position, opening + 1))
                position = opening + 1
            left_open = []
            cut = self._cut(marks, position)
        self._is_kept = bool(left_open)
        if not left_open and len(self._pending) + len(text) - cut > PENDING_BYTES:
            comma = marks.last_comma(cut)
            cut = cut if comma is None else comma
        if cut > position:
            opened = marks.count_opening(position, cut)
            self._take(text[position:cut], opened, text[cut : cut + 1])
        self._pending += text[cut:]

    def _cut(self, marks: Marks, position: int) -> int:
        """The offset after the last complete element with brackets in the innermost frame."""
        closing = marks.last_closing(len(self._frames), position)
        return position if closing is None else closing + 1

    def _take(self, text: bytes, opened: int, following: bytes) -> None:
        """Parse complete members of the innermost frame."""
        frame = self._frames[-1]
        piece = self._piece(text)
        self._add(frame, self._parse(frame.head, piece, frame.tail, following), opened)
        self._place = self._place.after(piece)

    def _open(self, text: bytes, opened: int) -> None:
        """Parse complete members and the opening bracket after them, which opens a new frame."""
        frame = self._frames[-1]
        piece = self._piece(text)
        value = self._parse(frame.head, piece[:-1], _MARK_TEXT + frame.tail, piece[-1:])
        key = _take_marked(value)
        self._add(frame, value, opened)
        frame.has_members = True
        shape = frame.shape.item if key is None else frame.shape.member(key)
        self._frames.append(_Frame(piece[-1:], shape, self._held, key))
        self._place = self._place.after(piece)

    def _close(self, text: bytes, opened: int) -> None:
        """Parse the last members of the innermost frame and its closing bracket."""
        frame = self._frames[-1]
        piece = self._piece(text)
        self._add(frame, self._parse(frame.head, piece, b""), opened)
        self._place = self._place.after(piece)
        self._frames.pop()
        value = frame.finish()
        if self._frames:
            self._add(self._frames[-1], [value] if frame.key is None else {frame.key: value}, 0)
        else:
            self._value = value

    def _end(self, text: bytes) -> None:
        """Check that only whitespace follows the object."""
        if text.strip(_SPACE):
            self._parse(b"{}", text, b"")
        self._place = self._place.after(text)

    def _piece(self, text: bytes) -> bytes:
        if not self._pending:
            return text
        piece = bytes(self._pending) + text
        self._pending.clear()
        return piece

    def _add(self, frame: _Frame, value: Any, opened: int) -> None:
        self._held += opened
        if frame.add(value) and frame.is_relieved:
            self._held = frame.held_before
        if self._held > self._shape.max_held:
            raise FormatError(f"more than {self._shape.max_held} arrays and objects, too many")
        if frame.size > MAX_HELD:
            raise FormatError(f"more than {MAX_HELD} members of an object, too many")

    def _parse(self, head: bytes, piece: bytes, tail: bytes, following: bytes = b"") -> Any:
        """Parse members as an array or object of their own; `head` may have a placeholder member.

        The placeholder stands for earlier members and is removed. Where `tail` differs from the
        text, which continues with `following`, errors are those of the text.
        """
        try:
            value = orjson.loads(b"".join((head, piece, tail)))
        except orjson.JSONDecodeError as error:
            if following:
                self._parse(head, piece + following, b"")
            raise self._error_in_piece(error, len(head)) from None
        if len(head) > 1:
            if type(value) is list:
                del value[0]
            else:
                del value[_KEY]
        return value

    def _error_in_piece(self, error: orjson.JSONDecodeError, head: int) -> FormatError:
        if not error.doc:
            return _parse_error(error.msg, _Place())
        line, column = error.lineno - 1, error.colno - 1
        if line == 0:
            column += self._place.column - head
        return _parse_error(error.msg, _Place(self._place.line + line, column))


@define
class _Frame:
    """An array or object that is open at the end of a slice, with its members so far."""

    bracket: bytes
    shape: Shape
    held_before: int
    key: str | None
    has_members: bool = False
    size: int = 0
    _members: Any = None
    _gatherer: Gatherer | None = None

    def __attrs_post_init__(self) -> None:
        if self.bracket == b"{":
            self._members = {}
        elif self.shape.is_raw:
            self._gatherer = RawArray()
        elif self.shape.gather is not None:
            self._gatherer = self.shape.gather()
        else:
            self._members = []

    @property
    def head(self) -> bytes:
        """The opening bracket, with a placeholder for the members so far if there are any.

        After a placeholder, a comma or nothing must follow.
        """
        return _HEADS[self.bracket] if self.has_members else self.bracket

    @property
    def tail(self) -> bytes:
        """The closing bracket."""
        return b"}" if self.bracket == b"{" else b"]"

    @property
    def is_relieved(self) -> bool:
        """Whether its members are held in another form than the parsed objects."""
        return self._gatherer is not None and not self.shape.is_raw

    def add(self, members: Any) -> bool:
        """Add members; returns whether there were any."""
        if not members:
            return False
        self.has_members = True
        if self._gatherer is not None:
            self._gatherer.add(members)
        elif self.bracket == b"{":
            self._members.update(members)
            self.size = len(self._members)
        else:
            self._members += members
        return True

    def finish(self) -> Any:
        """The complete array or object, or the gatherer of its elements."""
        if isinstance(self._gatherer, RawArray):
            return self._gatherer.finish()
        return self._members if self._gatherer is None else self._gatherer


_HEADS = {b"[": b"[null", b"{": orjson.dumps({_KEY: None})[:-1]}


def _take_marked(value: Any) -> str | None:
    """Remove the marker from members; returns its key in an object, None in an array."""
    if type(value) is list:
        value.pop()
        return None
    key: str = next(name for name in reversed(value) if value[name] == _MARK)
    del value[key]
    return key


def _parse_error(message: str, place: _Place) -> FormatError:
    """The error for a text that is not JSON, detected at `place`."""
    return FormatError(f"{message} at line {place.line + 1} column {place.column + 1}")
