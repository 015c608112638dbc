"""The commands `vexfs-qdrant import` and `export`: copy collections between two servers."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import ClassVar

from twisted.python.usage import UsageError

from .migration.configuration import LEFT_OUT
from .migration.connection import Connection
from .migration.copying import Copy, CopySettings
from .migration.errors import MigrationError, Problems, Unreachable
from .migration.plan import Selection
from .migration.progress import Progress
from .migration.servers import ServerUrl, parse_url
from .migration.state import StateFile
from .migration.transfer import TransferSettings
from .migration.verification import SAMPLE
from .subcommands import SubcommandOptions

LOCAL = "http://127.0.0.1:6334"
_MOST_WORKERS = 64


class CopyStatus(IntEnum):
    """The exit status of the process."""

    WHOLE = 0
    DIFFERENT = 1
    CANNOT = 2
    UNREACHABLE = 3
    INTERRUPTED = 130


class CopyOptions(SubcommandOptions):
    """The command line of a copy. `near` is the side whose server is this machine's by default."""

    word: ClassVar[str]
    near: ClassVar[str]
    far: ClassVar[str]
    optParameters = [  # noqa: RUF012  (as usage.Options declares it)
        [
            "from-api-key",
            None,
            None,
            "key of the source (or VEXFS_FROM_API_KEY in the environment)",
        ],
        ["to-api-key", None, None, "key of the target (or VEXFS_TO_API_KEY in the environment)"],
        ["ca-certificate", None, None, "PEM file of the authority of https:// servers"],
        ["state", None, None, "file that tells how far the copy has come"],
        ["workers", None, 4, "pages of points that are under way at a time", int],
        ["sample", None, str(SAMPLE), "how many points of each collection are compared, or all"],
        ["patience", None, 60.0, "seconds for which a failing call is tried again", float],
        ["wait-green", None, 0.0, "seconds for which the target's optimizer is waited for", float],
    ]
    optFlags = [  # noqa: RUF012
        ["dry-run", None, "tell what would be copied, and what stands against it"],
        ["into-existing", None, "add the points to collections that are at the target already"],
        ["skip-refused", None, "go on without points that the target refuses"],
    ]
    url: str

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.renames: dict[str, str] = {}
        self.left_out: set[str] = set()

    def opt_collection(self, name: str) -> None:
        """A collection to copy; may be given several times. Default: all."""
        self.names.append(name)

    def opt_rename(self, names: str) -> None:
        """OLD=NEW: the collection OLD is called NEW at the target; may be given several times."""
        old, equals, new = names.partition("=")
        if not (old and equals and new):
            raise UsageError(f"--rename needs OLD=NEW, not {names!r}")
        self.renames[old] = new

    def parseArgs(self, *words: str) -> None:
        """Store the URL, the only positional argument."""
        if len(words) != 1:
            raise UsageError("one URL is needed, see --help")
        (self.url,) = words

    def postOptions(self) -> None:
        """Check the numbers."""
        if not 1 <= self["workers"] <= _MOST_WORKERS:
            raise UsageError(f"--workers must be 1 to {_MOST_WORKERS}")
        if self["patience"] < 0 or self["wait-green"] < 0:
            raise UsageError("seconds cannot be negative")
        if self["sample"] != "all" and not self["sample"].isdecimal():
            raise UsageError("--sample must be a number or `all`")

    def settings(self) -> CopySettings:
        """What is copied, and how."""
        selection = Selection(
            self.names, self.renames, frozenset(self.left_out), bool(self["into-existing"])
        )
        return CopySettings(
            selection=selection,
            transfer=TransferSettings(self["workers"], bool(self["skip-refused"])),
            sample=None if self["sample"] == "all" else int(self["sample"]),
            green_seconds=self["wait-green"],
        )

    def servers(self) -> tuple[ServerUrl, ServerUrl]:
        """Source and target. Raises MigrationError."""
        urls = {self.far: self.url, self.near: self[self.near]}
        certificate = None
        if self["ca-certificate"] is not None:
            try:
                certificate = Path(self["ca-certificate"]).read_bytes()
            except OSError as error:
                raise MigrationError(f"the certificate cannot be read: {error}") from None
        source, target = (
            parse_url(urls[side], self._key(side), certificate) for side in ("from", "to")
        )
        return source, target

    def state_path(self) -> Path:
        """The state file."""
        return Path(self["state"] or f"vexfs-qdrant-{self.word}.state")

    def _key(self, side: str) -> str | None:
        given: str | None = self[f"{side}-api-key"]
        return given or os.environ.get(f"VEXFS_{side.upper()}_API_KEY") or None


def _leave_out(self: CopyOptions, setting: str) -> None:
    self.left_out.add(setting)


_leave_out.__doc__ = (
    "A part that is not copied; may be given several times. One of: "
    f"{', '.join(sorted(LEFT_OUT))}, or payload_schema.FIELD for one payload index."
)
# Named so, the option is called --leave-out.
CopyOptions.opt_leave_out = _leave_out  # type: ignore[attr-defined]

_DESCRIPTION = (
    "over gRPC: their configuration, payload indexes, points with all vectors, and aliases. "
    "Nothing that is at the target is overwritten. If the command ends early, the same command "
    "goes on where it was, by its state file. At the end counts and a sample of the points are "
    "compared. Status 0: the copies are whole, 1: something differs or was left out, 2: it cannot "
    "be done, 3: a server did not answer, 130: interrupted."
)


class ImportOptions(CopyOptions):
    """The command line of `import`."""

    synopsis = "Usage: vexfs-qdrant import [options] URL"
    longdesc = f"Copy collections from the Qdrant-compatible server at URL {_DESCRIPTION}"
    optParameters = [["to", None, LOCAL, "the server that they are copied to"]]  # noqa: RUF012
    word, near, far = "import", "to", "from"


class ExportOptions(CopyOptions):
    """The command line of `export`."""

    synopsis = "Usage: vexfs-qdrant export [options] URL"
    longdesc = f"Copy collections to the Qdrant-compatible server at URL {_DESCRIPTION}"
    optParameters = [["from", None, LOCAL, "the server that they are copied from"]]  # noqa: RUF012
    word, near, far = "export", "from", "to"


def run_import(arguments: Sequence[str]) -> int:
    """Run `import`: write the report to standard output and return the exit status."""
    return _run(ImportOptions(), arguments)


def run_export(arguments: Sequence[str]) -> int:
    """Run `export`: write the report to standard output and return the exit status."""
    return _run(ExportOptions(), arguments)


def _run(options: CopyOptions, arguments: Sequence[str]) -> int:
    name = f"vexfs-qdrant {options.word}"
    try:
        options.parseOptions(list(arguments))
        return asyncio.run(_copy(options))
    except KeyboardInterrupt:
        sys.stderr.write(f"{name}: interrupted; the same command goes on\n")
        return CopyStatus.INTERRUPTED
    except Problems as problems:
        for line in problems.lines:
            sys.stderr.write(f"{name}: {line}\n")
        return CopyStatus.CANNOT
    except (UsageError, MigrationError) as error:
        sys.stderr.write(f"{name}: {error}\n")
        is_network = isinstance(error, Unreachable)
        return CopyStatus.UNREACHABLE if is_network else CopyStatus.CANNOT


async def _copy(options: CopyOptions) -> CopyStatus:
    source_url, target_url = options.servers()
    if str(source_url) == str(target_url) and not options.renames:
        raise MigrationError("both servers are the same; collections need other names (--rename)")
    for url in (source_url, target_url):
        if url.api_key is not None and not (url.is_tls or url.is_local):
            sys.stderr.write(f"the API key goes to {url} unencrypted\n")
    source = Connection(source_url, options["patience"])
    target = Connection(target_url, options["patience"])
    try:
        copy = Copy(source, target, options.settings(), Progress(sys.stderr), _tell)
        if options["dry-run"]:
            for plan in await copy.plan():
                _tell(f"would copy {plan}")
            return CopyStatus.WHOLE
        return await _copy_with_state(options, copy, str(source_url), str(target_url))
    finally:
        await source.close()
        await target.close()


async def _copy_with_state(
    options: CopyOptions, copy: Copy, source: str, target: str
) -> CopyStatus:
    state = StateFile(options.state_path(), source, target)
    try:
        is_whole = await copy.run(state)
        if is_whole or not state.collections:
            state.remove()
        return CopyStatus.WHOLE if is_whole else CopyStatus.DIFFERENT
    finally:
        state.close()


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
