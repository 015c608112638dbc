"""The command `vexfs-qdrant repair`: leaves out what is damaged of a collection."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path

import orjson
from attrs import asdict
from twisted.python.usage import UsageError

from .engine.errors import EngineStartError
from .engine.repair import Repaired, repair
from .subcommands import SubcommandOptions


class RepairStatus(IntEnum):
    """The exit status of the process."""

    SOUND = 0
    DAMAGED = 1
    CANNOT = 2


class RepairOptions(SubcommandOptions):
    """The command line of `repair`."""

    synopsis = "Usage: vexfs-qdrant repair [options] DATA COLLECTION"
    longdesc = (
        "Make the tables of a collection anew from their sound records, and leave out points and "
        "vectors that are damaged. Their ids are written to a file. The former tables are kept as "
        "data.mdb.damaged; restoring a snapshot loses less if there is one. No server may use the "
        "folder meanwhile. Status 0: the collection is sound, 1: it still is not, 2: it cannot be "
        "repaired."
    )
    optParameters = [  # noqa: RUF012  (as usage.Options declares it)
        ["lost", None, None, "file for what is lost (default: in DATA)"],
    ]
    optFlags = [["yes", None, "do it, without a question"]]  # noqa: RUF012
    data: str = ""
    collection: str = ""

    def parseArgs(self, data: str = "", collection: str = "") -> None:
        """Store the positional arguments."""
        if not data or not collection:
            raise UsageError("a data folder and a collection must be given")
        self.data, self.collection = data, collection

    @property
    def lost(self) -> Path:
        """The file for what is lost."""
        if self["lost"] is not None:
            return Path(self["lost"])
        return Path(self.data) / f"lost-{time.strftime('%Y%m%dT%H%M%S')}.json"


def run_repair(arguments: Sequence[str]) -> int:
    """Run the command: write what is lost to a file and return the exit status."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    options = RepairOptions()
    try:
        options.parseOptions(list(arguments))
        if not options["yes"] and not _is_confirmed(options.collection):
            raise UsageError("nothing was changed; --yes repairs without a question")
        done = repair(Path(options.data), options.collection)
        lost = options.lost
        lost.write_bytes(orjson.dumps(asdict(done.losses), option=orjson.OPT_INDENT_2) + b"\n")
    except (UsageError, EngineStartError, OSError) as error:
        sys.stderr.write(f"vexfs-qdrant repair: {error}\n")
        return RepairStatus.CANNOT
    _tell(done, lost)
    return RepairStatus.DAMAGED if done.report.damages else RepairStatus.SOUND


def _is_confirmed(collection: str) -> bool:
    if not sys.stdin.isatty():
        return False
    return input(f"leave out what is damaged of `{collection}`? (yes/no) ").strip() == "yes"


def _tell(done: Repaired, lost: Path) -> None:
    losses = done.losses
    vectors = sum(map(len, losses.vectors.values()))
    sys.stdout.write(
        f"kept       {done.points} points\n"
        f"lost       {len(losses.points) + len(losses.rows)} points, {vectors} vectors: {lost}\n"
    )
    for note in losses.notes:
        sys.stdout.write(f"           {note}\n")
    for damage in done.report.damages:
        sys.stdout.write(f"damaged    {damage}\n")
