"""The state file: how far a copy has come, so that it goes on after any end.

A file of JSON lines. The first tells the version and the servers; each other line is the state of
one collection, and the last one of a collection counts. Lines are only appended and made durable,
so an end at any moment leaves at most one line that is incomplete, which is cut off.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from .errors import StateError
from .points import Id

VERSION = 1


class Phase(Enum):
    """What has been done for a collection."""

    CREATING = "creating"
    """It is about to be created: it may be there or not."""
    REMOVED = "removed"
    """It was removed again, before anything was copied."""
    COPYING = "copying"
    """It is there, and points are copied."""
    COPIED = "copied"
    """All points have been copied."""


@frozen
class CollectionState:
    """How far the copy of one collection has come.

    `source_digest` and `target_digest` are of its configuration on either side. `seen` points have
    been dealt with, those before `next_id`, and `refused` of them are left out; None: none yet.
    `more`: the collection was there before, and may have points of its own.
    """

    phase: Phase
    target: str
    source_digest: str
    target_digest: str | None = None
    next_id: Id | None = None
    seen: int = 0
    refused: int = 0
    more: bool = False

    def with_changes(self, **changes: Any) -> CollectionState:
        """The state with other values."""
        return evolve(self, **changes)


class StateFile:
    """The open state file, which no other process uses meanwhile. Raises StateErrors."""

    def __init__(self, path: Path, source: str, target: str) -> None:
        self.path = path
        self.collections: dict[str, CollectionState] = {}
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(f"the state file cannot be opened: {error}") from None
        try:
            self._lock()
            self._read({"version": VERSION, "from": source, "to": target})
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file, and keep it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def remove(self) -> None:
        """Remove the file, since nothing is left to go on with."""
        self.path.unlink()
        self.close()

    def record(self, name: str, state: CollectionState) -> None:
        """Store the state of the collection called `name` at the source, durably."""
        self.collections[name] = state
        values = {
            "collection": name,
            "phase": state.phase.value,
            "target": state.target,
            "source_digest": state.source_digest,
            "target_digest": state.target_digest,
            "next_id": state.next_id,
            "seen": state.seen,
            "refused": state.refused,
            "more": state.more,
        }
        self._append(values)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateError(f"{self.path} is in use by another copy") from None

    def _read(self, header: Mapping[str, Any]) -> None:
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if not whole and not _encoded(header).startswith(data):
            # It may be a file of someone else's, named by mistake.
            raise StateError(f"{self.path} is no state file")
        lines = data[:whole].splitlines()
        try:
            values = [json.loads(line) for line in lines]
            if values:
                self._check(values[0], header)
            for line in values[1:]:
                self._take(line)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StateError(f"{self.path} is no state file: {error}") from None
        if whole < len(data):
            os.ftruncate(self._file, whole)
        if not values:
            self._append(header)

    def _check(self, found: Mapping[str, Any], header: Mapping[str, Any]) -> None:
        if found["version"] != VERSION:
            raise StateError(f"{self.path} has version {found['version']}, not {VERSION}")
        if dict(found) != dict(header):
            text = f"{self.path} is of a copy from {found['from']} to {found['to']}"
            raise StateError(f"{text}; choose another file by --state")

    def _take(self, values: dict[str, Any]) -> None:
        name = values.pop("collection")
        self.collections[name] = CollectionState(Phase(values.pop("phase")), **values)

    def _append(self, values: Mapping[str, Any]) -> None:
        data = _encoded(values)
        try:
            os.lseek(self._file, 0, os.SEEK_END)
            while data:
                data = data[os.write(self._file, data) :]
            os.fsync(self._file)
        except OSError as error:
            raise StateError(f"the state file cannot be written: {error}") from None


def _encoded(values: Mapping[str, Any]) -> bytes:
    """A line of the file."""
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"
