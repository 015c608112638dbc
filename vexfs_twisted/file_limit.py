"""How many files and connections this process may have open."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress

_NR_OPEN = "/proc/sys/fs/nr_open"


def raise_limit() -> int:
    """Raise the soft limit of open files to the hard one, as far as that goes; the limit now.

    The soft one is 1,024 for the sake of programs that use select(2), which this is none of.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _largest() if hard == resource.RLIM_INFINITY else hard
    if wanted is not None and soft != resource.RLIM_INFINITY and soft < wanted:
        # A system that does not let us has its reasons; then there is less room.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def for_connections() -> int:
    """How many connections to REST may be open: a fourth of all files that may.

    Collections take five in eight at most, see `engine.store.openfiles`. What is left is for gRPC,
    which counts none, for files that are being written, and for the process itself.
    """
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if most == resource.RLIM_INFINITY else max(most // 4, 1)


def _largest() -> int | None:
    """The largest limit that the kernel takes; None where it does not tell."""
    with suppress(OSError, ValueError), open(_NR_OPEN) as file:
        return int(file.read())
    return None
