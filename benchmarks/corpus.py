"""Data of the search benchmark: vectors, queries, filters, and the exact results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import faiss
import numpy as np
from attrs import define, frozen
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

LIMIT = 10
PARTS = 1000
"""The upper bound of payload values, exclusive; filters select those below a lower one."""

SHARES: Mapping[str, int] = {"50%": 500, "10%": 100, "1%": 10, "0.1%": 1}
QUERIES = 500


@frozen
class Case:
    """Queries with one filter: points whose payload `field` is below `bound`. None: no filter."""

    name: str
    queries: Floats
    truth: Ids
    field: str | None = None
    bound: int = PARTS

    def recall(self, found: Sequence[Sequence[int]]) -> float:
        """Recall: the share of the exact results in `found`, which is for the first queries."""
        pairs = zip(found, self.truth.tolist(), strict=False)
        hits = [len(set(ids) & set(true)) for ids, true in pairs]
        return sum(hits) / (len(hits) * self.truth.shape[1])


@define
class Corpus:
    """Vectors of length one, shape [n, dim], and queries, [q, dim]; ids are row numbers.

    The payload field `random` is unrelated to the vector, `side` is its rank along the direction in
    which the vectors differ most. Both go from 0 to `PARTS` - 1.
    """

    vectors: Floats
    queries: Floats

    @cached_property
    def fields(self) -> dict[str, Ids]:
        """The payload fields of all points."""
        count = len(self.vectors)
        ranks = np.argsort(np.argsort(self.vectors @ self._direction))
        return {
            "random": np.random.default_rng(1).permutation(count) * PARTS // count,
            "side": ranks * PARTS // count,
        }

    @cached_property
    def _direction(self) -> Floats:
        sample = self.vectors[:: max(1, len(self.vectors) // 5000)]
        _, _, axes = np.linalg.svd(sample - sample.mean(axis=0), full_matrices=False)
        return axes[0]  # type: ignore[no-any-return]

    def payload(self, row: int) -> dict[str, int]:
        """The payload of a point."""
        return {name: int(values[row]) for name, values in self.fields.items()}

    def plain(self) -> Case:
        """All queries, without a filter."""
        return Case("no filter", self.queries, self._nearest(self.queries, np.arange(len(self))))

    def filtered(self) -> list[Case]:
        """Filters of each selectivity: unrelated to the queries, and on the side away from them."""
        # The queries on the upper side are far from what the filters keep.
        upper = self.queries @ self._direction > np.median(self.vectors @ self._direction)
        cases = []
        for field, queries in (("random", self.queries), ("side", self.queries[upper])):
            for share, bound in SHARES.items():
                passing = np.flatnonzero(self.fields[field] < bound)
                truth = self._nearest(queries, passing)
                cases.append(Case(f"{share} {field}", queries, truth, field, bound))
        return cases

    def __len__(self) -> int:
        return len(self.vectors)

    def _nearest(self, queries: Floats, rows: Ids) -> Ids:
        found = faiss.knn(queries, self.vectors[rows], LIMIT, metric=faiss.METRIC_INNER_PRODUCT)
        return rows[found[1]]


def real_corpus(folder: Path) -> Corpus:
    """The vectors and queries of a data folder."""
    vectors, queries = (
        np.load(folder / name).astype(np.float32) for name in ("vectors.f16.npy", "queries.f16.npy")
    )
    return Corpus(_unit(vectors), _unit(queries)[:QUERIES])


def clustered_corpus(count: int, dimension: int) -> Corpus:
    """Generated clusters of different sizes; queries have the distribution of the vectors."""
    random = np.random.default_rng(dimension)
    centres = random.standard_normal((max(10, count // 500), dimension))
    weights = random.pareto(2.0, len(centres)) + 0.1
    chosen = random.choice(len(centres), count + QUERIES, p=weights / weights.sum())
    vectors = np.empty((count + QUERIES, dimension), dtype=np.float32)
    for start in range(0, len(vectors), 10_000):
        part = chosen[start : start + 10_000]
        noise = random.standard_normal((len(part), dimension), dtype=np.float32)
        vectors[start : start + len(part)] = centres[part] + noise
    vectors = _unit(vectors)
    return Corpus(vectors[:count], vectors[count:])


def _unit(vectors: Floats) -> Floats:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
