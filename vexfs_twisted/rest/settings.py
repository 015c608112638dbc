"""Settings of the REST API: limits of bodies and connections, and CORS."""

from __future__ import annotations

from attrs import frozen


@frozen
class RestSettings:
    """Settings of the REST API.

    `max_body_bytes` bounds a request body, both as received and decompressed. `bodies_bytes` bounds
    all bodies together; beyond it, up to `max_waiting_bodies` requests wait. `max_connections`
    bounds the open connections, `max_client_connections` those of one client address. `cors`
    allows web pages of any origin to call the API. `stop_grace`: seconds that requests in progress
    get to finish when the server stops. `gzip`: compress large responses for clients that accept
    it, which is slower on a fast network. Requests may always be compressed.
    """

    max_body_bytes: int = 32 * 1024 * 1024
    bodies_bytes: int = 256 * 1024 * 1024
    max_waiting_bodies: int = 256
    max_connections: int = 4096
    max_client_connections: int = 1024
    cors: bool = True
    stop_grace: float = 10.0
    gzip: bool = False
