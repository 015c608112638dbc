"""A client whose body the budget of bodies lets be read, or not."""

from __future__ import annotations

from vexfs_twisted.model.errors import DomainError
from vexfs_twisted.rest.bodies.budget import Lease


class BodyReader:
    """A request as the budget sees it: whether it is read, and what it was told."""

    def __init__(self) -> None:
        self.lease: Lease
        self.is_paused = False
        self.told: list[DomainError] = []

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False

    def expire(self, error: DomainError) -> None:
        self.told.append(error)
        self.lease.release()
