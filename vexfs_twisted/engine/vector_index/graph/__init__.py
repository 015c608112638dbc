"""HNSW graphs over ranges of rows: built, saved, memory-mapped, searched without vector copies."""

from .builder import Copies, GraphBuilder, GraphOptions
from .eligible import can_link
from .errors import DamagedGraph, GraphError, GraphsUnavailable
from .file import GraphFacts
from .graph import Graph
from .native import Elements

__all__ = [
    "Copies",
    "DamagedGraph",
    "Elements",
    "Graph",
    "GraphBuilder",
    "GraphError",
    "GraphFacts",
    "GraphOptions",
    "GraphsUnavailable",
    "can_link",
]
