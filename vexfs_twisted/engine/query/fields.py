"""What is told of declared payload indexes."""

from __future__ import annotations

from ...model.payload_index import FieldInfo
from ..columns.declared import parsed, points_with_values
from ..store.view import Snapshot


def describe_fields(snapshot: Snapshot) -> dict[str, FieldInfo]:
    """The declared indexes, and how many points each holds values of."""
    view, moment = snapshot.view, snapshot.moment
    paths = {text: parsed(text).steps for text in view.fields}
    view.columns.pin(paths.values())
    described = {}
    for text, schema in view.fields.items():
        column = view.columns.exact(paths[text], moment)
        described[text] = FieldInfo(schema, points_with_values(column, schema.type))
    return described
