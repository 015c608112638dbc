"""The state of the parts of the server, for telemetry and metrics."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from attrs import frozen

from .distribution import Distribution


@frozen
class QueueStatus:
    """A pool of threads: the calls that wait for one, and the number of threads."""

    waiting: int
    threads: int


@frozen
class MemoryBudget:
    """Memory that calls hold and may hold together, in bytes; `waiting` calls wait for room."""

    used: int
    limit: int
    waiting: int = 0


@frozen
class StorageStatus:
    """The work of the storage since its start.

    `commits` are the seconds that group commits took, and `commit_sizes` the commands of each;
    `read_sizes` are the reads that were answered together. `update_queues` are the commands that
    wait or are being committed, by collection, without those of which there are none.
    """

    queues: Mapping[str, QueueStatus] = attrs.field(factory=dict)
    commits: Distribution = attrs.field(factory=Distribution)
    commit_sizes: Distribution = attrs.field(factory=Distribution)
    read_sizes: Distribution = attrs.field(factory=Distribution)
    update_queues: Mapping[str, int] = attrs.field(factory=dict)


@frozen
class SnapshotStatus:
    """Snapshots that are being taken and restored now, and those taken since the start.

    By the names of collections; the empty name stands for all of them together.
    """

    running: Mapping[str, int] = attrs.field(factory=dict)
    restoring: Mapping[str, int] = attrs.field(factory=dict)
    taken: Mapping[str, int] = attrs.field(factory=dict)


@frozen
class AuditStatus:
    """The settings of the audit log, the bytes of its files, and the lines that were lost."""

    directory: str
    rotation: str
    most_files: int
    trusts_forwarded: bool
    size: int
    lost: int


@frozen
class ProcessStatus:
    """The memory of one process, in bytes, and its limits, as the system tells.

    `allocated` is what the allocator has given out, `active` what it got for that, `retained` what
    of that it keeps for later. `cpu` is processor time in seconds.
    """

    resident: int = 0
    allocated: int = 0
    active: int = 0
    retained: int = 0
    metadata: int = 0
    threads: int = 0
    maps: int = 0
    most_maps: int = 0
    descriptors: int = 0
    most_descriptors: int = 0
    minor_faults: int = 0
    major_faults: int = 0
    cpu: float = 0.0
