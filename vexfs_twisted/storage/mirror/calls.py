"""DeviceCallQueue of a device that are given up when they take too long."""

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
    """A call has not returned in its time. Its thread is left to it."""

    code = "hangs"


class _DeviceCall(ThreadJob):
    """One call on its way through a thread; its caller waits for the lock."""

    __slots__ = ("_lock",)

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        super().__init__(function, args)
        self._lock = Lock()
        self._lock.acquire()

    def ended(self) -> None:
        """Let the caller go on."""
        self._lock.release()

    def wait(self, seconds: float) -> bool:
        """Whether the call ends within so many seconds."""
        return self._lock.acquire(timeout=max(seconds, 0.0))


class _CallRecord:
    """The calls of one kind so far. Latencies are those of the last ones, in seconds."""

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
    """Makes the calls of one device in a few threads of their own, and counts them.

    A call that hangs costs its caller the time that it gave, and keeps a thread for as long as it
    lasts. Threads are no more than `threads`, so when all of them hang, further calls run out of
    time as they wait; whoever sees that gives the device up. Any thread may call.
    """

    def __init__(self, threads: int) -> None:
        self._threads = WorkerThreads("device", threads)
        self._records: dict[str, _CallRecord] = {}
        self._lock = Lock()
        self._is_closed = False
        self._threads.start()

    def run(self, kind: str, seconds: float, function: Callable[..., T], *args: Any) -> T:
        """What `function` returns or raises; DeviceHangs after so many seconds.

        DeviceGone once it is closed.
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
        """What has been called so far, by kind, sorted."""
        with self._lock:
            return {kind: record.figures() for kind, record in sorted(self._records.items())}

    def close(self) -> None:
        """Let the threads end, those that hang once their call returns. Returns at once."""
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
