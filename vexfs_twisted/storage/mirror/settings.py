"""Timeouts and limits for an attached device."""

from __future__ import annotations

from attrs import frozen

from ...device.probe import SLOW_SECONDS


@frozen
class MirrorSettings:
    """Timeouts in seconds, sizes in bytes and rows.

    The timeout of a search is `search_seconds`, of any other call `call_seconds`, of a whole probe
    `probe_seconds`. The median duration of searches must not exceed `slow_seconds`. One search in
    `check_every`, beginning with the first, is compared with the exact result.

    Vectors are sent in batches of at most `batch_bytes`. A search scans at most `most_unmirrored`
    rows that are not on the device yet; if there are more, or if the device would have to return
    more than `most_neighbours` candidates, the engine answers. A vector file is rebuilt when it has
    more dead rows than live ones, and at least `rebuilt_from`.
    """

    search_seconds: float = 2.0
    call_seconds: float = 30.0
    probe_seconds: float = 30.0
    slow_seconds: float = SLOW_SECONDS
    check_every: int = 256
    batch_bytes: int = 8 << 20
    most_unmirrored: int = 16384
    most_neighbours: int = 16384
    rebuilt_from: int = 4096
