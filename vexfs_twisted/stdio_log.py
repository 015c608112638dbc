"""What is written to standard output and error, led into the log.

Native libraries write there by themselves, grpc above all. Lines in a form of their own between
those of the log cannot be read by what reads the log, and a daemon's would be lost.
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
"""Which lines of grpc are told again: one that cannot accept says so every second."""

_LINE_BYTES = 8192
"""A longer line is logged in parts of this size."""

Write = Callable[[str], object]


def terminal() -> TextIO:
    """Standard output as it is now, for a log that is written there; line buffered."""
    return os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8", errors="backslashreplace")


def capture() -> None:
    """Log whatever is written to the descriptors 1 and 2 from now on, until the process ends.

    A log that goes to the terminal must have a descriptor of its own by now: see `terminal`. Only
    what the interpreter tells of a crash still goes to the standard error that there was. Called
    once, in the main thread of a process that forks no more.
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
        # The pipe has ended with that, unless a child process holds it.
        thread.join(1.0)

    atexit.register(restore)


def _relay(descriptor: int, write: Write) -> None:
    """Log line by line what comes there, until its end."""
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
    """Log one line by `write`, or as grpc's where it has that form; an empty one is left out."""
    text = line.decode("utf-8", "backslashreplace").rstrip()
    if not text:
        return
    match = _GRPC_LINE.fullmatch(text)
    if match is None:
        write(text)
    elif _repeats.is_time((match["place"], match["text"])):
        level = _GRPC_LEVELS[match["level"]]
        getattr(get_logger("grpc"), level)(match["text"], place=match["place"])
