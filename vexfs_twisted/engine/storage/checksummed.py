"""Small checksummed values in files: a header line, then JSON.

The line has the kind, its version, the size of the JSON in bytes, and the CRC-32 of all of that
and of the JSON: `vexfs-collection 1 93 5d41402a`. Bytes after the JSON are ignored, so a file may
be longer than its value.
"""

from __future__ import annotations

from typing import Any

import orjson
from isal.isal_zlib import crc32

_LONGEST_LINE = 128


class Damaged(Exception):
    """The bytes are not what was written."""


class OtherVersion(Exception):
    """The bytes are intact, but were written by another version of this software."""


def seal(kind: str, version: int, value: Any) -> bytes:
    """Encode a JSON-serializable value."""
    body = orjson.dumps(value)
    head = b"%s %d %d" % (kind.encode(), version, len(body))
    return b"%s %08x\n%s\n" % (head, _checksum(head, body), body)


def unseal(kind: str, version: int, data: bytes, first_version: int | None = None) -> Any:
    """Decode the value at the start of `data`. Raises Damaged or OtherVersion.

    Versions from `first_version` on, if it is given, are read as well as `version`.
    """
    line = data[:_LONGEST_LINE].partition(b"\n")[0]
    head, _, checksum = line.rpartition(b" ")
    try:
        found_kind, found_version, size = head.split(b" ")
        start = len(line) + 1
        body = data[start : start + int(size)]
        is_sound = len(body) == int(size) and int(checksum, 16) == _checksum(head, body)
    except ValueError:
        is_sound = False
    if not is_sound or found_kind != kind.encode():
        raise Damaged("it is not what was written")
    first = version if first_version is None else first_version
    if not first <= int(found_version) <= version:
        raise OtherVersion(f"version {int(found_version)}")
    return orjson.loads(body)


def sealed_size(data: bytes) -> int:
    """The size in bytes that the value at the start of `data` is said to have; 0 without one."""
    line = data[:_LONGEST_LINE].partition(b"\n")[0]
    try:
        return len(line) + 1 + int(line.split(b" ")[2]) + 1
    except (ValueError, IndexError):
        return 0


def _checksum(head: bytes, body: bytes) -> int:
    return crc32(body, crc32(head))
