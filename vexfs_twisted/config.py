"""The server's settings as one typed value, with the key, the default and the range of each.

Keys are Qdrant's (`service.http_port`). `config_loader` says where values come from.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs
from attrs import frozen

from .logs import LEVELS
from .model.collection import CollectionConfig
from .model.quotas import QuotaConfig
from .settings import (
    Setting,
    address,
    files_and_names,
    flag,
    lines,
    list_of,
    metric_prefix,
    number,
    one_of,
    or_none,
    secret,
    text,
    whole_number,
)

MEBIBYTE = 1024 * 1024
MAX_PORT = 65535
MAX_RATE = 1_000_000_000
MAX_STOP_GRACE_S = 3600
MAX_PROCESSES = 16
"""Each process keeps some of the slots for readers that a collection has."""


SNAPSHOTS = "storage.snapshots_config"
S3 = f"{SNAPSHOTS}.s3_config"
_QUOTAS = "storage.quotas"
_PORT = whole_number(0, MAX_PORT)
_PERCENT = whole_number(1, 100)


def _setting(default: Any, setting: Setting, *, is_secret: bool = False) -> Any:
    return attrs.field(default=default, repr=not is_secret, metadata={"setting": setting})


@frozen
class Config:
    """The settings of one server. Port 0 lets the system choose; `grpc_port` None disables gRPC.

    Units of sizes and times are part of their names. `grpc_max_message_size` is in bytes, None for
    no limit. `device` None means no VexFS device. `verify_client_certificate`: clients must
    present a certificate that an authority in `tls_ca_cert` has signed, over both protocols; the
    files of TLS are read again every `tls_cert_ttl_s`. `collections` holds the defaults of a new
    collection for what its request leaves out. `inherited`: descriptors of sockets on which REST
    listens unless there are `rest_endpoints`. `notices` are lines about settings that were given
    and are not used.
    """

    host: str = _setting(
        "127.0.0.1",
        Setting("service.host", address, option="host", help="IP address to listen on"),
    )
    http_port: int = _setting(
        6333, Setting("service.http_port", _PORT, option="http-port", help="port of the REST API")
    )
    grpc_port: int | None = _setting(
        6334,
        Setting(
            "service.grpc_port",
            or_none(_PORT),
            ("API_GRPC_PORT",),
            option="grpc-port",
            help="port of the gRPC API, or 'none'",
            nullable=True,
        ),
    )
    rest_endpoints: tuple[str, ...] = _setting(
        (),
        Setting(
            "vexfs.rest_endpoints",
            lines,
            option="rest-endpoint",
            help="listen here for REST, rather than at host and port: unix:PATH, tcp:PORT, ...",
            is_repeated=True,
        ),
    )
    max_request_size_mb: int = _setting(
        32,
        Setting(
            "service.max_request_size_mb",
            whole_number(1),
            option="max-request-size-mb",
            help="largest REST body in MiB",
        ),
    )
    max_bodies_mb: int = _setting(
        256,
        Setting(
            "service.max_bodies_mb",
            whole_number(1),
            option="max-bodies-mb",
            help="what all REST bodies under way may hold together in MiB",
        ),
    )
    max_connections: int = _setting(
        4096,
        Setting(
            "service.max_connections",
            whole_number(1),
            option="max-connections",
            help="how many REST connections may be open at a time",
        ),
    )
    max_client_connections: int = _setting(
        1024,
        Setting(
            "service.max_client_connections",
            whole_number(1),
            option="max-client-connections",
            help="how many REST connections one address may have",
        ),
    )
    api_key: str | None = _setting(
        None,
        Setting(
            "service.api_key", secret, ("API_API_KEY",), help="the key that every call must carry"
        ),
        is_secret=True,
    )
    alt_api_key: str | None = _setting(
        None,
        Setting(
            "service.alt_api_key",
            secret,
            help="a second key of the same rights, so that keys can be changed one by one",
        ),
        is_secret=True,
    )
    read_only_api_key: str | None = _setting(
        None,
        Setting("service.read_only_api_key", secret, help="a key that reads and changes nothing"),
        is_secret=True,
    )
    jwt_rbac: bool = _setting(
        False,
        Setting("service.jwt_rbac", flag, help="take tokens that a key has signed as well"),
    )
    rate_limit: int = _setting(
        10_000,
        Setting(
            "service.rate_limit",
            whole_number(0, MAX_RATE),
            option="rate-limit",
            help="calls a second that one client may make, 0 for any number",
        ),
    )
    cors: bool = _setting(
        True,
        Setting("service.enable_cors", flag, help="let pages of other sites in a browser call"),
    )
    enable_tls: bool = _setting(
        False,
        Setting(
            "service.enable_tls",
            flag,
            option="enable-tls",
            help="serve REST and gRPC over TLS only",
            is_switch=True,
        ),
    )
    verify_client_certificate: bool = _setting(
        False,
        Setting(
            "service.verify_https_client_certificate",
            flag,
            help="with TLS, take clients with a certificate only, on both ports",
        ),
    )
    tls_cert: str = _setting(
        "./tls/cert.pem",
        Setting(
            "tls.cert",
            text,
            option="tls-cert",
            help="PEM file of the certificate, followed by those between it and its authority",
        ),
    )
    tls_key: str = _setting(
        "./tls/key.pem",
        Setting("tls.key", text, option="tls-key", help="PEM file of the certificate's key"),
    )
    tls_ca_cert: str = _setting(
        "./tls/cacert.pem",
        Setting("tls.ca_cert", text, help="PEM file of the authorities of clients' certificates"),
    )
    tls_cert_ttl_s: int | None = _setting(
        3600,
        Setting(
            "tls.cert_ttl",
            or_none(whole_number(1)),
            help="seconds after which certificates are read again",
            nullable=True,
        ),
    )
    slow_query_s: float = _setting(
        1.2,
        Setting(
            "service.slow_query_secs",
            number(0.0),
            help="seconds from which on /profiler/slow_requests and /issues tell of a call",
        ),
    )
    metrics_prefix: str = _setting(
        "",
        Setting(
            "service.metrics_prefix",
            metric_prefix,
            option="metrics-prefix",
            help="what the names of all metrics begin with",
        ),
    )
    gzip: bool = _setting(
        False,
        Setting(
            "vexfs.gzip",
            flag,
            ("VEXFS_GZIP",),
            option="gzip",
            help="compress large answers for clients that accept it, which saves network, not time",
            is_switch=True,
        ),
    )
    grpc_max_message_size: int | None = _setting(
        512 * MEBIBYTE,
        Setting(
            "grpc.max_message_size",
            or_none(whole_number(1, 2**31 - 1)),
            ("API_GRPC_MAX_MESSAGE_SIZE",),
            option="grpc-max-message-size",
            help="largest gRPC message in bytes, or 'none'",
            nullable=True,
        ),
    )
    grpc_transport: str = _setting(
        "auto",
        Setting(
            "grpc.transport",
            one_of({"auto": "auto", "queue": "queue", "aio": "aio"}),
            ("VEXFS_GRPC_TRANSPORT",),
            help="what serves gRPC: grpcio's completion queue, its asyncio server, or auto: "
            "the queue where it proves sound at the start",
        ),
    )
    grpc_keepalive_time_ms: int = _setting(
        30000,
        Setting(
            "grpc.keepalive_time_ms",
            whole_number(1),
            ("API_GRPC_KEEPALIVE_TIME",),
            help="milliseconds without traffic after which a client is asked for a sign of life",
        ),
    )
    grpc_keepalive_timeout_ms: int = _setting(
        5000,
        Setting(
            "grpc.keepalive_timeout_ms",
            whole_number(1),
            ("API_GRPC_KEEPALIVE_TIMEOUT",),
            help="milliseconds after which a connection without a sign of life is closed",
        ),
    )
    stream_batch_points: int = _setting(
        100,
        Setting(
            "streaming.batch_points",
            whole_number(1, 10_000),
            option="stream-batch-points",
            help="most points of a message of a stream",
        ),
    )
    stream_memory_mb: int = _setting(
        100,
        Setting(
            "streaming.memory_mb",
            whole_number(1),
            option="stream-memory-mb",
            help="what all streams together may hold in MiB, and as much all other answers",
        ),
    )
    max_streams: int = _setting(
        100,
        Setting(
            "streaming.max_streams",
            whole_number(1, 400),
            option="max-streams",
            help="how many streams may be open at a time",
        ),
    )
    storage_path: str = _setting(
        "./vexfs-data",
        Setting(
            "storage.storage_path",
            text,
            option="storage-path",
            help="folder that holds the data; it is made when missing",
        ),
    )
    snapshots_path: str | None = _setting(
        None,
        Setting(
            "storage.snapshots_path",
            text,
            option="snapshots-path",
            help="folder that holds the snapshots (default: snapshots in the folder of the data)",
        ),
    )
    snapshots_storage: str = _setting(
        "local",
        Setting(
            f"{SNAPSHOTS}.snapshots_storage",
            one_of({"local": "local", "s3": "s3"}),
            help="where snapshots are kept: in a folder, or in a bucket of S3-compatible storage",
        ),
    )
    s3_bucket: str | None = _setting(None, Setting(f"{S3}.bucket", text, help="name of the bucket"))
    s3_region: str | None = _setting(
        None, Setting(f"{S3}.region", text, help="region of the bucket")
    )
    s3_access_key: str | None = _setting(
        None,
        Setting(
            f"{S3}.access_key",
            secret,
            help="name of the key to the bucket (default: the environment's or machine's)",
        ),
        is_secret=True,
    )
    s3_secret_key: str | None = _setting(
        None, Setting(f"{S3}.secret_key", secret, help="the key to the bucket"), is_secret=True
    )
    s3_endpoint_url: str | None = _setting(
        None,
        Setting(f"{S3}.endpoint_url", text, help="URL of the storage, where it is not that of AWS"),
    )
    snapshot_urls: bool = _setting(
        True,
        Setting(
            "service.enable_snapshot_url_recovery",
            flag,
            help="fetch snapshots from the URLs that clients name",
        ),
    )
    incremental_snapshots: bool = _setting(
        False,
        Setting(
            "vexfs.incremental_snapshots",
            flag,
            ("VEXFS_INCREMENTAL_SNAPSHOTS",),
            option="incremental-snapshots",
            help="store of a new snapshot only what the one before has not",
            is_switch=True,
        ),
    )
    snapshots: tuple[tuple[str, str], ...] = _setting(
        (),
        Setting(
            "vexfs.snapshots",
            files_and_names,
            option="snapshot",
            help="restore the snapshot in FILE as COLLECTION at the start: FILE:COLLECTION",
            is_repeated=True,
        ),
    )
    storage_snapshot: str | None = _setting(
        None,
        Setting(
            "vexfs.storage_snapshot",
            text,
            option="storage-snapshot",
            help="restore the snapshot of everything in this file at the start",
        ),
    )
    force_snapshot: bool = _setting(
        False,
        Setting(
            "vexfs.force_snapshot",
            flag,
            option="force-snapshot",
            help="let snapshots at the start replace collections that are there",
            is_switch=True,
        ),
    )
    command_log_path: str | None = _setting(
        None,
        Setting(
            "vexfs.command_log.path",
            text,
            ("VEXFS_COMMAND_LOG",),
            option="command-log",
            help="folder that keeps the commands of all collections (default: none are kept)",
        ),
    )
    command_log_mb: int = _setting(
        1024,
        Setting(
            "vexfs.command_log.mb",
            whole_number(8),
            option="command-log-mb",
            help="the most that is kept of the commands of a collection, in MiB",
        ),
    )
    command_log_days: int = _setting(
        7,
        Setting(
            "vexfs.command_log.days",
            whole_number(1),
            option="command-log-days",
            help="days for which commands are kept at most",
        ),
    )
    read_timeout_s: int = _setting(
        60,
        Setting(
            "storage.performance.search_timeout_sec",
            whole_number(1),
            option="read-timeout",
            help="seconds that a read may take whose client gives no time limit",
        ),
    )
    quotas_enabled: bool = _setting(
        False,
        Setting(f"{_QUOTAS}.enabled", flag, help="refuse what writes while a quota is exceeded"),
    )
    quota_memory: int | None = _setting(
        None,
        Setting(
            f"{_QUOTAS}.max_resident_memory_percent",
            _PERCENT,
            help="percent of the memory of the machine, or control group, that the process may use",
        ),
    )
    quota_disk: int | None = _setting(
        None,
        Setting(
            f"{_QUOTAS}.max_disk_usage_percent",
            _PERCENT,
            help="percent of the file system of the data that may be used",
        ),
    )
    quota_margin: int | None = _setting(
        None,
        Setting(
            f"{_QUOTAS}.release_margin_percent",
            whole_number(0, 100),
            help="points below a quota at which it is exceeded no more (default: 5)",
        ),
    )
    device: str | None = _setting(
        None,
        Setting(
            "vexfs.device",
            or_none(text),
            ("VEXFS_DEVICE",),
            option="device",
            help="VexFS device: the directory of a mount, a vector file or a device node",
            nullable=True,
        ),
    )
    require_device: bool = _setting(
        False,
        Setting(
            "vexfs.require_device",
            flag,
            ("VEXFS_REQUIRE_DEVICE",),
            option="require-device",
            help="do not start unless the VexFS device is sound",
            is_switch=True,
        ),
    )
    device_directories: tuple[str, ...] = _setting(
        (),
        Setting(
            "vexfs.device_directories",
            list_of(text),
            ("VEXFS_DEVICE_DIRECTORIES",),
            option="device-directories",
            help="directories, joined by colons, below which devices may be attached while running",
        ),
    )
    log_level: str = _setting(
        "info",
        Setting(
            "log_level",
            one_of(LEVELS),
            ("LOGGING_LEVEL",),
            option="log-level",
            help="least level to log: debug, info, warning or error",
        ),
    )
    log_format: str = _setting(
        "text",
        Setting(
            "logger.format",
            one_of({"text": "text", "json": "json"}),
            option="log-format",
            help="form of log lines: text or json",
        ),
    )
    log_calls: str = _setting(
        "debug",
        Setting(
            "logger.calls",
            one_of({"debug": "debug", "info": "info"}),
            option="log-calls",
            help="level at which calls that succeed are logged: debug or info",
        ),
    )
    audit_enabled: bool = _setting(
        False,
        Setting(
            "audit.enabled",
            flag,
            option="audit",
            help="keep an audit log of all calls",
            is_switch=True,
        ),
    )
    audit_dir: str = _setting(
        "./audit",
        Setting("audit.dir", text, option="audit-dir", help="folder of the audit log"),
    )
    audit_rotation: str = _setting(
        "daily",
        Setting(
            "audit.rotation",
            one_of({"daily": "daily", "hourly": "hourly"}),
            help="when a new file of the audit log begins",
        ),
    )
    audit_files: int = _setting(
        7,
        Setting(
            "audit.max_log_files", whole_number(1), help="files of the audit log that are kept"
        ),
    )
    audit_trusts_forwarded: bool = _setting(
        False,
        Setting(
            "audit.trust_forwarded_headers",
            flag,
            help="take addresses of clients from x-forwarded-for, in the audit log",
        ),
    )
    traces: str | None = _setting(
        None,
        Setting(
            "vexfs.traces",
            or_none(text),
            ("VEXFS_TRACES",),
            option="traces",
            help="where spans of calls go: otlp, or a file; needs the extra otel",
            nullable=True,
        ),
    )
    processes: int = _setting(
        1,
        Setting(
            "service.processes",
            whole_number(1, MAX_PROCESSES),
            ("VEXFS_PROCESSES",),
            option="processes",
            help="how many processes serve: one that writes, and others that share its reads",
        ),
    )
    stop_grace_s: int = _setting(
        10,
        Setting(
            "vexfs.stop_grace_sec",
            whole_number(1, MAX_STOP_GRACE_S),
            ("VEXFS_STOP_GRACE",),
            option="stop-grace",
            help="seconds that calls in progress get to finish when the server stops",
        ),
    )
    collections: CollectionConfig = CollectionConfig()
    inherited: tuple[int, ...] = attrs.field(default=(), eq=False)
    notices: tuple[str, ...] = attrs.field(default=(), eq=False)

    @property
    def snapshots_folder(self) -> Path:
        """The folder that holds the snapshots."""
        if self.snapshots_path is None:
            return Path(self.storage_path) / "snapshots"
        return Path(self.snapshots_path)

    @property
    def quotas(self) -> QuotaConfig:
        """The quotas that hold until a client sets others."""
        limits = self.quota_memory, self.quota_disk, self.quota_margin
        return QuotaConfig(self.quotas_enabled, *limits)

    @property
    def command_log_bytes(self) -> int:
        """The most bytes of the log of a collection."""
        return self.command_log_mb * MEBIBYTE

    @property
    def command_log_s(self) -> float:
        """Seconds for which commands are kept at most."""
        return self.command_log_days * 86_400.0

    @property
    def drain_s(self) -> float:
        """Seconds that calls in progress get in each process: readers stop before the first."""
        return self.stop_grace_s if self.processes == 1 else self.stop_grace_s / 2

    @property
    def api_keys(self) -> tuple[str, ...]:
        """The accepted API keys; if empty, calls need no key."""
        keys = (self.api_key, self.alt_api_key, self.read_only_api_key)
        return tuple(key for key in keys if key is not None)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What the log must not show."""
        s3_keys = (self.s3_access_key, self.s3_secret_key)
        return (*self.api_keys, *(key for key in s3_keys if key is not None))

    @property
    def max_request_size(self) -> int:
        """The largest REST body in bytes."""
        return self.max_request_size_mb * MEBIBYTE

    @property
    def max_bodies(self) -> int:
        """The memory limit of all REST request bodies in flight together, in bytes."""
        return self.max_bodies_mb * MEBIBYTE

    @property
    def stream_memory(self) -> int:
        """The memory limit of all streams together, in bytes."""
        return self.stream_memory_mb * MEBIBYTE


def settings() -> Iterable[tuple[str, Setting, Any]]:
    """Each field of `Config` with a single value: its name, its declaration, its default."""
    for field in attrs.fields(Config):
        if "setting" in field.metadata:
            yield field.name, field.metadata["setting"], field.default
