"""The commands `vexfs-qdrant snapshot` and `restore`: on a stopped data folder, or by a server."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path

from twisted.python.usage import UsageError

from .config import Config
from .config_loader import load_config
from .engine.catalog import Catalog
from .engine.errors import EngineStartError
from .engine.replay import replay
from .engine.snapshot_archives import (
    opened_archive,
    restore_file,
    write_collection,
    write_storage,
)
from .model.errors import DomainError
from .model.snapshots import SnapshotOwner
from .settings import ConfigError
from .snapshot_client import ServerRefused, SnapshotClient
from .snapshot_storage import snapshot_store
from .subcommands import SubcommandOptions


class SnapshotStatus(IntEnum):
    """The exit status of the process."""

    DONE = 0
    REFUSED = 1
    CANNOT = 2


_PARAMETERS = [
    ["url", None, None, "a running server to ask, such as http://localhost:6333"],
    ["api-key", None, None, "the key for it (default: from QDRANT__SERVICE__API_KEY)"],
    ["storage-path", None, None, "folder that holds the data (default: as the server's)"],
    ["snapshots-path", None, None, "folder that holds the snapshots (default: as the server's)"],
    ["config-path", None, None, "YAML file with settings, under Qdrant's keys"],
]


class _Options(SubcommandOptions):
    """What both commands share."""

    optParameters = _PARAMETERS

    def config(self) -> Config:
        """The settings. Raises ConfigError."""
        names = ("storage-path", "snapshots-path")
        given = {name: self[name] for name in names if self[name] is not None}
        return load_config(given, os.environ, self["config-path"])

    def client(self) -> SnapshotClient:
        """A client of the server at the URL."""
        key = self["api-key"] or os.environ.get("QDRANT__SERVICE__API_KEY")
        return SnapshotClient(self["url"], key)


class SnapshotOptions(_Options):
    """The command line of `snapshot`."""

    synopsis = "Usage: vexfs-qdrant snapshot [options] [COLLECTION]"
    longdesc = (
        "Take a snapshot of COLLECTION, or of all collections and aliases, into the folder of "
        "snapshots, and tell where it is. No server may use the folder of the data meanwhile; one "
        "that runs is asked with --url. Status 0: done, 1: refused, 2: it cannot be done."
    )
    collection: str | None = None

    def parseArgs(self, collection: str | None = None) -> None:
        """Store the name of the collection."""
        self.collection = collection


class RestoreOptions(_Options):
    """The command line of `restore`."""

    synopsis = "Usage: vexfs-qdrant restore [options] FILE [COLLECTION]"
    longdesc = (
        "Restore the snapshot FILE of a collection, under its own name or as COLLECTION, or that "
        "of a whole folder. A collection that is there is only replaced with --force, and by a "
        "server always. No server may use the folder of the data meanwhile; one that runs is asked "
        "with --url, for one collection. With --command-log, the directory of the log that a "
        "server has kept of the collection, what was done after the snapshot is done again. "
        "Status 0: done, 1: refused, 2: it cannot be done."
    )
    optFlags = [["force", None, "replace collections that are there"]]  # noqa: RUF012
    optParameters = [  # noqa: RUF012
        *_PARAMETERS,
        ["command-log", None, None, "the log of the collection's commands, to be applied after it"],
        ["to-operation", None, None, "the last operation to be applied (default: all)"],
    ]
    file: Path
    collection: str | None = None

    def parseArgs(self, file: str = "", collection: str | None = None) -> None:
        """Store the path of the snapshot and the name of the collection."""
        if not file:
            raise UsageError("FILE is missing, see --help")
        self.file, self.collection = Path(file), collection

    def postOptions(self) -> None:
        """Check what belongs together."""
        if self["command-log"] is None and self["to-operation"] is not None:
            raise UsageError("--to-operation needs a --command-log")
        if self["command-log"] is not None and self["url"] is not None:
            raise UsageError("a running server applies no --command-log: restore its folder")
        operation = self["to-operation"]
        if operation is not None and not operation.isdecimal():
            raise UsageError("--to-operation is a whole number")


def run_snapshot(arguments: Sequence[str]) -> int:
    """Run `snapshot`: write what was made to standard output and return the exit status."""
    return _run("snapshot", SnapshotOptions(), arguments)


def run_restore(arguments: Sequence[str]) -> int:
    """Run `restore`: write what was restored to standard output and return the exit status."""
    return _run("restore", RestoreOptions(), arguments)


def _run(name: str, options: SnapshotOptions | RestoreOptions, arguments: Sequence[str]) -> int:
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    try:
        options.parseOptions(list(arguments))
        for line in _asked(options) if options["url"] is not None else _done(options):
            sys.stdout.write(f"{line}\n")
    except (DomainError, ServerRefused) as error:
        sys.stderr.write(f"vexfs-qdrant {name}: {error}\n")
        return SnapshotStatus.REFUSED
    except (UsageError, ConfigError, EngineStartError, OSError) as error:
        sys.stderr.write(f"vexfs-qdrant {name}: {error}\n")
        return SnapshotStatus.CANNOT
    return SnapshotStatus.DONE


def _asked(options: SnapshotOptions | RestoreOptions) -> list[str]:
    """Have a server do it; the lines to show."""
    client = options.client()
    if isinstance(options, SnapshotOptions):
        return [f"snapshot   {client.create(options.collection)}"]
    with opened_archive(options.file) as archive:
        name = options.collection or archive.collection
        if name is None:
            raise UsageError("a running server restores single collections only")
        client.upload(name, archive.file)
    return [f"restored   `{name}`"]


def _done(options: SnapshotOptions | RestoreOptions) -> list[str]:
    """Do it in the folder of the data; the lines to show."""
    config = options.config()
    catalog = Catalog(config.storage_path, config.collections)
    catalog.open()
    try:
        if isinstance(options, SnapshotOptions):
            return [f"snapshot   {_taken(catalog, config, options.collection)}"]
        is_forced = bool(options["force"])
        names = restore_file(catalog, options.file, options.collection, replace=is_forced)
        lines = [f"restored   `{name}`" for name in names]
        if options["command-log"] is not None:
            lines.append(_replayed(catalog, names, options))
        return lines
    finally:
        catalog.close()


def _replayed(catalog: Catalog, names: Sequence[str], options: RestoreOptions) -> str:
    """Apply the log to the collection that was restored; the line to show."""
    if len(names) != 1:
        raise UsageError("a --command-log is that of one collection")
    last: str | None = options["to-operation"]
    operation = None if last is None else int(last)
    done = replay(catalog.get(names[0]), Path(options["command-log"]), operation)
    return f"applied    commands up to operation {done.operation}"


def _taken(catalog: Catalog, config: Config, name: str | None) -> str:
    """The path, or the URL, of a new snapshot."""
    store = snapshot_store(config)
    if name is None:
        return store.location_of(SnapshotOwner(), write_storage(store, catalog).name)
    collection = catalog.get(catalog.resolve(name))
    owner = SnapshotOwner(collection.name)
    return store.location_of(owner, write_collection(store, owner, collection).name)
