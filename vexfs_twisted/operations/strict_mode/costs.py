"""What operations cost of the rates of a collection, in tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...model.collection_params import VectorParams
from ...model.commands import VectorNameCommand
from ...model.distance_matrix import MatrixRequest
from ...model.groups import GroupQuery
from ...model.ids import PointId
from ...model.payload_index import CreateFieldIndex, DeleteFieldIndex
from ...model.queries import (
    Count,
    Facet,
    Prefetch,
    Query,
    QueryBatch,
    Retrieve,
    Scroll,
    VectorQueries,
    kinds_of,
    nodes_of,
)
from ...model.query_forms import Example, PointExample, VectorExample, examples_of
from ...model.reads import ReadRequest
from ...model.strict_mode import StrictCollection
from ...model.updates import UpdateVectors, Upsert
from ...model.vector_kinds import MultiVector, SparseVector
from ..lookups import queries_of
from .filters import condition_count
from .updates import AnyUpdate

Rows = Mapping[tuple[str, PointId], int]
"""The rows of multivectors of stored points, by vector name and id."""


def read_cost(request: ReadRequest[Any], rows: Rows) -> int:
    """The tokens that a read takes; 0 for reads of the configuration.

    `rows` are those of the `multivector_examples`.
    """
    cost = _READS.get(type(request))
    return 0 if cost is None else cost(request, rows)


def multivector_examples(
    request: ReadRequest[Any], collection: StrictCollection
) -> dict[str, list[PointId]]:
    """The stored points whose multivectors a read compares with, by vector name."""
    found: dict[str, list[PointId]] = {}
    for query in kinds_of(queries_of(request)):
        for node in nodes_of(query):
            params = collection.config.params.vectors.get(node.using)
            if not isinstance(params, VectorParams) or params.multivector_config is None:
                continue
            if node.lookup_from is None:
                ids = [own.id for own in examples_of(node.form) if isinstance(own, PointExample)]
                found.setdefault(node.using, []).extend(ids)
    return {name: ids for name, ids in found.items() if ids}


def _query_cost(node: Query | Prefetch, rows: Rows) -> int:
    """A search costs what it compares with, a scroll one; each its conditions beside."""
    examples = [_example_cost(own, node.using, rows) for own in examples_of(node.form)]
    cost = sum(examples)
    if node.prefetch:
        return cost + sum(_query_cost(prefetch, rows) for prefetch in node.prefetch)
    return (cost or 1) + condition_count(node.filter)


def _example_cost(example: Example, name: str, rows: Rows) -> int:
    if isinstance(example, VectorExample):
        vector = example.vector
        if isinstance(vector, MultiVector):
            return len(vector.rows)
        return max(1, len(vector.indices)) if isinstance(vector, SparseVector) else 1
    # One for reading the point.
    return 1 + rows.get((name, example.id), 1)


def _batch_cost(request: QueryBatch, rows: Rows) -> int:
    queries = request.queries
    if isinstance(queries, VectorQueries):
        return len(queries) * _query_cost(queries[0], rows)
    return sum(_query_cost(query, rows) for query in queries)


def _filtered_cost(request: Scroll | Count | Facet, _: Rows) -> int:
    return 1 + condition_count(request.filter)


_READS: Mapping[type[ReadRequest[Any]], Callable[[Any, Rows], int]] = {
    Query: _query_cost,
    QueryBatch: _batch_cost,
    GroupQuery: lambda request, rows: _query_cost(request.query, rows),
    Retrieve: lambda request, _: len(request.ids),
    Scroll: _filtered_cost,
    Count: _filtered_cost,
    Facet: _filtered_cost,
    # One scroll for the sample, then a search for each of its points.
    MatrixRequest: lambda request, _: 1 + condition_count(request.filter) + request.sample,
}
"""The cost of each kind of read that counts."""


def write_cost(update: AnyUpdate, matching: int) -> int:
    """The tokens that an update takes: the points it may change; 0 for indexes and vector names.

    `matching` is the number of points that its filter is expected to select.
    """
    if isinstance(update, Upsert | UpdateVectors):
        return len(update.ids)
    if isinstance(update, CreateFieldIndex | DeleteFieldIndex | VectorNameCommand):
        return 0
    listed = 0 if update.ids is None else len(update.ids)
    return max(1, listed + (0 if update.filter is None else matching))
