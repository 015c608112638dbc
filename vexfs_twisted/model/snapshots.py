"""Snapshots as clients see them."""

from __future__ import annotations

import re

from attrs import frozen

from .errors import Place, Problem, ValidationError, unexplained

_CHECKSUM = re.compile(r"[0-9a-fA-F]{64}")


@frozen
class SnapshotDescription:
    """A snapshot in the folder of snapshots.

    `created` is in seconds since 1970, `size` in bytes. `checksum` is the SHA-256 of exactly the
    bytes that are downloaded, in hexadecimal; None where it is not known.
    """

    name: str
    created: float
    size: int
    checksum: str | None


@frozen
class SnapshotOwner:
    """What a snapshot is of: a collection, its only shard, or everything where there is none."""

    collection: str | None = None
    is_shard: bool = False


@frozen
class SnapshotSource:
    """Where a snapshot is restored from: a `file://` or `http(s)://` URL.

    `checksum` is the SHA-256 that it must have; `api_key` is sent to the server it comes from.
    """

    location: str
    checksum: str | None = None
    api_key: str | None = None


def check_checksum(checksum: str | None, place: Place) -> None:
    """Raise ValidationError unless a checksum is one of SHA-256."""
    if checksum is not None and _CHECKSUM.fullmatch(checksum) is None:
        raise ValidationError([Problem("checksum", unexplained("invalid_sha256_hash"))], place)
