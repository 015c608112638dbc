"""Quotas: limits on memory and disk space of the server, past which it takes no more data."""

from __future__ import annotations

from attrs import frozen

from .validation import UInt8, bounded

DEFAULT_MARGIN = 5
"""Points below its limit at which a resource is released, where the configuration says nothing."""


@frozen
class QuotaConfig:
    """Limits in percent, enforced while `enabled`; None: the resource has none.

    `max_resident_memory_percent` is of the memory that the process may have, and
    `max_disk_usage_percent` of the file system of the data. A resource that has reached its limit
    is released once it is `release_margin_percent` points below it.
    """

    enabled: bool = False
    max_resident_memory_percent: UInt8 | None = bounded(1, 100)
    max_disk_usage_percent: UInt8 | None = bounded(1, 100)
    release_margin_percent: UInt8 | None = bounded(0, 100)

    @property
    def memory_limit(self) -> int | None:
        """The limit of memory that is enforced."""
        return self.max_resident_memory_percent if self.enabled else None

    @property
    def disk_limit(self) -> int | None:
        """The limit of disk space that is enforced."""
        return self.max_disk_usage_percent if self.enabled else None

    @property
    def margin(self) -> int:
        """The margin in points."""
        margin = self.release_margin_percent
        return DEFAULT_MARGIN if margin is None else margin


@frozen
class QuotaUsage:
    """How much is used, in whole percent; None where the system does not tell."""

    resident_memory_percent: int | None = None
    disk_usage_percent: int | None = None


@frozen
class QuotaExceeded:
    """Which limits are exceeded; None for a resource without an enforced limit, or not known."""

    resident_memory: bool | None = None
    disk_usage: bool | None = None


@frozen
class QuotaReport:
    """The configuration in effect, and what it has led to."""

    config: QuotaConfig = QuotaConfig()
    exceeded: QuotaExceeded = QuotaExceeded()
