"""Errors of graphs. None of these means data loss: the rows can be scanned instead."""

from __future__ import annotations

from pathlib import Path


class GraphError(Exception):
    """A graph cannot be used."""


class GraphsUnavailable(GraphError):
    """The faiss version does not search borrowed graphs like its own, so no graphs are used."""


class DamagedGraph(GraphError):
    """A graph file is missing, of another version, of another graph, or not what was written."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"graph {path.name} is damaged: {reason}")
