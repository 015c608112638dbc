"""Names of snapshots, and of the directories that they are in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from time import gmtime, strftime

from ...model.errors import NotFound
from ...model.snapshots import SnapshotOwner

SUFFIX = ".snapshot"
_LONGEST_NAME = 255
_LONGEST_START = 160
_MOST_OF_ONE_SECOND = 1000


def directory_of(owner: SnapshotOwner, can_be_used: Callable[[str], bool]) -> tuple[str, ...]:
    """The directories, one in the other, of the snapshots of an owner.

    `can_be_used` tells if a collection may give its directory its name; another is made otherwise.
    """
    if owner.collection is None:
        return ()
    name = owner.collection
    is_plain = name not in (".", "..") and "/" not in name and len(name.encode()) <= _LONGEST_NAME
    if not is_plain or not can_be_used(name):
        name = f"long-{sha256(name.encode()).hexdigest()}"
    return (name, "shards", "0") if owner.is_shard else (name,)


def check_name(name: str) -> None:
    """Raise NotFound for a name that no snapshot has."""
    is_plain = "/" not in name and "\0" not in name and name.endswith(SUFFIX)
    if not is_plain or len(name.encode(errors="replace")) > _LONGEST_NAME:
        raise unknown_snapshot(name)


def new_names(label: str) -> Iterator[str]:
    """Names for a new snapshot, with the time in them, the best first. Raises FileExistsError."""
    start = label.encode()[:_LONGEST_START].decode(errors="ignore")
    stem = f"{start}-{strftime('%Y-%m-%d-%H-%M-%S', gmtime())}"
    for number in range(_MOST_OF_ONE_SECOND):
        yield f"{stem}{f'-{number}' if number else ''}{SUFFIX}"
    raise FileExistsError(f"there are too many snapshots {stem}")


def unknown_snapshot(name: str) -> NotFound:
    """The error for a snapshot that is not there."""
    return NotFound(f"Snapshot {name} not found")
