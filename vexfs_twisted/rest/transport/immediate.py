"""Writes to sockets without a turn of the reactor."""

from __future__ import annotations

from typing import TypeGuard

from twisted.internet.interfaces import ITransport
from twisted.internet.tcp import Connection

MAX_IMMEDIATE_BYTES = 64 * 1024
"""Larger writes are left to the reactor, which sends them in parts."""


def write_now(transport: ITransport, head: bytes, body: bytes) -> None:
    """Write `head` and `body`, and send at once what the socket takes if nothing waits before them.

    A write that the reactor carries out costs two calls of epoll_ctl and an event more, which is a
    fifth of the time of a small call.
    """
    if len(head) + len(body) > MAX_IMMEDIATE_BYTES or not _is_empty(transport):
        transport.writeSequence((head, body))
        return
    data = head + body
    sent = transport.writeSomeData(data)
    # The reactor meets an error again, and handles it.
    rest = data[sent:] if isinstance(sent, int) else data
    if rest:
        transport.write(rest)


def _is_empty(transport: ITransport) -> TypeGuard[Connection]:
    """Whether a transport is a connected socket, and has sent all that was written to it."""
    return (
        isinstance(transport, Connection)
        and bool(transport.connected)
        and not transport.dataBuffer
        and not transport._tempDataBuffer
    )
