"""Rate-limited warnings about the behaviour of clients: one of each kind per minute."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from ...logs import get_logger

log = get_logger("vexfs.rest")

INTERVAL_S = 60.0


class Notices:
    """Logs warnings, with the number of those suppressed. Used in the reactor thread only."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._told: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def tls(self, peer: str) -> None:
        """Warn that a client began a TLS handshake."""
        self._tell("TLS is not on here, a client that wants it was sent away", peer)

    def no_tls(self, peer: str) -> None:
        """Warn that a client does not speak TLS, where it is on."""
        self._tell("TLS is on here, a client without it was sent away", peer)

    def no_handshake(self, peer: str, reason: str) -> None:
        """Warn that a TLS handshake has failed."""
        self._tell(f"a TLS handshake has failed: {reason}", peer)

    def full(self, peer: str, reason: str) -> None:
        """Warn that a connection was refused because of a limit."""
        self._tell(f"connection refused: {reason}", peer)

    def _tell(self, event: str, peer: str) -> None:
        now = self._clock.seconds()
        told = self._told.get(event)
        if told is not None and now - told < INTERVAL_S:
            self._left_out[event] = self._left_out.get(event, 0) + 1
            return
        self._told[event] = now
        left_out = self._left_out.pop(event, 0)
        log.warning(event, peer=peer, **({"left_out": left_out} if left_out else {}))
