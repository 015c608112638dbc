"""Declared payload indexes: what is told of them."""

from __future__ import annotations

from ...model.payload_index import FieldInfo
from ..columns.declared import parsed, points_with_values
from ..store.view import Snapshot


def describe_fields(snapshot: Snapshot) -> dict[str, FieldInfo]:
    """The declared indexes, and how many points each holds values of."""
    view = snapshot.view
    paths = {text: parsed(text).steps for text in view.fields}
    view.columns.pin(paths.values())
    columns = view.columns.exact_each(paths.values(), snapshot.moment)
    return {
        text: FieldInfo(schema, points_with_values(columns[paths[text]], schema.type))
        for text, schema in view.fields.items()
    }
