"""The parts of a running server, put together. Imports everything, so it is imported late."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from .config import Config
from .lifecycle import SequentialService


@frozen
class Parts:
    """The service that starts and stops the server, and what is told about it."""

    service: SequentialService

    def addresses(self) -> dict[str, str]:
        """Where each wire listens."""
        return {}


def build(config: Config, reactor: Any) -> Parts:
    """Make the parts; nothing is opened before the service starts."""
    return Parts(SequentialService([]))
