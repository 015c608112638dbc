"""Metrics for Prometheus: a report of the server as text, in the format that a scraper accepts.

The names and labels of the first part are Qdrant's; those of what only this server has begin with
`vexfs_`. Everything is made of a report when it is scraped, in a thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, chain
from math import inf
from typing import Any, TypeVar

from attrs import asdict, frozen
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import (
    CONTENT_TYPE_PLAIN_0_0_4,
    choose_encoder,
    generate_latest,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from .. import QDRANT_VERSION, __version__
from ..model.collection_reports import CollectionReport
from ..model.distribution import Distribution
from ..model.quotas import QuotaExceeded
from .performance import ByMethod
from .server_report import WIRES, ServerReport

_TIMED = {"rest": "200", "grpc": "0"}
"""Durations are told of calls that have succeeded: others may end at once."""

Families = Iterator[Metric]

T = TypeVar("T")
ByLabels = Mapping[Any, T]
"""Values by the labels that each has, a tuple of texts."""


@frozen
class _Families(Collector):
    """The metrics of one report, as the library takes them."""

    report: ServerReport
    prefix: str

    def collect(self) -> Families:
        for family in _all_families(self.report):
            family.name = self.prefix + family.name
            for place, sample in enumerate(family.samples):
                family.samples[place] = sample._replace(name=self.prefix + sample.name)
            yield family


def write_metrics(report: ServerReport, accept: str, prefix: str = "") -> tuple[str, bytes]:
    """The type and the text of all metrics. Thread-safe.

    `accept` is the header of the scraper; `prefix` begins all names.
    """
    families = _Families(report, prefix)
    try:
        encode, content_type = choose_encoder(accept)
        return content_type, encode(families)
    except (TypeError, ValueError):
        # The version that is asked for is none.
        return CONTENT_TYPE_PLAIN_0_0_4, generate_latest(families)


def _all_families(report: ServerReport) -> Families:
    return chain(
        _app(report),
        _collections(report.collections),
        _snapshots(report),
        *(_calls(report, wire) for wire in WIRES),
        _quotas(report.quotas.exceeded),
        _process(report),
        _queues(report),
        _work(report),
        _memory(report),
        _device(report),
    )


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _gauges(name: str, text: str, labels: Sequence[str], values: ByLabels[float]) -> Metric:
    return _filled(GaugeMetricFamily(name, text, labels=labels), values)


def _counters(name: str, text: str, labels: Sequence[str], values: ByLabels[float]) -> Metric:
    return _filled(CounterMetricFamily(name, text, labels=labels), values)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, values: ByLabels[float]) -> Metric:
    for own, value in values.items():
        family.add_metric(own, value)
    return family


def _histogram(
    name: str, text: str, labels: Sequence[str], values: ByLabels[Distribution]
) -> Metric:
    family = HistogramMetricFamily(name, text, labels=labels)
    for own, value in values.items():
        bounds = map(floatToGoString, (*value.bounds, inf))
        counts = accumulate(value.buckets)
        family.add_metric(own, list(zip(bounds, counts, strict=True)), value.total)
    return family


def _app(report: ServerReport) -> Families:
    yield _gauges(
        "app_info",
        "information about qdrant server",
        ["name", "version"],
        {("qdrant", QDRANT_VERSION): 1},
    )
    yield _gauge("app_status_recovery_mode", "is recovery mode enabled", 0)
    yield _gauge("cluster_enabled", "is cluster support enabled", 0)
    yield _gauges("vexfs_app_info", "The version of this server", ["version"], {(__version__,): 1})
    yield _gauge("vexfs_uptime_seconds", "Seconds since the server was started", report.uptime)
    yield _gauge("collections_total", "number of collections", report.total)


def _collections(reports: Sequence[CollectionReport]) -> Families:
    vectors = [(own.name, name, counts) for own in reports for name, counts in own.vectors.items()]
    each = [((own.name,), own) for own in reports]
    yield _gauge(
        "collections_vector_total",
        "total number of vectors in all collections",
        sum(counts.count for _, _, counts in vectors),
    )
    yield _gauges(
        "collection_points",
        "number of points per collection",
        ["id"],
        {key: own.points for key, own in each},
    )
    # Releases of Qdrant name the collection by either label.
    yield _gauges(
        "collection_vectors",
        "number of vectors in a collection, grouped by vector name",
        ["collection", "id", "vector"],
        {(own, own, name): counts.count for own, name, counts in vectors},
    )
    yield _gauges(
        "collection_indexed_only_excluded_points",
        "number of vectors that searches with indexed_only leave out",
        ["id", "vector"],
        {(own, name): counts.unsearched for own, name, counts in vectors if counts.unsearched},
    )
    yield _gauge("collection_active_replicas_min", "minimum number of active replicas", 1)
    yield _gauge("collection_active_replicas_max", "maximum number of active replicas", 1)
    yield _gauge("collection_dead_replicas", "total amount of replicas that are not active", 0)
    yield _gauges(
        "collection_running_optimizations",
        "number of currently running optimization tasks per collection",
        ["id"],
        {key: int(own.is_optimizing) for key, own in each},
    )
    yield _gauges(
        "collection_update_queue_length",
        "number of pending operations per collection",
        ["id"],
        {key: own.update_queue for key, own in each},
    )
    for direction in ("incoming", "outgoing"):
        yield _gauges(
            f"collection_shard_transfer_{direction}",
            f"{direction} shard transfers currently running",
            ["id"],
            {key: 0 for key, _ in each},
        )
    yield _gauges(
        "vexfs_collection_indexed_vectors",
        "Vectors that are in a graph",
        ["id", "vector"],
        {(own, name): counts.indexed for own, name, counts in vectors},
    )
    yield _gauges(
        "vexfs_collection_vectors_size_bytes",
        "Bytes of the vectors as they are stored",
        ["id", "vector"],
        {(own, name): counts.size for own, name, counts in vectors},
    )
    yield _gauges(
        "vexfs_collection_segments",
        "Segments of a collection",
        ["id"],
        {key: own.segments for key, own in each},
    )
    yield _gauges(
        "vexfs_collection_damages",
        "Places of a collection where data was found damaged",
        ["id"],
        {key: own.damages for key, own in each},
    )
    yield _gauges(
        "vexfs_collection_status",
        "1 for the status that a collection has",
        ["id", "status"],
        {(own.name, own.status.value): 1 for own in reports},
    )


def _snapshots(report: ServerReport) -> Families:
    told = report.snapshots
    names = [own.name for own in report.collections]
    for name, text, values in (
        ("snapshot_creation_running", "snapshots that are being created", told.running),
        ("snapshot_recovery_running", "snapshots that are being recovered", told.restoring),
    ):
        known = {(own,): value for own, value in values.items() if own}
        yield _gauges(name, text, ["id"], {(own,): 0 for own in names} | known)
    taken = {(own,): value for own, value in told.taken.items() if own}
    yield _counters(
        "snapshot_created",
        "total amount of snapshots created",
        ["id"],
        {(own,): 0 for own in names} | taken,
    )


def _calls(report: ServerReport, wire: str) -> Families:
    """The metrics of the calls of a protocol, of all together or by collection."""
    labels = ["endpoint", "status"] if wire == "grpc" else ["method", "endpoint", "status"]
    if report.calls_of is None:
        each = _by_labels(report.calls[wire], wire)
    else:
        labels = [*labels, "collection"]
        each = {
            (*key, name): own
            for name, calls in report.calls_of[wire].items()
            for key, own in _by_labels(calls, wire).items()
        }
    status = labels.index("status")
    timed = {key: own for key, own in each.items() if key[status] == _TIMED[wire]}
    yield _counters(
        f"{wire}_responses",
        "total number of responses",
        labels,
        {key: own.count for key, own in each.items()},
    )
    for name, text, value in (
        ("avg", "average response duration", lambda own: own.average),
        ("min", "minimum response duration", lambda own: own.least),
        ("max", "maximum response duration", lambda own: own.most),
    ):
        yield _gauges(
            f"{wire}_responses_{name}_duration_seconds",
            text,
            labels,
            {key: value(own) for key, own in timed.items()},
        )
    yield _histogram(
        f"{wire}_responses_duration_seconds", "response duration histogram", labels, timed
    )


def _by_labels(calls: ByMethod, wire: str) -> dict[tuple[str, ...], Distribution]:
    found: dict[tuple[str, ...], Distribution] = {}
    for method, by_status in calls.items():
        for status, own in by_status.items():
            if wire == "grpc":
                found[f"/{method}", status] = own
            else:
                verb, _, path = method.rpartition(" ")
                found[verb, path, status] = own
    return found


def _quotas(exceeded: QuotaExceeded) -> Families:
    flags = {(name,): int(flag) for name, flag in asdict(exceeded).items() if flag is not None}
    if flags:
        text = "whether updates are refused since the resource has reached its quota"
        yield _gauges("quota_exceeded", text, ["resource"], flags)


def _process(report: ServerReport) -> Families:
    own = report.process
    for name, text, value in (
        ("active", "bytes in pages that the allocator has for the application", own.active),
        ("allocated", "bytes that the application has allocated", own.allocated),
        ("metadata", "bytes that the allocator uses itself", own.metadata),
        ("resident", "bytes of the process in physical memory", own.resident),
        ("retained", "bytes that the allocator keeps for later", own.retained),
    ):
        yield _gauge(f"memory_{name}_bytes", text, value)
    audit = report.audit
    if audit is not None:
        yield _gauge("audit_log_dir_size_bytes", "size of the audit log directory", audit.size)
        yield CounterMetricFamily(
            "vexfs_audit_lost_lines", "Lines of the audit log not written", value=audit.lost
        )
    for name, text, value in (
        ("process_threads", "count of active threads", own.threads),
        ("process_open_mmaps", "count of open mmaps", own.maps),
        ("system_max_mmaps", "system wide limit of open mmaps", own.most_maps),
        ("process_open_fds", "count of currently open file descriptors", own.descriptors),
        ("process_max_fds", "limit for open file descriptors", own.most_descriptors),
    ):
        yield _gauge(name, text, value)
    faults = {"minor": own.minor_faults, "major": own.major_faults}
    for name, value in faults.items():
        yield CounterMetricFamily(
            f"process_{name}_page_faults", f"count of {name} page faults", value=value
        )
    processes = {1: own, **report.processes}
    yield _gauges(
        "vexfs_process_resident_bytes",
        "Physical memory of each process; 1 is the one that writes",
        ["process"],
        {(str(number),): process.resident for number, process in processes.items()},
    )
    yield _counters(
        "vexfs_process_cpu_seconds",
        "Processor time of each process; 1 is the one that writes",
        ["process"],
        {(str(number),): process.cpu for number, process in processes.items()},
    )


def _queues(report: ServerReport) -> Families:
    queues = report.storage.queues
    yield _gauges(
        "vexfs_queue_waiting_calls",
        "Calls that wait for a thread",
        ["queue"],
        {(name,): own.waiting for name, own in queues.items()},
    )
    yield _gauges(
        "vexfs_queue_threads",
        "Threads that take calls from a queue",
        ["queue"],
        {(name,): own.threads for name, own in queues.items()},
    )


def _work(report: ServerReport) -> Families:
    storage = report.storage
    for name, text, distribution in (
        ("commit_duration_seconds", "Duration of group commits", storage.commits),
        ("commit_commands", "Commands that were committed together", storage.commit_sizes),
        ("read_batch_reads", "Reads that were answered together", storage.read_sizes),
        ("event_loop_lag_seconds", "How late the event loop calls what is due", report.loop_lag),
    ):
        yield _histogram(f"vexfs_{name}", text, [], {(): distribution})
    yield _gauge(
        "vexfs_event_loop_lag_max_seconds",
        "The longest lag of the event loop",
        report.loop_lag.most,
    )


def _memory(report: ServerReport) -> Families:
    budgets = report.budgets.items()
    for name, text, values in (
        ("used_bytes", "Memory that is held", {key: own.used for key, own in budgets}),
        ("limit_bytes", "Memory that may be held", {key: own.limit for key, own in budgets}),
        ("waiting", "Calls that wait for memory", {key: own.waiting for key, own in budgets}),
    ):
        by_label = {(key,): value for key, value in values.items()}
        yield _gauges(f"vexfs_memory_budget_{name}", text, ["budget"], by_label)
    streams = report.streams
    yield _gauge("vexfs_streams_open", "Streams that are open", streams.open_streams)
    yield _gauge("vexfs_streams_max", "Streams that may be open", streams.max_streams)
    yield _gauges(
        "vexfs_stream_calls_open",
        "Streams that are open, by method, in all processes",
        ["endpoint"],
        {(f"/{method}",): count for method, count in report.open_streams.items()},
    )


def _device(report: ServerReport) -> Families:
    device = report.device
    attached = {(device.path,): int(device.attached)} if device.path is not None else {}
    sound = {(device.path,): int(bool(device.is_sound))} if device.path is not None else {}
    yield _gauges("vexfs_device_attached", "Whether searches use the device", ["path"], attached)
    yield _gauges("vexfs_device_sound", "Whether no fault of the device is known", ["path"], sound)
    yield _gauge("vexfs_device_files", "Vector files on the device", device.files)
    yield _gauge("vexfs_device_vectors", "Vectors on the device", device.vectors)
    yield _gauge(
        "vexfs_device_waiting_rows", "Rows that have yet to be sent to the device", device.waiting
    )
    calls = device.calls.items()
    yield _counters(
        "vexfs_device_calls",
        "Calls of the device",
        ["kind"],
        {(kind,): own.count for kind, own in calls},
    )
    yield _counters(
        "vexfs_device_call_errors",
        "Calls of the device that failed",
        ["kind"],
        {(kind,): own.errors for kind, own in calls},
    )
    yield _gauges(
        "vexfs_device_call_duration_seconds",
        "Quantiles of the durations of the last calls of the device",
        ["kind", "quantile"],
        {
            (kind, quantile): value
            for kind, own in calls
            for quantile, value in (("0.5", own.p50), ("0.99", own.p99))
        },
    )
