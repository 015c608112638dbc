"""The command `vexfs-qdrant verify`: checks all data of a folder that no server uses."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from enum import IntEnum
from pathlib import Path

import orjson
from attrs import asdict
from twisted.python.usage import UsageError

from .config_loader import load_config
from .engine.errors import EngineStartError
from .engine.verification import FolderReport, verify_folder
from .settings import ConfigError
from .subcommands import SubcommandOptions


class VerifyStatus(IntEnum):
    """The exit status of the process."""

    SOUND = 0
    DAMAGED = 1
    CANNOT = 2


class VerifyOptions(SubcommandOptions):
    """The command line of `verify`."""

    synopsis = "Usage: vexfs-qdrant verify [options] [DATA]"
    longdesc = (
        "Check the pages, records and vectors of all collections in the folder DATA, and its "
        "catalog. No server may use it meanwhile, and nothing is changed. Status 0: all is sound, "
        "1: something is damaged, 2: it cannot be checked."
    )
    optParameters = [  # noqa: RUF012  (as usage.Options declares it)
        ["config-path", None, None, "YAML file with settings, which may name the folder"],
    ]
    optFlags = [["json", None, "write JSON"]]  # noqa: RUF012
    data: str | None = None

    def parseArgs(self, data: str | None = None) -> None:
        """Store the positional argument."""
        self.data = data

    def path(self) -> Path:
        """The data folder. Raises ConfigError."""
        if self.data is not None:
            return Path(self.data)
        return Path(load_config({}, os.environ, self["config-path"]).storage_path)


def run_verify(arguments: Sequence[str]) -> int:
    """Run the command: write the findings to standard output and return the exit status."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    options = VerifyOptions()
    try:
        options.parseOptions(list(arguments))
        report = verify_folder(options.path())
    except (UsageError, ConfigError, EngineStartError) as error:
        sys.stderr.write(f"vexfs-qdrant verify: {error}\n")
        return VerifyStatus.CANNOT
    if options["json"]:
        sys.stdout.write(orjson.dumps({"sound": report.is_sound, **asdict(report)}).decode() + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in report_lines(report))
    return VerifyStatus.SOUND if report.is_sound else VerifyStatus.DAMAGED


def report_lines(report: FolderReport) -> Iterator[str]:
    """Text lines about each collection and what is damaged in it."""
    for damage in report.damages:
        yield f"damaged    {damage}"
    for own in report.collections:
        shown = f"{own.directory} `{own.name}`" if own.name is not None else own.directory
        kind = "damaged " if own.damages else "sound   "
        yield f"{kind}   {shown}: {own.records} records, {own.vectors} vectors"
        for damage in own.damages:
            yield f"             {damage}"
        for note in own.notes:
            yield f"             {note}"
