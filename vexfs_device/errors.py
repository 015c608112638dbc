"""Errors of the device: an errno(3) number for the caller, and a reason for the log."""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from vexfs_twisted.engine.plain_store import LatchClosed
from vexfs_twisted.logs import get_logger
from vexfs_twisted.model.errors import DomainError, StorageFull

log = get_logger("vexfs.userspace")

P = ParamSpec("P")
T = TypeVar("T")

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class Refusal(OSError):
    """The device refuses a request; `errno` is returned to the caller."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(number, reason)


def answering(operation: Callable[P, T]) -> Callable[P, T]:
    """Convert every error of `operation` to a Refusal, and log unexpected ones.

    Faults of the storage must not look like errors of the caller: a missing file inside the data
    folder is not reported as ENOENT.
    """

    @wraps(operation)
    def answer(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return operation(*args, **kwargs)
        except Refusal as refusal:
            log.debug("refused", operation=operation.__name__, reason=str(refusal))
            raise
        except Exception as error:
            number = _number_of(error)
            if number == errno.EIO:
                log.error("failed", operation=operation.__name__, exc_info=error)
            else:
                log.warning("failed", operation=operation.__name__, reason=str(error))
            raise Refusal(number, str(error)) from error

    return answer


def _number_of(error: Exception) -> int:
    if isinstance(error, StorageFull) or (isinstance(error, OSError) and error.errno in _NO_ROOM):
        return errno.ENOSPC
    if isinstance(error, LatchClosed):
        return errno.ESTALE
    if isinstance(error, DomainError):
        return errno.EINVAL
    return errno.ENOMEM if isinstance(error, MemoryError) else errno.EIO
