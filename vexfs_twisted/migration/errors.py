"""Why a copy stops."""

from __future__ import annotations

from collections.abc import Iterable


class MigrationError(Exception):
    """What stops a copy, with a text for the user."""


class Refused(MigrationError):
    """A server refused a call. `is_input`: because of what was sent, not of who or when."""

    def __init__(self, text: str, *, is_input: bool = False) -> None:
        super().__init__(text)
        self.is_input = is_input


class Missing(Refused):
    """What a call names is not there."""


class AlreadyThere(Refused):
    """What a call creates is there already."""


class TooLarge(MigrationError):
    """A message is larger than one side takes. Fewer points may fit."""


class Unreachable(MigrationError):
    """A server did not answer in time, however often it was asked."""


class Problems(MigrationError):
    """What stands against a copy; nothing has been copied. One line each."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("; ".join(self.lines))


class StateError(MigrationError):
    """The state file cannot be used."""
