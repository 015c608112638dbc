"""What is said to a VexFS device and what it says: metrics, metadata, neighbours, errors.

The errors are no DomainErrors: a device serves the server, and no client is told of its faults.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import ClassVar

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

Ids = NDArray[np.uint64]
"""Numbers that vectors are kept under, shape [n]."""


class DeviceMetric(IntEnum):
    """How a search compares, under its number in the device interface.

    The score is the distance itself (no square) for EUCLIDEAN, where smaller is nearer; it is the
    cosine of the angle for COSINE and the inner product for DOT_PRODUCT, where larger is nearer.
    """

    EUCLIDEAN = 0
    COSINE = 1
    DOT_PRODUCT = 2

    @property
    def larger_is_nearer(self) -> bool:
        """Whether scores descend from the nearest vector on."""
        return self is not DeviceMetric.EUCLIDEAN


class DeviceKind(Enum):
    """What stands at the path of a device."""

    DIRECTORY = "directory"
    """A mount: each regular file in it is a vector file."""
    FILE = "file"
    """One regular file of a mount: one vector file."""
    CHARACTER_DEVICE = "character device"
    """A device node: one vector file."""
    MEMORY = "memory"
    """No device: a stand-in within this process."""


@frozen
class FileMeta:
    """The metadata of a vector file, as the device tells it.

    Vectors are dense float32 without compression. Offsets and the alignment are in bytes; 0 is
    said where the device has no place of that kind to tell.
    """

    dimensions: int
    vector_count: int = 0
    data_offset: int = 0
    index_offset: int = 0
    alignment: int = 0


@frozen(eq=False)
class Neighbours:
    """What a device answers to a search, nearest first.

    `ids` has shape [m], uint64, and `scores` shape [m], float32; m is at most the k asked for.
    """

    ids: Ids
    scores: NDArray[np.float32]


class DeviceError(Exception):
    """What a device failed at. `code` is stable; `errno` is the system's number, 0 if none."""

    code: ClassVar[str] = "failed"

    def __init__(self, text: str, errno: int = 0) -> None:
        super().__init__(text)
        self.errno = errno


class DeviceFailed(DeviceError):
    """The device broke off what it was doing (EIO), or ended in an error of no other kind."""


class DeviceRefused(DeviceError):
    """The device does not take the request: dimensions, counts, a pointer or a name are wrong."""

    code = "refused"


class DeviceFull(DeviceError):
    """The device has no room or no memory left."""

    code = "full"


class DeviceDenied(DeviceError):
    """The device is not for this process to use."""

    code = "denied"


class DeviceGone(DeviceError):
    """The device is away: unplugged, unmounted, its server dead, or closed by us."""

    code = "gone"


class NotADevice(DeviceError):
    """What stands there does not know the calls of a vector file."""

    code = "not_a_device"


class NoSuchFile(DeviceError):
    """There is no vector file, or no device, under that name."""

    code = "no_such_file"


class FileTaken(DeviceError):
    """There is a vector file under that name already."""

    code = "file_taken"


class DeviceUnsound(DeviceError):
    """A device that is required is not fit for use."""

    code = "unsound"


class BadAnswer(DeviceError):
    """The device answered with something that cannot be, as more neighbours than were asked for."""

    code = "bad_answer"


@frozen
class Finding:
    """One thing that a probe found wrong: a stable code, and what was seen in one line."""

    code: str
    text: str


@frozen
class ProbeReport:
    """What a probe found of a device at `path`. It is sound when there is no finding.

    `slowest` is the longest time in seconds that a single call took, and `calls` how many there
    were.
    """

    path: str
    findings: tuple[Finding, ...] = ()
    calls: int = field(default=0, eq=False)
    slowest: float = field(default=0.0, eq=False)

    @property
    def is_sound(self) -> bool:
        """Whether the device may be asked for neighbours."""
        return not self.findings

    def has(self, code: str) -> bool:
        """Whether there is a finding of this code."""
        return any(finding.code == code for finding in self.findings)
