"""Leaf reads of one snapshot; those that search the same rows run as one native call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...model.collection_params import SparseVectorParams, VectorParams
from ...model.errors import DomainError, NotFound, VectorNotFound, not_sparse, unknown_vector
from ...model.filters import Filter
from ...model.groups import GroupId
from ...model.ids import PointId
from ...model.payload_path import PayloadPath
from ...model.queries import VectorQueries
from ...model.query_forms import (
    OrderBy,
    Recommend,
    RecommendStrategy,
    Sample,
    VectorExample,
    examples_of,
)
from ...model.search_params import SearchParams
from ...model.vector_kinds import DenseVectors, MultiVectors, Vector, Vectors
from ..acceleration import SearchAccelerator
from ..filtering.row_filter import RowFilter, passing_mask, selected
from ..mvcc.state import Snapshot
from ..payload_index.only_values import OnlyValues, ValueKind, only_group_ids, only_values
from ..read_bounds import STOPS, ReadBoundsOfEach, in_slices
from ..storage.bitmap import Bitmap, Rows
from ..storage.keys import encode_id
from ..storage.row_sets import RowSet
from ..storage.row_values import payloads_of
from ..vector_index.candidates import CandidateSet
from ..vector_index.hits import HitLists, Hits
from ..vector_index.space import AnySpace, MultiSpace, SparseSpace, VectorSpace
from ..vector_index.sparse.search import term_frequencies
from .by_examples import ranked_by_examples
from .examples import vectors_of
from .nearest import Limits, compared_example, exactly, larger_is_nearer, nearest_rows
from .ordering import ordered_rows
from .plan import Keys, Leaf, Mask, Ranked, TermStatistics, nothing_ranked
from .recommending import Recommendation, recommended
from .scrolling import first_rows, unranked_scores

_ERRORS = (DomainError, *STOPS)
_PAYLOADS = 1024
_NOTHING = nothing_ranked()
_NO_ROWS = np.zeros(0, dtype=np.int64)

Result = Ranked | Exception


class _Group(NamedTuple):
    """The key of leaf reads that run in one call. `candidates` is the identity of the array."""

    form: type
    using: str
    filter: Filter | None
    params: SearchParams
    candidates: int


class SnapshotSource:
    """See LeafSource. The keys of points are their rows.

    `accelerator` is tried before the engine if allowed.
    """

    def __init__(self, snapshot: Snapshot, accelerator: SearchAccelerator | None = None) -> None:
        self._snapshot = snapshot
        self._accelerator = accelerator
        self._known_rows: dict[PointId, int] = {}
        self._corpora: dict[tuple[str, Filter | None], CandidateSet] = {}

    def params_of(self, using: str) -> VectorParams | SparseVectorParams:
        """See LeafSource."""
        return self._space(using).params

    def examples(self, using: str, ids: Sequence[PointId]) -> list[Vector | Exception]:
        """See LeafSource."""
        space = self._space(using)
        rows = np.array(self._rows_of(ids), dtype=np.int64)
        is_held = rows >= 0
        if is_held.all() and space.present.has(rows).all():
            return list(space.read(rows))
        is_held[is_held] = space.present.has(rows[is_held])
        vectors = iter(space.read(rows[is_held]))
        return [
            next(vectors) if held else _missing(point_id, row, using)
            for point_id, row, held in zip(ids, rows.tolist(), is_held.tolist(), strict=True)
        ]

    def term_statistics(
        self, using: str, terms: NDArray[np.uint32], corpus: Filter | None
    ) -> TermStatistics:
        """See LeafSource."""
        snapshot, space = self._snapshot, self._space(using)
        if not isinstance(space, SparseSpace):
            raise not_sparse()
        candidates = self._corpora.get((using, corpus))
        if candidates is None:
            candidates = self._passing_in(space, corpus)
            self._corpora[using, corpus] = candidates
        postings = snapshot.indexes.postings.of(space, snapshot.state.next_operation)
        frequencies = term_frequencies(space, postings, candidates, terms)
        return TermStatistics(candidates.count, frequencies)

    def read(self, leaves: Sequence[Leaf], bounds: ReadBoundsOfEach) -> list[Result]:
        """See LeafSource."""
        if len(leaves) == 1 and isinstance(leaves[0].form, VectorExample):
            return self._read_together(leaves, bounds)
        results: list[Result] = [_NOTHING] * len(leaves)
        groups: dict[_Group, list[int]] = {}
        alone: list[int] = []
        for place, leaf in enumerate(leaves):
            if isinstance(leaf.form, VectorExample) or _is_by_nearest(leaf):
                kind = type(leaf.form)
                group = _Group(kind, leaf.using, leaf.filter, leaf.params, id(leaf.candidates))
                groups.setdefault(group, []).append(place)
            else:
                alone.append(place)
        for group, places in groups.items():
            own = [leaves[place] for place in places]
            found: Sequence[Result | None]
            if group.form is VectorExample:
                found = self._read_together(own, bounds)
            else:
                found = self._recommend_together(own, bounds)
            for place, result in zip(places, found, strict=True):
                if result is None:
                    alone.append(place)
                else:
                    results[place] = result
        for place in alone:
            try:
                with bounds.of([leaves[place].query]):
                    results[place] = self._read_one(leaves[place])
            except _ERRORS as error:
                results[place] = error.with_traceback(None)
        return results

    def read_alike(self, queries: VectorQueries) -> HitLists | None:
        """The nearest rows of searches that differ in their vectors only.

        None if each is to be read for itself: it may be answered by an error of its own.
        """
        pattern = queries.pattern
        space = self._snapshot.state.spaces.get(pattern.using)
        if not isinstance(space, VectorSpace) or space.params.size != queries.vectors.shape[1]:
            return None
        if not np.isfinite(queries.vectors).all():
            return None
        candidates = self._passing_in(space, pattern.filter)
        limits = np.full(len(queries), min(pattern.limit, candidates.count), dtype=np.int64)
        hits = nearest_rows(
            self._snapshot,
            pattern.using,
            candidates,
            queries.vectors,
            limits,
            pattern.params,
            self._accelerator,
        )
        return HitLists.of(hits)

    def vectors(self, using: str, keys: Keys) -> Vectors:
        """See LeafSource."""
        space = self._space(using)
        if isinstance(space, VectorSpace):
            return DenseVectors(space.floats(keys))
        return (
            MultiVectors(*space.lines(keys)) if isinstance(space, MultiSpace) else space.read(keys)
        )

    def payloads(self, keys: Keys) -> Sequence[bytes]:
        """See LeafSource."""
        tables = self._snapshot.tables
        found: list[bytes] = []
        for some in in_slices(keys, _PAYLOADS):
            found += payloads_of(tables.values(some))
        return found

    def only_values(self, path: PayloadPath, kind: ValueKind, keys: Keys) -> OnlyValues:
        """See LeafSource."""
        snapshot = self._snapshot
        return only_values(snapshot.indexes.columns, path.steps, kind, keys, snapshot.rows)

    def only_group_ids(self, path: PayloadPath, keys: Keys) -> list[Sequence[GroupId] | None]:
        """See LeafSource."""
        snapshot = self._snapshot
        return only_group_ids(snapshot.indexes.columns, path.steps, keys, snapshot.rows)

    def passing(self, filter_: Filter, keys: Keys) -> Mask:
        """See LeafSource."""
        return RowFilter(filter_, self._snapshot).mask(keys)

    def _space(self, using: str) -> AnySpace:
        space = self._snapshot.state.spaces.get(using)
        if space is None:
            raise unknown_vector(using)
        return space

    def _candidates(self, among: Bitmap, leaf: Leaf) -> CandidateSet:
        """The rows of `among` that a leaf read may return, those excluded by id included."""
        if leaf.candidates is not None:
            rows = np.sort(leaf.candidates)
            rows = rows[among.has(rows)]
            return CandidateSet(among, RowSet.of_numbers(rows, self._snapshot.state.next_row))
        return self._candidates_of(among, leaf.filter)

    def _candidates_in(self, space: AnySpace, leaf: Leaf) -> CandidateSet:
        """The rows with a vector that a leaf read may return, those excluded by id included."""
        if leaf.candidates is not None:
            return self._candidates(space.present, leaf)
        return self._passing_in(space, leaf.filter)

    def _passing_in(self, space: AnySpace, filter_: Filter | None) -> CandidateSet:
        """The rows with a vector that pass a filter."""
        if filter_ is None or filter_.is_empty:
            return space.everything
        return self._candidates_of(space.present, filter_)

    def _candidates_of(self, among: Bitmap, filter_: Filter | None) -> CandidateSet:
        if filter_ is None or filter_.is_empty:
            return CandidateSet(among)
        return CandidateSet(among, selected(filter_, self._snapshot, among))

    def _read_together(self, leaves: Sequence[Leaf], bounds: ReadBoundsOfEach) -> list[Result]:
        """The nearest rows of leaf reads that differ in their vectors and limits only."""
        results: list[Result] = [_NOTHING] * len(leaves)
        try:
            space = self._space(leaves[0].using)
        except DomainError as error:
            return [error.with_traceback(None)] * len(leaves)
        sound: list[int] = []
        vectors: list[Vector] = []
        for place, leaf in enumerate(leaves):
            assert isinstance(leaf.form, VectorExample)
            try:
                vectors.append(compared_example(space, leaf.form.vector, leaf.using))
                sound.append(place)
            except DomainError as error:
                results[place] = error.with_traceback(None)
        if not sound:
            return results
        try:
            with bounds.of([leaves[place].query for place in sound]):
                found = self._nearest(space, [leaves[place] for place in sound], vectors)
        except STOPS as error:
            found = [error.with_traceback(None)] * len(sound)
        for place, result in zip(sound, found, strict=True):
            results[place] = result
        return results

    def _nearest(
        self, space: AnySpace, leaves: Sequence[Leaf], vectors: Sequence[Vector]
    ) -> list[Result]:
        first = leaves[0]
        candidates = self._candidates_in(space, first)
        excluded = [self._excluded(leaf) for leaf in leaves]
        count = candidates.count
        limits = [
            min(leaf.limit + len(rows), count) for leaf, rows in zip(leaves, excluded, strict=True)
        ]
        hits = nearest_rows(
            self._snapshot,
            first.using,
            candidates,
            vectors,
            np.array(limits, dtype=np.int64),
            first.params if first.candidates is None else exactly(first.params),
            self._accelerator if first.candidates is None else None,
        )
        is_larger_nearer = larger_is_nearer(space.params)
        return [
            leaf.kept(Ranked(*own), rows, is_larger_nearer)
            for leaf, own, rows in zip(leaves, hits, excluded, strict=True)
        ]

    def _recommend_together(
        self, leaves: Sequence[Leaf], bounds: ReadBoundsOfEach
    ) -> list[Result | None]:
        """Recommendations by the best score that differ in their examples and limits only.

        None for those that must compare all candidates.
        """
        results: list[Result | None] = [None] * len(leaves)
        first = leaves[0]
        space = self._snapshot.state.spaces.get(first.using)
        if space is None or isinstance(space, SparseSpace):
            return results
        sound: list[int] = []
        asked: list[Recommendation] = []
        excluded: list[Rows] = []
        for place, leaf in enumerate(leaves):
            assert isinstance(leaf.form, Recommend)
            try:
                positive, negative = (
                    [compared_example(space, vector, leaf.using) for vector in vectors_of(examples)]
                    for examples in (leaf.form.positive, leaf.form.negative)
                )
            except DomainError as error:
                results[place] = error.with_traceback(None)
                continue
            rows = self._excluded(leaf)
            asked.append(Recommendation(positive, negative, leaf.limit + len(rows)))
            excluded.append(rows)
            sound.append(place)
        if not sound:
            return results
        try:
            with bounds.of([leaves[place].query for place in sound]):
                found = self._recommended(space, first, asked)
        except _ERRORS as error:
            return [error.with_traceback(None) if own is None else own for own in results]
        for place, rows, hits in zip(sound, excluded, found, strict=True):
            if hits is not None:
                results[place] = leaves[place].kept(Ranked(*hits), rows)
        return results

    def _recommended(
        self, space: VectorSpace | MultiSpace, leaf: Leaf, asked: Sequence[Recommendation]
    ) -> list[Hits | None]:
        candidates = self._candidates_in(space, leaf)

        def nearest(vectors: Sequence[Vector], limits: Limits) -> Sequence[Hits]:
            return nearest_rows(
                self._snapshot, leaf.using, candidates, vectors, limits, leaf.params
            )

        return recommended(space, candidates.count, asked, nearest)

    def _read_one(self, leaf: Leaf) -> Ranked:
        """A leaf read that runs by itself."""
        form = leaf.form
        excluded = self._excluded(leaf)
        limit = leaf.limit + len(excluded)
        if form is None:
            rows = first_rows(self._snapshot, leaf.filter, b"", limit)
            return leaf.kept(Ranked(rows, unranked_scores(len(rows))), excluded)
        if isinstance(form, OrderBy):
            # A point may have several places in the order, so those excluded are left out before.
            passing = self._among_live(leaf, excluded)
            rows, values = ordered_rows(self._snapshot, form, passing, leaf.limit)
            scores = np.zeros(len(rows), dtype=np.float32)
            return Ranked(rows, scores, values)
        if isinstance(form, Sample):
            rows = self._candidates(self._snapshot.state.live, leaf).rows()
            rows = np.random.default_rng().permutation(rows)[:limit]
            return leaf.kept(Ranked(rows, np.zeros(len(rows), dtype=np.float32)), excluded)
        space = self._space(leaf.using)
        vectors = [
            compared_example(space, vector, leaf.using) for vector in vectors_of(examples_of(form))
        ]
        candidates = self._candidates(space.present, leaf)
        return leaf.kept(
            Ranked(*ranked_by_examples(space, candidates, form, vectors, limit)), excluded
        )

    def _among_live(self, leaf: Leaf, excluded: Rows) -> Mask | None:
        """The mask of the live rows that a leaf read may return; None if all."""
        size = self._snapshot.state.next_row
        if leaf.candidates is not None:
            mask = np.zeros(size, dtype=np.bool_)
            mask[leaf.candidates] = True
        elif leaf.filter is not None and not leaf.filter.is_empty:
            mask = passing_mask(leaf.filter, self._snapshot)
        elif len(excluded):
            mask = np.ones(size, dtype=np.bool_)
        else:
            return None
        if len(excluded):
            mask = mask.copy()
            mask[excluded] = False
        return mask

    def _excluded(self, leaf: Leaf) -> Rows:
        """The rows of the points that a leaf read must not return."""
        if not leaf.excluded:
            return _NO_ROWS
        rows = [row for row in self._rows_of(leaf.excluded) if row >= 0]
        return np.array(list(dict.fromkeys(rows)), dtype=np.int64)

    def _rows_of(self, ids: Sequence[PointId]) -> list[int]:
        """The rows of points, -1 for those that do not exist. Each id is looked up once."""
        known, find = self._known_rows, self._snapshot.tables.find_row
        for point_id in ids:
            if point_id not in known:
                row = find(encode_id(point_id))
                known[point_id] = -1 if row is None else row
        return [known[point_id] for point_id in ids]


def _missing(point_id: PointId, row: int, using: str) -> NotFound:
    """The error for an example without a vector, or, at row -1, without a point."""
    if row < 0:
        return NotFound(f"No point with id {point_id} found")
    return VectorNotFound(using)


def _is_by_nearest(leaf: Leaf) -> bool:
    """Whether a leaf read may be a recommendation from the points nearest to its examples."""
    form = leaf.form
    return (
        isinstance(form, Recommend)
        and form.strategy is RecommendStrategy.BEST_SCORE
        and bool(form.positive)
        and leaf.candidates is None
        and not leaf.params.exact
    )
