"""What the tokens of a text depend on, so that tokens that were kept are not used past a change."""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import version

import orjson

from ...jsonform.payload_index import field_schema_to_json
from ...model.payload_index import FieldSchema

_READING = 1
"""Raised with every change of the tokens that this package finds in a text."""

_LIBRARIES = ("PyStemmer", "icu4py", "py-rust-stemmers", "regex", "vexfs-qdrant")


def reading_stamp(schema: FieldSchema) -> str:
    """Where this is the same, a text index of that declaration finds the same tokens."""
    declared = orjson.dumps(field_schema_to_json(schema), option=orjson.OPT_SORT_KEYS)
    return f"{_READING} {_versions()} {declared.decode()}"


@cache
def _versions() -> str:
    # Python brings the tables of Unicode.
    return " ".join([sys.version.split()[0], *map(version, _LIBRARIES)])
