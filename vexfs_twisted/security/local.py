"""The middleware for local-only methods of a server without API keys."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from ..middleware import CallInfo
from ..model.errors import Forbidden

_FROM_ELSEWHERE = ("origin", "forwarded", "x-forwarded-for")
"""Headers that browsers send for web pages, and proxies for their clients."""


class LocalCallers:
    """Refuses calls of methods with `is_local` unless they come from the server's own machine.

    Calls of web pages in a local browser are refused too, as the author of a page is unknown. A
    server with API keys uses Authentication instead. Stateless and thread-safe.
    """

    def before(self, call: CallInfo) -> None:
        """Raise Forbidden for a call that may come from another machine or from a web page."""
        if not call.kind.is_local:
            return
        is_relayed = any(call.header(name) is not None for name in _FROM_ELSEWHERE)
        if is_relayed or not _is_loopback(call.peer):
            raise Forbidden(
                "without an API key this is only for programs on the server's own machine"
            )

    def after(self, call: CallInfo, outcome: str, seconds: float) -> None:
        """No-op."""


def _is_loopback(peer: str) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback
