"""Parts of files that are read by position, in pieces of bounded size."""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from typing import Protocol

from attrs import frozen

from ..storage.files import Gap

PIECE_BYTES = 1 << 20
"""The most bytes that are read at a time."""


class ByteSource(Protocol):
    """Bytes that are read by position. Any thread may read."""

    @property
    def size(self) -> int:
        """How many there are."""

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Read at most `len(buffer)` bytes from `offset` on; returns how many, 0 at the end."""


@frozen
class FileRange:
    """`size` bytes of an open file, from `start` on. Does not own the descriptor."""

    descriptor: int
    size: int
    start: int = 0

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """See ByteSource. Raises OSError."""
        wanted = max(min(len(buffer), self.size - offset), 0)
        return os.preadv(self.descriptor, [buffer[:wanted]], self.start + offset) if wanted else 0

    def part(self, offset: int, size: int) -> FileRange:
        """`size` bytes of it, from `offset` on."""
        return FileRange(self.descriptor, size, self.start + offset)


@frozen
class FileAround:
    """The bytes of a file but for those of a gap. Does not own the descriptor."""

    whole: FileRange
    gap: Gap

    @property
    def size(self) -> int:
        """See ByteSource."""
        return self.whole.size - self.gap.size

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """See ByteSource. Raises OSError."""
        before = self.gap.start - offset
        if before > 0:
            return self.whole.read_into(offset, buffer[:before])
        return self.whole.read_into(offset + self.gap.size, buffer)


def pieces_of(source: ByteSource, buffer: bytearray, start: int = 0) -> Iterator[memoryview]:
    """The bytes of a source from `start` on. Each piece is valid until the next, in `buffer`.

    Ends early where a source has fewer bytes than it says.
    """
    whole, offset = memoryview(buffer), start
    while offset < source.size and (count := source.read_into(offset, whole)):
        yield whole[:count]
        offset += count


def checksum_of(source: ByteSource) -> str:
    """The SHA-256 of all bytes of a source, in hexadecimal. Blocks."""
    digest = sha256()
    for piece in pieces_of(source, bytearray(PIECE_BYTES)):
        digest.update(piece)
    return digest.hexdigest()
