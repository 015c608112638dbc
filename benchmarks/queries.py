"""Queries other than plain searches, over packages of Debian, beside qdrant-edge-py in one run.

    python -m benchmarks.queries DATA_FOLDER [--points N] [--keep FOLDER] [--only WORD]

Sparse queries by BM25 with idf, hybrid ones fused by RRF, recommendations, groups, formulas and
MMR, each alone and in batches of 100. Both engines are asked in this process by one thread, in
turns. Printed are the medians of the wall and processor time of a query in microseconds, and the
medians of the ratios of the peer's to ours: above 1 is in our favour. Answers are compared by the
share of ids in common and by the mean scores of both. A last line has the costs of a hybrid query
of ours and of its two leaves alone.

The peer has neither ids as examples, nor averages of them, nor groups: it is given the vectors of
the examples and a filter without their ids, and its points are grouped here, as a client would.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from statistics import fmean, median
from time import perf_counter, process_time
from typing import Any

import qdrant_edge as edge
from attrs import frozen

from vexfs_twisted.embedding.documents import Document, embed_query
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.model.formula import (
    Constant,
    Decay,
    DecayKind,
    Formula,
    Mult,
    PayloadNumber,
    Score,
    Sum,
)
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Prefetch, Query
from vexfs_twisted.model.query_forms import (
    Mmr,
    PointExample,
    Recommend,
    RecommendStrategy,
    Rrf,
    VectorExample,
)
from vexfs_twisted.model.vector_kinds import SparseVector

from .query_engines import (
    DENSE,
    GROUP_SIZE,
    LIMIT,
    MODEL,
    NUMBER,
    QUERIES,
    SPARSE,
    Corpus,
    Found,
    Ours,
    Peer,
    opened,
    peer_vector,
    read_corpus,
)
from .search import folder_of

ROUNDS = 5
FUSED = 20
CANDIDATES = 100
RESCORED = 1000
WORDS = 6
DECAY_SHARE, DECAY_TARGET, DECAY_SCALE = 0.2, 1000.0, 5000.0


@frozen
class Case:
    """Queries of one kind, for both engines, each a function to call."""

    name: str
    ours: Sequence[Callable[[], Found]]
    peer: Sequence[Callable[[], Found]]
    batches: tuple[Callable[[], object], Callable[[], object]] | None = None


class Cases:
    """Makes the queries of each kind for both engines."""

    def __init__(self, corpus: Corpus, ours: Ours, peer: Peer) -> None:
        self._corpus = corpus
        self._ours = ours
        self._peer = peer
        self._dense = [VectorExample(vector) for vector in corpus.queries]
        self._peer_dense = [
            edge.Query.Nearest(vector.tolist(), using=DENSE) for vector in corpus.queries
        ]

    def all(self) -> list[Case]:
        """Every kind."""
        short = [" ".join(text.split()[:WORDS]) for text in self._corpus.texts]
        best, average = RecommendStrategy.BEST_SCORE, RecommendStrategy.AVERAGE_VECTOR
        return [
            self._plain(),
            self._sparse(f"sparse, {WORDS} words", short),
            self._sparse("sparse, whole texts", self._corpus.texts),
            self._hybrid(short),
            self._recommend("recommend best_score", best),
            self._recommend("recommend average_vector", average),
            self._groups(),
            self._formula(),
            self._mmr(),
        ]

    def leaves_of_hybrid(self) -> tuple[list[Query], list[Query], list[Query]]:
        """Hybrid queries of ours, and each of their prefetches as a query."""
        short = [" ".join(text.split()[:WORDS]) for text in self._corpus.texts]
        sparse = [VectorExample(vector) for vector in _embedded(short)]
        hybrid = [
            Query(
                Rrf(),
                limit=LIMIT,
                prefetch=(Prefetch(a, DENSE, limit=FUSED), Prefetch(b, SPARSE, limit=FUSED)),
            )
            for a, b in zip(self._dense, sparse, strict=True)
        ]
        return (
            hybrid,
            [Query(form, DENSE, limit=FUSED) for form in self._dense],
            [Query(form, SPARSE, limit=FUSED) for form in sparse],
        )

    def _plain(self) -> Case:
        return self._case(
            "dense, for comparison",
            [Query(form, DENSE, limit=LIMIT) for form in self._dense],
            [edge.QueryRequest(LIMIT, query=query) for query in self._peer_dense],
        )

    def _sparse(self, name: str, texts: Sequence[str]) -> Case:
        vectors = _embedded(texts)
        return self._case(
            name,
            [Query(VectorExample(vector), SPARSE, limit=LIMIT) for vector in vectors],
            [edge.QueryRequest(LIMIT, query=query) for query in _peer_sparse(vectors)],
        )

    def _hybrid(self, texts: Sequence[str]) -> Case:
        theirs = [
            edge.QueryRequest(
                LIMIT,
                query=edge.Fusion.Rrf(k=2),
                prefetches=[edge.Prefetch(FUSED, query=dense), edge.Prefetch(FUSED, query=sparse)],
            )
            for dense, sparse in zip(self._peer_dense, _peer_sparse(_embedded(texts)), strict=True)
        ]
        return self._case("hybrid, RRF", self.leaves_of_hybrid()[0], theirs)

    def _recommend(self, name: str, strategy: RecommendStrategy) -> Case:
        ours, theirs = [], []
        vectors = self._corpus.vectors
        for place in range(QUERIES):
            positive, negative = self._corpus.examples(place)
            form = Recommend(
                tuple(map(PointExample, positive)), tuple(map(PointExample, negative)), strategy
            )
            ours.append(Query(form, DENSE, limit=LIMIT))
            if strategy is RecommendStrategy.BEST_SCORE:
                both = vectors[positive].tolist(), vectors[negative].tolist()
                query = edge.Query.RecommendBestScore(edge.RecommendQuery(*both), using=DENSE)
            else:
                mean = 2 * vectors[positive].mean(axis=0) - vectors[negative].mean(axis=0)
                query = edge.Query.Nearest(mean.tolist(), using=DENSE)
            others = edge.Filter(must_not=[edge.HasIdCondition({*positive, *negative})])
            theirs.append(edge.QueryRequest(LIMIT, query=query, filter=others))
        return self._case(name, ours, theirs)

    def _groups(self) -> Case:
        ours, peer = self._ours, self._peer
        queries = [Query(form, DENSE, limit=LIMIT) for form in self._dense]
        return Case(
            f"groups, {LIMIT} x {GROUP_SIZE}",
            [lambda query=query: ours.grouped(query) for query in queries],  # type: ignore[misc]
            [lambda query=query: peer.grouped(query) for query in self._peer_dense],  # type: ignore[misc]
        )

    def _formula(self) -> Case:
        number = PayloadNumber(PayloadPath.parse(NUMBER))
        target = Constant(DECAY_TARGET)
        decay = Decay(DecayKind.EXPONENTIAL, number, target, DECAY_SCALE)
        formula = Formula(Sum((Score(), Mult((Constant(DECAY_SHARE), decay)))), {NUMBER: 0})
        words = edge.Expression
        peer_decay = words.Decay(
            edge.DecayKind.Exp,
            words.Variable(NUMBER),
            words.Constant(DECAY_TARGET),
            0.5,
            DECAY_SCALE,
        )
        share = words.Mult([words.Constant(DECAY_SHARE), peer_decay])
        peer_formula = edge.Formula(words.Sum([words.Variable("$score"), share]), {NUMBER: 0})
        return self._case(
            f"formula over {RESCORED:,}",
            [
                Query(formula, limit=LIMIT, prefetch=(Prefetch(form, DENSE, limit=RESCORED),))
                for form in self._dense
            ],
            [
                edge.QueryRequest(
                    LIMIT, query=peer_formula, prefetches=[edge.Prefetch(RESCORED, query=query)]
                )
                for query in self._peer_dense
            ],
        )

    def _mmr(self) -> Case:
        return self._case(
            f"MMR, {LIMIT} of {CANDIDATES}",
            [Query(Mmr(form, 0.5, CANDIDATES), DENSE, limit=LIMIT) for form in self._dense],
            [
                edge.QueryRequest(LIMIT, query=edge.Mmr(vector.tolist(), 0.5, CANDIDATES, DENSE))
                for vector in self._corpus.queries
            ],
        )

    def _case(self, name: str, queries: Sequence[Query], requests: Sequence[Any]) -> Case:
        ours, peer = self._ours, self._peer
        batch = edge.QueryBatchRequest(list(requests))
        return Case(
            name,
            [lambda query=query: ours.ask(query) for query in queries],  # type: ignore[misc]
            [lambda request=request: peer.ask(request) for request in requests],  # type: ignore[misc]
            (lambda: ours.ask_batch(queries), lambda: peer.ask_batch(batch)),
        )


def _embedded(texts: Iterable[str]) -> list[SparseVector]:
    return [embed_query(Document(text, MODEL)) for text in texts]


def _peer_sparse(vectors: Iterable[SparseVector]) -> list[Any]:
    return [edge.Query.Nearest(peer_vector(vector), using=SPARSE) for vector in vectors]


@frozen
class Cost:
    """The time of a call, in seconds."""

    wall: float
    processor: float


def cost(work: Callable[[], object]) -> Cost:
    """The cost of one call."""
    wall, processor = perf_counter(), process_time()
    work()
    return Cost(perf_counter() - wall, process_time() - processor)


def in_turns(
    works: Sequence[tuple[Callable[[], object], Callable[[], object]]],
) -> list[tuple[Cost, Cost]]:
    """The costs of pairs of calls; which of a pair goes first alternates."""
    costs = []
    for place, (first, second) in enumerate(works):
        if place % 2:
            later = cost(second)
            costs.append((cost(first), later))
        else:
            costs.append((cost(first), cost(second)))
    return costs


def line(name: str, costs: Sequence[tuple[Cost, Cost]], size: int, note: str = "") -> None:
    """Print the medians per query; the ratios are the second of a pair to the first."""
    print(f"{name:<42}", end="")
    for read in (lambda own: own.wall, lambda own: own.processor):
        pairs = [(read(a) * 1e6 / size, read(b) * 1e6 / size) for a, b in costs]
        ours, theirs = (median(column) for column in zip(*pairs, strict=True))
        ratio = median(b / a for a, b in pairs)
        print(f"{ours:>10,.0f}{theirs:>10,.0f}{ratio:>7.2f}", end="")
    print(f"  {note}", flush=True)


def compare(case: Case) -> None:
    """Print the costs of a kind of query, and how alike the answers are."""
    answers = [(own(), their()) for own, their in zip(case.ours, case.peer, strict=True)]
    shared = fmean(
        len({key for key, _ in a} & {key for key, _ in b}) / max(len(a), len(b), 1)
        for a, b in answers
    )
    scores = [fmean(score for pair in answers for _, score in pair[side]) for side in (0, 1)]
    note = f"in common {shared:.3f}, mean score {scores[0]:.4f}/{scores[1]:.4f}"
    line(case.name, in_turns(list(zip(case.ours, case.peer, strict=True))), 1, note)
    if case.batches is not None:
        for work in case.batches:
            work()
        line(f"  batches of {QUERIES}", in_turns([case.batches] * ROUNDS), QUERIES)


def compare_plan(ours: Ours, cases: Cases) -> None:
    """Print the costs of hybrid queries, and of their leaves alone in the columns of the peer."""
    hybrid, dense, sparse = cases.leaves_of_hybrid()

    def both(place: int) -> None:
        ours.ask(dense[place])
        ours.ask(sparse[place])

    def both_batches() -> None:
        ours.ask_batch(dense)
        ours.ask_batch(sparse)

    singles = [
        (lambda place=place: both(place), lambda place=place: ours.ask(hybrid[place]))  # type: ignore[misc]
        for place in range(QUERIES)
    ]
    line("two leaves, and the hybrid (at most 1.2)", in_turns(singles), 1)
    batches = [(both_batches, lambda: ours.ask_batch(hybrid))] * ROUNDS
    line(f"  batches of {QUERIES}", in_turns(batches), QUERIES)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--points", type=int, default=60_000)
    parser.add_argument("--keep", type=Path, help="keep what is stored in this folder")
    parser.add_argument("--only", default="", help="the kinds of queries with this in their name")
    return parser.parse_args()


def main() -> None:
    """Print the table."""
    given = parsed()
    corpus = read_corpus(given.data, given.points)
    with folder_of(given.keep) as folder, closing(Catalog(folder / "ours")) as catalog:
        catalog.open()
        ours, peer = opened(folder, catalog, corpus)
        cases = Cases(corpus, ours, peer)
        title = f"{len(corpus.vectors):,} points, microseconds"
        print(f"{title:<42}", end="")
        print(f"{'wall':>10}{'peer':>10}{'ratio':>7}{'processor':>10}{'peer':>10}{'ratio':>7}")
        for case in cases.all():
            if given.only in case.name:
                compare(case)
        if given.only in "hybrid":
            compare_plan(ours, cases)
        peer.shard.close()


if __name__ == "__main__":
    main()
