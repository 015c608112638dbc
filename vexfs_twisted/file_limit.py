"""Limits of open files and connections of this process."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress

_NR_OPEN = "/proc/sys/fs/nr_open"


def raise_limit() -> int:
    """Raise the soft limit of open files to the hard one if possible; returns the new limit.

    The soft limit is 1,024 for programs that use select(2); this server does not use it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _largest() if hard == resource.RLIM_INFINITY else hard
    if wanted is not None and soft != resource.RLIM_INFINITY and soft < wanted:
        # Where raising it is not permitted, the server runs with the lower limit.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def for_connections() -> int:
    """The limit of open REST connections: a fourth of the limit of open files.

    Collections take five eighths at most, see `engine.storage.open_files`. The rest is for gRPC,
    whose connections are not limited, for files that are being written, and for the process itself.
    """
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if most == resource.RLIM_INFINITY else max(most // 4, 1)


def _largest() -> int | None:
    """The largest limit that the kernel accepts; None where it is not known."""
    with suppress(OSError, ValueError), open(_NR_OPEN) as file:
        return int(file.read())
    return None
