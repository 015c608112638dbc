"""Building a graph, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from math import ceil
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from attrs import frozen

from ....model.collection_params import Distance
from ...storage.bitmap import Rows
from ..kernels import Matrix, faiss, threads_of_faiss
from .coarse import Scale, closeness, holds_nearest, pad
from .file import Coarse, GraphFacts, Origin, save_graph
from .graph import Graph
from .links import no_links
from .material import Material
from .native import codes_of, empty_graph, links_of, reorder, set_links
from .trial import check_borrowing

_FIRST_CHUNK = 256
_LARGEST_CHUNK = 1 << 14
_SECONDS_A_CHUNK = 0.15
_SEEDED_AT_ONCE = 1 << 12
_LEAST_M = 2

_EFFORT = 1.25
"""How much more nodes are looked at than asked for: builds are fast, and done once."""

_RUN = 32
_SAMPLED_RUNS = 128
_TRIED = 32
_TRIED_AMONG = 128

Read = Callable[[Rows], Matrix]
"""Gives the vectors of rows as they are compared, shape [n, dim], C-contiguous."""


class Copies(Enum):
    """Whether coarse copies of the vectors are kept with the graph, to search it by.

    Without them, it is searched by the vectors as they are stored, which must allow for that.
    """

    NEVER = "never"
    WHERE_FINE = "where they tell vectors apart"
    ALWAYS = "always"


@frozen
class GraphOptions:
    """How a graph is built: `m` links a node, at least the `ef_construct` closest looked at."""

    m: int
    ef_construct: int
    threads: int = 1
    copies: Copies = Copies.WHERE_FINE


class GraphBuilder:
    """A graph that is being built. For one thread; it holds copies of the vectors of its nodes.

    Raises GraphsUnavailable.
    """

    def __init__(self, distance: Distance, read: Read, options: GraphOptions) -> None:
        check_borrowing()
        self._distance = distance
        self._read = read
        self._options = options
        # With fewer links there is one level only, or none.
        self._m = max(options.m, _LEAST_M)
        self._material: Material | None = None
        self._storage: Any = None
        self._graph: Any = None
        self._rows: list[Rows] = []
        self._chunk = _FIRST_CHUNK

    @property
    def nodes(self) -> int:
        """How many rows are linked by now."""
        return sum(map(len, self._rows))

    def learn(self, rows: Rows) -> None:
        """See what the vectors are like, from some of all `rows` there are going to be.

        To be called first if at all; else the rows of the seed are taken, or the first of others.
        """
        if self._material is None and len(rows):
            is_coarse = self._options.copies is Copies.ALWAYS
            self._material = Material.learned(self._distance, self._read(_some(rows)), is_coarse)
            self._storage = self._material.storage()
            self._graph = empty_graph(self._storage, self._m)
            self._graph.hnsw.efConstruction = ceil(_EFFORT * self._options.ef_construct)

    def seed(self, graph: Graph) -> None:
        """Begin with the nodes of a graph over the same rows, whose m is the same."""
        if self._rows or graph.links.m != self._m:
            raise ValueError("a graph of other links cannot be extended")
        rows = graph.links.nodes() + graph.facts.start
        if not len(rows):
            return
        self.learn(rows)
        for start in range(0, len(rows), _SEEDED_AT_ONCE):
            self._storage.add(self._copies(rows[start : start + _SEEDED_AT_ONCE]))
        set_links(self._graph, graph.links.compacted())
        # Else the levels of the new nodes would be those of the first ones once more.
        self._graph.hnsw.rng = faiss.RandomGenerator(len(rows))
        self._rows.append(rows)

    def add(self, rows: Rows, should_stop: Callable[[], bool] = lambda: False) -> bool:
        """Link more `rows`, in any order; False if it was stopped before the end.

        `should_stop` is asked about every 0.15 seconds.
        """
        self.learn(rows)
        done = 0
        while done < len(rows):
            if should_stop():
                return False
            chunk = rows[done : done + self._chunk]
            self._add_chunk(chunk)
            done += len(chunk)
        return True

    def save(self, path: Path, start: int, stop: int) -> GraphFacts:
        """Write the graph durably as one of the rows from `start` to before `stop`.

        These are all rows that were added, and maybe others. Nothing can be added afterwards.
        Raises StorageFull.
        """
        origin = Origin(start, stop, self._options.m, self._options.ef_construct)
        if not self._rows:
            return save_graph(path, origin, no_links(self._m, stop - start), None)
        rows = np.concatenate(self._rows)
        scale = self._kept_scale(rows)
        codes = None if scale is None else codes_of(self._storage)
        if (np.diff(rows) <= 0).any():
            order = np.argsort(rows)
            reorder(self._graph, order)
            rows = rows[order]
            codes = None if codes is None else codes[order]
        links = links_of(self._graph, self._m).scattered(rows - start, stop - start)
        coarse = None if scale is None or codes is None else Coarse(scale, codes)
        return save_graph(path, origin, links, coarse)

    def _add_chunk(self, rows: Rows) -> None:
        started = perf_counter()
        copies = self._copies(rows)
        with threads_of_faiss(self._options.threads):
            self._graph.add(copies)
        self._rows.append(rows)
        fitting = len(rows) * _SECONDS_A_CHUNK / max(perf_counter() - started, 1e-6)
        self._chunk = int(min(max(fitting, self._chunk / 2, 1), 2 * self._chunk, _LARGEST_CHUNK))

    def _copies(self, rows: Rows) -> Matrix:
        assert self._material is not None
        return self._material.copies(self._read(rows))

    def _kept_scale(self, rows: Rows) -> Scale | None:
        """The scale of the copies if these are to be kept."""
        scale = None if self._material is None else self._material.scale
        copies = self._options.copies
        if copies is Copies.NEVER or scale is None:
            return None
        return scale if copies is Copies.ALWAYS or self._copies_suffice(rows) else None

    def _copies_suffice(self, rows: Rows) -> bool:
        """Whether searches by copies do, as tried on some nodes among their nearest others.

        Those of a sample are farther from each other, so that it does not tell of dense clusters.
        """
        asked = self._read(rows[:: -(-len(rows) // _TRIED)])
        count = min(_TRIED_AMONG, len(rows))
        with threads_of_faiss(1):
            parameters = faiss.SearchParametersHNSW(efSearch=_TRIED_AMONG)
            _, found = self._graph.search(pad(asked), count, params=parameters)
        true = np.full(found.shape, -np.inf, dtype=np.float32)
        for query, own, scores in zip(asked, found, true, strict=True):
            near = self._read(rows[own[own >= 0]])
            scores[own >= 0] = closeness(self._distance, query[np.newaxis], near)[0]
        return holds_nearest(true)


def _some(rows: Rows) -> Rows:
    """Some rows: runs of such as were stored together, all over them."""
    runs = max(len(rows) // _RUN, 1)
    chosen = np.linspace(0, runs - 1, min(runs, _SAMPLED_RUNS)).astype(np.int64)
    places = (chosen[:, np.newaxis] * _RUN + np.arange(_RUN)).ravel()
    sampled: Rows = rows[places[places < len(rows)]]
    return sampled
