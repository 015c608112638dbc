"""Why a graph cannot be used. None of these loses data: the rows can be scanned instead."""

from __future__ import annotations

from pathlib import Path


class GraphError(Exception):
    """A graph cannot be used."""


class GraphsUnavailable(GraphError):
    """The library does not search a borrowed graph as it searches its own, so none is used."""


class DamagedGraph(GraphError):
    """A graph file is missing, of another version, of another graph, or not what was written."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"graph {path.name} is damaged: {reason}")
