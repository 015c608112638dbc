"""Spans for OpenTelemetry, made of the traces of calls after their end, in a thread.

The library is an extra, `vexfs-qdrant[otel]`, and imported when spans are wanted. Where they go is
configured by its environment variables, such as OTEL_EXPORTER_OTLP_ENDPOINT, and so are sampling
and the names of resources; OTEL_SERVICE_NAME is `vexfs-qdrant` unless it is set.
"""

from __future__ import annotations

from queue import SimpleQueue
from threading import Thread
from time import time_ns
from typing import Any, NamedTuple

from twisted.application.service import Service

from ..logs import get_logger
from ..middleware import CANCELLED, OK, CallInfo
from ..model.errors import NotSupported
from ..model.trace import Trace, enable

log = get_logger("vexfs.tracing")

MOST_WAITING = 10_000
"""The most ended calls that wait for their spans; those of further calls are dropped."""

_PROPAGATED = ("traceparent", "tracestate")


class _EndedCall(NamedTuple):
    call: CallInfo
    trace: Trace
    outcome: str
    ended: int


class Tracing(Service):
    """The middleware that traces calls between startService and stopService. Thread-safe.

    `target` is `otlp`, or the path of a file that gets a line of JSON for each span.
    """

    name = "tracing"

    def __init__(self, target: str) -> None:
        self._target = target
        self._open: dict[int, Trace] = {}
        self._ended: SimpleQueue[_EndedCall | None] = SimpleQueue()
        self._dropped = 0
        self._provider: Any = None
        self._thread: Thread | None = None

    def startService(self) -> None:
        """Begin to trace. Raises NotSupported without the library, and OSError."""
        super().startService()
        try:
            self._provider = _provider(self._target)
        except ImportError as error:
            raise NotSupported(
                f"traces need the extra `otel`, see `pip install vexfs-qdrant[otel]`: {error}"
            ) from None
        enable()
        self._thread = Thread(target=self._work, name="tracing", daemon=True)
        self._thread.start()

    def stopService(self) -> None:
        """Trace no more calls, and export the spans of those that have ended."""
        super().stopService()
        enable(is_enabled=False)
        self._ended.put(None)
        if self._thread is not None:
            self._thread.join()
        if self._provider is not None:
            self._provider.shutdown()

    def trace_of(self, call: CallInfo) -> Trace | None:
        """The trace of a call that has begun and not ended."""
        return self._open.get(call.number)

    def before(self, call: CallInfo) -> None:
        """Begin the trace of a call."""
        self._open[call.number] = Trace()

    def after(self, call: CallInfo, outcome: str, seconds: float) -> None:
        """Queue the spans of a call that has ended."""
        trace = self._open.pop(call.number, None)
        if trace is None or not self.running:
            return
        if self._ended.qsize() < MOST_WAITING:
            self._ended.put(_EndedCall(call, trace, outcome, time_ns()))
            return
        if not self._dropped:
            log.warning("spans are dropped: more calls are made than can be traced")
        self._dropped += 1

    def _work(self) -> None:
        """In the thread."""
        tracer = self._provider.get_tracer("vexfs_twisted")
        while (ended := self._ended.get()) is not None:
            try:
                _write_spans(tracer, ended)
            except Exception as error:
                log.error("the spans of a call are lost", exc_info=error)


def _provider(target: str) -> Any:
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

    resource = Resource.create()
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        # Nobody has set a name.
        resource = resource.merge(Resource({SERVICE_NAME: "vexfs-qdrant"}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter: Any
    if target == "otlp":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter()
    else:
        file = open(target, "a", encoding="utf-8")  # noqa: SIM115 (closed with the process)
        exporter = ConsoleSpanExporter(out=file, formatter=_as_line)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _as_line(span: Any) -> str:
    return f"{span.to_json(indent=None)}\n"


def _write_spans(tracer: Any, ended: _EndedCall) -> None:
    from opentelemetry.trace import SpanKind, set_span_in_context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    from opentelemetry.trace.status import Status, StatusCode

    call, trace = ended.call, ended.trace
    headers = {name: value for name in _PROPAGATED if (value := call.header(name)) is not None}
    parent = TraceContextTextMapPropagator().extract(headers)
    span = tracer.start_span(
        call.kind.method,
        context=parent,
        kind=SpanKind.SERVER,
        attributes=_attributes(call, ended.outcome),
        start_time=trace.started,
    )
    within = set_span_in_context(span)
    for phase in trace.phases:
        part = tracer.start_span(phase.name, context=within, start_time=phase.started)
        part.end(phase.ended)
    if ended.outcome not in (OK, CANCELLED):
        span.set_status(Status(StatusCode.ERROR, ended.outcome))
    span.end(ended.ended)


def _attributes(call: CallInfo, outcome: str) -> dict[str, str]:
    attributes = {
        "client.address": call.peer,
        "vexfs.request_id": call.request_id,
        "vexfs.outcome": outcome,
    }
    if call.collection:
        attributes |= {"db.system.name": "qdrant", "db.collection.name": call.collection}
    if call.kind.wire == "grpc":
        return attributes | {"rpc.system": "grpc", "rpc.method": call.kind.method}
    verb, _, route = call.kind.method.rpartition(" ")
    return attributes | {"http.request.method": verb, "http.route": route}
