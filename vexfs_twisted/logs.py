"""One stream of log lines, as text or as JSON, from structlog, twisted.logger and logging alike.

Everything ends in twisted's publisher, so that twistd's own options about logs keep working:
`get_logger` gives structlog loggers that publish there, `begin` sends the records of the standard
library there too, and `stream_observer` writes what is published.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from threading import Lock
from typing import Any, TextIO, cast

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger
from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, formatEvent
from twisted.python.failure import Failure
from zope.interface import implementer

_FIELDS = "vexfs_fields"
_TWISTED_LEVELS = {
    "debug": LogLevel.debug,
    "info": LogLevel.info,
    "warning": LogLevel.warn,
    "error": LogLevel.error,
    "critical": LogLevel.critical,
}
_OUR_LEVELS = {level: name for name, level in _TWISTED_LEVELS.items()}
_TWISTED = ("twisted.", "log_legacy")
"""Who speaks under these names tells of each port and loop: notices for whoever looks for a fault.
"""

_RANKS = {name: rank for rank, name in enumerate(_TWISTED_LEVELS)}


class _Threshold:
    """The least rank of level that structlog's events need to be published at all."""

    rank = 0


class _Secrets:
    """What must not be written, whatever the line that it stands in."""

    pattern: re.Pattern[str] | None = None


def hide(secrets: Iterable[str]) -> None:
    """Write stars in place of these texts, and of whatever is called an API key in a query."""
    spelled = ["".join(map(_spellings, secret)) for secret in secrets]
    keys = [r"(?<=api-key=)[^&\s\"']+", r"(?<=api_key=)[^&\s\"']+"]
    _Secrets.pattern = re.compile("|".join(spelled + keys), re.IGNORECASE)


def _spellings(character: str) -> str:
    """A character as it is, as paths may spell it, and behind a backslash."""
    return rf"(?:\\?{re.escape(character)}|%{ord(character):02x})"


def _without_secrets(line: str) -> str:
    return line if _Secrets.pattern is None else _Secrets.pattern.sub("***", line)


hide(())


class _Tail:
    """The fields of an event as the end of a text line, put together only where text is written."""

    def __init__(self, fields: EventDict) -> None:
        self._fields = fields

    def __str__(self) -> str:
        return "".join(f" {name}={_shown(value)}" for name, value in self._fields.items())


def _shown(value: object) -> str:
    shown = str(value)
    is_plain = bool(shown) and shown.isprintable() and not set(shown) & set(" ='\"")
    return shown if is_plain else repr(shown)


class _Publisher:
    """Where structlog's events leave it: each becomes an event of a twisted Logger."""

    def __init__(self, namespace: str) -> None:
        self._logger = Logger(namespace=namespace)

    def publish(self, level: str, event: str, failure: Failure | None, fields: EventDict) -> None:
        """Publish one event. From any thread."""
        given: dict[str, Any] = {_FIELDS: fields, "vexfs_event": event, "vexfs_tail": _Tail(fields)}
        if failure is not None:
            given["log_failure"] = failure
        self._logger.emit(_TWISTED_LEVELS[level], "{vexfs_event}{vexfs_tail}", **given)

    debug = info = warning = error = critical = publish


def _hand_over(_: object, level: str, fields: EventDict) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The last processor: structlog calls the publisher with the arguments answered here."""
    if _RANKS[level] < _Threshold.rank:
        raise structlog.DropEvent
    event = str(fields.pop("event", ""))
    failure = _as_failure(fields.pop("exc_info", None))
    return (level, event, failure, fields), {}


def _as_failure(exc_info: object) -> Failure | None:
    if isinstance(exc_info, Failure):
        return exc_info
    if isinstance(exc_info, BaseException):
        return Failure(exc_info, type(exc_info), exc_info.__traceback__)
    if isinstance(exc_info, tuple):
        kind, error, trace = exc_info
        return Failure(error, kind, trace) if error is not None else None
    return Failure() if exc_info else None


_Bound = structlog.make_filtering_bound_logger(logging.DEBUG)


def get_logger(namespace: str, **fields: Any) -> FilteringBoundLogger:
    """A structlog logger that publishes to twisted's observers. Usable from any thread.

    `exc_info` may be True (inside an except clause), an exception or a Failure.
    """
    logger = structlog.wrap_logger(
        _Publisher(namespace),
        processors=[structlog.contextvars.merge_contextvars, _hand_over],
        wrapper_class=_Bound,
        cache_logger_on_first_use=True,
        **fields,
    )
    return cast(FilteringBoundLogger, logger)


def bound(**fields: Any) -> AbstractContextManager[None]:
    """A context in which every event of this task has these fields, too."""
    return structlog.contextvars.bound_contextvars(**fields)


def is_logged(level: str) -> bool:
    """Whether an event of this level is published at all; asking is cheaper than logging it."""
    return _RANKS[level] >= _Threshold.rank


class _LoggingBridge(logging.Handler):
    """Publishes the records of the standard library's loggers: asyncio and grpc speak there."""

    def emit(self, record: logging.LogRecord) -> None:
        level = logging.getLevelName(record.levelno).lower()
        publisher = _Publisher(record.name)
        failure = _as_failure(record.exc_info)
        publisher.publish(level if level in _RANKS else "info", record.getMessage(), failure, {})


def begin(level: str) -> None:
    """Take in the standard library's records, and drop everything below `level` at its source."""
    _Threshold.rank = _RANKS[level]
    logging.basicConfig(handlers=[_LoggingBridge()], level=level.upper(), force=True)
    # It tells at each start which builds of itself it does not find.
    logging.getLogger("faiss").setLevel(logging.WARNING)


def _stamp(event: LogEvent) -> str:
    moment = datetime.fromtimestamp(event["log_time"], UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _level(event: LogEvent) -> str:
    level = _OUR_LEVELS.get(event.get("log_level", LogLevel.info), "info")
    if level == "info" and event.get("log_namespace", "").startswith(_TWISTED):
        return "debug"
    return level


def _trace(event: LogEvent) -> str | None:
    failure: Failure | None = event.get("log_failure")
    if failure is None or failure.value is None:
        return None
    return "".join(traceback.format_exception(failure.value)).rstrip()


def _message(event: LogEvent) -> str:
    return str(event["vexfs_event"]) if _FIELDS in event else formatEvent(event)


def render_text(event: LogEvent) -> str:
    """An event as a line of text; what does not fit the line follows it, indented."""
    namespace = event.get("log_namespace", "-")
    parts = [f"{_stamp(event)} {_level(event):7} {namespace}: {formatEvent(event)}"]
    trace = _trace(event)
    if trace is not None:
        parts.append(trace)
    return "\n".join(parts).replace("\n", "\n    ")


def render_json(event: LogEvent) -> str:
    """An event as one line of JSON: its fields, and time, level, logger, event, exception."""
    line = {
        **event.get(_FIELDS, {}),
        "time": _stamp(event),
        "level": _level(event),
        "logger": event.get("log_namespace", "-"),
        "event": _message(event),
    }
    trace = _trace(event)
    if trace is not None:
        line["exception"] = trace
    try:
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        # Lone surrogates, and integers past 64 bits, which orjson refuses.
        return json.dumps(line, default=str, skipkeys=True)


_RENDERERS: dict[str, Callable[[LogEvent], str]] = {"text": render_text, "json": render_json}


@implementer(ILogObserver)
class _StreamObserver:
    """Writes each event of a rank, or above it, as a line. From any thread."""

    def __init__(self, stream: TextIO, render: Callable[[LogEvent], str], rank: int) -> None:
        self._stream = stream
        self._render = render
        self._rank = rank
        self._lock = Lock()

    def __call__(self, event: LogEvent) -> None:
        if _RANKS[_level(event)] < self._rank:
            return
        line = _without_secrets(self._render(event)) + "\n"
        with self._lock:
            self._stream.write(line)
            self._stream.flush()


def stream_observer(stream: TextIO, form: str, level: str) -> ILogObserver:
    """An observer that writes what is at `level` or above to `stream`, as "text" or "json"."""
    return _StreamObserver(stream, _RENDERERS[form], _RANKS[level])
