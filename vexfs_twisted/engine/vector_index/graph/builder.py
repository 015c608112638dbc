"""Builds a graph chunk by chunk."""

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
from ...native_library import faiss
from ...storage.bitmap import Rows
from ..kernels import Matrix, threads_of_faiss
from .coarse import Scale, closeness, holds_nearest, pad
from .file import BuildParameters, Coarse, GraphFacts, save_graph
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
"""The factor applied to `ef_construct`: builds are fast, and done once."""

_RUN = 32
_SAMPLED_RUNS = 128
_TRIED = 32
_TRIED_AMONG = 128

Read = Callable[[Rows], Matrix]
"""Reads the vectors of rows in the form used for comparison, shape [n, dim], C-contiguous."""


class Copies(Enum):
    """Whether coarse copies of the vectors are saved with the graph, to search it by.

    Without them, it is searched by the vectors as stored, whose encoding must be suitable.
    """

    NEVER = "never"
    WHERE_FINE = "where they tell vectors apart"
    ALWAYS = "always"


@frozen
class GraphOptions:
    """Build options: `m` links per node and level, a beam of at least `ef_construct` nodes."""

    m: int
    ef_construct: int
    threads: int = 1
    copies: Copies = Copies.WHERE_FINE


class GraphBuilder:
    """Builds one graph. Used by one thread; holds copies of the vectors of its nodes in memory.

    The constructor raises GraphsUnavailable.
    """

    def __init__(self, distance: Distance, read: Read, options: GraphOptions) -> None:
        check_borrowing()
        self._distance = distance
        self._read = read
        self._options = options
        # With fewer links, the graph would have one level only, or none.
        self._m = max(options.m, _LEAST_M)
        self._material: Material | None = None
        self._storage: Any = None
        self._graph: Any = None
        self._rows: list[Rows] = []
        self._chunk = _FIRST_CHUNK

    @property
    def nodes(self) -> int:
        """The number of rows linked so far."""
        return sum(map(len, self._rows))

    def learn(self, rows: Rows) -> None:
        """Learn the distribution of the vectors from a sample of `rows`, all rows to be added.

        If called, it must be first. Otherwise the rows of the seed, or the first ones added, are
        used.
        """
        if self._material is None and len(rows):
            is_coarse = self._options.copies is Copies.ALWAYS
            self._material = Material.learned(self._distance, self._read(_some(rows)), is_coarse)
            self._storage = self._material.storage()
            self._graph = empty_graph(self._storage, self._m)
            self._graph.hnsw.efConstruction = ceil(_EFFORT * self._options.ef_construct)

    def seed(self, graph: Graph) -> None:
        """Begin with the nodes of a graph over the same rows with the same m; else ValueError."""
        if self._rows or graph.links.m != self._m:
            raise ValueError("only a graph with the same m can be extended")
        rows = graph.links.nodes() + graph.facts.start
        if not len(rows):
            return
        self.learn(rows)
        for start in range(0, len(rows), _SEEDED_AT_ONCE):
            self._storage.add(self._copies(rows[start : start + _SEEDED_AT_ONCE]))
        set_links(self._graph, graph.links.compacted())
        # Otherwise the random levels of the new nodes would repeat those of the first ones.
        self._graph.hnsw.rng = faiss.RandomGenerator(len(rows))
        self._rows.append(rows)

    def add(self, rows: Rows, should_stop: Callable[[], bool] = lambda: False) -> bool:
        """Link more `rows`, in any order; returns False if stopped before the end.

        `should_stop` is called about every 0.15 seconds.
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

    def save(self, path: Path, start: int, stop: int, base: int = 0) -> GraphFacts:
        """Write the graph durably, as one over the rows in [start, stop).

        The range has all added rows, and may have others. Rows are counted from row `base` of the
        file. No rows can be added afterwards. Raises StorageFull.
        """
        m, ef_construct = self._options.m, self._options.ef_construct
        parameters = BuildParameters(base + start, base + stop, m, ef_construct)
        if not self._rows:
            empty = no_links(self._m, stop - start)
            return save_graph(path, parameters, empty, None).moved(-base)
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
        return save_graph(path, parameters, links, coarse).moved(-base)

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
        """The scale of the coarse copies if they are to be saved, else None."""
        scale = None if self._material is None else self._material.scale
        copies = self._options.copies
        if copies is Copies.NEVER or scale is None:
            return None
        return scale if copies is Copies.ALWAYS or self._copies_suffice(rows) else None

    def _copies_suffice(self, rows: Rows) -> bool:
        """Whether searches by copies are accurate enough, tested on some nodes and their nearest.

        A random sample would not show this for dense clusters, since its rows are farther apart.
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
    """A sample of rows: runs of consecutive ones, evenly spread over all."""
    runs = max(len(rows) // _RUN, 1)
    chosen = np.linspace(0, runs - 1, min(runs, _SAMPLED_RUNS)).astype(np.int64)
    places = (chosen[:, np.newaxis] * _RUN + np.arange(_RUN)).ravel()
    sampled: Rows = rows[places[places < len(rows)]]
    return sampled
