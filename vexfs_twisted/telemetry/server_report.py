"""The report of the server as a whole, from which telemetry and metrics are made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeVar

from attrs import field, frozen
from twisted.internet.defer import Deferred

from ..model.collection_reports import CollectionReport
from ..model.distribution import Distribution
from ..model.quotas import QuotaReport
from ..model.server_report import (
    AuditStatus,
    MemoryBudget,
    ProcessStatus,
    SnapshotStatus,
    StorageStatus,
)
from ..model.status import DeviceStatus, StreamsStatus
from ..threadpool import RunInThread
from .audit import AuditLog
from .performance import ByMethod, Performance
from .process import other_process, this_process

T = TypeVar("T")

WIRES = ("rest", "grpc")

StatusOf = Callable[[str], str]
"""The status of a protocol that an outcome of calls is told by."""


class ReportedStorage(Protocol):
    """The part of the storage that is reported about."""

    @property
    def status(self) -> StorageStatus:
        """Its work since the start."""

    def reports(
        self, names: Sequence[str], *, has_details: bool = False
    ) -> Deferred[list[CollectionReport]]:
        """The reports about collections, without those that are gone."""


@frozen
class ServerReport:
    """The state of the server, and what it has done since its start, `uptime` seconds ago.

    `calls` has the durations of calls by wire, method and status, `calls_of` the same by wire,
    collection, method and status; None if that was not asked for. `processes` are the other
    processes of the server, by their numbers. `total` is the number of all collections, also where
    there is no report about each.
    """

    uptime: float
    total: int
    collections: Sequence[CollectionReport]
    calls: Mapping[str, ByMethod]
    calls_of: Mapping[str, Mapping[str, ByMethod]] | None
    open_streams: Mapping[str, int]
    storage: StorageStatus
    snapshots: SnapshotStatus
    budgets: Mapping[str, MemoryBudget]
    streams: StreamsStatus
    device: DeviceStatus
    loop_lag: Distribution
    process: ProcessStatus
    processes: Mapping[int, ProcessStatus]
    audit: AuditStatus | None
    quotas: QuotaReport


@frozen
class ReportSources:
    """Where a report comes from: each function returns a part of it, in the reactor thread.

    `audit` is None without an audit log.
    """

    uptime: Callable[[], float]
    storage: ReportedStorage
    performance: Performance
    snapshots: Callable[[], SnapshotStatus]
    budgets: Mapping[str, Callable[[], MemoryBudget]]
    streams: Callable[[], StreamsStatus]
    device: Callable[[], DeviceStatus]
    loop_lag: Callable[[], Distribution]
    statuses: Mapping[str, StatusOf]
    pids: Callable[[], Mapping[int, int]] = field(default=dict)
    audit: AuditLog | None = None
    quotas: Callable[[], QuotaReport] = QuotaReport


@frozen
class Reporter:
    """Makes reports. Used in the reactor thread; what takes long is done in threads."""

    sources: ReportSources
    run_in_thread: RunInThread

    async def report(
        self, names: Sequence[str], *, per_collection: bool, level: int = 1
    ) -> ServerReport:
        """The report about the collections `names`, those that the caller may see.

        From level 1 on there is a report about each, from level 3 on with details.
        """
        sources = self.sources
        wanted = names if level >= 1 else ()
        collections = await sources.storage.reports(wanted, has_details=level >= 3)
        pids = sources.pids()
        process, processes = await self.run_in_thread(_processes, pids)
        return ServerReport(
            uptime=sources.uptime(),
            total=len(names),
            collections=collections,
            calls={wire: self._calls(wire) for wire in WIRES},
            calls_of={wire: self._calls_of(wire, names) for wire in WIRES}
            if per_collection
            else None,
            open_streams=sources.performance.open_streams(),
            storage=sources.storage.status,
            snapshots=sources.snapshots(),
            budgets={name: budget() for name, budget in sources.budgets.items()},
            streams=sources.streams(),
            device=sources.device(),
            loop_lag=sources.loop_lag(),
            process=process,
            processes=processes,
            audit=await self.run_in_thread(sources.audit.status) if sources.audit else None,
            quotas=sources.quotas(),
        )

    def _calls(self, wire: str) -> ByMethod:
        durations = self.sources.performance.durations(wire)
        return _by_status(durations, self.sources.statuses[wire])

    def _calls_of(self, wire: str, names: Sequence[str]) -> Mapping[str, ByMethod]:
        durations = self.sources.performance.durations_by_collection(wire, names)
        by_status = partial(_by_status, status_of=self.sources.statuses[wire])
        return {name: by_status(own) for name, own in durations.items()}


def _by_status(durations: ByMethod, status_of: StatusOf) -> ByMethod:
    """Durations by method and status, of those by method and outcome."""
    found: dict[str, dict[str, Distribution]] = {}
    for method, by_outcome in durations.items():
        own: defaultdict[str, Distribution] = defaultdict(Distribution)
        for outcome, distribution in by_outcome.items():
            own[status_of(outcome)].merge(distribution.dump())
        found[method] = dict(sorted(own.items()))
    return found


def _processes(pids: Mapping[int, int]) -> tuple[ProcessStatus, Mapping[int, ProcessStatus]]:
    """The status of this process and of others. In a thread."""
    others = {number: other_process(pid) for number, pid in pids.items()}
    return this_process(), {number: own for number, own in others.items() if own is not None}
