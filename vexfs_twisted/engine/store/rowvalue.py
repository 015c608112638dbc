"""What the table of rows holds: the version of a point, its id and its payload in one value.

Layout: the operation that wrote the point, eight bytes little-endian; the key of its id, whose
first byte tells its length; the payload, JSON to the end.
"""

from __future__ import annotations

from collections.abc import Iterable

from .keys import INTEGER_KEY_SIZE, UUID_KEY_SIZE

VERSION_SIZE = 8
_INTEGER_END = VERSION_SIZE + INTEGER_KEY_SIZE
_UUID_END = VERSION_SIZE + UUID_KEY_SIZE


def encode_version(version: int) -> bytes:
    """The head that all rows of one operation share."""
    return version.to_bytes(VERSION_SIZE, "little")


def encode_values(version: int, keys: Iterable[bytes], payloads: Iterable[bytes]) -> list[bytes]:
    """The values of the points that operation `version` writes."""
    head = encode_version(version)
    return [head + key + payload for key, payload in zip(keys, payloads, strict=True)]


def version_of(value: bytes) -> int:
    """The operation that wrote the row."""
    return int.from_bytes(value[:VERSION_SIZE], "little")


def key_of(value: bytes) -> bytes:
    """The key of the id of the row's point."""
    return value[VERSION_SIZE : _UUID_END if value[VERSION_SIZE] else _INTEGER_END]


def payload_of(value: bytes) -> bytes:
    """The payload of the row's point, JSON."""
    return value[_UUID_END if value[VERSION_SIZE] else _INTEGER_END :]
