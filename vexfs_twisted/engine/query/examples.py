"""The examples of query forms as vectors: stored ones looked up, averaged, weighted by idf."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from ...model.collection_params import Modifier, SparseVectorParams, VectorParams
from ...model.errors import BadRequest, DomainError
from ...model.filters import Filter
from ...model.ids import PointId
from ...model.query_forms import (
    Example,
    PointExample,
    QueryForm,
    Recommend,
    RecommendStrategy,
    VectorExample,
    examples_of,
    with_examples,
)
from ...model.vector_kinds import SparseVector, Vector
from .plan import LeafSource, Stage
from .scoring.average import average_vector
from .scoring.idf import idf_weights

StoredExamples = Mapping[tuple[str, PointId], Vector | Exception]
"""The vectors of the points among examples, by the name of the vector and the id of the point."""


def stored_examples(source: LeafSource, stages: Iterable[Stage]) -> StoredExamples:
    """Look up the points that the forms of all stages refer to; errors are values."""
    wanted: defaultdict[str, dict[PointId, None]] = defaultdict(dict)
    for stage in stages:
        for example in examples_of(stage.form):
            if isinstance(example, PointExample):
                wanted[stage.level.using][example.id] = None
    found: dict[tuple[str, PointId], Vector | Exception] = {}
    for using, ids in wanted.items():
        vectors: Sequence[Vector | Exception]
        try:
            vectors = source.examples(using, list(ids))
        except DomainError as error:
            vectors = [error] * len(ids)
        found.update({(using, id_): own for id_, own in zip(ids, vectors, strict=True)})
    return found


def with_vectors(source: LeafSource, stage: Stage, stored: StoredExamples) -> QueryForm | None:
    """The form of a stage with vectors as its examples, as they are to be compared.

    Raises the errors of its client.
    """
    form, using = stage.form, stage.level.using
    if form is None or next(examples_of(form), None) is None:
        return form

    def looked_up(example: Example) -> Example:
        if isinstance(example, VectorExample):
            return example
        vector = stored[using, example.id]
        if isinstance(vector, Exception):
            raise vector
        return VectorExample(vector)

    params = source.params_of(using)
    if isinstance(form, Recommend) and form.strategy is RecommendStrategy.AVERAGE_VECTOR:
        positive, negative = (
            vectors_of(map(looked_up, examples)) for examples in (form.positive, form.negative)
        )
        form = VectorExample(average_vector(positive, negative))
    else:
        form = with_examples(form, looked_up)
    idf = stage.level.params.idf
    if not is_weighted(params):
        if idf is not None:
            raise BadRequest(
                "The search parameter `idf` can only be used with a sparse vector that has the "
                f"modifier idf, which the vector `{using}` does not have"
            )
        return form
    corpus = None if idf is None else idf.corpus

    def weighed(example: Example) -> Example:
        if not isinstance(example, VectorExample) or not isinstance(example.vector, SparseVector):
            return example
        return weighted(source, using, [example.vector], corpus)[0]

    return with_examples(form, weighed)


def vectors_of(examples: Iterable[Example]) -> list[Vector]:
    """The vectors of examples that have been looked up."""
    return [example.vector for example in examples if isinstance(example, VectorExample)]


def is_weighted(params: VectorParams | SparseVectorParams) -> bool:
    """Whether queries of vectors are weighted by idf."""
    return isinstance(params, SparseVectorParams) and params.modifier is Modifier.IDF


def weighted(
    source: LeafSource, using: str, vectors: Sequence[SparseVector], corpus: Filter | None = None
) -> list[VectorExample]:
    """Sparse vectors with each value times the inverse document frequency of its term."""
    if len(vectors) == 1:
        (vector,) = vectors
        weights = _idf_of(source, using, vector.indices, corpus)
        return [VectorExample(SparseVector(vector.indices, vector.values * weights))]
    terms, places = np.unique(np.concatenate([own.indices for own in vectors]), return_inverse=True)
    products = np.concatenate([own.values for own in vectors])
    products *= _idf_of(source, using, terms, corpus)[places]
    ends = accumulate([own.size for own in vectors], initial=0)
    return [
        VectorExample(SparseVector(own.indices, products[start:end]))
        for own, (start, end) in zip(vectors, pairwise(ends), strict=True)
    ]


def _idf_of(
    source: LeafSource, using: str, terms: NDArray[np.uint32], corpus: Filter | None
) -> NDArray[np.float32]:
    """The inverse document frequencies of terms, which ascend."""
    statistics = source.term_statistics(using, terms, corpus)
    return idf_weights(statistics.points, statistics.frequencies)
