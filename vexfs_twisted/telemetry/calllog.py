"""The call log middleware: logs a line when a call ends, and one when a stream begins."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

from ..logs import get_logger, is_logged
from ..middleware import CANCELLED, INTERNAL, OK, CallInfo

log = get_logger("vexfs.calls")

MAX_FAILURES_PER_S = 50
"""The maximum number of logged failures per second; the next line has the number suppressed."""

_NO_FAILURES = (OK, CANCELLED)


class CallLog:
    """Logs the client, method, request id, outcome and duration of calls.

    Of the data of clients, only the path or the collection and the request id are logged: no API
    keys or payloads, and no error messages, which may quote them. Successful and cancelled calls
    are logged at `level`, failures as warnings, and internal errors as errors. Failures are
    rate-limited.
    `clock` returns seconds. Thread-safe.
    """

    def __init__(self, level: str, clock: Callable[[], float]) -> None:
        self._level = level
        self._clock = clock
        self._lock = Lock()
        self._second = 0
        self._written = 0
        self._left_out = 0

    def before(self, call: CallInfo) -> None:
        """Log the beginning of a stream, at level debug."""
        if call.progress is not None and is_logged("debug"):
            log.debug("stream began", **_fields(call))

    def after(self, call: CallInfo, outcome: str, seconds: float) -> None:
        """Log the end of a call."""
        level = self._level_of(outcome)
        if not is_logged(level):
            return
        fields = _fields(call) | {"outcome": outcome, "ms": round(seconds * 1000, 3)}
        if call.progress is not None:
            fields |= {"messages": call.progress.messages, "points": call.progress.points}
        if outcome not in _NO_FAILURES:
            left_out = self._admit()
            if left_out is None:
                return
            if left_out:
                fields["left_out"] = left_out
        getattr(log, level)("stream ended" if call.kind.is_stream else "answered", **fields)

    def _level_of(self, outcome: str) -> str:
        if outcome in _NO_FAILURES:
            return self._level
        return "error" if outcome == INTERNAL else "warning"

    def _admit(self) -> int | None:
        """Apply the rate limit of failures.

        Returns the number suppressed before this one, or None if this one is to be suppressed.
        """
        with self._lock:
            second = int(self._clock())
            if second != self._second:
                self._second, self._written = second, 0
            if self._written >= MAX_FAILURES_PER_S:
                self._left_out += 1
                return None
            self._written += 1
            left_out, self._left_out = self._left_out, 0
            return left_out


def _fields(call: CallInfo) -> dict[str, Any]:
    fields = {"wire": call.kind.wire, "method": call.kind.method}
    if call.target:
        fields["path"] = call.target
    elif call.collection:
        fields["collection"] = call.collection
    return fields | {"peer": call.peer, "request_id": call.request_id}
