"""Limits of the system on open files and maps: which one keeps a process from going on."""

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
    """Whether an error, or what it comes of, means that such a limit is reached."""
    return exhausted(error) is not None


def exhausted(error: BaseException) -> Exhausted | None:
    """The error that names the limit which `error`, or what it comes of, means; None without."""
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
    """How many memory maps a process may have; None where that is not known."""
    with suppress(OSError, ValueError), open(_MAP_LIMIT) as file:
        return int(file.read())
    return None


def _numbers(error: BaseException) -> Iterator[int]:
    """The numbers of the system's errors that an error is, or comes of."""
    cause: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if cause is None:
            return
        # LMDB has errors of its own, with the number under another name.
        number = getattr(cause, "errno", None) or getattr(cause, "code", None)
        if isinstance(number, int):
            yield number
        cause = cause.__cause__


def _map_limit_reached() -> int | None:
    """The limit of memory maps if few more can be made, so that this is why there is no room."""
    most = map_limit()
    if most is None:
        return None
    try:
        with open(_MAPS, "rb") as file:
            maps = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 16), b""))
    except OSError:
        return None
    return most if maps > most - _FEW_LEFT else None
