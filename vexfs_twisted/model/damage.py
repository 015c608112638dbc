"""What is found damaged in the files of a collection."""

from __future__ import annotations

from attrs import frozen


@frozen
class Damage:
    """One place whose bytes are not what was written.

    `file` is relative to the directory of the collection, `offset` in bytes from its begin; None
    where the file as a whole is meant. `text` is one line for people.
    """

    file: str
    offset: int | None
    text: str

    def __str__(self) -> str:
        place = self.file if self.offset is None else f"{self.file} at byte {self.offset}"
        return f"{place}: {self.text}"
