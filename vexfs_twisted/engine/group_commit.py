"""Group commit: batches of commands in one transaction, or one by one after an error."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..model.commands import Command, CommandBatch, Outcome
from ..model.errors import StorageFull, as_value
from .errors import NoRowsLeft

Commit = Callable[[Sequence[CommandBatch]], list[list[Outcome]]]
"""Executes batches in one transaction; if it raises, nothing has changed."""


def commit_group(commit: Commit, batches: Sequence[CommandBatch]) -> list[list[Outcome]]:
    """Commit batches together, and return their outcomes.

    After an unexpected error, each command is committed on its own, or each batch that has an
    origin, so that only the batch with the error fails, and later ones of the same source.
    """
    try:
        return commit(batches)
    except StorageFull as error:
        return [[as_value(error)] for _ in batches]
    except Exception:
        return _one_by_one(commit, batches)


def _one_by_one(commit: Commit, batches: Sequence[CommandBatch]) -> list[list[Outcome]]:
    outcomes: list[list[Outcome]] = []
    broken: dict[str, Exception] = {}
    for batch in batches:
        if batch.origin is None:
            outcomes.append(_each_command(commit, batch.commands))
            continue
        source = batch.origin.source
        if source not in broken:
            try:
                outcomes += commit([batch])
                continue
            except Exception as error:
                broken[source] = _told(error)
        outcomes.append([broken[source]])
    return outcomes


def _each_command(commit: Commit, commands: Sequence[Command]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for command in commands:
        try:
            outcomes += commit([CommandBatch([command])])[0]
        except Exception as error:
            outcomes.append(_told(error))
        if isinstance(outcomes[-1], Exception):
            break
    return outcomes


def _told(error: Exception) -> Exception:
    """The error of a commit as an outcome."""
    # Until here it is not a StorageFull: that one would refuse all of a group, deletions as well.
    return StorageFull(str(error)) if isinstance(error, NoRowsLeft) else as_value(error)
