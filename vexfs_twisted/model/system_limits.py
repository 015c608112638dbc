"""System limits on open files and memory maps: recognizes errors caused by them."""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator
from contextlib import suppress

from .errors import Exhausted

_MAP_LIMIT = "/proc/sys/vm/max_map_count"
_MAPS = "/proc/self/maps"
_FEW_LEFT = 64

_MOST_CAUSES = 8


def is_exhausted(error: BaseException) -> bool:
    """Whether an error, or one of its causes, means that such a limit is reached."""
    return exhausted(error) is not None


def exhausted(error: BaseException) -> Exhausted | None:
    """The error that names the limit which caused `error`; None if no limit did."""
    if isinstance(error, Exhausted):
        return error
    for number in _numbers(error):
        if number == errno.EMFILE:
            most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            return Exhausted(f"the limit of open files is reached (ulimit -n: {most})")
        if number == errno.ENFILE:
            return Exhausted("the system's limit of open files is reached (fs.file-max)")
        if number == errno.ENOMEM and (most_maps := _map_limit_reached()) is not None:
            return Exhausted(f"the limit of memory maps is reached (vm.max_map_count: {most_maps})")
    return None


def map_limit() -> int | None:
    """The maximum number of memory maps of a process; None if unknown."""
    with suppress(OSError, ValueError), open(_MAP_LIMIT) as file:
        return int(file.read())
    return None


def _numbers(error: BaseException) -> Iterator[int]:
    """The errno values of an error and its causes."""
    cause: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if cause is None:
            return
        # Errors of LMDB have the number in another attribute.
        number = getattr(cause, "errno", None) or getattr(cause, "code", None)
        if isinstance(number, int):
            yield number
        cause = cause.__cause__


def map_count() -> int | None:
    """The number of memory maps of this process; None if unknown."""
    with suppress(OSError), open(_MAPS, "rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 16), b""))
    return None


def _map_limit_reached() -> int | None:
    """The limit of memory maps if it is nearly reached, and so the cause of ENOMEM."""
    most = map_limit()
    maps = None if most is None else map_count()
    if most is None or maps is None:
        return None
    return most if maps > most - _FEW_LEFT else None
