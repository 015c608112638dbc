"""Figures of the work of the storage."""

from __future__ import annotations

from ..model.distribution import SIZES, Recorder


class StorageFigures:
    """What is counted since the start, see StorageStatus. Thread-safe."""

    def __init__(self) -> None:
        self.commits = Recorder()
        self.commit_sizes = Recorder(SIZES)
        self.read_sizes = Recorder(SIZES)

    def committed(self, commands: int, seconds: float) -> None:
        """Count a group commit."""
        self.commits.record(seconds)
        self.commit_sizes.record(commands)
