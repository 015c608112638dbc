"""The examples of query forms as vectors: stored ones looked up, averaged, weighted by idf."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from ...model.collection_params import Modifier, SparseVectorParams
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
    if not isinstance(params, SparseVectorParams) or params.modifier is not Modifier.IDF:
        if idf is not None:
            raise BadRequest(
                "The search parameter `idf` can only be used with a sparse vector that has the "
                f"modifier idf, which the vector `{using}` does not have"
            )
        return form
    corpus = None if idf is None else idf.corpus
    return with_examples(form, lambda example: _weighted(source, using, example, corpus))


def vectors_of(examples: Iterable[Example]) -> list[Vector]:
    """The vectors of examples that have been looked up."""
    return [example.vector for example in examples if isinstance(example, VectorExample)]


def _weighted(
    source: LeafSource, using: str, example: Example, corpus: Filter | None
) -> VectorExample:
    """The sparse example with each value times the inverse document frequency of its term."""
    assert isinstance(example, VectorExample)
    vector = example.vector
    if not isinstance(vector, SparseVector):
        return example
    statistics = source.term_statistics(using, vector.indices, corpus)
    weights = idf_weights(statistics.points, statistics.frequencies)
    return VectorExample(SparseVector(vector.indices, vector.values * weights))
