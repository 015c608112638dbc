"""What a server without a key lets only programs on its own machine do."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from ..middleware import CallInfo
from ..model.errors import Forbidden

_FROM_ELSEWHERE = ("origin", "forwarded", "x-forwarded-for")
"""Headers that browsers send for a page, and proxies for somebody else."""


class LocalCallers:
    """Refuses calls that are meant for this machine where they come from elsewhere.

    A page in a browser on this machine is elsewhere, too: whoever wrote it is not known. Stateless,
    so usable from any thread. A server with keys asks for those instead.
    """

    def before(self, call: CallInfo) -> None:
        """Raise Forbidden for a local call that may come from another machine or from a page."""
        if not call.kind.is_local:
            return
        is_relayed = any(call.header(name) is not None for name in _FROM_ELSEWHERE)
        if is_relayed or not _is_loopback(call.peer):
            raise Forbidden(
                "without an API key this is only for programs on the server's own machine"
            )

    def after(self, call: CallInfo, outcome: str, seconds: float) -> None:
        """Nothing is kept."""


def _is_loopback(peer: str) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback
