"""Figures of the work of the storage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf

from ..model.distribution import SIZES, Recorder
from ..model.filters import Filter
from ..model.payload_index import FieldSchema

OnSlow = Callable[[str, Mapping[str, FieldSchema], Sequence[Filter]], object]
"""Is told the name of a collection, its payload indexes, and the filters of a slow read."""


def _ignore(name: str, fields: Mapping[str, FieldSchema], filters: Sequence[Filter]) -> None:
    """The default of `on_slow`: no-op."""


class StorageFigures:
    """What is counted since the start, see StorageStatus. Thread-safe.

    `on_slow` is told of reads with filters that take `slow_s` seconds or more, in their thread.
    """

    def __init__(self) -> None:
        self.commits = Recorder()
        self.commit_sizes = Recorder(SIZES)
        self.read_sizes = Recorder(SIZES)
        self.slow_s = inf
        self.on_slow: OnSlow = _ignore

    def committed(self, commands: int, seconds: float) -> None:
        """Count a group commit."""
        self.commits.record(seconds)
        self.commit_sizes.record(commands)
