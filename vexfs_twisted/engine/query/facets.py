"""Facets: the most frequent values of an indexed payload field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...model.errors import BadInput
from ...model.ids import canonical_uuid
from ...model.payload_index import FieldSchema, FieldType
from ...model.queries import Facet, FacetHit, FacetValue
from ..filtering.row_filter import passing_mask
from ..mvcc.state import Snapshot
from ..payload_index.column import Column
from ..payload_index.schemas import indexed_values, schema_at
from ..read_bounds import checkpoint, expect

_VALUE_S = 2e-8
_COUNTED = (FieldType.KEYWORD, FieldType.INTEGER, FieldType.UUID, FieldType.BOOL)


def facet(snapshot: Snapshot, request: Facet) -> list[FacetHit]:
    """Values by the number of points that have them, descending, then by value.

    Raises BadInput if the field has no index that supports facets, unless there are no points.
    """
    if not snapshot.state.live.count:
        return []
    schema = schema_at(snapshot.state.fields, request.key.steps)
    if schema is None or not _counts(schema):
        raise BadInput(
            f"No appropriate index for faceting: `{request.key}`. "
            "Please create one to facet on this field. Check "
            "https://qdrant.tech/documentation/concepts/indexing/#payload-index "
            "to see which payload schemas support Match conditions"
        )
    column = snapshot.indexes.columns.exact(request.key.steps, snapshot.rows)
    held = indexed_values(column, schema.type)
    values = held.values
    expect(len(values) * _VALUE_S)
    if request.filter is not None and not request.filter.is_empty:
        values = values[passing_mask(request.filter, snapshot)[held.rows]]
    checkpoint()
    found, counts = _counted(values)
    checkpoint()
    best = _most_frequent(counts, request.limit)
    shown = _shown(column, schema.type)
    pairs = zip(found[best].tolist(), counts[best].tolist(), strict=True)
    return [FacetHit(shown(value), count) for value, count in pairs]


def _counted(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The distinct values of an ascending array, and their numbers of occurrences."""
    is_new = np.ones(len(values), dtype=np.bool_)
    is_new[1:] = values[1:] != values[:-1]
    starts = np.flatnonzero(is_new)
    return values[starts], np.diff(starts, append=len(values))


def _most_frequent(counts: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    """The positions of the highest counts, descending; equal counts by position."""
    if limit < len(counts):
        least = np.partition(counts, len(counts) - limit)[len(counts) - limit]
        more = np.flatnonzero(counts > least)
        equal = np.flatnonzero(counts == least)[: limit - len(more)]
        places = np.sort(np.concatenate((more, equal)))
    else:
        places = np.arange(len(counts))
    return places[np.argsort(-counts[places], kind="stable")]


def _counts(schema: FieldSchema) -> bool:
    return schema.type in _COUNTED and schema.lookup


def _shown(column: Column, kind: FieldType) -> Callable[[Any], FacetValue]:
    """The conversion from values in the index to values returned to clients."""
    terms = column.terms
    if kind is FieldType.KEYWORD:
        return lambda code: terms[code]
    if kind is FieldType.UUID:
        return lambda code: canonical_uuid(terms[code]) or terms[code]
    return bool if kind is FieldType.BOOL else int
