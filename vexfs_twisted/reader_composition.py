"""Composition root of a process that answers reads, and passes everything else on."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.application.service import IService

from .allocator import trim
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
from .engine.followed_catalog import FollowedCatalog
from .engine.native_library import load_faiss
from .grpc_web.opening import web_calls
from .lifecycle import (
    BACKLOG,
    ConcurrentService,
    PoolService,
    Preparation,
    SequentialService,
    SharedPortEndpoint,
)
from .middleware import MiddlewareChain
from .operations.service import Operations
from .processes.messages import Order
from .reloading import Reloader
from .rest.dependencies import Dependencies
from .rest.relaying import RelayingSite
from .rest.transport.relay import Relay
from .rest.transport.server import RestService
from .rpc.server import RpcService
from .storage.following import FollowingStorage
from .streaming.service import Streams
from .telemetry.performance import Performance
from .threadpool import WorkerPool
from .trimming import Trimming


def build_reader(order: Order, reactor: Any) -> tuple[SequentialService, Performance, Reloader]:
    """Construct what an order asks for, the statistics of its calls, and what changes settings."""
    config, call_in_reactor = order.config, reactor.callFromThread
    storage = FollowingStorage(FollowedCatalog(config.storage_path), call_in_reactor, reactor)
    codecs = WorkerPool("codec", CODEC_THREADS, call_in_reactor)
    trimming = Trimming(reactor, codecs.run, trim)
    streams = Streams(reactor, stream_settings_of(config), trimming.freed)
    operations = Operations(storage, reactor, streams, config.read_timeout_s)
    rest_reservations, rpc_reservations = reservations_of(config, trimming.freed, reactor)
    performance = Performance()
    tracing, audit = tracing_of(config), audit_log_of(config, order.number)
    interceptors = list(interceptors_of(config, tracing, None, performance, audit))
    chain = MiddlewareChain(interceptors)
    certificates = certificates_of(config, reactor, codecs.run)
    rpc = None
    rpc_settings = rpc_settings_of(config, certificates)
    if rpc_settings is not None:
        own = evolve(rpc_settings, shares_port=True)
        parts = call_in_reactor, chain, rpc_reservations
        rpc = RpcService(operations, own, *parts, writer=order.grpc_socket)
    web = None if rpc is None else web_calls(rpc.accept, web_context_of(config, reactor, codecs))
    needed = Dependencies(
        chain,
        reservations=rest_reservations,
        call_in_reactor=call_in_reactor,
        open_web_call=web,
    )
    relay = Relay(reactor, order.rest_socket)
    settings = rest_settings_of(config)
    site = RelayingSite(operations, settings, reactor, codecs.run, needed, relay)
    address = config.host, config.http_port
    endpoint = SharedPortEndpoint(reactor, *address, BACKLOG, is_first=False)
    before: list[IService] = [] if certificates is None else [certificates]
    wires: list[IService] = [RestService(with_tls(endpoint, certificates), site, reactor, settings)]
    if rpc is not None:
        wires.append(rpc)
    # No connection comes here before there is all that a call may need.
    prepared = Preparation(lambda: codecs.run(load_faiss))
    children: list[IService] = [own for own in (audit, tracing) if own is not None]
    children += [PoolService(codecs), trimming, prepared, storage, *before]
    children.append(ConcurrentService([*wires, streams]))
    reloader = Reloader(config, interceptors, certificates)
    return SequentialService(children), performance, reloader
