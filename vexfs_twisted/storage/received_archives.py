"""Archives in open files: those that are there, and those that are received."""

from __future__ import annotations

import os
from typing import BinaryIO

from attrs import frozen

from ..engine.data_folder import storage_errors
from ..engine.snapshot_archives import SnapshotFolder


@frozen
class OpenedArchive:
    """An archive that is there already. Whoever uses `file` closes it."""

    file: BinaryIO


class TemporaryArchive:
    """A file in the folder that has no name, and is gone when it is closed. See ReceivedFile."""

    def __init__(self, folder: SnapshotFolder) -> None:
        self.file = folder.temporary()
        self._path = folder.path

    def write(self, data: bytes | memoryview) -> None:
        """See ReceivedFile."""
        left = memoryview(data)
        with storage_errors(self._path):
            while left:
                left = left[os.write(self.file.fileno(), left) :]

    def close(self) -> None:
        """See ReceivedFile."""
        self.file.close()
