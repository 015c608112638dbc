"""Group commit: batches of commands in one transaction, or apart where something breaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..model.commands import Command, CommandBatch, Outcome
from ..model.errors import StorageFull, as_value

Commit = Callable[[Sequence[CommandBatch]], list[list[Outcome]]]
"""Carries out batches in one transaction; raises what breaks, and then nothing has changed."""


def commit_group(commit: Commit, batches: Sequence[CommandBatch]) -> list[list[Outcome]]:
    """The outcomes of batches that are committed together.

    When something unexpected breaks, each command is committed by itself, or each batch that has an
    origin, so that only the batch that breaks fails, and those of the same source after it.
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
                broken[source] = as_value(error)
        outcomes.append([broken[source]])
    return outcomes


def _each_command(commit: Commit, commands: Sequence[Command]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for command in commands:
        try:
            outcomes += commit([CommandBatch([command])])[0]
        except Exception as error:
            outcomes.append(as_value(error))
        if isinstance(outcomes[-1], Exception):
            break
    return outcomes
