"""A directory of snapshots in parts: writes them, and removes chunks that none of them uses.

Everything that changes the directory holds one lock, a file lock, since several processes may have
the same folder. A chunk is removed only where no index uses it; while any index cannot be read,
nothing is.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import numpy as np

from ..storage.files import open_directory, remove_quietly, sync_directory
from ..storage.hole_punching import punch
from .archive import Piece
from .errors import UnusableArchive
from .parts import Extents, PartsIndex, PartsWriter, pack_extents

PARTS = ".parts"
_PACK = ".pack"
_LOCK = ".parts-lock"

log = logging.getLogger("vexfs.engine")


@contextmanager
def parts_locked(directory: Path) -> Iterator[None]:
    """Hold the lock of a directory for the block. Waits."""
    with open(directory / _LOCK, "ab") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        yield


def indexes_in(directory: Path) -> list[PartsIndex]:
    """All indexes of a directory, the oldest first. Raises UnusableArchive and OSError."""
    paths = (path for path in directory.iterdir() if path.name.endswith(PARTS))
    ordered = sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path.name))
    return [PartsIndex(path) for path in ordered]


def write_parts(
    path: Path,
    pieces: Iterable[Piece],
    sections: Iterable[tuple[str, int]],
    temporary: Iterator[tuple[BinaryIO, Path]],
) -> None:
    """Write a snapshot in parts durably: its index is `path`, which must not be there.

    `temporary` makes files in its directory that are removed unless they are renamed. The caller
    holds the lock. Raises OSError, and what `pieces` raises. The rename of the index is the commit.
    """
    directory = path.parent
    (pack, pack_path), (records, records_path), (index, index_path) = (
        next(temporary) for _ in range(3)
    )
    name = f"{uuid4().hex}{_PACK}"
    head = PartsWriter(_newest(directory), pack, name, records).write(pieces, sections)
    index.write(head.sealed())
    records.flush()
    with open(records_path, "rb") as written:
        while piece := written.read(1 << 20):
            index.write(piece)
    for file in (pack, index):
        file.flush()
        os.fsync(file.fileno())
    with open_directory(directory) as sync:
        os.rename(pack_path, directory / name)
        sync()
        os.rename(index_path, path)
        sync()


def collect(directory: Path) -> None:
    """Free what no index of a directory uses. The caller holds the lock."""
    try:
        used = pack_extents(indexes_in(directory))
        for path in directory.iterdir():
            if path.name.endswith(_PACK):
                _free(path, used.get(path.name))
        sync_directory(directory)
    except (UnusableArchive, OSError) as error:
        log.warning("chunks of snapshots in %s are not freed: %s", directory, error)


def _newest(directory: Path) -> PartsIndex | None:
    try:
        return indexes_in(directory)[-1]
    except (IndexError, UnusableArchive):
        return None


def _free(path: Path, used: Extents | None) -> None:
    """Remove a pack, or give back what is between the parts of it that are used."""
    if used is None:
        remove_quietly(path)
        return
    with ExitStack() as opened:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        opened.callback(os.close, descriptor)
        size = os.fstat(descriptor).st_size
        # What is unused ends where the next chunk begins, and begins where the one before ended.
        begins = np.concatenate([[0], used[:, 1]])
        ends = np.concatenate([used[:, 0], [size]])
        is_gap = ends > begins
        for begin, end in zip(begins[is_gap].tolist(), ends[is_gap].tolist(), strict=True):
            if not punch(descriptor, begin, end - begin):
                return
