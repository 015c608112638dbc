"""Composition root of the server. Imports everything, so it is imported late."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from attrs import frozen
from twisted.application.service import IService, Service
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, execute
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.interfaces import IAddress, IStreamServerEndpoint

from .allocator import trim
from .certificates import (
    CertificateError,
    CertificateService,
    CertificateStore,
)
from .config import Config
from .engine.catalog import Catalog
from .engine.commit_log import LogOf
from .engine.data_folder import DataFolder
from .engine.native_library import load_faiss
from .engine.quota_file import read_quota_file, write_quota_file
from .file_limit import for_connections
from .grpc_web.call import WebContext
from .grpc_web.opening import web_calls
from .lifecycle import BACKLOG, ConcurrentService, SequentialService
from .listening import EndpointError, SeveralEndpoints, adopted_endpoint, parsed_endpoint
from .middleware import Middleware, MiddlewareChain
from .operations.issues import Issues
from .operations.quotas import QuotaFile, Quotas, QuotaService
from .operations.service import Operations
from .readiness import Readiness
from .reloading import Reloader, certificate_files, keys_of
from .rest.dependencies import Dependencies
from .rest.errors import status_of_outcome as rest_status_of
from .rest.settings import RestSettings
from .rest.site import ApiSite, make_site
from .rest.transport.server import RestService
from .rpc.errors import status_of_outcome as rpc_status_of
from .rpc.server import RpcService
from .rpc.settings import RpcSettings
from .security.authentication import Authentication
from .security.limits import RateLimit
from .security.local import LocalCallers
from .snapshot_storage import snapshot_bucket
from .storage.counted_snapshots import CountedSnapshots
from .storage.mirror.mirror import Mirror
from .storage.mirror.service import MirrorService, open_vector_device
from .storage.read_pools import reader_threads
from .storage.service import StorageService
from .storage.snapshots import SnapshotService, StartSnapshots
from .streaming.budget import ByteBudget
from .streaming.reservations import AnswerReservations
from .streaming.service import Streams
from .streaming.settings import StreamSettings
from .telemetry.audit import AuditLog, AuditSettings
from .telemetry.calllog import CallLog
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

CODEC_THREADS = 2

_STREAM_END_S = 1.0
"""Seconds before calls are broken off at which streams are, so that their clients are told why."""


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


def build(config: Config, reactor: Any) -> Components:
    """Construct the components; nothing is opened before the service starts."""
    call_in_reactor: CallInReactor = reactor.callFromThread
    catalog = Catalog(config.storage_path, config.collections, log_of=_log_of(config))
    mirror = Mirror(catalog, open_vector_device)
    storage = StorageService(catalog, call_in_reactor, reactor, mirror, opens_later=True)
    issues = Issues()
    storage.figures.slow_s, storage.figures.on_slow = config.slow_query_s, issues.slow_read
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
        storage.restored,
        at_start,
        is_incremental=config.incremental_snapshots,
        takes_urls=config.snapshot_urls,
        bucket=snapshot_bucket(config),
    )
    counted = CountedSnapshots(snapshots)
    quotas = Quotas(config.quotas)
    operations = Operations(storage, reactor, streams, config.read_timeout_s, counted, quotas)
    enforced = quota_service(config, quotas, reactor, codecs.run)
    # Half for each protocol, so that clients of one cannot starve those of the other.
    rest_reservations, rpc_reservations = (
        AnswerReservations(ByteBudget(config.stream_memory // 2, trimming.freed), reactor)
        for _ in range(2)
    )
    performance, readiness = Performance(), Readiness()
    tracing, audit = tracing_of(config), audit_log_of(config)
    slowest = SlowCalls(config.slow_query_s)
    interceptors = list(interceptors_of(config, tracing, slowest, performance, audit))
    # The innermost: who may not call is told so in any case.
    chain = MiddlewareChain([*interceptors, readiness])
    certificates = certificates_of(config, reactor, codecs.run)
    rpc_settings = rpc_settings_of(config, certificates)
    sharing = _sharing(config, rpc_settings, reactor)
    if sharing is not None:
        rpc_settings = sharing.rpc_settings
    rpc = None
    if rpc_settings is not None:
        parts = call_in_reactor, chain, rpc_reservations
        rpc = RpcService(operations, rpc_settings, *parts, readiness=readiness)
    holdings = Holdings(storage, device, monotonic)
    lag = LoopLag(reactor)
    site: ApiSite
    budgets = {
        "rest_answers": rest_reservations.budget.status,
        "grpc_answers": rpc_reservations.budget.status,
        "rest_bodies": lambda: site.bodies,
        "streams": lambda: streams.memory,
    }
    sources = ReportSources(
        uptime=lambda: holdings.uptime,
        storage=storage,
        performance=performance,
        snapshots=lambda: counted.status,
        budgets=budgets,
        streams=lambda: streams.status,
        device=device.status,
        loop_lag=lambda: lag.distribution,
        statuses={"rest": rest_status_of, "grpc": rpc_status_of},
        audit=audit,
        pids=dict if sharing is None else sharing.pids,
        quotas=lambda: quotas.report,
    )
    status = StatusReport(
        rpc,
        performance,
        lambda: streams.status,
        config.rate_limit,
        holdings,
        lambda: readiness.is_ready,
        Reporter(sources, codecs.run),
        ServerFacts(str(uuid4()), time(), config.storage_path, reader_threads(), config.jwt_rbac),
        config.metrics_prefix,
        slowest,
        lambda: issues.open(storage.payload_indexes),
        issues.clear,
        enforced,
        _only_here if sharing is None else sharing.set_log_level,
    )
    web = None if rpc is None else web_calls(rpc.accept, web_context_of(config, reactor, codecs))
    needed = Dependencies(chain, status, rest_reservations, call_in_reactor, web)
    site = make_site(operations, rest_settings_of(config), reactor, codecs.run, needed)
    endpoint = _endpoint(config, reactor) if sharing is None else sharing.endpoint()
    rest = RestService(with_tls(endpoint, certificates), site, reactor, site.settings)
    before: list[IService] = [] if certificates is None else [certificates]
    wires: list[IService] = [rest] if rpc is None else [rpc, rest]
    others: list[IService] = []
    if sharing is not None:
        inner = make_site(operations, sharing.rest_settings, reactor, codecs.run, needed)
        ended = partial(codecs.run, catalog.clear_readers)
        sockets, more, others = sharing.services(rest, rpc, inner, performance, ended)
        before.append(sockets)
        wires += more
    # The last to start is the first to stop; the audit log tells of all calls.
    children: list[IService] = [own for own in (audit, tracing) if own is not None]
    children += [PoolService(codecs), trimming, lag, storage, *before]
    children.append(ConcurrentService([*wires, streams]))
    # Health is told from here on, and everything else once the collections are open.
    children.append(Preparation(lambda: Deferred.fromCoroutine(storage.open())))
    ready = Preparation(lambda: execute(readiness.become_ready))
    children += [enforced, snapshots, device, ready, *others]
    # Calls are answered meanwhile, but the server is not ready before it has what they may need.
    children.append(Preparation(lambda: codecs.run(load_faiss)))
    # Before the protocols wait for the calls in progress.
    children.append(BeforeStop(storage.end_turns))
    reload_others = None if sharing is None else sharing.reload
    reloader = Reloader(config, interceptors, certificates, reload_others)
    service = SequentialService(children)
    return Components(service, rest, rpc, certificates, reloader, codecs.run, config.host)


def _only_here(level: str) -> None:
    """There is no other process to pass a level of the log on to."""


class PoolService(Service):
    """Runs a thread pool as a service."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    def startService(self) -> None:
        """Start the threads."""
        super().startService()
        self._pool.start()

    def stopService(self) -> Deferred[None]:
        """Fires when all accepted work is done and the threads have ended."""
        super().stopService()
        return self._pool.stop()


class Preparation(Service):
    """Prepares in a thread what calls need, which may fail the start."""

    def __init__(self, prepare: Callable[[], Deferred[None]]) -> None:
        self._prepare = prepare

    def startService(self) -> Deferred[None]:
        """Fires when all is prepared."""
        super().startService()
        return self._prepare()


class BeforeStop(Service):
    """Calls a function when the server begins to stop, as the service that was started last."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function

    def stopService(self) -> None:
        """Call it."""
        super().stopService()
        self._function()


def quota_service(
    config: Config, quotas: Quotas, reactor: Any, run_in_thread: RunInThread
) -> QuotaService:
    """What has the quotas enforced, with those that are kept beside the catalog."""
    folder = DataFolder(Path(config.storage_path)).catalog_path
    file = QuotaFile(partial(read_quota_file, folder), partial(write_quota_file, folder))
    return QuotaService(quotas, file, config.storage_path, reactor, run_in_thread)


def audit_log_of(config: Config, process: int = 1) -> AuditLog | None:
    """The audit log of a process, None if none is kept."""
    if not config.audit_enabled:
        return None
    settings = AuditSettings(
        config.audit_dir, config.audit_rotation, config.audit_files, config.audit_trusts_forwarded
    )
    return AuditLog(settings, process)


def tracing_of(config: Config) -> Tracing | None:
    """What traces calls, None if they are not traced."""
    if config.traces is None:
        return None
    # Imported late: most servers do without.
    from .telemetry.tracing import Tracing

    return Tracing(config.traces)


def interceptors_of(
    config: Config,
    tracing: Tracing | None,
    slowest: SlowCalls | None,
    performance: Performance,
    audit: AuditLog | None,
) -> Iterator[Middleware]:
    """The middleware of every call, the outermost first; disabled middleware is left out."""
    yield from (own for own in (tracing, slowest) if own is not None)
    yield CallLog(config.log_calls, monotonic)
    yield performance
    if audit is not None:
        yield audit
    yield Authentication(keys_of(config)) if config.api_keys else LocalCallers()
    if config.rate_limit:
        yield RateLimit(config.rate_limit, monotonic)


def rest_settings_of(config: Config) -> RestSettings:
    """The settings of the REST API."""
    return RestSettings(
        max_body_bytes=config.max_request_size,
        bodies_bytes=config.max_bodies,
        max_connections=min(config.max_connections, for_connections()),
        max_client_connections=config.max_client_connections,
        cors=config.cors,
        stop_grace=config.drain_s,
        gzip=config.gzip,
    )


def web_context_of(config: Config, reactor: Any, codecs: WorkerPool) -> WebContext:
    """What gRPC-Web calls share."""
    return WebContext(reactor, reactor.callFromThread, codecs.run, config.cors)


def _log_of(config: Config) -> LogOf | None:
    """The logs of commands; None if none are kept."""
    if config.command_log_path is None:
        return None
    # Most servers keep none, and have no use for the encodings.
    from .engine.command_logs import CommandLogs, LogLimits

    limits = LogLimits(config.command_log_bytes, config.command_log_s)
    return CommandLogs(Path(config.command_log_path), limits).of


def certificates_of(
    config: Config, reactor: Any, run_in_thread: RunInThread
) -> CertificateService | None:
    """What loads the certificates; None without TLS."""
    if not config.enable_tls:
        return None
    store = CertificateStore(certificate_files(config))
    return CertificateService(store, config.tls_cert_ttl_s, reactor, run_in_thread)


def with_tls(
    endpoint: IStreamServerEndpoint, certificates: CertificateService | None
) -> IStreamServerEndpoint:
    """The endpoint with TLS, if it is on. Raises CertificateError where its library is missing."""
    if certificates is None:
        return endpoint
    try:
        # Imported late: it imports OpenSSL.
        from .rest.transport.tls import TlsEndpoint
    except ImportError:
        missing = "TLS needs pyOpenSSL: install vexfs-qdrant with its extra `tls`"
        raise CertificateError(missing) from None

    return TlsEndpoint(endpoint, certificates.store)


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


def rpc_settings_of(config: Config, certificates: CertificateService | None) -> RpcSettings | None:
    """The settings of the gRPC server; None without one."""
    if config.grpc_port is None:
        return None
    return RpcSettings(
        host=config.host,
        port=config.grpc_port,
        max_message_size=config.grpc_max_message_size,
        keepalive_time_ms=config.grpc_keepalive_time_ms,
        keepalive_timeout_ms=config.grpc_keepalive_timeout_ms,
        transport=config.grpc_transport,
        stop_grace=config.drain_s,
        gzip=config.gzip,
        certificates=None if certificates is None else certificates.store,
    )


def stream_settings_of(config: Config) -> StreamSettings:
    """The settings of streams."""
    return StreamSettings(
        batch_points=config.stream_batch_points,
        budget_bytes=config.stream_memory,
        max_streams=config.max_streams,
        stop_grace=max(config.drain_s - _STREAM_END_S, config.drain_s / 2),
    )


def host_and_port(host: str, port: int) -> str:
    """`host:port` as in URLs: an IPv6 address is in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
