"""The values of the device interface: metrics, metadata, search results, errors.

The errors are not DomainErrors, as clients never see faults of a device.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import ClassVar

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

Ids = NDArray[np.uint64]
"""Ids of vectors on a device, shape [n]."""


class DeviceMetric(IntEnum):
    """The metric of a search, with its number in the device interface.

    The score is the distance (not squared) for EUCLIDEAN, where smaller is nearer. It is the cosine
    of the angle for COSINE and the inner product for DOT_PRODUCT, where larger is nearer.
    """

    EUCLIDEAN = 0
    COSINE = 1
    DOT_PRODUCT = 2

    @property
    def larger_is_nearer(self) -> bool:
        """Whether a larger score means nearer."""
        return self is not DeviceMetric.EUCLIDEAN


class DeviceKind(Enum):
    """The kind of file at the path of a device."""

    DIRECTORY = "directory"
    """A mount: each regular file in it is a vector file."""
    FILE = "file"
    """One regular file of a mount: one vector file."""
    CHARACTER_DEVICE = "character device"
    """A device node: one vector file."""
    MEMORY = "memory"
    """No device: a simulation within this process."""


@frozen
class FileMeta:
    """The metadata of a vector file, as reported by the device.

    Vectors are dense float32 without compression. Offsets and the alignment are in bytes, 0 if the
    device does not report them.
    """

    dimensions: int
    vector_count: int = 0
    data_offset: int = 0
    index_offset: int = 0
    alignment: int = 0


@frozen(eq=False)
class Neighbours:
    """The result of a search on a device, nearest first.

    `ids` has shape [m], uint64, and `scores` shape [m], float32; m is at most the requested k.
    """

    ids: Ids
    scores: NDArray[np.float32]


class DeviceError(Exception):
    """An error of a device. `code` is stable; `errno` is the system's number, 0 if none."""

    code: ClassVar[str] = "failed"

    def __init__(self, text: str, errno: int = 0) -> None:
        super().__init__(text)
        self.errno = errno


class DeviceFailed(DeviceError):
    """The device failed (EIO), or reported an error of no other kind."""


class DeviceRefused(DeviceError):
    """The device refused the request: invalid dimensions, counts, pointers or names."""

    code = "refused"


class DeviceFull(DeviceError):
    """The device has no space or memory left."""

    code = "full"


class DeviceDenied(DeviceError):
    """The device may not be used by this process."""

    code = "denied"


class DeviceGone(DeviceError):
    """The device is gone: removed, unmounted, its server dead, or closed by this process."""

    code = "gone"


class NotADevice(DeviceError):
    """The file does not support the calls of a vector file."""

    code = "not_a_device"


class NoSuchFile(DeviceError):
    """There is no vector file, or no device, with this name."""

    code = "no_such_file"


class FileTaken(DeviceError):
    """There is already a vector file with this name."""

    code = "file_taken"


class DeviceUnsound(DeviceError):
    """A required device failed verification."""

    code = "unsound"


class BadAnswer(DeviceError):
    """The device returned an impossible result, such as more neighbours than requested."""

    code = "bad_answer"


@frozen
class Finding:
    """A problem found by a probe: a stable code, and a description in one line."""

    code: str
    text: str


@frozen
class ProbeReport:
    """The result of a probe of the device at `path`, which is sound if there are no findings.

    `slowest` is the duration of the slowest call in seconds; `calls` is their number.
    """

    path: str
    findings: tuple[Finding, ...] = ()
    calls: int = field(default=0, eq=False)
    slowest: float = field(default=0.0, eq=False)

    @property
    def is_sound(self) -> bool:
        """Whether searches may use the device."""
        return not self.findings

    def has(self, code: str) -> bool:
        """Whether there is a finding with this code."""
        return any(finding.code == code for finding in self.findings)
