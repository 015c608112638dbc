"""A descriptor that several threads make ioctls on, and that any of them may close."""

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
    """The descriptor of a vector file; `name` says in messages what it is of.

    Closing waits for no call, and for the device only a moment. The number is given back to the
    system when the last call on it has ended, since another file could get it while a call is still
    on its way.
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
        """Make a call; what the device sets in `argument` is there afterwards.

        A call that a signal broke off is made again, so it must be one that may be repeated.
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
        """Cut the file to nothing."""
        descriptor = self._take()
        try:
            os.ftruncate(descriptor, 0)
        except OSError as error:
            raise device_error(error, f"emptying {self._name}") from None
        finally:
            self._let_go()

    def close(self) -> None:
        """Take no more calls, and close once none is under way. Harmless if repeated."""
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
            # A device is asked about this as well, and may hang then as in any call.
            closer = Thread(target=_give_back, args=(self._number,), daemon=True)
            closer.start()
            closer.join(_CLOSING_SECONDS)


def _give_back(number: int) -> None:
    # The number is free even where the device has died and can only say so.
    with suppress(OSError):
        os.close(number)
