"""Redirects standard output and error into the log.

Native libraries write there directly, grpc above all. Without this, log parsers would meet lines in
another format, and the output of a daemon would be lost.
"""

from __future__ import annotations

import atexit
import faulthandler
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import TextIO

from .logs import get_logger
from .throttle import Throttle

_GRPC_LINE = re.compile(r"(?P<level>[IWEF])\d{4} [\d:.]+\s+\d+ (?P<place>[^\s\]]+)\] (?P<text>.*)")
"""The lines of absl's log: level, month and day, time, thread, file and line, text."""

_GRPC_LEVELS = {"I": "info", "W": "warning", "E": "error", "F": "critical"}

_repeats = Throttle(60.0)
"""Rate limit of repeated grpc lines: a server that cannot accept logs it every second."""

_LINE_BYTES = 8192
"""A longer line is logged in parts of this size."""

Write = Callable[[str], object]


def terminal() -> TextIO:
    """Standard output as it is now, for a log that is written there; line buffered."""
    return os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8", errors="backslashreplace")


def capture() -> None:
    """Log whatever is written to file descriptors 1 and 2 until the process ends.

    A log on the terminal must already have a descriptor of its own, see `terminal`. Only the crash
    report of the interpreter still goes to the original standard error. Call it once, in the main
    thread of a process that does not fork later.
    """
    faulthandler.enable(os.dup(2))
    for name, stream, descriptor, level in (
        ("stdout", sys.stdout, 1, "info"),
        ("stderr", sys.stderr, 2, "warning"),
    ):
        with suppress(AttributeError, OSError, ValueError):
            stream.flush()
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        _capture(name, descriptor, level)


def _capture(name: str, descriptor: int, level: str) -> None:
    original = os.dup(descriptor)
    reading, writing = os.pipe()
    os.dup2(writing, descriptor)
    os.close(writing)
    log = get_logger(name)
    write = getattr(log, level)
    thread = Thread(target=_relay, args=(reading, write), name=f"log-{name}", daemon=True)
    thread.start()

    def restore() -> None:
        os.dup2(original, descriptor)
        # The pipe is at its end now, unless a child process holds it open.
        thread.join(1.0)

    atexit.register(restore)


def _relay(descriptor: int, write: Write) -> None:
    """Log the lines read from `descriptor` until end of file."""
    pending = b""
    while data := os.read(descriptor, 65536):
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            for start in range(0, len(line), _LINE_BYTES):
                _log(line[start : start + _LINE_BYTES], write)
        while len(pending) >= _LINE_BYTES:
            _log(pending[:_LINE_BYTES], write)
            pending = pending[_LINE_BYTES:]
    _log(pending, write)
    os.close(descriptor)


def _log(line: bytes, write: Write) -> None:
    """Log one line by `write`, or as a grpc log line if it matches; empty lines are skipped."""
    text = line.decode("utf-8", "backslashreplace").rstrip()
    if not text:
        return
    match = _GRPC_LINE.fullmatch(text)
    if match is None:
        write(text)
    elif _repeats.is_time((match["place"], match["text"])):
        level = _GRPC_LEVELS[match["level"]]
        getattr(get_logger("grpc"), level)(match["text"], place=match["place"])
