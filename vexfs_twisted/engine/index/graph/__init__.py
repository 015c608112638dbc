"""HNSW graphs over ranges of rows: built, saved, mapped and searched without copying vectors."""

from .builder import GraphBuilder, GraphOptions
from .errors import DamagedGraph, GraphError, GraphsUnavailable
from .file import GraphFacts
from .graph import Graph
from .native import Elements, can_link

__all__ = [
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
