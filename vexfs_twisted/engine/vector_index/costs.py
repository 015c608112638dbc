"""The cost model of search: the planner picks the cheapest method that is accurate enough.

Measured with clustered vectors of 32, 128, 384 and 1024 components, one thread, in a process that
did nothing else: `fvec_inner_products_by_idx` over a quarter of 30,000 rows in memory, `faiss.knn`
over blocks of them with 12 and 64 queries, and graph searches with an ef of 64 and 128, by coarse
copies. Only the ratios matter, and these vary little between machines: scans and graph traversals
are bound by memory latency and bandwidth, matrix products by arithmetic.
"""

from __future__ import annotations

import os

_SCANNED_NS = 0.17
_MULTIPLIED_NS = 0.025
_GATHERED_NS = 0.6
_VISITED_NS = 400.0
_VISITED_COMPONENT_NS = 3.0

_LEAST_BATCH = 12
"""From this many queries on, scans use matrix products; see `exact`."""


_LEAST_THREADED = 32
"""Fewer queries finish before threads start; and the cores may be needed for other calls."""


def scan_cost(rows: int, dimension: int, queries: int) -> float:
    """Nanoseconds per query to scan `rows` scattered rows, for a batch of `queries`."""
    component = _SCANNED_NS
    if queries >= _LEAST_BATCH:
        component = _MULTIPLIED_NS + _GATHERED_NS / queries
    return rows * dimension * component


def graph_cost(ef: int, dimension: int) -> float:
    """Nanoseconds per query of a graph search with a beam of `ef` nodes."""
    return ef * (_VISITED_NS + dimension * _VISITED_COMPONENT_NS)


def threads_for(queries: int) -> int:
    """How many threads a call for `queries` queries may use: all cores, or one for a few."""
    return (os.cpu_count() or 1) if queries >= _LEAST_THREADED else 1
