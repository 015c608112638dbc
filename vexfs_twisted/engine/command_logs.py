"""Appends the commands of a collection to its log.

A record is durable before the commit of its batch, so that no acknowledged command is missing. What
was not committed after all is cut off: at once, before the next record, or when the log is opened.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import time

from attrs import frozen

from ..commandcodec.batches import encode_batch
from .collection_identity import Identity, read_identity, write_first_identity
from .commit_log import CommittedBatch
from .log_segments import FORMAT, LoggedBatch, begin_of, read_segment, segment_files, segment_path
from .storage.checksummed import Damaged
from .storage.files import sync_directory

log = logging.getLogger("vexfs.engine")

_SEGMENTS = 8
"""A log of the largest size has so many segments, the oldest of which is removed as a whole."""


@frozen
class LogLimits:
    """The most bytes of the log of a collection, and seconds after which a segment is removed."""

    bytes: int
    seconds: float


@frozen
class CommandLogs:
    """The logs of all collections, each in a directory of `path` with the name of theirs."""

    path: Path
    limits: LogLimits

    def of(self, identity: Identity) -> CommandLog:
        """The log of a collection."""
        return CommandLog(self.path / identity.directory, identity, self.limits)


class CommandLog:
    """The log of one collection in `directory`, which is made with its first record.

    See CommitLog.
    """

    def __init__(self, directory: Path, identity: Identity, limits: LogLimits) -> None:
        self._directory = directory
        self._identity = identity
        self._limits = limits
        self._segment: Path | None = None
        self._descriptor: int | None = None
        self._end = 0
        self._appended = 0
        self._is_cut = False

    def open(self, command: int) -> None:
        """Continue the log of a collection whose last command is `command`.

        Records of later commands were not committed, and are cut off before the next record. A log
        that ends before it, as after a time without one, continues with a new segment. Raises
        Damaged and UnknownFormat too.
        """
        if not self._directory.exists():
            return
        self._check_identity()
        files = segment_files(self._directory)
        while files and begin_of(files[-1]) > command:
            files.pop().unlink()
        if not files:
            return
        last = files[-1]
        end, after = len(FORMAT), begin_of(last)
        with last.open("rb") as file:
            is_begun = os.fstat(file.fileno()).st_size >= end
            for batch, position in read_segment(file):
                if batch.after > command:
                    break
                end, after = position, batch.after
        if is_begun and after == command:
            self._segment, self._end = last, end

    def append(self, batches: Sequence[CommittedBatch]) -> None:
        """See CommitLog."""
        if self._segment is None or self._end >= self._limits.bytes // _SEGMENTS:
            self._begin_segment(batches[0].before)
        descriptor = self._opened(batches[0].before)
        if not self._is_cut:
            os.ftruncate(descriptor, self._end)
        self._is_cut = False
        data = b"".join(map(_sealed, batches))
        _write_all(descriptor, data, self._end)
        os.fdatasync(descriptor)
        self._appended = len(data)

    def keep(self) -> None:
        """See CommitLog."""
        self._end += self._appended
        self._is_cut = self._is_cut or self._appended > 0
        self._appended = 0

    def withdraw(self) -> None:
        """See CommitLog."""
        self._appended = 0
        if self._descriptor is not None and not self._is_cut:
            # If that fails now, it is done before the next are appended.
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._end)
                self._is_cut = True

    def close(self) -> None:
        """See CommitLog."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _opened(self, before: int) -> int:
        """The descriptor of the segment, which is begun anew if somebody has removed it."""
        if self._descriptor is None:
            assert self._segment is not None
            try:
                self._descriptor = os.open(self._segment, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                self._begin_segment(before)
        assert self._descriptor is not None
        return self._descriptor

    def _begin_segment(self, before: int) -> None:
        self._make_directory()
        path = segment_path(self._directory, before)
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o644)
        try:
            _write_all(descriptor, FORMAT, 0)
            os.fsync(descriptor)
            sync_directory(self._directory)
        except BaseException:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        self.close()
        self._segment, self._descriptor = path, descriptor
        self._end, self._is_cut = len(FORMAT), True
        self._prune()

    def _make_directory(self) -> None:
        if self._directory.exists():
            return
        self._directory.mkdir(parents=True)
        write_first_identity(self._directory, self._identity)
        sync_directory(self._directory)
        sync_directory(self._directory.parent)

    def _check_identity(self) -> None:
        """Raise Damaged unless the directory is the log of this collection."""
        found = read_identity(self._directory)
        if found is not None and found.directory != self._identity.directory:
            raise Damaged(f"{self._directory} is the log of another collection")

    def _prune(self) -> None:
        """Remove the oldest segments beyond the limits, never the one that is written."""
        files = segment_files(self._directory)[:-1]
        sizes = {file: file.stat().st_size for file in files}
        left = self._limits.bytes - sum(sizes.values())
        oldest = time() - self._limits.seconds
        for file in files:
            if left >= self._limits.bytes // _SEGMENTS and file.stat().st_mtime >= oldest:
                break
            left += sizes[file]
            file.unlink()
            log.info("segment %s of the command log is removed", file)


def _sealed(own: CommittedBatch) -> bytes:
    data = encode_batch(own.batch)
    return LoggedBatch(*own[1:], data).sealed()


def _write_all(descriptor: int, data: bytes, position: int) -> None:
    left = memoryview(data)
    while left:
        written = os.pwrite(descriptor, left, position)
        left, position = left[written:], position + written
