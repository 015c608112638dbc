"""What the ways to search cost, so that the cheapest that is good enough is taken.

Measured with clustered vectors of 32, 128, 384 and 1024 components, one thread, in a process that
did nothing else: `fvec_inner_products_by_idx` over a quarter of 30,000 rows in memory, `faiss.knn`
over blocks of them with 12 and 64 queries, and graph searches with an ef of 64 and 128, by coarse
copies. Only their ratios matter, and those stay much the same from machine to machine: scanning
waits for memory, as visiting the nodes of a graph does, while products are bound by arithmetic.
"""

from __future__ import annotations

import os

_SCANNED_NS = 0.17
_MULTIPLIED_NS = 0.025
_GATHERED_NS = 0.6
_VISITED_NS = 400.0
_VISITED_COMPONENT_NS = 3.0

_LEAST_BATCH = 12
"""From so many queries on a scan is done by products, as `exact` does it."""


_LEAST_THREADED = 32
"""Fewer queries are over before threads have begun; and then others come at the same time."""


def scan_cost(rows: int, dimension: int, queries: int) -> float:
    """Nanoseconds a query to scan `rows` scattered rows, with so many queries at once."""
    component = _SCANNED_NS
    if queries >= _LEAST_BATCH:
        component = _MULTIPLIED_NS + _GATHERED_NS / queries
    return rows * dimension * component


def graph_cost(ef: int, dimension: int) -> float:
    """Nanoseconds a query to follow a graph until the nearest `ef` nodes were looked at."""
    return ef * (_VISITED_NS + dimension * _VISITED_COMPONENT_NS)


def threads_for(queries: int) -> int:
    """How many threads a call for so many queries may take: all there are, where they gain."""
    return (os.cpu_count() or 1) if queries >= _LEAST_THREADED else 1
