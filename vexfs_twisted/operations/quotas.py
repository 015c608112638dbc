"""Enforces quotas: reads at intervals what the server uses, and refuses what would use more."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from ..lifecycle import AsyncService
from ..logs import get_logger
from ..model.commands import CreateVectorName, VectorNameCommand
from ..model.errors import StorageFull
from ..model.payload_index import CreateFieldIndex
from ..model.quotas import QuotaConfig, QuotaExceeded, QuotaReport, QuotaUsage
from ..model.resident_memory import resident_percent
from ..model.updates import OverwritePayload, SetPayload, Update, UpdateVectors, Upsert
from ..threadpool import RunInThread

log = get_logger("vexfs.quotas")

READ_EVERY_S = 1.0

_GROWING = Upsert | UpdateVectors | SetPayload | OverwritePayload | CreateFieldIndex
_CONSUMING = _GROWING | CreateVectorName
"""Updates that take memory and disk space. Others are how both are freed."""


class Quotas:
    """Whether the server takes updates that need memory or disk space. In the reactor thread.

    `report` is the configuration and what is exceeded.
    """

    def __init__(self, config: QuotaConfig | None = None) -> None:
        self.report = QuotaReport(config or QuotaConfig())
        self._refusal: str | None = None

    def admit(self, update: Update | VectorNameCommand) -> None:
        """Raise StorageFull for an update that needs what is exceeded."""
        if self._refusal is not None and isinstance(update, _CONSUMING):
            raise StorageFull(self._refusal)

    def admit_growth(self) -> None:
        """Raise StorageFull if anything is exceeded: for what always needs memory and space."""
        if self._refusal is not None:
            raise StorageFull(self._refusal)

    def use(self, config: QuotaConfig) -> None:
        """Enforce another configuration. What its limits do not change stays exceeded."""
        before, exceeded = self.report.config, self.report.exceeded
        is_same = before.margin == config.margin
        memory, disk = (
            flag if is_same and old == new else None
            for flag, old, new in (
                (exceeded.resident_memory, before.memory_limit, config.memory_limit),
                (exceeded.disk_usage, before.disk_limit, config.disk_limit),
            )
        )
        self._set(config, QuotaExceeded(memory, disk))

    def read(self, usage: QuotaUsage) -> None:
        """Compare a reading with the limits."""
        config, before = self.report.config, self.report.exceeded
        memory, disk = usage.resident_memory_percent, usage.disk_usage_percent
        exceeded = QuotaExceeded(
            _is_exceeded(memory, config.memory_limit, config.margin, before.resident_memory),
            _is_exceeded(disk, config.disk_limit, config.margin, before.disk_usage),
        )
        if exceeded != before:
            self._set(config, exceeded)

    def _set(self, config: QuotaConfig, exceeded: QuotaExceeded) -> None:
        self.report = QuotaReport(config, exceeded)
        before, self._refusal = self._refusal, None
        if exceeded.resident_memory:
            limit = config.max_resident_memory_percent
            self._refusal = f"the server has reached its quota of {limit}% of memory"
        elif exceeded.disk_usage:
            limit = config.max_disk_usage_percent
            self._refusal = f"the server has reached its quota of {limit}% of the disk"
        if self._refusal not in (None, before):
            log.warning("updates are refused", reason=self._refusal)
        elif before is not None and self._refusal is None:
            log.info("updates are taken again")


def _is_exceeded(
    used: int | None, limit: int | None, margin: int, before: bool | None
) -> bool | None:
    if used is None or limit is None:
        return None
    if used >= limit:
        return True
    # A margin as large as the limit would never be reached.
    return bool(before) and used > max(limit - margin, 0)


@frozen
class QuotaFile:
    """Where the quotas that a client has set are kept. Both functions block.

    `load` returns None if none are.
    """

    load: Callable[[], QuotaConfig | None]
    save: Callable[[QuotaConfig], object]


class QuotaService(AsyncService):
    """Loads the quotas at the start, and has them enforced while it runs. In the reactor thread.

    `path` is the folder of the data, on whose file system the limit of disk space is.
    """

    name = "quotas"

    def __init__(
        self,
        quotas: Quotas,
        file: QuotaFile,
        path: str,
        clock: IReactorTime,
        run_in_thread: RunInThread,
    ) -> None:
        self._quotas = quotas
        self._file = file
        self._path = path
        self._run_in_thread = run_in_thread
        self._changes = DeferredLock()
        self._reading = LoopingCall(self._read_if_enforced)
        self._reading.clock = clock

    @property
    def report(self) -> QuotaReport:
        """The configuration in effect, and what is exceeded."""
        return self._quotas.report

    async def usage(self) -> QuotaUsage:
        """What is used now."""
        usage: QuotaUsage = await self._run_in_thread(read_usage, self._path)
        return usage

    def change(self, config: QuotaConfig) -> Deferred[None]:
        """Replace the configuration durably; fires when it is enforced.

        Fails with StorageFull or OSError, and nothing changes then. Not to be cancelled.
        """
        return self._changes.run(lambda: Deferred.fromCoroutine(self._change(config)))

    async def _change(self, config: QuotaConfig) -> None:
        await self._run_in_thread(self._file.save, config)
        self._quotas.use(config)
        await self._read()

    async def _start(self) -> None:
        stored = await self._run_in_thread(self._file.load)
        if stored is not None:
            self._quotas.use(stored)
        await self._read()
        self._reading.start(READ_EVERY_S, now=False).addErrback(self._failed)

    async def _stop(self) -> None:
        if self._reading.running:
            self._reading.stop()

    async def _read(self) -> None:
        self._quotas.read(await self.usage())

    def _read_if_enforced(self) -> Deferred[None] | None:
        config = self._quotas.report.config
        if config.memory_limit is None and config.disk_limit is None:
            return None
        return Deferred.fromCoroutine(self._read())

    def _failed(self, failure: Any) -> None:
        log.error("quotas are no longer read", exc_info=failure)


def read_usage(path: str) -> QuotaUsage:
    """What is used of memory, and of the file system of `path`. In a thread."""
    memory = resident_percent()
    return QuotaUsage(None if memory is None else int(memory), _disk_percent(path))


def _disk_percent(path: str) -> int | None:
    """What is used of a file system, in percent of what the server may use, as df tells it."""
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    used = found.f_blocks - found.f_bfree
    total = used + found.f_bavail
    return 100 * used // total if total else None
