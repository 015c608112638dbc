"""What the REST wire lets its clients do."""

from __future__ import annotations

from attrs import frozen


@frozen
class RestSettings:
    """Settings of the REST wire.

    `max_body_bytes` bounds a request body, as it arrives and as it unpacks. `cors` lets pages of
    any origin call the API.
    """

    max_body_bytes: int = 32 * 1024 * 1024
    cors: bool = True
