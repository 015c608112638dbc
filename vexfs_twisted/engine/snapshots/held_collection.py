"""The files of a collection as of one commit, held open while others go on writing."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from time import time

import orjson
from attrs import evolve, frozen

from ...jsonform.collections import dump_collection_config
from ...model.system_limits import is_exhausted
from ..collection_store import CollectionStore, StoppedStore
from ..mvcc.pinned import PinnedSnapshot
from ..mvcc.state import CollectionState
from ..storage.files import NO_GAP, FileExtent
from ..storage.tables import TABLES_FILE
from .archive import Member, Piece, archive_pieces, archive_sections, archive_size
from .byte_ranges import FileAround, FileRange
from .manifest import Manifest, MemberFacts

_MOST_DERIVED = 128
"""Derived files beyond these are left out: they are made anew after a restore."""

Errors = Callable[[], AbstractContextManager[None]]

_COLUMNS = re.compile(r"(column|postings)-[A-Za-z0-9._-]+\.bin")


@frozen(eq=False)
class HeldCollection:
    """A snapshot of a collection that is to be archived. Used by one thread at a time.

    `manifest` describes it. `state` keeps rows from being given back to the file system.
    """

    manifest: Manifest
    state: CollectionState
    _tables: _HeldTables
    _files: Mapping[str, FileAround]

    @property
    def size(self) -> int:
        """The size of the archive in bytes."""
        return archive_size(self.manifest.sealed(), self._sizes())

    @property
    def sections(self) -> list[tuple[str, int]]:
        """The sections of the archive; see `archive_sections`."""
        return list(archive_sections(self.manifest.sealed(), self._sizes()))

    def pieces(self) -> Iterator[Piece]:
        """The bytes of the archive.

        Raises OSError, and what `errors` of `hold` makes of the end of a snapshot.
        """
        return archive_pieces(self.manifest.sealed(), self._members())

    def _sizes(self) -> list[tuple[str, int]]:
        return [(member.name, member.size) for member in self.manifest.members]

    def _members(self) -> Iterator[Member]:
        for name, file in self._files.items():
            if name == TABLES_FILE:
                yield Member(name, self._tables)
                self._tables.release()
            else:
                yield Member(name, file)


class _HeldTables:
    """The tables as of a pinned snapshot: a ByteSource."""

    def __init__(
        self, file: FileRange, head: bytes, pinned: PinnedSnapshot, errors: Errors
    ) -> None:
        self._file = file
        self._head = head
        self._pinned = pinned
        self._errors = errors
        self.size = file.size

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """See ByteSource. Raises OSError, and what `errors` makes of the end of a snapshot."""
        with self._errors(), self._pinned.reading():
            if offset >= len(self._head):
                return self._file.read_into(offset, buffer)
            part = self._head[offset : offset + len(buffer)]
            buffer[: len(part)] = part
            return len(part)

    def release(self) -> None:
        """Release the snapshot: everything is read."""
        self._pinned.end()


@contextmanager
def hold(name: str, store: CollectionStore, errors: Errors) -> Iterator[HeldCollection]:
    """Hold the newest state of the store of the collection `name` for the block.

    `errors` translates SnapshotLost and LatchClosed, which reading the tables may raise later.
    Raises OSError, and LatchClosed after the store was closed.
    """
    with ExitStack() as opened:
        with store.stopped() as stopped:
            opened.callback(stopped.pinned.end)
            held = _held(name, store.path, stopped, opened, errors)
        yield held


def _held(
    name: str, path: Path, stopped: StoppedStore, opened: ExitStack, errors: Errors
) -> HeldCollection:
    state = stopped.state
    files = {extent.path.name: _opened(extent, opened) for extent in stopped.extents}
    gaps = {extent.path.name: extent.gap for extent in stopped.extents}
    head = os.pread(files[TABLES_FILE].descriptor, min(stopped.head, files[TABLES_FILE].size), 0)
    files |= _derived(path, state, opened)
    tables = _HeldTables(files[TABLES_FILE], head, stopped.pinned, errors)
    sources = {name: FileAround(file, gaps.get(name, NO_GAP)) for name, file in files.items()}
    manifest = Manifest(
        collection=name,
        created=time(),
        config=orjson.loads(dump_collection_config(state.config)),
        points=state.live.count,
        operation=state.next_operation,
        command=state.last_command,
        members=[MemberFacts(name, own.size, own.gap) for name, own in sources.items()],
    )
    return HeldCollection(manifest, state, tables, sources)


def _derived(path: Path, state: CollectionState, opened: ExitStack) -> dict[str, FileRange]:
    """The derived files by name that belong to a state, which is the newest, opened."""
    segments = (segment for space in state.spaces.values() for segment in space.segments)
    wanted = {file for segment in segments for file in segment.files}
    names = (name for name in os.listdir(path) if name in wanted or _COLUMNS.fullmatch(name))
    found: dict[str, FileRange] = {}
    for name in islice(sorted(names), _MOST_DERIVED):
        try:
            file = _opened(FileExtent(path / name, 0), opened)
        except FileNotFoundError:
            # A checkpoint has replaced or removed it since.
            continue
        except OSError as error:
            if not is_exhausted(error):
                raise
            # The rest is made anew after a restore.
            break
        found[name] = evolve(file, size=os.fstat(file.descriptor).st_size)
    return found


def _opened(extent: FileExtent, opened: ExitStack) -> FileRange:
    descriptor = os.open(extent.path, os.O_RDONLY | os.O_CLOEXEC)
    opened.callback(os.close, descriptor)
    return FileRange(descriptor, extent.size)
