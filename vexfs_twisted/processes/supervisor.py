"""Starts the processes that read, and starts those again that end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from ..lifecycle import AsyncService
from ..logs import get_logger
from ..service_manager import MANAGER_VARIABLES
from .messages import RELOAD, STOP, Order

log = get_logger("vexfs.processes")

LEAST_PAUSE_S = 0.2
MOST_PAUSE_S = 30.0
"""Seconds until a process that has ended is started again: twice as many each time it fails."""

SOUND_S = 60.0
"""Seconds after which a process that ends is no longer taken for one that fails to start."""

CLOSING_S = 5.0
"""Seconds that a process has to stop beyond those that its calls have, before it is killed."""

_COMMAND = (sys.executable, "-m", "vexfs_twisted", "reader")
_LONGEST_LINE = 1 << 20

OrderOf = Callable[[int], Order]
Told = Callable[[int, Mapping[str, Any] | None], object]


class Supervisor(AsyncService):
    """Keeps `count` readers running between startService and stopService.

    `order_of` makes the order of a reader by its number, from 2 on. `told` gets its figures, and
    None when it has ended. `stop_grace`: seconds that calls in progress get to finish when a
    reader stops. Used in the reactor thread.
    """

    name = "processes"

    def __init__(
        self, reactor: Any, count: int, order_of: OrderOf, told: Told, stop_grace: float
    ) -> None:
        self._reactor = reactor
        self._order_of = order_of
        self._told = told
        self.stop_within_s = stop_grace + CLOSING_S
        self._readers = [_Reader(self, number) for number in range(2, count + 2)]
        self.is_stopping = False

    async def _start(self) -> None:
        """Fires when each reader serves, or has failed once."""
        self.is_stopping = False
        for reader in self._readers:
            reader.start()
        await DeferredList([reader.begun for reader in self._readers])

    async def _stop(self) -> None:
        self.is_stopping = True
        await DeferredList([reader.stop() for reader in self._readers])

    @property
    def pids(self) -> list[int | None]:
        """The numbers of the processes, by readers; None for one that does not run."""
        return [reader.pid for reader in self._readers]

    def reload(self) -> None:
        """Send each reader its order again, whose settings have changed."""
        for reader in self._readers:
            reader.reload()

    def dumped(self, number: int) -> bytes:
        """The order of a reader as it is sent."""
        return self._order_of(number).dump()

    def spawn(self, number: int, protocol: ProcessProtocol) -> Any:
        """Start a process."""
        managed = MANAGER_VARIABLES
        environment = {key: value for key, value in os.environ.items() if key not in managed}
        pipes: Any = {0: "w", 1: "r", 2: "r"}
        started = self._reactor.spawnProcess(
            protocol, _COMMAND[0], _COMMAND, env=environment, childFDs=pipes
        )
        started.writeToChild(0, self.dumped(number))
        return started

    def later(self, seconds: float, function: Callable[[], object]) -> IDelayedCall:
        """Call a function after some seconds."""
        delayed: IDelayedCall = self._reactor.callLater(seconds, function)
        return delayed

    def seconds(self) -> float:
        """The time."""
        now: float = self._reactor.seconds()
        return now

    def told(self, number: int, figures: Mapping[str, Any] | None) -> None:
        """A reader has sent its figures, or has ended."""
        self._told(number, figures)


class _Reader:
    """One reader: a process, or the time until the next one is started."""

    def __init__(self, supervisor: Supervisor, number: int) -> None:
        self.begun: Deferred[None] = Deferred()
        self._supervisor = supervisor
        self._number = number
        self._pause = LEAST_PAUSE_S
        self._started_at = 0.0
        self._process: Any = None
        self._waiting: IDelayedCall | None = None
        self._ended: Deferred[None] | None = None

    @property
    def pid(self) -> int | None:
        pid: int | None = None if self._process is None else self._process.pid
        return pid

    def start(self) -> None:
        self._waiting = None
        self._started_at = self._supervisor.seconds()
        self._process = self._supervisor.spawn(self._number, _Pipes(self, self._number))

    def reload(self) -> None:
        if self._process is not None:
            self._process.writeToChild(0, RELOAD + self._supervisor.dumped(self._number))

    def stop(self) -> Deferred[None]:
        """Fires when the process has ended."""
        ended: Deferred[None] = Deferred()
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        if self._process is None:
            ended.callback(None)
            return ended
        self._ended = ended
        self._process.writeToChild(0, STOP)
        killing = self._supervisor.later(self._supervisor.stop_within_s, self._kill)

        def no_killing(result: None) -> None:
            if killing.active():
                killing.cancel()

        return ended.addCallback(no_killing)

    def _kill(self) -> None:
        log.warning("a process is killed: it does not stop", process=self._number)
        try:
            self._process.signalProcess("KILL")
        except ProcessExitedAlready:
            return

    def tell(self, message: Mapping[str, Any]) -> None:
        if "ready" in message:
            log.info("a process serves reads", process=self._number, pid=self.pid)
            self._begin()
        else:
            self._supervisor.told(self._number, message["figures"])

    def end(self, reason: Failure) -> None:
        self._process = None
        self._supervisor.told(self._number, None)
        if self._ended is not None:
            self._ended.callback(None)
            return
        if self._supervisor.is_stopping:
            return
        if self._supervisor.seconds() - self._started_at > SOUND_S:
            self._pause = LEAST_PAUSE_S
        why = str(reason.value)
        log.error("a process has ended", process=self._number, reason=why, again_in=self._pause)
        self._waiting = self._supervisor.later(self._pause, self.start)
        self._pause = min(2 * self._pause, MOST_PAUSE_S)
        self._begin()

    def _begin(self) -> None:
        if not self.begun.called:
            self.begun.callback(None)


class _Pipes(ProcessProtocol):
    """What a reader writes: log lines and messages, and what its libraries write."""

    def __init__(self, reader: _Reader, number: int) -> None:
        self._reader = reader
        self._number = number
        self._pending = {1: b"", 2: b""}

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Take whole lines."""
        *lines, rest = (self._pending[childFD] + data).split(b"\n")
        self._pending[childFD] = rest[:_LONGEST_LINE]
        for line in lines:
            if childFD == 1:
                self._take(line)
            elif line:
                text = line.decode("utf-8", "backslashreplace")
                get_logger("stderr").warning(text, process=self._number)

    def processEnded(self, reason: Failure) -> None:
        """The process has ended, and its pipes are read."""
        self._reader.end(reason)

    def _take(self, line: bytes) -> None:
        try:
            message = orjson.loads(line)
        except orjson.JSONDecodeError:
            log.warning("not understood", process=self._number, line=line[:200])
            return
        if "event" not in message:
            self._reader.tell(message)
            return
        message.pop("time")
        level, event = message.pop("level"), message.pop("event")
        logger = get_logger(message.pop("logger"))
        getattr(logger, level)(event, **{**message, "process": self._number})
