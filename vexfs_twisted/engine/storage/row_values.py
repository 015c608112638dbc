"""Values of the table `rows`: the version, the id and the payload of a point.

Layout: the operation that wrote the point, seven bytes little-endian; the form, one byte, 1; the
key of its id, whose first byte determines its length; the payload, JSON; a checksum, four bytes,
see `record_checksums`. Values of form 0, of tables of version 3, end with the payload; whoever
reads them appends four bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ...model.ids import PointId
from .bitmap import Rows
from .keys import INTEGER_KEY_SIZE, UUID_KEY_SIZE, decode_id
from .record_checksums import CHECKSUM_BYTES, seal_rows

_VERSION_SIZE = 8
_FORM_PLACE = 7
_FORM = b"\1"
_VERSION = (1 << 56) - 1
_INTEGER_END = _VERSION_SIZE + INTEGER_KEY_SIZE
_UUID_END = _VERSION_SIZE + UUID_KEY_SIZE
_INTEGER_HEAD = np.dtype([("version", "<u8"), ("tag", "u1"), ("id", ">u8")])
_LEAST_SWEEP = 16


def encode_values(
    rows: Rows,
    versions: Sequence[int],
    keys: Sequence[bytes],
    payloads: Sequence[bytes],
) -> Iterable[bytes]:
    """Encode points; `versions` are the operations that write them."""
    heads = {version: _head(version) for version in set(versions)}
    if len(heads) == 1:
        (head,) = heads.values()
        data = [head + key + payload for key, payload in zip(keys, payloads, strict=True)]
    else:
        parts = zip(versions, keys, payloads, strict=True)
        data = [heads[version] + key + payload for version, key, payload in parts]
    return seal_rows(rows, data)


def with_payload(value: bytes, version: int, payload: bytes) -> bytes:
    """The data of the same point after operation `version` set its payload; not sealed yet."""
    return _head(version) + key_of(value) + payload


def has_checksum(value: bytes) -> bool:
    """Whether a value says that it has a checksum."""
    return value[_FORM_PLACE : _FORM_PLACE + 1] == _FORM


def with_form(value: bytes) -> bytes:
    """The data of form 1 of the same point; not sealed yet."""
    return value[:_FORM_PLACE] + _FORM + value[_VERSION_SIZE:-CHECKSUM_BYTES]


def _head(version: int) -> bytes:
    return version.to_bytes(_FORM_PLACE, "little") + _FORM


def version_of(value: bytes) -> int:
    """The operation that wrote the row's point."""
    return int.from_bytes(value[:_FORM_PLACE], "little")


def key_of(value: bytes) -> bytes:
    """The key of the id of the row's point."""
    return value[_VERSION_SIZE : _UUID_END if value[_VERSION_SIZE] else _INTEGER_END]


def payload_of(value: bytes) -> bytes:
    """The payload of the row's point, JSON."""
    return value[_UUID_END if value[_VERSION_SIZE] else _INTEGER_END : -CHECKSUM_BYTES]


def payloads_of(values: Iterable[bytes]) -> list[bytes]:
    """The payloads of many rows, in order."""
    return [
        value[_UUID_END if value[_VERSION_SIZE] else _INTEGER_END : -CHECKSUM_BYTES]
        for value in values
    ]


def heads_of(values: Sequence[bytes]) -> tuple[list[int], list[PointId]]:
    """The versions and ids of many rows, in order; integer ids are decoded vectorized."""
    if len(values) >= _LEAST_SWEEP:
        joined = b"".join([value[:_INTEGER_END] for value in values])
        heads = np.frombuffer(joined, dtype=_INTEGER_HEAD)
        if not heads["tag"].any():
            return (heads["version"] & _VERSION).tolist(), heads["id"].tolist()
    versions = list(map(version_of, values))
    return versions, [decode_id(key_of(value)) for value in values]
