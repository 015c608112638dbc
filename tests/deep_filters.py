"""Serialized filters of any depth, also such as no protobuf library would build."""

from __future__ import annotations

_IN_FILTER = b"\x12"
"""Tag of `Filter.must` and of `CountPoints.filter`: field 2, length-delimited."""
_IN_CONDITION = b"\x22"
"""Tag of `Condition.filter`: field 4, length-delimited."""
_COLLECTION_C = b"\x0a\x01c"
"""`collection_name` "c"."""


def deep_filter(depth: int) -> bytes:
    """A filter that holds a filter, and so on, `depth` times."""
    data = b""
    for _ in range(depth):
        data = _tagged(_IN_FILTER, _tagged(_IN_CONDITION, data))
    return data


def deep_count(depth: int) -> bytes:
    """A request for a count in collection "c" with a filter of that depth."""
    return _COLLECTION_C + _tagged(_IN_FILTER, deep_filter(depth))


def _tagged(tag: bytes, content: bytes) -> bytes:
    """A field: its tag, the length of its content as a varint, and that."""
    length, encoded = len(content), bytearray(tag)
    while length >= 0x80:
        encoded.append(length & 0x7F | 0x80)
        length >>= 7
    encoded.append(length)
    return bytes(encoded) + content
