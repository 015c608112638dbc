"""Declared payload indexes: what is told of them, and keeping their columns over restarts."""

from __future__ import annotations

from pathlib import Path

from ...model.payload_index import FieldInfo
from ..columns.declared import parsed, points_with_values
from ..columns.files import column_file, column_files, load_column, save_column
from ..store.view import Snapshot, View


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


def save_fields(snapshot: Snapshot, directory: Path) -> None:
    """Write the columns of the declared indexes, and remove those of others."""
    view, moment = snapshot.view, snapshot.moment
    written = set()
    for text in view.fields:
        path = parsed(text)
        file = column_file(directory, path)
        save_column(file, view.columns.exact(path.steps, moment))
        written.add(file)
    for file in column_files(directory) - written:
        file.unlink()


def load_fields(view: View, directory: Path) -> None:
    """Take in the columns that were written of just this moment; others are built when needed."""
    for text in view.fields:
        path = parsed(text)
        column = load_column(column_file(directory, path), view.next_operation, view.next_row)
        if column is not None:
            view.columns.put(path.steps, column)
    view.columns.pin([parsed(text).steps for text in view.fields])
