"""The command `vexfs-qdrant adopt`: adds collections to the catalog that it does not list."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from enum import IntEnum
from pathlib import Path

from twisted.python.usage import UsageError

from .config_loader import load_config
from .engine.adoption import Adoption, Survey
from .engine.errors import EngineStartError
from .settings import ConfigError
from .subcommands import SubcommandOptions


class AdoptStatus(IntEnum):
    """The exit status of the process."""

    WHOLE = 0
    NOT_WHOLE = 1
    CANNOT = 2


class AdoptOptions(SubcommandOptions):
    """The command line of `adopt`."""

    synopsis = "Usage: vexfs-qdrant adopt [options] [DIRECTORY [NAME]]"
    longdesc = (
        "List the directories of collections that the catalog of a data folder does not know, and "
        "the collections whose directory is missing. With DIRECTORY, one of those listed, take it "
        "in under its own name, or under NAME. No server may use the folder meanwhile, and nothing "
        "is ever removed. Status 0: all agree, 1: something is left, 2: it cannot be done."
    )
    optParameters = [  # noqa: RUF012  (as usage.Options declares it)
        ["storage-path", None, None, "folder that holds the data (default: as the server's)"],
        ["config-path", None, None, "YAML file with settings, under Qdrant's keys"],
        ["forget", None, None, "give up the collection of this name, whose directory is missing"],
    ]
    optFlags = [["all", None, "take in all whose own names are free"]]  # noqa: RUF012
    directory: str | None = None
    name: str | None = None

    def parseArgs(self, directory: str | None = None, name: str | None = None) -> None:
        """Store the positional arguments: directory and name."""
        self.directory, self.name = directory, name

    def path(self) -> Path:
        """The data folder. Raises ConfigError."""
        given = {} if self["storage-path"] is None else {"storage-path": self["storage-path"]}
        return Path(load_config(given, os.environ, self["config-path"]).storage_path)


def run_adopt(arguments: Sequence[str]) -> int:
    """Run the command: write the findings to standard output and return the exit status."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    options = AdoptOptions()
    try:
        options.parseOptions(list(arguments))
        adoption = Adoption(options.path())
        try:
            return _work(adoption, options)
        finally:
            adoption.close()
    except (UsageError, ConfigError, EngineStartError) as error:
        sys.stderr.write(f"vexfs-qdrant adopt: {error}\n")
        return AdoptStatus.CANNOT


def _work(adoption: Adoption, options: AdoptOptions) -> AdoptStatus:
    if options["forget"] is not None:
        adoption.forget(options["forget"])
        sys.stdout.write(f"given up   `{options['forget']}`\n")
    wanted = {} if options.directory is None else {options.directory: options.name}
    if options["all"]:
        wanted |= {unknown.directory: None for unknown in adoption.survey().fitting}
    for directory, name in wanted.items():
        sys.stdout.write(f"taken in   {directory} as `{adoption.adopt(directory, name)}`\n")
    found = adoption.survey()
    sys.stdout.write(f"known      {len(adoption.collections)} collections\n")
    for line in survey_lines(found):
        sys.stdout.write(f"{line}\n")
    return AdoptStatus.NOT_WHOLE if found.missing or found.unknown else AdoptStatus.WHOLE


def survey_lines(found: Survey) -> Iterator[str]:
    """Text lines about each mismatch between the catalog and the directories."""
    for unknown in found.unknown:
        yield f"unknown    {unknown}"
    for name, directory in found.missing.items():
        yield f"missing    {directory} `{name}`: put it back, or give it up with --forget"
    for directory in found.foreign:
        yield f"foreign    {directory} (it holds no collection)"
