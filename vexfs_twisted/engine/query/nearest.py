"""The nearest rows of vectors of one name: the search that fits their kind."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from ...model.collection_params import VectorParams
from ...model.errors import BadInput, wrong_dimension
from ...model.queries import check_query_vector
from ...model.search_params import SearchParams
from ...model.vector_kinds import MultiVector, SparseVector, Vector
from ..acceleration import SearchAccelerator, view_of
from ..mvcc.state import Snapshot
from ..storage.bitmap import Rows
from ..vector_index import overflow
from ..vector_index.candidates import CandidateSet
from ..vector_index.hits import Hits
from ..vector_index.kernels import Scores
from ..vector_index.scan import scan_scores
from ..vector_index.search import search_space
from ..vector_index.search_parameters import resolved_parameters
from ..vector_index.space import VectorSpace
from .scoring.similarity import similarity

Limits = NDArray[np.int64]


def check_example(space: VectorSpace, vector: Vector, using: str) -> None:
    """Raise a DomainError for a vector that cannot be compared with those of a space."""
    check_query_vector(vector)
    if isinstance(vector, SparseVector):
        raise BadInput("Conversion between sparse and regular vectors failed")
    if isinstance(vector, MultiVector):
        raise BadInput("Conversion between multi and regular vectors failed")
    if len(vector) != space.params.size:
        raise wrong_dimension(space.params.size, len(vector), using)


def nearest_rows(
    snapshot: Snapshot,
    using: str,
    candidates: CandidateSet,
    vectors: Sequence[Vector],
    limits: Limits,
    params: SearchParams,
    accelerator: SearchAccelerator | None = None,
) -> list[Hits]:
    """For each of `vectors`, the nearest candidates, as many as its limit.

    The vectors have been checked; `limits`, shape [q], are at most the number of candidates.
    `accelerator` is tried first where it may be.
    """
    space = snapshot.state.spaces[using]
    queries = space.queries(np.array(vectors, dtype=np.float32))
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


def exactly(params: SearchParams) -> SearchParams:
    """The same parameters for an exact search."""
    return attrs.evolve(params, exact=True)


def larger_is_nearer(params: object) -> bool:
    """Whether a larger score means nearer, for vectors with these parameters."""
    return not isinstance(params, VectorParams) or params.distance.larger_is_nearer


def similarities(snapshot: Snapshot, using: str, vectors: Sequence[Vector], rows: Rows) -> Scores:
    """The similarities, shape [q, n], larger for nearer, of ascending `rows` to each of `vectors`.

    Scores for Cosine and Dot, negative squares of distances for Euclid, negative distances for
    Manhattan.
    """
    space = snapshot.state.spaces[using]
    queries = space.queries(np.array(vectors, dtype=np.float32))
    return similarity(space.params.distance, scan_scores(space, rows, queries))
