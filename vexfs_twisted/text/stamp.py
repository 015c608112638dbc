"""The stamp of all that tokens depend on, so that stored tokens are not used after a change."""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import version

import orjson

from ..jsonform.payload_index import field_schema_to_json
from ..model.payload_index import FieldSchema

_READING = 1
"""Incremented with every change to the tokens that this package finds in a text."""

_LIBRARIES = ("PyStemmer", "icu4py", "py-rust-stemmers", "regex", "vexfs-qdrant")


def reading_stamp(schema: FieldSchema) -> str:
    """A stamp of the index declaration and the software versions: if equal, tokens are equal."""
    declared = orjson.dumps(field_schema_to_json(schema), option=orjson.OPT_SORT_KEYS)
    return f"{_READING} {_versions()} {declared.decode()}"


@cache
def _versions() -> str:
    # The Python version determines the Unicode tables.
    return " ".join([sys.version.split()[0], *map(version, _LIBRARIES)])
