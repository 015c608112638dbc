"""Declared payload indexes: the index of a path, and the values of a column that it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain

import numpy as np

from ...model.ids import canonical_uuid
from ...model.payload_index import FieldSchema, FieldType
from ...model.payload_path import PayloadPath, Step
from ..predicates.paths import array_steps
from ..read_bounds import in_slices
from .column import Column, ColumnPart
from .sorted_values import SortedValues

_SLICE = 1024

Fields = Mapping[str, FieldSchema]
"""The declared indexes by their paths as spelled."""

_PARTS = {
    FieldType.KEYWORD: ColumnPart.STRINGS,
    FieldType.TEXT: ColumnPart.STRINGS,
    FieldType.BOOL: ColumnPart.BOOLEANS,
    FieldType.GEO: ColumnPart.PLACES,
}


@lru_cache(maxsize=1024)
def parsed(text: str) -> PayloadPath:
    """Parse a path; cached."""
    return PayloadPath.parse(text)


def schemas_by_path(fields: Fields) -> dict[tuple[Step, ...], FieldSchema]:
    """The declared indexes by path without a closing `[]`, which does not matter for filters."""
    found: dict[tuple[Step, ...], FieldSchema] = {}
    for text, schema in fields.items():
        found.setdefault(array_steps(parsed(text).steps), schema)
    return found


def schema_at(fields: Fields, steps: Sequence[Step]) -> FieldSchema | None:
    """The index declared for exactly this path; a path with a closing `[]` is a different one."""
    schemas = (schema for text, schema in fields.items() if parsed(text).steps == tuple(steps))
    return next(schemas, None)


def indexed_values(column: Column, kind: FieldType) -> SortedValues:
    """The values of the column that an index of that type has.

    A UUID is represented by the code of the first term that spells it.
    """
    if kind is FieldType.INTEGER:
        return column.as_integers.parts[ColumnPart.INTEGERS]
    if kind is FieldType.FLOAT:
        return column.numbers
    if kind is FieldType.DATETIME:
        return column.datetimes
    if kind is FieldType.UUID:
        return _uuids(column)
    return column.parts[_PARTS[kind]]


def points_with_values(column: Column, kind: FieldType) -> int:
    """The number of points that have a value in an index of that type."""
    return len(np.unique(indexed_values(column, kind).rows))


def _uuids(column: Column) -> SortedValues:
    first: dict[str, int] = {}
    codes = np.full(len(column.terms), -1, dtype=np.int64)
    every = chain.from_iterable(in_slices(column.terms, _SLICE))
    for code, term in enumerate(every):
        uuid = canonical_uuid(term)
        if uuid is not None:
            codes[code] = first.setdefault(uuid, code)
    strings = column.parts[ColumnPart.STRINGS]
    found = codes[strings.values]
    is_uuid = found >= 0
    return SortedValues.of(found[is_uuid], strings.rows[is_uuid], np.int64)
