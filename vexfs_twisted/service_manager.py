"""What a service manager is told, and told by: systemd's protocols, see sd_notify(3)."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from .logs import get_logger

log = get_logger("vexfs.lifecycle")

MANAGER_VARIABLES = (
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
)
"""The variables of the protocols, which processes that this one starts must not have."""

_FIRST_DESCRIPTOR = 3
_MICROSECONDS = 1_000_000


def notify_manager(state: str, environment: Mapping[str, str]) -> None:
    """Notify the service manager, if there is one, of a state such as READY=1.

    A datagram to the socket named by NOTIFY_SOCKET, where a leading @ stands for the abstract
    namespace. Errors are only logged: a failed notification is no reason to stop serving.
    """
    path = environment.get("NOTIFY_SOCKET")
    if not path:
        return
    name = f"\0{path[1:]}" if path.startswith("@") else path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
            sender.sendto(state.encode(), name)
    except OSError as error:
        log.warning("the service manager could not be told", state=state, error=str(error))


def watchdog_interval_s(environment: Mapping[str, str]) -> float | None:
    """Seconds within which the manager expects a sign of life; None if it expects none."""
    try:
        microseconds = int(environment.get("WATCHDOG_USEC", "0"))
        pid = int(environment.get("WATCHDOG_PID") or os.getpid())
    except ValueError:
        return None
    return microseconds / _MICROSECONDS if microseconds > 0 and pid == os.getpid() else None


def inherited_sockets(environment: Mapping[str, str]) -> range:
    """The descriptors that a service manager has passed to this process, see sd_listen_fds(3)."""
    try:
        is_ours = int(environment.get("LISTEN_PID", "0")) == os.getpid()
        count = int(environment.get("LISTEN_FDS", "0")) if is_ours else 0
    except ValueError:
        count = 0
    return range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + max(count, 0))


class ServiceManager:
    """Tells the service manager, if there is one, of the states of this process.

    Once the server is ready, signs of life are sent by `clock`, the reactor: one whose reactor is
    blocked sends none, and is ended by the manager. In the reactor thread.
    """

    def __init__(self, clock: IReactorTime, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._watchdog = LoopingCall(self._tell, "WATCHDOG=1")
        self._watchdog.clock = clock

    def ready(self) -> None:
        """The server serves, after its start or with what it has read again."""
        self._tell("READY=1")
        interval_s = watchdog_interval_s(self._environment)
        if interval_s is not None and not self._watchdog.running:
            self._watchdog.start(interval_s / 2)

    def reloading(self) -> None:
        """Settings are being read again; `ready` follows."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The server is stopping. It shows that it lives until the end."""
        self._tell("STOPPING=1")

    def _tell(self, state: str) -> None:
        notify_manager(state, self._environment)
