"""A collection of sparse vectors, whatever is done to it, against the definition of scores."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from tests import examples
from tests.engine_support import field, upsert, write
from tests.property.test_sparse_search import SPARSE_VECTORS, TERMS, Vector, best_points, sparse_of
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.mvcc.state import Snapshot
from vexfs_twisted.engine.query.answers import answer
from vexfs_twisted.engine.vector_index.sparse import cache, contenders, postings
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import SparseVectorParams
from vexfs_twisted.model.filters import Filter, MatchValue
from vexfs_twisted.model.queries import Query
from vexfs_twisted.model.query_forms import VectorExample
from vexfs_twisted.model.updates import DeletePoints, DeleteVectors, UpdateVectors
from vexfs_twisted.model.vector_kinds import SparseVectors
from vexfs_twisted.model.vectors import VectorColumn

NAME = "c"
IDS = st.integers(0, 60)
Points = dict[int, Vector]
Question = tuple[Vector, int | None, int]
"""A vector, the group of the points asked for, or None for all, and a limit."""

QUESTIONS: Sequence[Question] = [({0: 1.0, 2: 0.5, 8: 2.0}, None, 3), ({1: 1.0, 3: 1.0}, 1, 80)]

_points = st.dictionaries(IDS, SPARSE_VECTORS, min_size=1, max_size=25)
_many = st.integers(0, 2**32 - 1)
"""The seed of random vectors of most points."""
_questions = st.tuples(SPARSE_VECTORS, st.none() | st.integers(0, 2), st.integers(1, 40))


def _column(vectors: list[Vector]) -> dict[str, VectorColumn]:
    own = list(map(sparse_of, vectors))
    column = SparseVectors.of([v.indices for v in own], [v.values for v in own], str)
    return {"s": VectorColumn(column)}


class SparseMachine(RuleBasedStateMachine):
    """The points, and snapshots that are held.

    `points` has the vectors of those that have one; `rows` all points, the last written last.
    """

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="vexfs-engine-"))
        self.catalog = Catalog(self.home)
        self.catalog.open()
        self.catalog.create(NAME, CreateCollection(sparse_vectors={"s": SparseVectorParams()}))
        self.points: Points = {}
        self.rows: list[int] = []
        self.held: list[tuple[Snapshot, Points]] = []
        self.holding = ExitStack()

    def teardown(self) -> None:
        self.holding.close()
        self.catalog.close()
        shutil.rmtree(self.home)

    @property
    def collection(self) -> Collection:
        return self.catalog.get(NAME)

    def moved(self, ids: list[int]) -> None:
        """Points were written: each into a new row."""
        self.rows = [number for number in self.rows if number not in ids] + ids

    @rule(points=_points)
    def upsert(self, points: Points) -> None:
        self.write_points(points)

    def write_points(self, points: Points) -> None:
        payloads = [{"k": number % 3} for number in points]
        write(self.collection, upsert(list(points), _column(list(points.values())), payloads))
        self.points.update(points)
        self.moved(list(points))

    @rule(seed=_many)
    def upsert_many(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        points: Points = {}
        for number in random.permutation(61)[:40].tolist():
            terms = random.permutation(9)[:4].tolist()
            points[number] = {TERMS[term]: int(random.integers(1, 8)) / 4 for term in terms}
        self.write_points(points)

    @rule(ids=st.sets(IDS, min_size=1, max_size=20))
    def upsert_without_vectors(self, ids: set[int]) -> None:
        write(self.collection, upsert(list(ids), None, [{"k": number % 3} for number in ids]))
        self.points = {number: own for number, own in self.points.items() if number not in ids}
        self.moved(list(ids))

    def delete_points(self, ids: list[int]) -> None:
        write(self.collection, DeletePoints(ids))
        self.points = {number: own for number, own in self.points.items() if number not in ids}
        self.rows = [number for number in self.rows if number not in ids]

    @rule(ids=st.sets(IDS, min_size=1, max_size=30))
    def delete(self, ids: set[int]) -> None:
        self.delete_points(list(ids))

    @precondition(lambda self: self.rows)
    @rule(count=st.integers(1, 40))
    def delete_the_last(self, count: int) -> None:
        self.delete_points(self.rows[-count:])

    @rule(points=_points)
    def update_vectors(self, points: Points) -> None:
        points = {number: own for number, own in points.items() if number in self.rows}
        if points:
            write(self.collection, UpdateVectors(list(points), _column(list(points.values()))))
            self.points.update(points)
            self.moved(list(points))

    @rule(ids=st.sets(IDS, min_size=1, max_size=20))
    def delete_vectors(self, ids: set[int]) -> None:
        own = [number for number in ids if number in self.rows]
        write(self.collection, DeleteVectors(("s",), own))
        self.points = {number: v for number, v in self.points.items() if number not in own}
        self.moved(own)

    @rule()
    def optimize(self) -> None:
        self.collection.optimize()

    @rule()
    def reopen(self) -> None:
        self.release()
        self.catalog.close()
        self.catalog = Catalog(self.home)
        self.catalog.open()

    @rule()
    def hold(self) -> None:
        """Take a snapshot, which answers as now from now on."""
        snapshot = self.holding.enter_context(self.collection.snapshot())
        self.held.append((snapshot, dict(self.points)))

    def release(self) -> None:
        self.holding.close()
        self.held = []

    @invariant()
    def answers_are_right(self) -> None:
        self.ask(QUESTIONS)

    @rule(questions=st.lists(_questions, min_size=1, max_size=4))
    def ask(self, questions: Sequence[Question]) -> None:
        requests = []
        for vector, group, limit in questions:
            passing = None if group is None else Filter(must=(field("k", MatchValue(group)),))
            requests.append(Query(VectorExample(sparse_of(vector)), "s", passing, limit=limit))
        for question, request in zip(questions, requests, strict=True):
            check(self.points, question, self.collection.read(request))
        for snapshot, points in self.held:
            for question, found in zip(questions, answer(snapshot, requests), strict=True):
                check(points, question, found)


def check(points: Points, question: Question, found: Any) -> None:
    """Compare an answer with the definition. Points of equal scores may come in any order."""
    assert not isinstance(found, Exception), found
    vector, group, limit = question
    scores = dict(best_points(points, vector, group, len(points)))
    assert [own.score for own in found] == list(scores.values())[:limit], question
    assert [own.score for own in found] == [scores[own.id] for own in found], question
    assert len({own.id for own in found}) == len(found), question


class SparseMachineTests(SynchronousTestCase):
    """Whatever is done, answers are right, and those of snapshots stay as they were."""

    def run_machine(self) -> None:
        for place, value in {"_LEAST_ELEMENTS": 20, "_MOST_SCANNED": 100, "_MERGED": 2}.items():
            self.patch(cache, place, value)
        run_state_machine_as_test(
            SparseMachine, settings=settings(max_examples=examples(25), stateful_step_count=25)
        )

    def test_by_exact_sums(self) -> None:
        self.run_machine()

    def test_by_contenders(self) -> None:
        for module in (contenders, postings):
            self.patch(module, "COLUMN", 2)
        self.patch(postings, "_LEAST_ROWS", 8)
        self.patch(contenders, "_CROWDED", 1)
        self.patch(contenders, "_MANY_CONTENDERS", 0)
        self.run_machine()
