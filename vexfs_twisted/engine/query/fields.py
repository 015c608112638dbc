"""Declared payload indexes: making them, and what is told of them."""

from __future__ import annotations

from collections.abc import Mapping

from ...model.payload_index import FieldInfo
from ..columns.column import Column
from ..columns.declared import parsed, points_with_values
from ..store.view import Snapshot


def build_fields(snapshot: Snapshot) -> None:
    """Make the declared indexes, texts read, so that no query has to wait for it."""
    columns = _columns(snapshot)
    for text, schema in snapshot.view.fields.items():
        if schema.text is not None:
            columns[text].read_by(schema.text)


def describe_fields(snapshot: Snapshot) -> dict[str, FieldInfo]:
    """The declared indexes, and how many points each holds values of."""
    columns = _columns(snapshot)
    return {
        text: FieldInfo(schema, points_with_values(columns[text], schema.type))
        for text, schema in snapshot.view.fields.items()
    }


def _columns(snapshot: Snapshot) -> Mapping[str, Column]:
    """The columns of the declared indexes, which are kept from now on."""
    view = snapshot.view
    paths = {text: parsed(text).steps for text in view.fields}
    view.columns.pin(paths.values())
    columns = view.columns.exact_each(paths.values(), snapshot.moment)
    return {text: columns[steps] for text, steps in paths.items()}
