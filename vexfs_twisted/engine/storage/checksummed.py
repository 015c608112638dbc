"""Small values in files that tell whether they are what was written: a line, and then JSON.

The line has the kind, its version, the size of the JSON in bytes, and the checksum of all of that
and the JSON: `vexfs-collection 1 93 5d41402a`. What follows is not looked at, so a file may be
longer than what is in it.
"""

from __future__ import annotations

import zlib
from typing import Any

import orjson

_LONGEST_LINE = 128


class Damaged(Exception):
    """It is not what was written."""


class OtherVersion(Exception):
    """It is what was written, by another version of this software."""


def seal(kind: str, version: int, value: Any) -> bytes:
    """The bytes of a value, which JSON can hold."""
    body = orjson.dumps(value)
    head = b"%s %d %d" % (kind.encode(), version, len(body))
    return b"%s %08x\n%s\n" % (head, _checksum(head, body), body)


def unseal(kind: str, version: int, data: bytes) -> Any:
    """The value that `data` begins with. Raises Damaged, or OtherVersion."""
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
    if int(found_version) != version:
        raise OtherVersion(f"version {int(found_version)}")
    return orjson.loads(body)


def _checksum(head: bytes, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(head))
