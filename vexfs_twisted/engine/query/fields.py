"""Declared payload indexes: building and describing them."""

from __future__ import annotations

from collections.abc import Mapping

from ...model.payload_index import FieldInfo
from ..mvcc.state import Snapshot
from ..payload_index.column import Column
from ..payload_index.schemas import parsed, points_with_values


def build_fields(snapshot: Snapshot) -> None:
    """Build the declared indexes, including text postings, so that no query waits for them."""
    columns = _columns(snapshot)
    for text, schema in snapshot.state.fields.items():
        if schema.text is not None:
            columns[text].read_by(schema.text)


def describe_fields(snapshot: Snapshot) -> dict[str, FieldInfo]:
    """The declared indexes by path, with the number of points that have values in each."""
    columns = _columns(snapshot)
    return {
        text: FieldInfo(schema, points_with_values(columns[text], schema.type))
        for text, schema in snapshot.state.fields.items()
    }


def _columns(snapshot: Snapshot) -> Mapping[str, Column]:
    """The columns of the declared indexes, which are pinned in the cache."""
    paths = {text: parsed(text).steps for text in snapshot.state.fields}
    cache = snapshot.indexes.columns
    cache.pin(paths.values())
    columns = cache.exact_each(paths.values(), snapshot.rows)
    return {text: columns[steps] for text, steps in paths.items()}
