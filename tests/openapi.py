"""Checks JSON answers of the REST API against the OpenAPI document of the interface."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from unittest import SkipTest

from jsonschema import Draft202012Validator

from tests.support import shared_path

# Endpoints that are still served and that the document does not have any more.
_SCORED_POINTS = {"type": "array", "items": {"$ref": "#/components/schemas/ScoredPoint"}}
_LISTS_OF_POINTS = {"type": "array", "items": _SCORED_POINTS}
_GROUPS = {"$ref": "#/components/schemas/GroupsResult"}
_POINTS = "/collections/{collection_name}/points"
_OLDER_RESULTS: Mapping[str, Any] = {
    f"{_POINTS}/search": _SCORED_POINTS,
    f"{_POINTS}/search/batch": _LISTS_OF_POINTS,
    f"{_POINTS}/search/groups": _GROUPS,
    f"{_POINTS}/recommend": _SCORED_POINTS,
    f"{_POINTS}/recommend/batch": _LISTS_OF_POINTS,
    f"{_POINTS}/recommend/groups": _GROUPS,
    f"{_POINTS}/discover": _SCORED_POINTS,
    f"{_POINTS}/discover/batch": _LISTS_OF_POINTS,
}


def is_here() -> bool:
    """Whether there is a document to check against."""
    try:
        return bool(shared_path("qdrant", "openapi.json"))
    except SkipTest:
        return False


class SchemaMismatch(AssertionError):
    """An answer that the document does not allow."""


def check_answer(method: str, path: str, status: int, content_type: str, body: bytes) -> None:
    """Raise SchemaMismatch unless the document allows this answer. `path` has no query string.

    An answer to a path that the document does not have must be an error in its usual shape. Skips
    the calling test, by name, where the document is absent.
    """
    document = _document()
    template = _template_of(path, method, document)
    if status >= 400:
        schema = _error_schema()
    elif template is None:
        raise SchemaMismatch(f"{method} {path} is in no document and answers {status}")
    elif template in _OLDER_RESULTS:
        schema = _enveloped(_OLDER_RESULTS[template])
    else:
        content = document["paths"][template][method.lower()]["responses"][str(status)]["content"]
        expected = content_type.partition(";")[0]
        if expected not in content:
            raise SchemaMismatch(f"{method} {path} answers {expected}, not {list(content)}")
        if expected != "application/json":
            return
        schema = _with_null(content[expected]["schema"])
        if "result" in schema.get("properties", {}):
            schema = {**schema, "required": ["result", "status", "time"]}
    _validate(f"{method} {path} {status}", schema, content_type, body)


def check_value(schema_name: str, value: Any) -> None:
    """Raise SchemaMismatch unless `value` is what the named schema of the document says."""
    schema = {"$ref": f"#/components/schemas/{schema_name}"}
    _validate(schema_name, schema, "application/json", json.dumps(value).encode())


def _validate(what: str, schema: Any, content_type: str, body: bytes) -> None:
    if content_type != "application/json":
        raise SchemaMismatch(f"{what}: Content-Type is {content_type!r}")
    whole = {**schema, "components": _components()}
    errors = sorted(Draft202012Validator(whole).iter_errors(json.loads(body)), key=str)
    if errors:
        places = "; ".join(f"{error.json_path}: {error.message}" for error in errors)
        raise SchemaMismatch(f"{what}: {places}")


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(shared_path("qdrant", "openapi.json").read_bytes())
    return document


@cache
def _components() -> dict[str, Any]:
    schemas = _document()["components"]["schemas"]
    return {"schemas": {name: _with_null(schema) for name, schema in schemas.items()}}


def _template_of(path: str, method: str, document: dict[str, Any]) -> str | None:
    """The path of the document that `path` is an instance of; fixed segments win."""
    segments = [segment for segment in path.split("/") if segment]
    found = list(_matching(segments, method, document))
    return min(found, key=lambda template: template.count("{"), default=None)


def _matching(segments: list[str], method: str, document: dict[str, Any]) -> Iterator[str]:
    methods = {path: set(operations) for path, operations in document["paths"].items()}
    methods.update({path: {"post"} for path in _OLDER_RESULTS})
    for template, allowed in methods.items():
        parts = [part for part in template.split("/") if part]
        if method.lower() not in allowed or len(parts) != len(segments):
            continue
        pairs = zip(parts, segments, strict=True)
        if all(part == segment or part[0] == "{" for part, segment in pairs):
            yield template


def _enveloped(result: Any) -> dict[str, Any]:
    properties = {"result": result, "status": {"const": "ok"}, "time": {"type": "number"}}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _error_schema() -> dict[str, Any]:
    """The document's own error, with the fields that clients rely on made mandatory."""
    error = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
    return {
        "allOf": [
            {"$ref": "#/components/schemas/ErrorResponse"},
            {
                "required": ["status", "time"],
                "properties": {"status": error},
                "not": {"required": ["result"]},
            },
        ]
    }


def _with_null(schema: Any) -> Any:
    """An OpenAPI 3.0 schema as JSON Schema: `nullable` becomes a null that is really allowed."""
    if isinstance(schema, list):
        return [_with_null(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _with_null(value) for key, value in schema.items() if key != "nullable"}
    if schema.get("nullable") is not True:
        return plain
    plain.pop("description", None)
    null = {"type": "null"}
    return {"anyOf": [plain, null]} if plain else null
