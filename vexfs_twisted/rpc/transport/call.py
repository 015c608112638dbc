"""The interface between a transport and the handlers of calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol

import grpc

from ..errors import RpcStatus

Metadata = Sequence[tuple[str, str | bytes]]


class Missing(Enum):
    """Why there is no message: the client has sent its last one, the call is over, or LATE."""

    NONE = "none"
    LATE = "late"


Received = Callable[[bytes | Missing], object]
"""Called with a message, or with the reason why there is none."""


class ServerCall(Protocol):
    """One call of a client, over any transport.

    Methods are thread-safe and do not block. What is passed to them is called in the transport's
    thread; it must not block and must not raise. A call that is over ignores what is sent.
    """

    method: str
    """The path of the method, such as `/qdrant.Points/Get`."""

    metadata: Metadata

    @property
    def peer(self) -> str:
        """The client's address as grpc writes it: `ipv4:127.0.0.1:50051`."""

    @property
    def is_over(self) -> bool:
        """Whether the client has left, its deadline has passed, or the response has been sent."""

    def when_over(self, function: Callable[[], object]) -> None:
        """Call `function` once, when the call is over. Set by Accept, in the transport's thread."""

    def when_idle(self, function: Callable[[], object]) -> None:
        """Call `function` once no event waits, in the transport's thread, where this is called."""

    def read(self, received: Received, patience: float | None = None) -> None:
        """Receive the next message, one at a time.

        LATE if none has come for `patience` seconds, or up to half a second more; then the call
        must not be read any further.
        """

    def write(self, data: bytes, sent: Callable[[], object]) -> None:
        """Send a message; `sent` is called once HTTP/2 has taken it. One at a time."""

    def answer(self, data: bytes, trailing: Metadata = ()) -> None:
        """Send the only message and the status OK."""

    def reset(self) -> None:
        """End the call without a status, as the client does not read what is sent."""

    def finish(self, status: RpcStatus | None = None, trailing: Metadata = ()) -> None:
        """Send the status: OK with the metadata `trailing`, or that of a failed call."""


Accept = Callable[[ServerCall], object]
"""Handles a new call; called in the transport's thread. Must not block and must not raise."""


class Transport(Protocol):
    """A server that passes the calls of all clients to an Accept, from one thread."""

    def listen(self, address: str, credentials: grpc.ServerCredentials | None = None) -> int:
        """Bind `host:port`, with TLS if there are `credentials`; returns the port.

        Raises RuntimeError. Before `serve`.
        """

    def serve(self) -> None:
        """Accept calls in this thread until `stop` has ended them all."""

    def stop(self, hangup_s: float) -> None:
        """Refuse connections and end `serve`; calls that remain are cancelled after `hangup_s`.

        Thread-safe; does not block.
        """
