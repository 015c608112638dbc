"""Parts of a process as its configuration wants them: of the server, and of its readers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IStreamServerEndpoint

from .certificates import CertificateError, CertificateService, CertificateStore
from .config import Config
from .file_limit import for_connections
from .grpc_web.call import WebContext
from .middleware import Middleware
from .reloading import certificate_files, keys_of
from .rest.settings import RestSettings
from .rpc.settings import RpcSettings
from .security.authentication import Authentication
from .security.limits import RateLimit
from .security.local import LocalCallers
from .streaming.budget import ByteBudget
from .streaming.reservations import AnswerReservations
from .streaming.settings import StreamSettings
from .telemetry.audit import AuditLog, AuditSettings
from .telemetry.calllog import CallLog
from .telemetry.performance import Performance
from .telemetry.slow_calls import SlowCalls
from .threadpool import RunInThread, WorkerPool

if TYPE_CHECKING:
    from .telemetry.tracing import Tracing

CODEC_THREADS = 2

_STREAM_END_S = 1.0
"""Seconds before calls are broken off at which streams are, so that their clients are told why."""


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


def reservations_of(
    config: Config, freed: Callable[[int], object], reactor: Any
) -> tuple[AnswerReservations, AnswerReservations]:
    """The memory of answers over REST, and over gRPC.

    Half for each, so that clients of one protocol cannot starve those of the other.
    """
    half = config.stream_memory // 2
    rest, rpc = (AnswerReservations(ByteBudget(half, freed), reactor) for _ in range(2))
    return rest, rpc
