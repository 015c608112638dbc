"""Values of the table `rows`: the version, the id and the payload of a point.

Layout: the operation that wrote the point, eight bytes little-endian; the key of its id, whose
first byte determines its length; the payload, JSON up to the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ...model.ids import PointId
from .keys import INTEGER_KEY_SIZE, UUID_KEY_SIZE, decode_id

_VERSION_SIZE = 8
_INTEGER_END = _VERSION_SIZE + INTEGER_KEY_SIZE
_UUID_END = _VERSION_SIZE + UUID_KEY_SIZE
_INTEGER_HEAD = np.dtype([("version", "<u8"), ("tag", "u1"), ("id", ">u8")])
_LEAST_SWEEP = 16


def encode_values(
    versions: Sequence[int], keys: Sequence[bytes], payloads: Sequence[bytes]
) -> list[bytes]:
    """Encode points; `versions` are the operations that write them."""
    heads = {version: version.to_bytes(_VERSION_SIZE, "little") for version in set(versions)}
    if len(heads) == 1:
        (head,) = heads.values()
        return [head + key + payload for key, payload in zip(keys, payloads, strict=True)]
    parts = zip(versions, keys, payloads, strict=True)
    return [heads[version] + key + payload for version, key, payload in parts]


def with_payload(value: bytes, version: int, payload: bytes) -> bytes:
    """The value of the same point after operation `version` set its payload."""
    return version.to_bytes(_VERSION_SIZE, "little") + key_of(value) + payload


def key_of(value: bytes) -> bytes:
    """The key of the id of the row's point."""
    return value[_VERSION_SIZE : _UUID_END if value[_VERSION_SIZE] else _INTEGER_END]


def payload_of(value: bytes) -> bytes:
    """The payload of the row's point, JSON."""
    return value[_UUID_END if value[_VERSION_SIZE] else _INTEGER_END :]


def payloads_of(values: Iterable[bytes]) -> list[bytes]:
    """The payloads of many rows, in order."""
    return [value[_UUID_END if value[_VERSION_SIZE] else _INTEGER_END :] for value in values]


def heads_of(values: Sequence[bytes]) -> tuple[list[int], list[PointId]]:
    """The versions and ids of many rows, in order; integer ids are decoded vectorized."""
    if len(values) >= _LEAST_SWEEP:
        joined = b"".join([value[:_INTEGER_END] for value in values])
        heads = np.frombuffer(joined, dtype=_INTEGER_HEAD)
        if not heads["tag"].any():
            return heads["version"].tolist(), heads["id"].tolist()
    versions = [int.from_bytes(value[:_VERSION_SIZE], "little") for value in values]
    return versions, [decode_id(key_of(value)) for value in values]
