"""A mount that answers as the published kernel module does, over real system calls.

It is the userspace device, except that what was inserted is not looked at: every search returns the
ids from 0 on with scores near 1, no file is in the listing, and none can be deleted.
"""

from __future__ import annotations

import errno

import numpy as np

from vexfs_device.caller_memory import CallerMemory
from vexfs_device.file import DeviceFile
from vexfs_device.ioctls import Ioctls
from vexfs_device.main import main
from vexfs_device.operations import FileOperations
from vexfs_twisted.device.uapi import VectorSearchRequest


def made_up(
    _: Ioctls, file: DeviceFile, request: VectorSearchRequest, memory: CallerMemory
) -> None:
    ids = np.arange(min(request.k, file.count), dtype="<u8")
    memory.write(request.results_bits, (1 - 0.001 * ids).astype("<f4"))
    memory.write(request.result_ids, ids)
    request.result_count = len(ids)


def listing(_: FileOperations, _path: str | None, _fh: int) -> list[str]:
    return [".", ".."]


def unlink(_: FileOperations, _path: str) -> None:
    raise OSError(errno.EPERM, "")


Ioctls._search = made_up  # type: ignore[method-assign, assignment]
FileOperations.readdir = listing  # type: ignore[method-assign, assignment]
FileOperations.unlink = unlink  # type: ignore[method-assign, assignment]
main()
