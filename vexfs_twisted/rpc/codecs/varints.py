"""Variable-length integers of protobuf, where messages are read or written without it."""

from __future__ import annotations

from functools import lru_cache

_LONGEST = 10


@lru_cache(maxsize=1024)
def encode_varint(number: int) -> bytes:
    """The encoding of a number that is not negative."""
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """The number at `position`, and the position after it.

    Raises IndexError where the data or the longest encoding ends within it.
    """
    value = data[position]
    if value < 0x80:
        return value, position + 1
    value &= 0x7F
    for place in range(1, _LONGEST):
        part = data[position + place]
        value |= (part & 0x7F) << 7 * place
        if part < 0x80:
            return value, position + place + 1
    raise IndexError("a number of more than 64 bits")
