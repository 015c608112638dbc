"""The server's settings: one typed value, read from the command line, the environment and a file.

Precedence: the command line, then the environment, then the file, then the default. Keys are
Qdrant's (`service.http_port`). Keys that are not used here cause a warning and no error, so that a
Qdrant configuration file can be used unchanged. An invalid value raises ConfigError with one line
that names its origin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import attrs
from attrs import frozen

from .jsonform.collections import read_create_collection
from .logs import LEVELS
from .model.collection import CollectionConfig, new_config
from .model.collection_params import HnswConfigDiff, OptimizersConfigDiff, WalConfigDiff
from .model.errors import DomainError, FormatError
from .model.quotas import QuotaConfig
from .model.validation import find_problems
from .settings import (
    ConfigError,
    FoundSetting,
    Setting,
    address,
    files_and_names,
    flag,
    from_environment,
    from_file,
    lines,
    list_of,
    metric_prefix,
    number,
    one_of,
    or_none,
    scalar,
    secret,
    text,
    whole_number,
)
from .unused_settings import notices

MEBIBYTE = 1024 * 1024
MAX_PORT = 65535
MAX_RATE = 1_000_000_000
MAX_STOP_GRACE_S = 3600
MAX_PROCESSES = 16
"""Each process keeps some of the slots for readers that a collection has."""


_SNAPSHOTS = "storage.snapshots_config"
_S3 = f"{_SNAPSHOTS}.s3_config"
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
            f"{_SNAPSHOTS}.snapshots_storage",
            one_of({"local": "local", "s3": "s3"}),
            help="where snapshots are kept: in a folder, or in a bucket of S3-compatible storage",
        ),
    )
    s3_bucket: str | None = _setting(
        None, Setting(f"{_S3}.bucket", text, help="name of the bucket")
    )
    s3_region: str | None = _setting(
        None, Setting(f"{_S3}.region", text, help="region of the bucket")
    )
    s3_access_key: str | None = _setting(
        None,
        Setting(
            f"{_S3}.access_key",
            secret,
            help="name of the key to the bucket (default: the environment's or machine's)",
        ),
        is_secret=True,
    )
    s3_secret_key: str | None = _setting(
        None, Setting(f"{_S3}.secret_key", secret, help="the key to the bucket"), is_secret=True
    )
    s3_endpoint_url: str | None = _setting(
        None,
        Setting(
            f"{_S3}.endpoint_url", text, help="URL of the storage, where it is not that of AWS"
        ),
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


def collection_settings() -> Iterable[tuple[str, Any]]:
    """The key of each default of new collections, and its value where nothing sets it."""
    defaults = CollectionConfig()
    yield "storage.on_disk_payload", defaults.params.on_disk_payload
    parts = defaults.hnsw_config, defaults.optimizer_config, defaults.wal_config
    for (section, (_, kind)), values in zip(_SECTIONS.items(), parts, strict=True):
        for field in attrs.fields(kind):
            yield f"{section}.{field.name}", getattr(values, field.name)


def load_config(
    options: Mapping[str, str],
    environment: Mapping[str, str],
    config_path: str | None = None,
) -> Config:
    """Merge the settings of the command line, the environment and the file.

    `options` maps the names of command line options to the values given. Reads the file, if any.
    """
    found = {
        **(from_file(config_path) if config_path is not None else {}),
        **_from_environment(environment),
        **_from_options(options),
    }
    values: dict[str, Any] = {}
    for name, setting, _ in settings():
        given = found.get(setting.key)
        if given is None or (given.value is None and not setting.nullable):
            continue
        try:
            values[name] = setting.parse(given.value)
        except ValueError as error:
            raise ConfigError(f"{given.origin}: {error}") from None
    config = Config(
        **values,
        collections=_collection_defaults(found),
        notices=tuple(notices(found, _used_keys())),
    )
    if config.rest_endpoints and config.processes > 1:
        origin = found["vexfs.rest_endpoints"].origin
        raise ConfigError(f"{origin}: endpoints are not shared by several processes")
    if config.verify_client_certificate and not config.enable_tls:
        origin = found["service.verify_https_client_certificate"].origin
        raise ConfigError(f"{origin}: without service.enable_tls there are no certificates")
    _check_bucket(config, found)
    if config.jwt_rbac and config.api_key is None and config.alt_api_key is None:
        origin = found["service.jwt_rbac"].origin
        raise ConfigError(f"{origin}: without service.api_key nothing can sign a token")
    if config.require_device and config.device is None:
        origin = found["vexfs.require_device"].origin
        raise ConfigError(f"{origin}: no device is given that could be required")
    return config


def _check_bucket(config: Config, found: Mapping[str, FoundSetting]) -> None:
    """Raise ConfigError unless the settings of the storage of snapshots go together."""
    if config.snapshots_storage == "local":
        return
    origin = found[f"{_SNAPSHOTS}.snapshots_storage"].origin
    if config.s3_bucket is None:
        raise ConfigError(f"{origin}: s3 needs a {_S3}.bucket")
    if (config.s3_access_key is None) != (config.s3_secret_key is None):
        raise ConfigError(f"{origin}: s3 needs an access_key and a secret_key, or neither")
    if config.incremental_snapshots:
        asked = found["vexfs.incremental_snapshots"].origin
        raise ConfigError(f"{asked}: snapshots are stored in parts in folders only, not in s3")
    if find_spec("obstore") is None:
        raise ConfigError(f"{origin}: s3 needs obstore: pip install 'vexfs-qdrant[s3]'")


def _used_keys() -> frozenset[str]:
    """Every key that is read, including those of collection defaults."""
    keys = {setting.key for _, setting, _ in settings()}
    keys.add("storage.on_disk_payload")
    for section, (_, kind) in _SECTIONS.items():
        names = [field.name for field in attrs.fields(kind)]
        keys.update(f"{section}.{name}" for name in names)
        keys.update(f"{section}.{name}{_UNIT}" for name in names if name.endswith(_MEASURED))
    return frozenset(keys)


def _from_options(options: Mapping[str, str]) -> dict[str, FoundSetting]:
    keys = {setting.option: setting.key for _, setting, _ in settings()}
    return {keys[name]: FoundSetting(value, f"--{name}") for name, value in options.items()}


def _from_environment(environment: Mapping[str, str]) -> dict[str, FoundSetting]:
    """Values by key; a variable of the older adapter takes precedence over one of Qdrant's."""
    found = from_environment(environment)
    for _, setting, _ in settings():
        for variable in setting.variables:
            if environment.get(variable):
                found[setting.key] = FoundSetting(environment[variable], variable)
    return found


_SECTIONS: Mapping[str, tuple[str, type[attrs.AttrsInstance]]] = {
    "storage.hnsw_index": ("hnsw_config", HnswConfigDiff),
    "storage.optimizers": ("optimizers_config", OptimizersConfigDiff),
    "storage.wal": ("wal_config", WalConfigDiff),
}
"""For each section: the field of a create-collection request it maps to, and its type."""

# Qdrant's own file has the unit in the names of the thresholds.
_UNIT = "_kb"
_MEASURED = ("_threshold", "_size")


def _collection_defaults(found: Mapping[str, FoundSetting]) -> CollectionConfig:
    """The defaults of a new collection: Qdrant's, overridden by those that are set."""
    request: dict[str, Any] = {"vectors": {}}
    for key, given in found.items():
        section, _, name = key.rpartition(".")
        if key == "storage.on_disk_payload":
            request["on_disk_payload"] = scalar(given.value)
        elif section in _SECTIONS:
            part, _ = _SECTIONS[section]
            request.setdefault(part, {})[name.removesuffix(_UNIT)] = scalar(given.value)
    try:
        wanted = read_create_collection(request)
        for problem in find_problems(wanted):
            _complain(problem.path, problem.text)
        return new_config(wanted, CollectionConfig())
    except FormatError as error:
        where, _, complaint = error.message.removeprefix(FormatError.prefix).partition(": ")
        _complain(where, complaint)
    except DomainError as error:
        raise ConfigError(f"storage: {error.message}") from None


def _complain(where: str, complaint: str) -> NoReturn:
    """Raise ConfigError with the key in the file for `where`, a field of a request."""
    for section, (field, _) in _SECTIONS.items():
        where = where.replace(field, section)
    raise ConfigError(f"{where}: {complaint}")
