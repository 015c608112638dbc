"""Derived files, which can be rebuilt: a header that describes them, and memory-mapped data.

The first page has the format (16 bytes), the CRC-32 of the header and its size, and then the header
as JSON. The header has the checksums of everything on the pages after it, so that its own checksum
identifies the whole file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from struct import Struct
from typing import Any, BinaryIO, Protocol, TypeVar

import orjson
from attrs import frozen
from isal.isal_zlib import crc32

from ...model.system_limits import is_exhausted
from .file_map import FileMap

PAGE = 4096

_LEAD = Struct("<16sII")


class Head(Protocol):
    """The type that a header is parsed to."""

    @property
    def size(self) -> int:
        """The size in bytes that the file must have."""


H = TypeVar("H", bound=Head)


@frozen
class DerivedFormat:
    """A kind of derived file. `name` is its name and version, 16 bytes.

    `damaged` makes the exception for a path and a reason. Reasons begin with the word `whose`.
    """

    name: bytes
    damaged: Callable[[Path, str], Exception]
    whose: str

    def write_head(self, file: BinaryIO, head: Mapping[str, Any]) -> int:
        """Write the header at the start of a file that is being written; returns its checksum."""
        encoded = orjson.dumps(head)
        checksum = crc32(encoded)
        file.seek(0)
        file.write(_LEAD.pack(self.name, checksum, len(encoded)) + encoded)
        return checksum

    def map(self, path: Path, read: Callable[..., H]) -> tuple[H, int, FileMap]:
        """Map the whole file: the header, parsed by `read`, its checksum, and the map.

        Raises the exception made by `damaged` if the header is not what was written or the size is
        wrong, and OSError if descriptors or maps have run out, so that this cannot be checked.
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
        if crc32(encoded) != checksum:
            raise self._damage(path, "head is not what was written")
        return orjson.loads(encoded), checksum

    def _damage(self, path: Path, what: str) -> Exception:
        return self.damaged(path, f"{self.whose} {what}")
