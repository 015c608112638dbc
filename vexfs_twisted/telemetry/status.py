"""The status of the server, collected from its components."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from attrs import frozen
from twisted.internet.defer import Deferred, gatherResults

from ..logs import LEVELS, level_in_use, set_level
from ..model.collection import CollectionInfo, CollectionInfoRequest
from ..model.errors import BadRequest, NotFound, Starting
from ..model.issues import Issue, SlowCall
from ..model.quotas import QuotaConfig, QuotaReport, QuotaUsage
from ..model.reads import Answer, ReadRequest
from ..model.status import DeviceStatus, GrpcStatus, ServerStats, StreamsStatus
from .anonymity import anonymized
from .document import ServerFacts, write_telemetry
from .performance import Performance
from .server_report import Reporter, ServerReport
from .slow_calls import SlowCalls


class _Listener(Protocol):
    """The part of the gRPC server that the status uses."""

    @property
    def address(self) -> str: ...
    @property
    def uptime(self) -> float: ...


class _Collections(Protocol):
    """The part of the storage that the status uses."""

    def collection_names(self) -> list[str]: ...
    def read(self, name: str, request: ReadRequest[Answer]) -> Deferred[Answer]: ...


class _Device(Protocol):
    """The part of the device's user that the status uses."""

    def status(self) -> DeviceStatus: ...
    def use(self, path: str | None) -> Deferred[DeviceStatus]: ...


class _Quotas(Protocol):
    """The part of the enforcement of quotas that the status uses."""

    @property
    def report(self) -> QuotaReport: ...
    async def usage(self) -> QuotaUsage: ...
    def change(self, config: QuotaConfig) -> Deferred[None]: ...


class Holdings:
    """The collections and the device of the server, for its status.

    `clock` returns seconds. Used in the reactor thread only.
    """

    def __init__(
        self, collections: _Collections, device: _Device, clock: Callable[[], float]
    ) -> None:
        self.device = device
        self._collections = collections
        self._clock = clock
        self._began = clock()

    @property
    def uptime(self) -> float:
        """The seconds since this object was created."""
        return self._clock() - self._began

    async def infos(self) -> Sequence[CollectionInfo]:
        """The descriptions of all collections that are open, and not deleted meanwhile."""
        names = self._collections.collection_names()
        asked = [Deferred.fromCoroutine(self._info(name)) for name in names]
        return [info for info in await gatherResults(asked) if info is not None]

    async def _info(self, name: str) -> CollectionInfo | None:
        try:
            return await self._collections.read(name, CollectionInfoRequest())
        except (NotFound, Starting):
            return None


@frozen
class StatusReport:
    """See ServerStatus. Used in the reactor thread only. `rpc` is None without a gRPC server.

    `metrics_prefix` begins the names of all metrics. `pass_on_level` has other processes of the
    server log from a level on.
    """

    rpc: _Listener | None
    performance: Performance
    streams: Callable[[], StreamsStatus]
    rate_limit: int
    holdings: Holdings
    readiness: Callable[[], bool]
    reporter: Reporter
    facts: ServerFacts
    metrics_prefix: str
    slowest: SlowCalls
    open_issues: Callable[[], Sequence[Issue]]
    forget_issues: Callable[[], object]
    enforced: _Quotas
    pass_on_level: Callable[[str], object]

    def is_ready(self) -> bool:
        """See ServerStatus."""
        return self.readiness()

    def grpc(self) -> GrpcStatus | None:
        """See ServerStatus."""
        if self.rpc is None:
            return None
        return GrpcStatus(
            address=self.rpc.address,
            uptime=self.rpc.uptime,
            calls=self.performance.figures("grpc"),
            streams=self.streams(),
            rate_limit=self.rate_limit,
        )

    async def stats(self) -> ServerStats:
        """See ServerStatus."""
        infos = await self.holdings.infos()
        return ServerStats(
            uptime=self.holdings.uptime,
            device=self.holdings.device.status(),
            collections=len(infos),
            points=sum(info.points_count for info in infos),
            segments=sum(info.segments_count for info in infos),
            operations={**self.performance.figures("rest"), **self.performance.figures("grpc")},
        )

    async def telemetry(
        self, names: Sequence[str], level: int, *, anonymize: bool, per_collection: bool
    ) -> bytes:
        """See ServerStatus."""
        reporter = self.reporter
        report = await reporter.report(names, per_collection=per_collection, level=level)
        if anonymize:
            report = anonymized(report)
        return await reporter.run_in_thread(write_telemetry, report, self.facts, level)

    async def metrics(
        self, names: Sequence[str], accept: str, *, anonymize: bool, per_collection: bool
    ) -> tuple[str, bytes]:
        """See ServerStatus."""
        reporter = self.reporter
        report = await reporter.report(names, per_collection=per_collection)
        if anonymize:
            report = anonymized(report)
        return await reporter.run_in_thread(_metrics, report, accept, self.metrics_prefix)

    def issues(self) -> Sequence[Issue]:
        """See ServerStatus."""
        return self.open_issues()

    def clear_issues(self) -> None:
        """See ServerStatus."""
        self.forget_issues()

    def slow_calls(self) -> Sequence[SlowCall]:
        """See ServerStatus."""
        return self.slowest.slowest()

    def log_level(self) -> str:
        """See ServerStatus."""
        return level_in_use()

    def set_log_level(self, level: str) -> None:
        """See ServerStatus."""
        known = LEVELS.get(level.lower())
        if known is None:
            raise BadRequest(f"unknown log level `{level}`, expected one of {', '.join(LEVELS)}")
        set_level(known)
        self.pass_on_level(known)

    async def quotas(self) -> tuple[QuotaReport, QuotaUsage]:
        """See ServerStatus."""
        usage = await self.enforced.usage()
        return self.enforced.report, usage

    async def set_quotas(self, config: QuotaConfig) -> None:
        """See ServerStatus."""
        await self.enforced.change(config)

    async def use_device(self, path: str | None) -> DeviceStatus:
        """See ServerStatus."""
        return await self.holdings.device.use(path)


def _metrics(report: ServerReport, accept: str, prefix: str) -> tuple[str, bytes]:
    """In a thread."""
    # Imported when a scraper comes: a start needs none of it.
    from .metrics import write_metrics

    return write_metrics(report, accept, prefix)
