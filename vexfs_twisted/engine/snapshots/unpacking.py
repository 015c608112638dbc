"""Unpacks archives of collections: everything is verified before it can be used."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from ..collection_store import CollectionStore
from ..storage.files import DRAFT_SUFFIX, Gap, sync_directory
from ..storage.table_check import failure_elsewhere
from ..storage.tables import TABLES_FILE
from .archive import FoundMember, read_manifest, read_members, read_whole
from .byte_ranges import PIECE_BYTES, FileRange, pieces_of
from .errors import UnusableArchive
from .graph_check import check_graphs
from .manifest import CHECKSUMS, Manifest, unsealed_checksums

_FILES = re.compile(r"(vectors|column|postings|graph|codes)-[A-Za-z0-9._-]+")

Check = Callable[[], object]
"""Called between pieces; what it raises ends the work."""


def unpack(archive: FileRange, directory: Path, check: Check = lambda: None) -> Manifest:
    """Write the files of an archived collection into an empty directory, durably.

    Raises UnusableArchive unless everything is as it was written, and opens; OSError otherwise.
    Files are only ever created, and in this directory.
    """
    manifest = Manifest.unsealed(read_manifest(archive))
    expected = [*manifest.members]
    buffer, found = bytearray(PIECE_BYTES), dict[str, str]()
    for member in read_members(archive):
        if member.name == CHECKSUMS:
            _compare(member, found, is_complete=not expected)
            continue
        facts = expected.pop(0) if expected else None
        if facts is None or (facts.name, facts.size) != (member.name, member.data.size):
            raise UnusableArchive(f"its member {member.name} is not as its manifest says")
        found[member.name] = _write(member, facts.gap, directory, buffer, check)
    sync_directory(directory)
    _check_tables(directory)
    check_graphs(directory)
    _try_out(directory, manifest)
    return manifest


def _write(member: FoundMember, gap: Gap, directory: Path, buffer: bytearray, check: Check) -> str:
    """Write the file of a member, with a hole where its gap is; returns its checksum."""
    is_known = member.name == TABLES_FILE or _FILES.fullmatch(member.name) is not None
    if not is_known or member.name.endswith(DRAFT_SUFFIX):
        raise UnusableArchive(f"it has a member {member.name}, which is no file of a collection")
    digest = sha256()
    with open(directory / member.name, "xb", buffering=0) as file:
        parts = (0, 0, gap.start), (gap.start, gap.size, member.data.size - gap.start)
        for start, skipped, size in parts:
            file.seek(start + skipped)
            for piece in pieces_of(member.data.part(start, size), buffer):
                check()
                digest.update(piece)
                left = piece
                while left:
                    left = left[file.write(left) :]
        file.truncate(member.data.size + gap.size)
        os.fsync(file.fileno())
    return digest.hexdigest()


def _compare(checksums: FoundMember, found: dict[str, str], *, is_complete: bool) -> None:
    told = unsealed_checksums(read_whole(checksums))
    if not is_complete or told.keys() != found.keys():
        raise UnusableArchive("it has not all members that its manifest names")
    for name, checksum in found.items():
        if told[name] != checksum:
            raise UnusableArchive(f"its member {name} is damaged")


def _check_tables(directory: Path) -> None:
    """Read all tables in a process of its own, which damaged ones may end by a signal."""
    failure = failure_elsewhere(directory)
    if failure is not None:
        raise UnusableArchive(f"its tables cannot be read: {failure}")


def _try_out(directory: Path, manifest: Manifest) -> None:
    """Open what was unpacked once, and compare it with the manifest."""
    try:
        store = CollectionStore(directory)
    except Exception as error:
        if isinstance(error.__cause__, OSError):
            # No room on the device, or no descriptors.
            raise error.__cause__ from None
        # Whoever made the archive may have put anything into the tables.
        raise UnusableArchive(f"its collection does not open: {error}") from None
    try:
        points = store.state.live.count
    finally:
        store.close()
    if points != manifest.points:
        raise UnusableArchive(f"it has {points} points, where its manifest says {manifest.points}")
