"""Reads that take until they are stopped, for tests of what stops them."""

from __future__ import annotations

from threading import Event, current_thread
from time import sleep

from vexfs_twisted.engine.read_bounds import checkpoint, expect


class LongReads:
    """Reads that take until they are stopped, and tell by what and where."""

    def __init__(self) -> None:
        self.ends: list[tuple[str, type[BaseException]]] = []
        self.running = 0
        self.may_end = Event()

    def read(self) -> str:
        """Work until it is stopped, or may end. The name of the thread that did it."""
        name = current_thread().name.rpartition("-")[0]
        self.running += 1
        try:
            while not self.may_end.is_set():
                checkpoint()
                sleep(0.0001)
        except BaseException as error:
            self.ends.append((name, type(error)))
            raise
        finally:
            self.running -= 1
        return name

    def known(self) -> str:
        """The same, of a read that knows that it will be long."""
        expect(1000)
        return self.read()
