"""What the REST wire lets its clients do."""

from __future__ import annotations

from attrs import frozen


@frozen
class RestSettings:
    """Settings of the REST wire.

    `max_body_bytes` bounds a request body, as it arrives and as it unpacks; `bodies_bytes` bounds
    all of them together, past which `max_waiting_bodies` wait for room. `max_connections` may be
    open at a time, and `max_client_connections` of one address. `cors` lets pages of any origin
    call the API.
    """

    max_body_bytes: int = 32 * 1024 * 1024
    bodies_bytes: int = 256 * 1024 * 1024
    max_waiting_bodies: int = 256
    max_connections: int = 4096
    max_client_connections: int = 1024
    cors: bool = True
