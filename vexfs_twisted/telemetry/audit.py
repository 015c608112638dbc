"""The audit log: one line of JSON for every call, in files that are rotated by time.

It tells who has called what and how that ended, also of calls that were refused. Unlike the log of
the server it leaves out nothing, whatever the level and the rate of calls are.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from time import time

import orjson
from attrs import frozen
from twisted.application.service import Service

from ..logs import get_logger
from ..middleware import CallInfo
from ..model.server_report import AuditStatus

log = get_logger("vexfs.audit")

_PERIODS = {"daily": "%Y-%m-%d", "hourly": "%Y-%m-%d-%H"}
ROTATIONS = tuple(_PERIODS)

MOST_WAITING = 1 << 16
"""The most lines that wait for the thread that writes; past that, calls write their own."""

_TOGETHER = 1000


@frozen
class AuditSettings:
    """Where the log is, and how it is rotated: a file for each day or hour, `most_files` are kept.

    With `trusts_forwarded` the address of a client is what the header `x-forwarded-for` says first.
    """

    directory: str
    rotation: str = "daily"
    most_files: int = 7
    trusts_forwarded: bool = False


class AuditLog(Service):
    """The middleware that writes the audit log, between startService and stopService.

    `number` is that of the process, each of which has files of its own. Lines are written by a
    thread, a moment after their calls have ended; the stop waits until all are on disk. A line that
    cannot be written, as on a full device, is counted as lost. Thread-safe.
    """

    name = "audit"

    def __init__(
        self, settings: AuditSettings, number: int = 1, clock: Callable[[], float] = time
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._prefix = "audit" if number == 1 else f"audit-{number}"
        self._waiting: SimpleQueue[bytes | None] = SimpleQueue()
        self._writing = Lock()
        self._file: int | None = None
        self._period = ""
        self._lost = 0
        self._thread: Thread | None = None

    def startService(self) -> None:
        """Open the file of now. Raises OSError."""
        super().startService()
        Path(self._settings.directory).mkdir(parents=True, exist_ok=True)
        with self._writing:
            self._rotate(self._period_of(self._clock()))
        self._thread = Thread(target=self._work, name="audit", daemon=True)
        self._thread.start()

    def stopService(self) -> None:
        """Write what waits, and close the file."""
        super().stopService()
        self._waiting.put(None)
        if self._thread is not None:
            self._thread.join()
        with self._writing:
            self._close()

    def before(self, call: CallInfo) -> None:
        """Nothing: a call is told when it has ended."""

    def after(self, call: CallInfo, outcome: str, seconds: float) -> None:
        """Tell that a call has ended, unless anyone may make it."""
        if call.kind.is_open:
            return
        line = self._line(call, outcome, seconds)
        if self._waiting.qsize() < MOST_WAITING:
            self._waiting.put(line)
        else:
            self._write([line])

    def status(self) -> AuditStatus:
        """The settings, the bytes of all files and the lines that were lost. Blocks."""
        settings = self._settings
        sizes = [file.stat().st_size for file in Path(settings.directory).glob("audit*.log")]
        return AuditStatus(
            directory=settings.directory,
            rotation=settings.rotation,
            most_files=settings.most_files,
            trusts_forwarded=settings.trusts_forwarded,
            size=sum(sizes),
            lost=self._lost,
        )

    def _line(self, call: CallInfo, outcome: str, seconds: float) -> bytes:
        now = self._clock()
        fields = {
            "timestamp": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"),
            "wire": call.kind.wire,
            "method": call.kind.method,
            "collection": call.collection or None,
            "who": call.caller.who or None,
            "means": call.caller.means.value,
            "peer": self._client(call),
            "request_id": call.request_id,
            "outcome": outcome,
            "ms": round(seconds * 1000, 3),
        }
        if call.target:
            fields["path"] = call.target
        if call.progress is not None:
            fields["points"] = call.progress.points
        return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)

    def _client(self, call: CallInfo) -> str:
        forwarded = call.header("x-forwarded-for") if self._settings.trusts_forwarded else None
        return call.peer if forwarded is None else forwarded.partition(",")[0].strip()

    def _work(self) -> None:
        """In the thread."""
        is_over = False
        while not is_over:
            lines = [self._waiting.get()]
            lines += [self._waiting.get() for _ in range(min(self._waiting.qsize(), _TOGETHER))]
            is_over = None in lines
            self._write([line for line in lines if line is not None])

    def _write(self, lines: list[bytes]) -> None:
        if not lines:
            return
        with self._writing:
            try:
                period = self._period_of(self._clock())
                if period != self._period or self._file is None:
                    self._rotate(period)
                rest = memoryview(b"".join(lines))
                while rest and self._file is not None:
                    rest = rest[os.write(self._file, rest) :]
            except OSError as error:
                if not self._lost:
                    log.error("the audit log cannot be written", reason=str(error))
                self._lost += len(lines)
                # Opened again for the next lines, which ends a line that was cut.
                with suppress(OSError):
                    self._close()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            try:
                os.fsync(file)
            finally:
                os.close(file)

    def _period_of(self, seconds: float) -> str:
        return datetime.fromtimestamp(seconds, UTC).strftime(_PERIODS[self._settings.rotation])

    def _rotate(self, period: str) -> None:
        """Write to the file of a period from now on, and remove files beyond those kept."""
        directory = Path(self._settings.directory)
        path = directory / f"{self._prefix}.{period}.log"
        self._close()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._file, self._period = descriptor, period
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            # A crash has cut the last line.
            os.write(descriptor, b"\n")
        kept = sorted(directory.glob(f"{self._prefix}.*.log"))
        for file in kept[: -self._settings.most_files]:
            file.unlink(missing_ok=True)
