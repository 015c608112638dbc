"""A mount that answers as the published kernel module does, over real system calls.

It is the userspace device, except that what was inserted is not looked at: every search returns the
ids from 0 on with scores near 1, no file is in the listing, and none can be deleted.
"""

from __future__ import annotations

import errno

import numpy as np

from vexfs_twisted.device.uapi import VectorSearchRequest
from vexfs_twisted.userspace.calls import Calls
from vexfs_twisted.userspace.file import VectorFile
from vexfs_twisted.userspace.main import main
from vexfs_twisted.userspace.memory import CallerMemory
from vexfs_twisted.userspace.operations import Operations


def made_up(_: Calls, file: VectorFile, request: VectorSearchRequest, memory: CallerMemory) -> None:
    ids = np.arange(min(request.k, file.count), dtype="<u8")
    memory.write(request.results_bits, (1 - 0.001 * ids).astype("<f4"))
    memory.write(request.result_ids, ids)
    request.result_count = len(ids)


def listing(_: Operations, _path: str | None, _fh: int) -> list[str]:
    return [".", ".."]


def unlink(_: Operations, _path: str) -> None:
    raise OSError(errno.EPERM, "")


Calls._search = made_up  # type: ignore[method-assign, assignment]
Operations.readdir = listing  # type: ignore[method-assign, assignment]
Operations.unlink = unlink  # type: ignore[method-assign, assignment]
main()
