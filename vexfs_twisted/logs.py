"""One stream of log lines, as text or as JSON, from structlog, twisted.logger and logging alike.

All events go to twisted's publisher, so that twistd's own log options keep working:
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
"""Loggers with these prefixes log every port and loop: useful for debugging only.
"""

_RANKS = {name: rank for rank, name in enumerate(_TWISTED_LEVELS)}


class _Threshold:
    """The minimum rank of level at which structlog's events are published."""

    rank = 0


class _Secrets:
    """Secrets that are redacted from every log line."""

    pattern: re.Pattern[str] | None = None


def hide(secrets: Iterable[str]) -> None:
    """Redact these texts with stars, and whatever is named an API key in a query string."""
    spelled = ["".join(map(_spellings, secret)) for secret in secrets]
    keys = [r"(?<=api-key=)[^&\s\"']+", r"(?<=api_key=)[^&\s\"']+"]
    _Secrets.pattern = re.compile("|".join(spelled + keys), re.IGNORECASE)


def _spellings(character: str) -> str:
    """Spellings of a character: plain, percent-encoded as in paths, and backslash-escaped."""
    return rf"(?:\\?{re.escape(character)}|%{ord(character):02x})"


def _without_secrets(line: str) -> str:
    return line if _Secrets.pattern is None else _Secrets.pattern.sub("***", line)


hide(())


class _Tail:
    """The fields of an event as the end of a text line, formatted lazily."""

    def __init__(self, fields: EventDict) -> None:
        self._fields = fields

    def __str__(self) -> str:
        return "".join(f" {name}={_shown(value)}" for name, value in self._fields.items())


def _shown(value: object) -> str:
    shown = str(value)
    is_plain = bool(shown) and shown.isprintable() and not set(shown) & set(" ='\"")
    return shown if is_plain else repr(shown)


class _Publisher:
    """The final logger of structlog: publishes each event through a twisted Logger."""

    def __init__(self, namespace: str) -> None:
        self._logger = Logger(namespace=namespace)

    def publish(self, level: str, event: str, failure: Failure | None, fields: EventDict) -> None:
        """Publish one event. Thread-safe."""
        given: dict[str, Any] = {_FIELDS: fields, "vexfs_event": event, "vexfs_tail": _Tail(fields)}
        if failure is not None:
            given["log_failure"] = failure
        self._logger.emit(_TWISTED_LEVELS[level], "{vexfs_event}{vexfs_tail}", **given)

    debug = info = warning = error = critical = publish


def _hand_over(_: object, level: str, fields: EventDict) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The last processor: returns the arguments with which structlog calls the publisher."""
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
    """A structlog logger that publishes to twisted's observers. Thread-safe.

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
    """A context manager that adds these fields to every event of this task."""
    return structlog.contextvars.bound_contextvars(**fields)


def is_logged(level: str) -> bool:
    """Whether events of this level are published; cheaper than logging one."""
    return _RANKS[level] >= _Threshold.rank


LEVELS = {"trace": "debug", "debug": "debug", "info": "info", "warn": "warning"}
LEVELS |= {"warning": "warning", "error": "error"}
"""The levels that an operator may name, and what they are here."""


def level_in_use() -> str:
    """The least level whose events are published."""
    return next(level for level, rank in _RANKS.items() if rank == _Threshold.rank)


def set_level(level: str) -> None:
    """Log events at `level` or above from now on. Thread-safe."""
    _Threshold.rank = _RANKS[level]
    logging.getLogger().setLevel(level.upper())


class _LoggingBridge(logging.Handler):
    """Publishes records of the standard library's loggers, which asyncio and grpc use."""

    def emit(self, record: logging.LogRecord) -> None:
        level = logging.getLevelName(record.levelno).lower()
        publisher = _Publisher(record.name)
        failure = _as_failure(record.exc_info)
        publisher.publish(level if level in _RANKS else "info", record.getMessage(), failure, {})


def begin(level: str) -> None:
    """Route the standard library's records here, and drop events below `level` at the source."""
    logging.basicConfig(handlers=[_LoggingBridge()], force=True)
    set_level(level)
    # At each start faiss logs which builds of itself it does not find.
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
    """An event as a line of text; further lines of the message follow, indented."""
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
        # For lone surrogates and integers beyond 64 bits, which orjson refuses.
        return json.dumps(line, default=str, skipkeys=True)


_RENDERERS: dict[str, Callable[[LogEvent], str]] = {"text": render_text, "json": render_json}


@implementer(ILogObserver)
class StreamObserver:
    """Writes each event at or above a rank as a line; None: the rank in use. Thread-safe.

    Whoever replaces the file behind the stream holds `lock` meanwhile.
    """

    def __init__(self, stream: TextIO, render: Callable[[LogEvent], str], rank: int | None) -> None:
        self.lock = Lock()
        self._stream = stream
        self._render = render
        self._rank = rank

    def __call__(self, event: LogEvent) -> None:
        """Write an event."""
        least = _Threshold.rank if self._rank is None else self._rank
        if _RANKS[_level(event)] < least:
            return
        line = _without_secrets(self._render(event)) + "\n"
        with self.lock:
            self._stream.write(line)
            self._stream.flush()


def stream_observer(stream: TextIO, form: str, level: str | None = None) -> StreamObserver:
    """An observer that writes events to `stream`, as "text" or "json".

    Those at `level` or above; None: the level in use, see `set_level`.
    """
    return StreamObserver(stream, _RENDERERS[form], None if level is None else _RANKS[level])
