"""Snapshots of collections and of whole data folders: taking them, and restoring them.

Public. Everything blocks; `check` is called about every MiB, and what it raises ends the work.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import time
from typing import BinaryIO, TypeVar

from attrs import frozen

from ..model.collection import CreateAlias
from ..model.errors import BadRequest, Interrupted, NotFound
from ..model.names import check_new_collection_name
from ..model.snapshots import SnapshotDescription, SnapshotOwner
from .catalog import Catalog, Held
from .collection import Collection
from .data_folder import storage_errors
from .snapshots.archive import Piece, Section, read_manifest, read_members, read_whole
from .snapshots.block_file import BlockFile
from .snapshots.byte_ranges import FileRange, checksum_of
from .snapshots.errors import UnusableArchive
from .snapshots.folder import SnapshotFolder, is_archive, open_joined
from .snapshots.manifest import (
    CHECKSUMS,
    Manifest,
    StorageManifest,
    is_of_storage,
    unsealed_checksums,
)
from .snapshots.names import SUFFIX, check_name, directory_of, new_names, unknown_snapshot
from .snapshots.snapshot_store import SnapshotStore
from .snapshots.storage_archive import StorageArchive, member_name
from .snapshots.unpacking import unpack

__all__ = [
    "SUFFIX",
    "BlockFile",
    "Check",
    "FileRange",
    "Piece",
    "Restored",
    "Section",
    "SnapshotFolder",
    "SnapshotStore",
    "check_name",
    "directory_of",
    "is_archive",
    "new_names",
    "open_joined",
    "opened_archive",
    "restore_collection",
    "restore_file",
    "restore_storage",
    "unknown_snapshot",
    "verify_checksum",
    "write_collection",
    "write_storage",
]

Check = Callable[[], object]
T = TypeVar("T")

_TRIES = 3
"""How often a snapshot is begun whose moment could not be kept: see `CollectionStore.stopped`."""

_FULL_LABEL = "full-snapshot"


@frozen
class Restored:
    """A restored collection, and the one that it has replaced."""

    collection: Collection
    former: Held | None


def _no_check() -> None:
    """Let the work go on."""


@frozen
class OpenedArchive:
    """An archive in a file. `collection` is the name of what it is of; None for everything."""

    file: BinaryIO
    archive: FileRange
    collection: str | None


def write_collection(
    store: SnapshotStore, owner: SnapshotOwner, collection: Collection, check: Check = _no_check
) -> SnapshotDescription:
    """Write a snapshot of a collection as of now, and describe it.

    Raises NotFound, Interrupted, and what the store raises.
    """
    label = f"{collection.name}-shard-0" if owner.is_shard else collection.name

    def write() -> SnapshotDescription:
        with collection.hold() as held:
            pieces = _checked(held.pieces(), check)
            return store.write(owner, label, held.size, pieces, held.sections)

    return _retried(write, Interrupted)


def write_storage(
    store: SnapshotStore, catalog: Catalog, check: Check = _no_check
) -> SnapshotDescription:
    """Write a snapshot of all collections and aliases, and describe it.

    Each collection is as of one moment of its own.
    """

    def write() -> SnapshotDescription:
        collections = [catalog.opened(name) for name in catalog.names()]
        manifest = StorageManifest(
            created=time(),
            collections=[collection.name for collection in collections],
            aliases={alias.alias_name: alias.collection_name for alias in catalog.aliases()},
        )
        with StorageArchive(manifest.sealed(), collections) as archive:
            size = sum(map(_size_of, collections))
            pieces = _checked(archive.pieces(), check)
            return store.write(SnapshotOwner(), _FULL_LABEL, size, pieces, archive.sections())

    return _retried(write, Interrupted, NotFound)


def verify_checksum(archive: FileRange, expected: str | None) -> None:
    """Raise BadRequest unless an archive has the SHA-256 `expected`, if that is given."""
    if expected is not None:
        found = checksum_of(archive)
        if found != expected.lower():
            raise BadRequest(f"Snapshot checksum mismatch: expected {expected}, got {found}")


def restore_collection(catalog: Catalog, name: str, archive: FileRange, check: Check) -> Restored:
    """Make an archive the collection `name`, in the place of any of that name.

    It is unpacked, verified and opened before anything changes. Raises BadRequest for an archive
    that cannot be used, ValidationError and BadInput for a name that cannot be taken, StorageFull,
    OSError.
    """
    if not _is_readable(catalog, name):
        check_new_collection_name(name)
    with storage_errors(catalog.path):
        directory, path = catalog.begin_restore()
        try:
            unpack(archive, path, check)
            return Restored(*catalog.take_in(name, directory))
        except BaseException as error:
            with suppress(OSError):
                shutil.rmtree(path)
            if isinstance(error, UnusableArchive):
                raise BadRequest(f"Snapshot cannot be restored: {error}") from None
            raise


def restore_storage(
    catalog: Catalog, archive: FileRange, check: Check, *, replace: bool
) -> list[str]:
    """Restore all collections and aliases of a snapshot of a data folder; returns their names.

    Raises BadRequest for an archive that cannot be used, or, unless `replace`, if one of its
    collections is there: nothing is changed then. Collections are restored one after the other.
    """
    try:
        manifest = StorageManifest.unsealed(read_manifest(archive))
        members = _found_archives(manifest, archive)
    except UnusableArchive as error:
        raise BadRequest(f"Snapshot cannot be restored: {error}") from None
    there = [name for name in manifest.collections if _is_readable(catalog, name)]
    if there and not replace:
        raise _is_there(there[0])
    for name, member in members:
        restore_collection(catalog, name, member, check)
    catalog.update_aliases([CreateAlias(target, name) for name, target in manifest.aliases.items()])
    return list(manifest.collections)


@contextmanager
def opened_archive(path: Path) -> Iterator[OpenedArchive]:
    """Open the archive in a file for the block. Raises OSError, and BadRequest for what is none."""
    with open_joined(path) as file:
        archive = FileRange(file.fileno(), os.fstat(file.fileno()).st_size)
        yield OpenedArchive(file, archive, _collection_of(archive))


def restore_file(
    catalog: Catalog, path: Path, name: str | None = None, *, replace: bool
) -> list[str]:
    """Restore the archive in a file, of a collection or of everything; returns the names.

    A collection gets its own name if none is given. Raises what `restore_collection` and
    `restore_storage` do, and OSError.
    """
    with opened_archive(path) as opened:
        if opened.collection is None:
            if name is not None:
                raise BadRequest("A snapshot of everything has no single name")
            return restore_storage(catalog, opened.archive, _no_check, replace=replace)
        name = name or opened.collection
        if _is_readable(catalog, name) and not replace:
            raise _is_there(name)
        restore_collection(catalog, name, opened.archive, _no_check)
        return [name]


def _is_readable(catalog: Catalog, name: str) -> bool:
    """Whether a collection is there and not quarantined."""
    catalog.open_collection(name)
    return catalog.find(name) is not None


def _is_there(name: str) -> BadRequest:
    return BadRequest(f"Collection `{name}` is there already; it is replaced only by force")


def _collection_of(archive: FileRange) -> str | None:
    try:
        data = read_manifest(archive)
        return None if is_of_storage(data) else Manifest.unsealed(data).collection
    except UnusableArchive as error:
        raise BadRequest(f"Snapshot cannot be restored: {error}") from None


def _found_archives(manifest: StorageManifest, archive: FileRange) -> list[tuple[str, FileRange]]:
    """The archives of the collections of a verified archive. Raises UnusableArchive."""
    members = list(read_members(archive))
    names = [member_name(number) for number in range(len(manifest.collections))]
    if [member.name for member in members] != [*names, CHECKSUMS]:
        raise UnusableArchive("it has not the members that its manifest names")
    checksums = unsealed_checksums(read_whole(members.pop()))
    for member in members:
        if checksum_of(member.data) != checksums.get(member.name):
            raise UnusableArchive(f"its member {member.name} is damaged")
    return [(name, member.data) for name, member in zip(manifest.collections, members, strict=True)]


def _size_of(collection: Collection) -> int:
    """About how many bytes the archive of a collection will have."""
    with suppress(FileNotFoundError):
        return sum(entry.stat().st_size for entry in os.scandir(collection.path))
    return 0


def _retried(write: Callable[[], T], *again: type[Exception]) -> T:
    for _ in range(_TRIES - 1):
        # A collection may have been deleted since its name was read.
        with suppress(*again):
            return write()
    return write()


def _checked(pieces: Iterable[Piece], check: Check) -> Iterator[Piece]:
    for piece in pieces:
        check()
        yield piece
