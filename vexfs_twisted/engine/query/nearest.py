"""The nearest rows of vectors of one name: the search that fits their kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import attrs
import numpy as np
from numpy.typing import NDArray

from ...model.collection_params import SparseVectorParams, VectorParams
from ...model.errors import not_multi, not_sparse, wrong_dimension
from ...model.queries import check_query_vector
from ...model.search_params import SearchParams
from ...model.vector_kinds import MultiVector, MultiVectors, SparseVector, Vector
from ..acceleration import SearchAccelerator, view_of
from ..mvcc.state import Snapshot
from ..storage.bitmap import Rows
from ..vector_index import overflow
from ..vector_index.candidates import CandidateSet
from ..vector_index.hits import Hits
from ..vector_index.kernels import Matrix, Scores
from ..vector_index.multi import max_sim
from ..vector_index.multi.search import search_multi
from ..vector_index.scan import scan_scores
from ..vector_index.search import search_space
from ..vector_index.search_parameters import resolved_parameters
from ..vector_index.space import AnySpace, MultiSpace, SparseSpace, VectorSpace
from ..vector_index.sparse.postings import Postings
from ..vector_index.sparse.scores import score_each
from ..vector_index.sparse.search import is_scan_preferred, search_sparse
from .scoring.similarity import similarity

Limits = NDArray[np.int64]


def compared_example(space: AnySpace, vector: Vector, using: str) -> Vector:
    """The vector of an example, as the kind of a space; a dense one may be one row of several.

    Raises a DomainError for a vector that cannot be compared with those of the space.
    """
    check_query_vector(vector)
    if isinstance(space, SparseSpace) or isinstance(vector, SparseVector):
        if not isinstance(space, SparseSpace) or not isinstance(vector, SparseVector):
            raise not_sparse()
        return vector
    if isinstance(space, MultiSpace) and not isinstance(vector, MultiVector):
        vector = MultiVector(vector[np.newaxis])
    size = vector.rows.shape[1] if isinstance(vector, MultiVector) else len(vector)
    if size != space.params.size:
        raise wrong_dimension(space.params.size, size, using)
    if isinstance(vector, MultiVector) and not isinstance(space, MultiSpace):
        raise not_multi()
    return vector


def nearest_rows(
    snapshot: Snapshot,
    using: str,
    candidates: CandidateSet,
    vectors: Sequence[Vector] | Matrix,
    limits: Limits,
    params: SearchParams,
    accelerator: SearchAccelerator | None = None,
) -> Sequence[Hits]:
    """For each of `vectors`, the nearest candidates, as many as its limit.

    The vectors are of the kind of the space; dense ones may be the rows of a matrix. `limits`,
    shape [q], are at most the number of candidates. Of sparse vectors, rows that share no term are
    not found. `accelerator` is tried first where it may be.
    """
    space = snapshot.state.spaces[using]
    if isinstance(space, SparseSpace):
        sparse = cast("Sequence[SparseVector]", vectors)
        cache = snapshot.indexes.postings
        postings: Sequence[Postings] = ()
        if not is_scan_preferred(space, candidates):
            postings = cache.of(space, snapshot.state.next_operation)
        ranges = postings or cache.ranges(space)
        return search_sparse(space, postings, candidates, sparse, limits, ranges)
    if isinstance(space, MultiSpace):
        multi = cast("Sequence[MultiVector]", vectors)
        parameters = resolved_parameters(snapshot.state.config, space.params, params)
        graphs = snapshot.indexes.graphs
        return search_multi(space, candidates, multi, limits, parameters, graphs)
    return _nearest_dense(snapshot, using, space, candidates, vectors, limits, params, accelerator)


def _nearest_dense(
    snapshot: Snapshot,
    using: str,
    space: VectorSpace,
    candidates: CandidateSet,
    vectors: Sequence[Vector] | Matrix,
    limits: Limits,
    params: SearchParams,
    accelerator: SearchAccelerator | None,
) -> Sequence[Hits]:
    queries = space.queries(dense_rows(vectors))
    parameters = resolved_parameters(snapshot.state.config, space.params, params)
    graphs = snapshot.indexes.graphs
    doubtful = overflow.may_overflow(space, queries)
    if doubtful is not None:
        return overflow.search_overflowing(
            space, candidates, queries, limits, parameters, graphs, doubtful
        )
    is_accelerated = accelerator is not None and parameters.may_be_accelerated
    if is_accelerated and candidates.count and not candidates.is_filtered:
        assert accelerator is not None
        found = accelerator.nearest(using, view_of(snapshot.state, using), queries, limits)
        if found is not None:
            return found
    return search_space(space, candidates, queries, limits, parameters, graphs)


def similarities(space: AnySpace, vectors: Sequence[Vector], rows: Rows) -> Scores:
    """The similarities, shape [q, n], larger for nearer, of ascending `rows` to each of `vectors`.

    The vectors are of the kind of the space. Scores for Cosine and Dot, negative squares of
    distances for Euclid, negative distances for Manhattan; 0 of sparse vectors without a common
    term.
    """
    if not vectors:
        return np.zeros((0, len(rows)), dtype=np.float32)
    if isinstance(space, SparseSpace):
        return score_each(space.read(rows), cast("Sequence[SparseVector]", vectors))
    if isinstance(space, MultiSpace):
        multi = space.queries(MultiVectors.of(cast("Sequence[MultiVector]", vectors)))
        queries_of_each = (multi.vector(place).rows for place in range(len(multi)))
        found = [max_sim.score_rows(space, own, rows) for own in queries_of_each]
        return similarity(space.params.distance, np.stack(found))
    queries = space.queries(dense_rows(vectors))
    return similarity(space.params.distance, scan_scores(space, rows, queries))


def dense_rows(vectors: Sequence[Vector] | Matrix) -> NDArray[np.float32]:
    """Dense vectors as rows, C-contiguous; of a single one it may be a view."""
    if len(vectors) == 1:
        return np.ascontiguousarray(vectors[0], dtype=np.float32)[np.newaxis]
    return np.array(vectors, dtype=np.float32)


def exactly(params: SearchParams) -> SearchParams:
    """The same parameters for an exact search."""
    return attrs.evolve(params, exact=True)


def larger_is_nearer(params: VectorParams | SparseVectorParams) -> bool:
    """Whether a larger score means nearer under a configuration."""
    return isinstance(params, SparseVectorParams) or params.distance.larger_is_nearer
