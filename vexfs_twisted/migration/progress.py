"""Tells how far a copy has come: a bar on a terminal, lines now and then elsewhere."""

from __future__ import annotations

import time
from typing import TextIO

_BAR = 24
_REDRAW_SECONDS = 0.2
_LINE_SECONDS = 10.0


class Progress:
    """Writes to `stream`. `begin` names what is counted, `advance` counts it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._what = ""
        self._total = self._done = self._begun_with = 0
        self._begun_at = self._told_at = 0.0
        self._is_drawn = False

    def begin(self, what: str, total: int, done: int = 0) -> None:
        """From now on `what` is counted, of which `done` is done already."""
        self.end()
        self._what, self._total = what, total
        self._done = self._begun_with = done
        self._begun_at = self._told_at = time.monotonic()
        if done:
            self.say(f"{what}: goes on at {done:,} of {total:,} points")

    def advance(self, count: int) -> None:
        """So many more are done."""
        self._done += count
        now = time.monotonic()
        if now - self._told_at < (_REDRAW_SECONDS if self._is_terminal else _LINE_SECONDS):
            return
        self._told_at = now
        if self._is_terminal:
            self._stream.write(f"\r\x1b[K{self._bar()} {self.text(now)}")
            self._stream.flush()
            self._is_drawn = True
        else:
            self.say(self.text(now))

    def say(self, line: str) -> None:
        """Write a line of text, above the bar if there is one."""
        self.end()
        self._stream.write(f"{line}\n")
        self._stream.flush()

    def end(self) -> None:
        """Remove the bar."""
        if self._is_drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._is_drawn = False

    def text(self, now: float) -> str:
        """How far it is."""
        seconds = max(now - self._begun_at, 1e-9)
        rate = (self._done - self._begun_with) / seconds
        text = f"{self._what}: {self._done:,} of {self._total:,} points, {rate:,.0f} a second"
        left = self._total - self._done
        return f"{text}, {left / rate:,.0f} s left" if rate > 0 and left > 0 else text

    def _bar(self) -> str:
        share = min(self._done / self._total, 1.0) if self._total else 1.0
        filled = int(share * _BAR)
        return f"[{'#' * filled}{'.' * (_BAR - filled)}] {share:4.0%}"
