"""Errors of codes. They mean no data loss: codes are made again from the vectors."""

from __future__ import annotations

from pathlib import Path


class DamagedCodes(Exception):
    """A file of codes is missing, of another version, of other codes, or not what was written."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"codes {path.name} are damaged: {reason}")
