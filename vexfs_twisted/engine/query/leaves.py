"""Leaf reads of one snapshot; those that search the same rows run as one native call."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...model.collection_params import SparseVectorParams, VectorParams
from ...model.errors import (
    DomainError,
    NotFound,
    not_sparse,
    unknown_vector,
)
from ...model.filters import Filter
from ...model.groups import GroupId
from ...model.ids import PointId
from ...model.payload_path import PayloadPath
from ...model.query_forms import OrderBy, Sample, VectorExample, examples_of
from ...model.search_params import SearchParams
from ...model.vector_kinds import DenseVectors, MultiVectors, Vector, Vectors
from ..acceleration import SearchAccelerator
from ..filtering.row_filter import RowFilter, found_rows, passing_mask, selected
from ..mvcc.state import Snapshot
from ..payload_index.only_values import OnlyValues, ValueKind, only_group_ids, only_values
from ..read_bounds import STOPS, ReadBoundsOfEach, in_slices
from ..storage.bitmap import Bitmap, Rows
from ..storage.keys import encode_id
from ..storage.row_sets import RowSet
from ..storage.row_values import payloads_of
from ..vector_index.candidates import CandidateSet
from ..vector_index.hits import Hits
from ..vector_index.space import AnySpace, MultiSpace, SparseSpace, VectorSpace
from ..vector_index.sparse.search import term_frequencies
from .by_examples import ranked_by_examples
from .examples import vectors_of
from .nearest import compared_example, exactly, larger_is_nearer, nearest_rows
from .ordering import ordered_rows
from .plan import Keys, Leaf, Mask, Ranked, TermStatistics, nothing_ranked
from .scrolling import first_rows, unranked_scores

_ERRORS = (DomainError, *STOPS)
_PAYLOADS = 1024
_NOTHING = nothing_ranked()
_NO_ROWS = np.zeros(0, dtype=np.int64)

Result = Ranked | Exception


class _Group(NamedTuple):
    """The key of leaf reads that run in one call. `candidates` is the identity of the array."""

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

    def params_of(self, using: str) -> VectorParams | SparseVectorParams:
        """See LeafSource."""
        return self._space(using).params

    def examples(self, using: str, ids: Sequence[PointId]) -> list[Vector | Exception]:
        """See LeafSource."""
        space = self._space(using)
        found: list[Vector | Exception] = []
        for point_id in ids:
            row = self._snapshot.tables.find_row(encode_id(point_id))
            if row is None:
                found.append(NotFound(f"No point with id {point_id} found"))
            elif not space.present.has(np.array([row]))[0]:
                found.append(NotFound(f'Vector with name "{using}" for point not found'))
            else:
                found.append(space.read(slice(row, row + 1)).vector(0))
        return found

    def term_statistics(
        self, using: str, terms: NDArray[np.uint32], corpus: Filter | None
    ) -> TermStatistics:
        """See LeafSource."""
        snapshot, space = self._snapshot, self._space(using)
        if not isinstance(space, SparseSpace):
            raise not_sparse()
        candidates = self._candidates_of(space.present, corpus)
        postings = snapshot.indexes.postings.of(space, snapshot.state.next_operation)
        frequencies = term_frequencies(space, postings, candidates, terms)
        return TermStatistics(candidates.count, frequencies)

    def read(self, leaves: Sequence[Leaf], bounds: ReadBoundsOfEach) -> list[Result]:
        """See LeafSource."""
        results: list[Result] = [_NOTHING] * len(leaves)
        groups: dict[_Group, list[int]] = {}
        for place, leaf in enumerate(leaves):
            if isinstance(leaf.form, VectorExample):
                group = _Group(leaf.using, leaf.filter, leaf.params, id(leaf.candidates))
                groups.setdefault(group, []).append(place)
                continue
            try:
                with bounds.of([leaf.query]):
                    results[place] = self._read_one(leaf)
            except _ERRORS as error:
                results[place] = error.with_traceback(None)
        for places in groups.values():
            own = [leaves[place] for place in places]
            for place, result in zip(places, self._read_together(own, bounds), strict=True):
                results[place] = result
        return results

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
        is_plain = first.candidates is None and (first.filter is None or first.filter.is_empty)
        candidates = space.everything if is_plain else self._candidates(space.present, first)
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
        is_larger_nearer = larger_is_nearer(space)
        return [
            _kept(leaf, Ranked(*own), rows, is_larger_nearer)
            for leaf, own, rows in zip(leaves, hits, excluded, strict=True)
        ]

    def _read_one(self, leaf: Leaf) -> Ranked:
        """A leaf read that runs by itself."""
        form = leaf.form
        excluded = self._excluded(leaf)
        limit = leaf.limit + len(excluded)
        if form is None:
            rows = first_rows(self._snapshot, leaf.filter, b"", limit)
            return _kept(leaf, Ranked(rows, unranked_scores(len(rows))), excluded)
        if isinstance(form, OrderBy):
            passing = self._among_live(leaf)
            rows, values = ordered_rows(self._snapshot, form, passing, limit)
            scores = np.zeros(len(rows), dtype=np.float32)
            return _kept(leaf, Ranked(rows, scores, values), excluded)
        if isinstance(form, Sample):
            rows = self._candidates(self._snapshot.state.live, leaf).rows()
            rows = np.random.default_rng().permutation(rows)[:limit]
            return _kept(leaf, Ranked(rows, np.zeros(len(rows), dtype=np.float32)), excluded)
        space = self._space(leaf.using)
        vectors = [
            compared_example(space, vector, leaf.using) for vector in vectors_of(examples_of(form))
        ]
        candidates = self._candidates(space.present, leaf)
        nearest = partial(self._nearest_of_each, leaf, candidates)
        is_exact = leaf.candidates is not None or leaf.params.exact
        hits = ranked_by_examples(
            space, candidates, form, vectors, limit, None if is_exact else nearest
        )
        return _kept(leaf, Ranked(*hits), excluded)

    def _nearest_of_each(
        self, leaf: Leaf, candidates: CandidateSet, vectors: Sequence[Vector], limit: int
    ) -> list[Hits]:
        """The nearest candidates of each vector, as the parameters of a leaf read say."""
        limits = np.full(len(vectors), limit)
        return nearest_rows(self._snapshot, leaf.using, candidates, vectors, limits, leaf.params)

    def _among_live(self, leaf: Leaf) -> Mask | None:
        """The mask of the live rows that a leaf read may return; None if all."""
        if leaf.candidates is None and (leaf.filter is None or leaf.filter.is_empty):
            return None
        if leaf.candidates is None:
            assert leaf.filter is not None
            return passing_mask(leaf.filter, self._snapshot)
        mask = np.zeros(self._snapshot.state.next_row, dtype=np.bool_)
        mask[leaf.candidates] = True
        return mask

    def _excluded(self, leaf: Leaf) -> Rows:
        """The rows of the points that a leaf read must not return."""
        if not leaf.excluded:
            return _NO_ROWS
        return found_rows(self._snapshot.tables, list(dict.fromkeys(leaf.excluded)))


def _kept(leaf: Leaf, ranked: Ranked, excluded: Rows, is_larger_nearer: bool = True) -> Ranked:
    """Apply exclusion, score threshold and limit of a leaf read to the rows found."""
    if len(excluded):
        is_other = ranked.keys != excluded[0]
        if len(excluded) > 1:
            is_other = ~np.isin(ranked.keys, excluded)
        ranked = ranked.where(is_other)
    if leaf.threshold is not None:
        # Scores are float32, so the threshold is rounded to that too. An equal score does not pass.
        with np.errstate(over="ignore"):
            threshold = np.float32(leaf.threshold)
        scores = ranked.scores
        ranked = ranked.where(scores > threshold if is_larger_nearer else scores < threshold)
    return ranked if len(ranked.keys) <= leaf.limit else ranked.where(slice(leaf.limit))
