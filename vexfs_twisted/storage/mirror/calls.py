"""Calls of a device with timeouts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from threading import Lock
from time import perf_counter
from typing import Any, TypeVar

from ...model.device import DeviceError, DeviceGone
from ...model.status import DeviceCalls
from ...threadpool import ThreadJob, WorkerThreads

T = TypeVar("T")

_RECENT = 512


class DeviceHangs(DeviceError):
    """A call timed out. It keeps its thread until it returns."""

    code = "hangs"


class _DeviceCall(ThreadJob):
    """One call in a thread; its caller waits for the lock, which the thread releases."""

    __slots__ = ("_lock",)

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        super().__init__(function, args)
        self._lock = Lock()
        self._lock.acquire()

    def ended(self) -> None:
        """Wake the caller."""
        self._lock.release()

    def wait(self, seconds: float) -> bool:
        """Wait for the call; whether it ended within so many seconds."""
        return self._lock.acquire(timeout=max(seconds, 0.0))


class _CallRecord:
    """Counts of the calls of one kind, and the latencies of the last ones, in seconds."""

    def __init__(self) -> None:
        self.count = 0
        self.errors = 0
        self.slowest = 0.0
        self.recent: deque[float] = deque(maxlen=_RECENT)

    def figures(self) -> DeviceCalls:
        times = sorted(self.recent) or [0.0]
        last = len(times) - 1
        return DeviceCalls(
            count=self.count,
            errors=self.errors,
            p50=times[last // 2],
            p99=times[last * 99 // 100],
            slowest=self.slowest,
        )


class DeviceCallQueue:
    """Makes the calls of one device in a fixed number of threads, with timeouts and counts.

    The caller of a call that hangs waits until its timeout; the call keeps its thread until it
    returns. When all `threads` threads hang, further calls time out in the queue; callers give up
    the device then. Any thread may call.
    """

    def __init__(self, threads: int) -> None:
        self._threads = WorkerThreads("device", threads)
        self._records: dict[str, _CallRecord] = {}
        self._lock = Lock()
        self._is_closed = False
        self._threads.start()

    def run(self, kind: str, seconds: float, function: Callable[..., T], *args: Any) -> T:
        """Call `function` in a thread; returns its result or raises its error. Blocks.

        Raises DeviceHangs after `seconds`, and DeviceGone once the queue is closed. `kind` is the
        name under which the call is counted.
        """
        if self._is_closed:
            raise DeviceGone(f"{kind}: the device is given up")
        call = _DeviceCall(function, args)
        started = perf_counter()
        self._threads.submit(call)
        has_ended = call.wait(seconds)
        took = perf_counter() - started
        self._count(kind, took, has_failed=not has_ended or call.error is not None)
        if not has_ended:
            call.skip()
            raise DeviceHangs(f"{kind}: no answer in {seconds:.3g} s")
        if call.error is not None:
            raise call.error
        result: T = call.result
        return result

    def figures(self) -> Mapping[str, DeviceCalls]:
        """Counts and latencies of the calls so far by kind, sorted by kind."""
        with self._lock:
            return {kind: record.figures() for kind, record in sorted(self._records.items())}

    def close(self) -> None:
        """End the threads, a hanging one when its call returns. Idempotent; does not block."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        self._threads.close()

    def _count(self, kind: str, took: float, has_failed: bool) -> None:
        with self._lock:
            record = self._records.setdefault(kind, _CallRecord())
            record.count += 1
            record.errors += has_failed
            record.slowest = max(record.slowest, took)
            record.recent.append(took)
