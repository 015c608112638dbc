"""Checks the graphs of a directory that somebody else may have made.

Their checksums tell that they are as they were written, not that searches stay within them.
"""

from __future__ import annotations

from pathlib import Path

from ..vector_index.graph.errors import DamagedGraph
from ..vector_index.graph.file import map_graph
from ..vector_index.graph.links import are_closed
from .errors import UnusableArchive

_PATTERN = "graph-*"


def check_graphs(directory: Path) -> None:
    """Raise UnusableArchive unless the links of all graphs lead to their own nodes. Blocks.

    A graph that is damaged otherwise is dropped when it is opened for searches.
    """
    for path in sorted(directory.glob(_PATTERN)):
        try:
            file = map_graph(path)
        except DamagedGraph:
            continue
        if not are_closed(file.links):
            raise UnusableArchive(f"its member {path.name} leads out of its graph")
