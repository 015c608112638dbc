"""Files that can be made again: a head that tells what is in them, and what is searched on a map.

The first page holds a lead of 16 bytes of format, a checksum of the head and its size, and behind
it the head as JSON. The head has the checksums of all that lies on the pages after it, so its own
stands for the whole file.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from struct import Struct
from typing import Any, BinaryIO, Protocol, TypeVar

import orjson
from attrs import frozen

from ...model.system_limits import is_exhausted
from .file_map import FileMap

PAGE = 4096

_LEAD = Struct("<16sII")


class Head(Protocol):
    """What a head is read as."""

    @property
    def size(self) -> int:
        """How many bytes the file must have."""


H = TypeVar("H", bound=Head)


@frozen
class DerivedFormat:
    """A kind of derived file: its name with its version, 16 bytes.

    `damaged` makes the error about a file from a reason, which begins with the word `whose`.
    """

    name: bytes
    damaged: Callable[[Path, str], Exception]
    whose: str

    def write_head(self, file: BinaryIO, head: Mapping[str, Any]) -> int:
        """Put the head where it belongs in a file that is being written; returns its checksum."""
        encoded = orjson.dumps(head)
        checksum = zlib.crc32(encoded)
        file.seek(0)
        file.write(_LEAD.pack(self.name, checksum, len(encoded)) + encoded)
        return checksum

    def map(self, path: Path, read: Callable[..., H]) -> tuple[H, int, FileMap]:
        """The head, which `read` makes of its fields, its checksum, and a map of the whole file.

        Raises the error of a damaged file unless the head is what was written, and the size right,
        and OSError where that cannot be told.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            if is_exhausted(error):
                raise
            raise self.damaged(path, str(error.strerror)) from error
        try:
            fields, checksum = self._read_head(path, os.pread(descriptor, PAGE, 0))
            head = read(**fields)
            if os.fstat(descriptor).st_size != head.size:
                raise self._damage(path, "size is not what was written")
            return head, checksum, FileMap(descriptor, head.size)
        finally:
            os.close(descriptor)

    def _read_head(self, path: Path, page: bytes) -> tuple[dict[str, Any], int]:
        if len(page) < PAGE:
            raise self._damage(path, "head is missing")
        found, checksum, size = _LEAD.unpack_from(page)
        if found != self.name:
            raise self._damage(path, "format is unknown")
        encoded = page[_LEAD.size : _LEAD.size + size]
        if zlib.crc32(encoded) != checksum:
            raise self._damage(path, "head is not what was written")
        return orjson.loads(encoded), checksum

    def _damage(self, path: Path, what: str) -> Exception:
        return self.damaged(path, f"{self.whose} {what}")
