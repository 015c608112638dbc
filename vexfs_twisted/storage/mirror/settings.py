"""The bounds that a device is held to while it is attached."""

from __future__ import annotations

from attrs import frozen

from ...device.probe import SLOW_SECONDS


@frozen
class MirrorSettings:
    """Times in seconds.

    A search may take `search_seconds` and any other call `call_seconds`; a probe as a whole
    `probe_seconds`. Half of the searches may take no longer than `slow_seconds`. One search in
    `check_every`, the first among them, is held to the exact answer.

    Vectors are sent in batches of at most `batch_bytes`. A search scans at most `most_unmirrored`
    rows that are not on the device yet; where there are more, the engine answers it, as it does one
    for which the device would have to name more than `most_neighbours`. A vector file is made anew
    when it holds more dead rows than live ones, and at least `rebuilt_from`.
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
