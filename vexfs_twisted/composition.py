"""Composition root of the server. Imports everything, so it is imported late."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from attrs import frozen
from twisted.application.service import IService
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, execute
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.interfaces import IAddress, IStreamServerEndpoint

from .allocator import trim
from .certificates import CertificateService
from .config import Config
from .configured import (
    CODEC_THREADS,
    audit_log_of,
    certificates_of,
    interceptors_of,
    reservations_of,
    rest_settings_of,
    rpc_settings_of,
    stream_settings_of,
    tracing_of,
    web_context_of,
    with_tls,
)
from .engine.catalog import Catalog
from .engine.commit_log import LogOf
from .engine.data_folder import DataFolder
from .engine.native_library import load_faiss
from .engine.quota_file import read_quota_file, write_quota_file
from .grpc_web.opening import web_calls
from .lifecycle import (
    BACKLOG,
    BeforeStop,
    ConcurrentService,
    PoolService,
    Preparation,
    SequentialService,
)
from .listening import EndpointError, SeveralEndpoints, adopted_endpoint, parsed_endpoint
from .middleware import Middleware, MiddlewareChain
from .model.server_report import MemoryBudget
from .operations.issues import Issues
from .operations.quotas import QuotaFile, Quotas, QuotaService
from .operations.service import Operations
from .readiness import Readiness
from .reloading import Reloader
from .rest.dependencies import Dependencies
from .rest.errors import status_of_outcome as rest_status_of
from .rest.site import ApiSite, make_site
from .rest.transport.server import RestService
from .rpc.errors import status_of_outcome as rpc_status_of
from .rpc.server import RpcService
from .rpc.settings import RpcSettings
from .snapshot_storage import snapshot_bucket
from .storage.counted_snapshots import CountedSnapshots
from .storage.mirror.mirror import Mirror
from .storage.mirror.service import MirrorService, open_vector_device
from .storage.read_pools import reader_threads
from .storage.service import StorageService
from .storage.snapshots import SnapshotService, StartSnapshots
from .streaming.service import Streams
from .telemetry.audit import AuditLog
from .telemetry.document import ServerFacts
from .telemetry.loop_lag import LoopLag
from .telemetry.performance import Performance
from .telemetry.server_report import Reporter, ReportSources
from .telemetry.slow_calls import SlowCalls
from .telemetry.status import Holdings, StatusReport
from .threadpool import CallInReactor, RunInThread, WorkerPool
from .trimming import Trimming

if TYPE_CHECKING:
    from .sharing import Sharing
    from .telemetry.tracing import Tracing


@frozen
class Components:
    """The root service of the server, and the services whose addresses are reported."""

    service: SequentialService
    rest: RestService
    rpc: RpcService | None
    certificates: CertificateService | None
    reloader: Reloader
    run_in_thread: RunInThread
    host: str

    def addresses(self) -> dict[str, str]:
        """The address of each protocol by name, once the service has started."""
        grpc = "off" if self.rpc is None else host_and_port(self.host, self.rpc.port)
        return {"rest": ", ".join(map(self._shown, self.rest.addresses())), "grpc": grpc}

    def _shown(self, address: IAddress) -> str:
        if isinstance(address, UNIXAddress):
            return f"unix:{os.fsdecode(address.name or b'')}"
        assert isinstance(address, IPv4Address | IPv6Address)
        scheme = "https" if self.certificates is not None else "http"
        return f"{scheme}://{host_and_port(address.host, address.port)}"


@frozen
class _Storage:
    """The engine behind its services, the operations on it, and the threads that decode."""

    codecs: WorkerPool
    trimming: Trimming
    catalog: Catalog
    service: StorageService
    device: MirrorService
    snapshots: SnapshotService
    counted: CountedSnapshots
    streams: Streams
    quotas: Quotas
    issues: Issues
    operations: Operations


@frozen
class _Calls:
    """The middleware of every call, and what is counted and logged."""

    performance: Performance
    lag: LoopLag
    readiness: Readiness
    slowest: SlowCalls
    tracing: Tracing | None
    audit: AuditLog | None
    interceptors: list[Middleware]

    @property
    def chain(self) -> MiddlewareChain:
        """All of it: readiness is the innermost, so who may not call is told that in any case."""
        return MiddlewareChain([*self.interceptors, self.readiness])


def build(config: Config, reactor: Any) -> Components:
    """Construct the components; nothing is opened before the service starts."""
    call_in_reactor: CallInReactor = reactor.callFromThread
    storage, calls = _storage(config, reactor), _calls(config, reactor)
    codecs, operations, chain = storage.codecs, storage.operations, calls.chain
    enforced = quota_service(config, storage.quotas, reactor, codecs.run)
    rest_reservations, rpc_reservations = reservations_of(config, storage.trimming.freed, reactor)
    certificates = certificates_of(config, reactor, codecs.run)
    rpc_settings = rpc_settings_of(config, certificates)
    sharing = _sharing(config, rpc_settings, reactor)
    if sharing is not None:
        rpc_settings = sharing.rpc_settings
    rpc = None
    if rpc_settings is not None:
        parts = call_in_reactor, chain, rpc_reservations
        rpc = RpcService(operations, rpc_settings, *parts, readiness=calls.readiness)
    site: ApiSite
    budgets = {
        "rest_answers": rest_reservations.budget.status,
        "grpc_answers": rpc_reservations.budget.status,
        "rest_bodies": lambda: site.bodies,
        "streams": lambda: storage.streams.memory,
    }
    status = _status(config, storage, calls, enforced, rpc, sharing, budgets)
    web = None if rpc is None else web_calls(rpc.accept, web_context_of(config, reactor, codecs))
    needed = Dependencies(chain, status, rest_reservations, call_in_reactor, web)
    site = make_site(operations, rest_settings_of(config), reactor, codecs.run, needed)
    endpoint = _endpoint(config, reactor) if sharing is None else sharing.endpoint()
    rest = RestService(with_tls(endpoint, certificates), site, reactor, site.settings)
    before: list[IService] = [] if certificates is None else [certificates]
    wires: list[IService] = [rest] if rpc is None else [rpc, rest]
    after: list[IService] = []
    if sharing is not None:
        inner = make_site(operations, sharing.rest_settings, reactor, codecs.run, needed)
        ended = partial(codecs.run, storage.catalog.clear_readers)
        sockets, more, after = sharing.services(rest, rpc, inner, calls.performance, ended)
        before.append(sockets)
        wires += more
    reload_others = None if sharing is None else sharing.reload
    reloader = Reloader(config, calls.interceptors, certificates, reload_others)
    service = SequentialService(list(_in_order(storage, calls, before, wires, enforced, after)))
    return Components(service, rest, rpc, certificates, reloader, codecs.run, config.host)


def _storage(config: Config, reactor: Any) -> _Storage:
    call_in_reactor: CallInReactor = reactor.callFromThread
    catalog = Catalog(config.storage_path, config.collections, log_of=_log_of(config))
    mirror = Mirror(catalog, open_vector_device)
    service = StorageService(catalog, call_in_reactor, reactor, mirror, opens_later=True)
    issues = Issues()
    service.figures.slow_s, service.figures.on_slow = config.slow_query_s, issues.slow_read
    device = MirrorService(
        mirror, call_in_reactor, config.device, config.require_device, config.device_directories
    )
    codecs = WorkerPool("codec", CODEC_THREADS, call_in_reactor)
    trimming = Trimming(reactor, codecs.run, trim)
    streams = Streams(reactor, stream_settings_of(config), trimming.freed)
    at_start = StartSnapshots(config.snapshots, config.storage_snapshot, config.force_snapshot)
    snapshots = SnapshotService(
        catalog,
        config.snapshots_folder,
        call_in_reactor,
        service.restored,
        at_start,
        is_incremental=config.incremental_snapshots,
        takes_urls=config.snapshot_urls,
        bucket=snapshot_bucket(config),
    )
    counted = CountedSnapshots(snapshots)
    quotas = Quotas(config.quotas)
    return _Storage(
        codecs,
        trimming,
        catalog,
        service,
        device,
        snapshots,
        counted,
        streams,
        quotas,
        issues,
        Operations(service, reactor, streams, config.read_timeout_s, counted, quotas),
    )


def _calls(config: Config, reactor: Any) -> _Calls:
    performance, slowest = Performance(), SlowCalls(config.slow_query_s)
    tracing, audit = tracing_of(config), audit_log_of(config)
    interceptors = list(interceptors_of(config, tracing, slowest, performance, audit))
    readiness, lag = Readiness(), LoopLag(reactor)
    return _Calls(performance, lag, readiness, slowest, tracing, audit, interceptors)


def _status(
    config: Config,
    storage: _Storage,
    calls: _Calls,
    enforced: QuotaService,
    rpc: RpcService | None,
    sharing: Sharing | None,
    budgets: Mapping[str, Callable[[], MemoryBudget]],
) -> StatusReport:
    """What the server tells of itself."""
    holdings = Holdings(storage.service, storage.device, monotonic)
    sources = ReportSources(
        uptime=lambda: holdings.uptime,
        storage=storage.service,
        performance=calls.performance,
        snapshots=lambda: storage.counted.status,
        budgets=budgets,
        streams=lambda: storage.streams.status,
        device=storage.device.status,
        loop_lag=lambda: calls.lag.distribution,
        statuses={"rest": rest_status_of, "grpc": rpc_status_of},
        audit=calls.audit,
        pids=dict if sharing is None else sharing.pids,
        quotas=lambda: storage.quotas.report,
    )
    return StatusReport(
        rpc,
        calls.performance,
        lambda: storage.streams.status,
        config.rate_limit,
        holdings,
        lambda: calls.readiness.is_ready,
        Reporter(sources, storage.codecs.run),
        ServerFacts(str(uuid4()), time(), config.storage_path, reader_threads(), config.jwt_rbac),
        config.metrics_prefix,
        calls.slowest,
        lambda: storage.issues.open(storage.service.payload_indexes),
        storage.issues.clear,
        enforced,
        _only_here if sharing is None else sharing.set_log_level,
    )


def _in_order(
    storage: _Storage,
    calls: _Calls,
    before: list[IService],
    wires: list[IService],
    enforced: QuotaService,
    after: list[IService],
) -> Iterator[IService]:
    """All services in the order of their start; the last to start is the first to stop.

    `before` are needed by those that listen, `wires`, and `after` are processes beside this one.
    """
    # The audit log tells of all calls, so it is the last to stop.
    yield from (own for own in (calls.audit, calls.tracing) if own is not None)
    yield from (PoolService(storage.codecs), storage.trimming, calls.lag, storage.service, *before)
    yield ConcurrentService([*wires, storage.streams])
    # Health is told from here on, and everything else once the catalog is open. Collections are
    # opened meanwhile, those that are asked for first.
    yield Preparation(lambda: Deferred.fromCoroutine(storage.service.open()))
    yield from (enforced, storage.snapshots, storage.device)
    yield Preparation(lambda: execute(calls.readiness.take_calls))
    yield Preparation(storage.service.open_collections, storage.service.leave_collections)
    yield Preparation(lambda: execute(calls.readiness.become_ready))
    yield from after
    # Calls are answered meanwhile, but the start is not over before there is what they may need.
    yield Preparation(lambda: storage.codecs.run(load_faiss))
    # Before the protocols wait for the calls in progress.
    yield BeforeStop(storage.service.end_turns)


def _only_here(level: str) -> None:
    """There is no other process to pass a level of the log on to."""


def quota_service(
    config: Config, quotas: Quotas, reactor: Any, run_in_thread: RunInThread
) -> QuotaService:
    """What has the quotas enforced, with those that are kept beside the catalog."""
    folder = DataFolder(Path(config.storage_path)).catalog_path
    file = QuotaFile(partial(read_quota_file, folder), partial(write_quota_file, folder))
    return QuotaService(quotas, file, config.storage_path, reactor, run_in_thread)


def _log_of(config: Config) -> LogOf | None:
    """The logs of commands; None if none are kept."""
    if config.command_log_path is None:
        return None
    # Most servers keep none, and have no use for the encodings.
    from .engine.command_logs import CommandLogs, LogLimits

    limits = LogLimits(config.command_log_bytes, config.command_log_s)
    return CommandLogs(Path(config.command_log_path), limits).of


def _endpoint(config: Config, reactor: Any) -> IStreamServerEndpoint:
    """Where REST listens. Raises EndpointError."""
    if config.rest_endpoints:
        return SeveralEndpoints([parsed_endpoint(reactor, text) for text in config.rest_endpoints])
    if config.inherited:
        return SeveralEndpoints([adopted_endpoint(reactor, one) for one in config.inherited])
    kind = TCP6ServerEndpoint if ":" in config.host else TCP4ServerEndpoint
    return kind(reactor, config.http_port, BACKLOG, config.host)


def _sharing(config: Config, rpc: RpcSettings | None, reactor: Any) -> Sharing | None:
    """What shares the ports with other processes; None if there are none."""
    if config.processes == 1:
        return None
    if config.inherited:
        raise EndpointError("sockets of a service manager are not shared by several processes")
    # Imported late: one process needs none of it.
    from .sharing import Sharing

    return Sharing(config, rest_settings_of(config), rpc, reactor)


def host_and_port(host: str, port: int) -> str:
    """`host:port` as in URLs: an IPv6 address is in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
