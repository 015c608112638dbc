"""Brings a collection forward by the log of what it was restored from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import attrs
from attrs import frozen

from ..commandcodec.batches import decode_batch
from ..commandcodec.messages import UndecodableCommand
from ..model.commands import Command, CommandBatch, Outcome
from ..model.errors import BadRequest
from .log_segments import LoggedBatch, begin_of, read_segment, segment_files

_AT_ONCE = 64
_AT_ONCE_BYTES = 32 << 20


class Replayable(Protocol):
    """The part of a collection that a replay uses."""

    @property
    def last_command(self) -> int:
        """The number of the last command applied."""

    @property
    def next_operation(self) -> int:
        """The id of the next operation."""

    def skip_to(self, operation: int) -> None:
        """Let the next operation have an id that is not below it."""

    def apply(self, commands: Sequence[Command]) -> list[Outcome]:
        """Execute commands in one commit."""

    def apply_each(self, batches: Sequence[CommandBatch]) -> list[list[Outcome]]:
        """Execute batches in one commit."""


@frozen
class Replayed:
    """The numbers of the last command and of the last operation after a replay."""

    command: int
    operation: int


def replay(collection: Replayable, directory: Path, to_operation: int | None) -> Replayed:
    """Apply the logged commands that follow those of the collection.

    Up to and with `to_operation`; None: all. Raises BadRequest if the log does not continue the
    collection or does not reach that far, and OSError.
    """
    if to_operation is not None and collection.next_operation > to_operation + 1:
        at = collection.next_operation - 1
        raise BadRequest(f"the collection is at operation {at} already, after {to_operation}")
    some: list[LoggedBatch] = []
    size, is_reached = 0, False
    for batch in _following(directory, collection.last_command):
        if to_operation is not None and batch.next_operation > to_operation + 1:
            _apply(collection, some)
            some = []
            _apply_until(collection, batch, to_operation)
            is_reached = True
            break
        if some and some[-1].next_operation != batch.operation:
            _apply(collection, some)
            some, size = [], 0
        some.append(batch)
        size += len(batch.data)
        if len(some) >= _AT_ONCE or size >= _AT_ONCE_BYTES:
            _apply(collection, some)
            some, size = [], 0
    _apply(collection, some)
    operation = collection.next_operation - 1
    if to_operation is not None and operation < to_operation and not is_reached:
        raise BadRequest(f"the log in {directory} ends with operation {operation}")
    return Replayed(collection.last_command, operation)


def _following(directory: Path, command: int) -> Iterator[LoggedBatch]:
    """The logged batches after a command, without a gap."""
    files = segment_files(directory)
    first = max((i for i, file in enumerate(files) if begin_of(file) <= command), default=0)
    for file in files[first:]:
        with file.open("rb") as opened:
            for batch, _ in read_segment(opened):
                if batch.after <= command:
                    continue
                if batch.before != command:
                    raise BadRequest(
                        f"the log in {directory} continues command {batch.before}, "
                        f"and the collection is at command {command}"
                    )
                yield batch
                command = batch.after


def _apply(collection: Replayable, batches: Sequence[LoggedBatch]) -> None:
    if batches:
        _skip(collection, batches[0])
        collection.apply_each([_decoded(batch) for batch in batches])
        _check_number(collection, batches[-1].after)


def _apply_until(collection: Replayable, batch: LoggedBatch, operation: int) -> None:
    """Apply the commands of a batch up to an operation, without its origin."""
    if batch.operation > operation:
        return
    _skip(collection, batch)
    for command in _decoded(batch).commands:
        if collection.next_operation > operation:
            return
        collection.apply([command])


def _skip(collection: Replayable, batch: LoggedBatch) -> None:
    """Leave out the ids that were taken by what is no command."""
    if collection.next_operation < batch.operation:
        collection.skip_to(batch.operation)


def _decoded(batch: LoggedBatch) -> CommandBatch:
    try:
        # The uid is that of the collection which was logged.
        return attrs.evolve(decode_batch(batch.data), uid=None)
    except UndecodableCommand as error:
        raise BadRequest(f"command {batch.after} of the log cannot be read: {error}") from None


def _check_number(collection: Replayable, expected: int) -> None:
    if collection.last_command != expected:
        raise BadRequest(
            f"after command {expected} of the log the collection is at {collection.last_command}"
        )
