"""Decoding of collection requests from JSON, and the JSON encoding of configurations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal, TypeVar

import attrs
import orjson

from ..model.collection import (
    AliasAction,
    CollectionConfig,
    CreateAlias,
    CreateCollection,
    DeleteAlias,
    RenameAlias,
    UpdateCollection,
)
from ..model.collection_params import (
    Disabled,
    QuantizationConfig,
    SparseVectorParams,
    VectorParams,
)
from ..model.errors import FormatError
from ..model.vectors import UNNAMED
from .converter import located, make_converter

T = TypeVar("T", bound=attrs.AttrsInstance)

_ALIAS_ACTIONS: Mapping[str, type[AliasAction]] = {
    "create_alias": CreateAlias,
    "delete_alias": DeleteAlias,
    "rename_alias": RenameAlias,
}
_MOST_LOADED = 16
"""Configurations that are kept: each may have much metadata."""

_DENSE_PARAMS = ("size", "distance", "multivector_config", "datatype")
_NULL_WHEN_UNSET = (
    "max_segment_size",
    "memmap_threshold",
    "max_optimization_threads",
    "prevent_unoptimized",
)


def read_create_collection(body: object) -> CreateCollection:
    """Decode a request to create a collection from a JSON value. Raises FormatError."""
    if isinstance(body, dict):
        if "quantization_config" not in body and "quantization" in body:
            # The older name of the field, still accepted.
            body = {**body, "quantization_config": body["quantization"]}
        body = {**body, **_named_vectors(body.get("vectors", {}))}
    return _CONVERTER.structure(body, CreateCollection)


def read_update_collection(body: object) -> UpdateCollection:
    """Decode a request to change a configuration from a JSON value. Raises FormatError."""
    return _CONVERTER.structure(body, UpdateCollection)


def read_vector_name_params(body: object) -> VectorParams | SparseVectorParams:
    """Decode the parameters of a new vector name, under `dense` or `sparse`. Raises FormatError.

    Only the immutable parameters of the vectors are read.
    """
    if isinstance(body, dict):
        for kind, read in _VECTOR_NAMES.items():
            if body.get(kind) is not None:
                return located(kind, read, body[kind])
    raise FormatError("data did not match any variant of untagged enum VectorNameConfig")


def _read_dense_params(value: object) -> VectorParams:
    if isinstance(value, dict):
        value = {name: value[name] for name in _DENSE_PARAMS if name in value}
    return _CONVERTER.structure(value, VectorParams)


def _read_sparse_params(value: object) -> SparseVectorParams:
    if isinstance(value, dict):
        index = {"datatype": value["datatype"]} if value.get("datatype") is not None else None
        value = {"modifier": value.get("modifier"), "index": index}
    return _CONVERTER.structure(value, SparseVectorParams)


_VECTOR_NAMES: Mapping[str, Callable[[object], VectorParams | SparseVectorParams]] = {
    "dense": _read_dense_params,
    "sparse": _read_sparse_params,
}


def read_alias_actions(body: object) -> list[AliasAction]:
    """Decode the actions of a change of aliases from a JSON value. Raises FormatError."""
    actions = body.get("actions") if isinstance(body, dict) else None
    if not isinstance(actions, list):
        raise FormatError("missing field `actions`")
    return [_read_alias_action(action) for action in actions]


def config_to_json(config: CollectionConfig) -> dict[str, Any]:
    """Encode a configuration as the JSON object that clients get and that is stored on disk."""
    plain: dict[str, Any] = _CONVERTER.unstructure(config)
    plain.setdefault("quantization_config", None)
    for name in _NULL_WHEN_UNSET:
        plain["optimizer_config"].setdefault(name, None)
    params = plain["params"]
    del params["unnamed_in_map"]
    if config.params.is_single:
        params["vectors"] = params["vectors"][UNNAMED]
    return plain


def config_from_json(value: dict[str, Any]) -> CollectionConfig:
    """The inverse of `config_to_json`."""
    params = {**value["params"], **_named_vectors(value["params"]["vectors"])}
    return _CONVERTER.structure({**value, "params": params}, CollectionConfig)


def dump_collection_config(config: CollectionConfig) -> bytes:
    """Encode a configuration as JSON bytes, to be stored."""
    return orjson.dumps(config_to_json(config))


@lru_cache(maxsize=_MOST_LOADED)
def load_collection_config(data: bytes) -> CollectionConfig:
    """The inverse of `dump_collection_config`. Most collections of a folder have the same."""
    return config_from_json(orjson.loads(data))


def dump_part(part: attrs.AttrsInstance) -> bytes:
    """Encode a request, or a part of a configuration, as JSON bytes."""
    return orjson.dumps(_CONVERTER.unstructure(part))


def load_part(data: bytes, kind: type[T]) -> T:
    """The inverse of `dump_part` for a value of class `kind`. Raises FormatError."""
    return _CONVERTER.structure(orjson.loads(data), kind)


def _named_vectors(vectors: Any) -> dict[str, Any]:
    """The model's fields of dense vectors, from either JSON form. Raises FormatError.

    An object with a size or a distance declares the unnamed vector; any other maps names to
    declarations.
    """
    if not isinstance(vectors, dict):
        raise FormatError("data did not match any variant of untagged enum VectorsConfig")
    keys = {"size", "distance"} & vectors.keys()
    if any(not isinstance(vectors[key], dict) for key in keys):
        return {"vectors": {UNNAMED: vectors}, "unnamed_in_map": False}
    return {"vectors": vectors, "unnamed_in_map": UNNAMED in vectors}


def _read_alias_action(action: object) -> AliasAction:
    if isinstance(action, dict):
        for name, kind in _ALIAS_ACTIONS.items():
            if name in action:
                return _CONVERTER.structure(action[name], kind)
    raise FormatError("data did not match any variant of untagged enum AliasOperations")


def _read_quantization(value: object, _: object) -> QuantizationConfig:
    if isinstance(value, dict):
        for field in attrs.fields(QuantizationConfig):
            inner = value.get(field.name)
            if inner is not None:
                kind: Any = field.type
                return QuantizationConfig(**{field.name: _CONVERTER.structure(inner, kind)})
    raise FormatError("data did not match any variant of untagged enum QuantizationConfig")


def _read_quantization_diff(value: object, _: object) -> QuantizationConfig | Disabled | None:
    if value is None:
        return None
    if value == Disabled.DISABLED.value:
        return Disabled.DISABLED
    return _read_quantization(value, None)


def _read_threads(value: object, _: object) -> int | str | None:
    return value if value is None or value == "auto" else _CONVERTER.structure(value, int)


attrs.resolve_types(QuantizationConfig)
_CONVERTER = make_converter()
_CONVERTER.register_structure_hook(QuantizationConfig, _read_quantization)
_CONVERTER.register_structure_hook(QuantizationConfig | Disabled | None, _read_quantization_diff)
_CONVERTER.register_structure_hook(int | Literal["auto"] | None, _read_threads)
