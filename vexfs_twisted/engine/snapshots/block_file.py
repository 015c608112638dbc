"""Files to read whose bytes come in blocks."""

from __future__ import annotations

import io
import os
from abc import abstractmethod
from typing import Any


class BlockFile(io.RawIOBase):
    """A file to read, from any position, whose blocks a subclass gets.

    Used by one thread at a time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._at = 0

    @property
    @abstractmethod
    def size(self) -> int:
        """How many bytes the file has."""

    @abstractmethod
    def block_at(self, offset: int) -> tuple[int, bytes]:
        """Where the block with the byte at `offset` begins, and the block, which may be kept."""

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position, and return it."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        self._at = max(origin + offset, 0)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes, at most to the end of a block. Raises what `block_at` does."""
        if self._at >= self.size:
            return 0
        start, block = self.block_at(self._at)
        offset = self._at - start
        part = block[offset : offset + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)
