"""A file descriptor for concurrent ioctls, which any thread may close."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from contextlib import suppress
from threading import Lock, Thread

from ..model.device import DeviceGone
from .errnos import device_error

_CLOSING_SECONDS = 0.25


class Descriptor:
    """The file descriptor of a vector file, counted by calls in flight; `name` is for messages.

    Thread-safe. Closing does not wait for calls, and for the device only briefly. The number is
    released when the last call on it has ended, because the system could assign it to another file
    while a call is in flight.
    """

    def __init__(self, path: str, flags: int, name: str) -> None:
        try:
            self._number = os.open(path, flags | os.O_RDWR | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise device_error(error, f"opening {name}") from None
        self._name = name
        self._lock = Lock()
        self._users = 1
        self._is_closed = False

    def ioctl(self, number: int, argument: ctypes.Structure, doing: str) -> None:
        """Make an ioctl, which may modify `argument`. Blocks.

        A call interrupted by a signal is repeated, so it must be idempotent.
        """
        descriptor = self._take()
        try:
            while True:
                try:
                    fcntl.ioctl(descriptor, number, argument, True)
                    return
                except InterruptedError:
                    continue
        except OSError as error:
            raise device_error(error, f"{doing} {self._name}") from None
        finally:
            self._let_go()

    def truncate(self) -> None:
        """Truncate the file to size 0."""
        descriptor = self._take()
        try:
            os.ftruncate(descriptor, 0)
        except OSError as error:
            raise device_error(error, f"emptying {self._name}") from None
        finally:
            self._let_go()

    def close(self) -> None:
        """Refuse new calls, and close when none is in flight. Idempotent."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        self._let_go()

    def _take(self) -> int:
        with self._lock:
            if self._is_closed:
                raise DeviceGone(f"{self._name} is closed", errno.EBADF)
            self._users += 1
            return self._number

    def _let_go(self) -> None:
        with self._lock:
            self._users -= 1
            is_last = self._users == 0
        if is_last:
            # close(2) calls the device too, and may hang like any other call.
            closer = Thread(target=_give_back, args=(self._number,), daemon=True)
            closer.start()
            closer.join(_CLOSING_SECONDS)


def _give_back(number: int) -> None:
    # The number is released even if close(2) fails because the device is dead.
    with suppress(OSError):
        os.close(number)
