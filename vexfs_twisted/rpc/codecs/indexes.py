"""The codec of payload indexes.

A declaration is converted to the JSON object of the REST API, so that both APIs validate alike, and
an index created with one is described by the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message

from ...jsonform.payload_index import read_field_schema
from ...model.collection_params import Memory
from ...model.errors import BadInput, BadRequest, FormatError, MalformedMessage
from ...model.payload_index import (
    CreateFieldIndex,
    DeleteFieldIndex,
    FieldInfo,
    FieldSchema,
    FieldType,
    Tokenizer,
)
from ..generated import collections_pb2, points_pb2
from .enums import MEMORIES, number_of
from .fields import given, known, read_enum
from .filters import read_path

Declaration = dict[str, Any]
"""The declaration of an index, as a JSON object."""

_FIELD_TYPES = {
    points_pb2.FieldType.FieldTypeKeyword: FieldType.KEYWORD,
    points_pb2.FieldType.FieldTypeInteger: FieldType.INTEGER,
    points_pb2.FieldType.FieldTypeFloat: FieldType.FLOAT,
    points_pb2.FieldType.FieldTypeGeo: FieldType.GEO,
    points_pb2.FieldType.FieldTypeText: FieldType.TEXT,
    points_pb2.FieldType.FieldTypeBool: FieldType.BOOL,
    points_pb2.FieldType.FieldTypeDatetime: FieldType.DATETIME,
    points_pb2.FieldType.FieldTypeUuid: FieldType.UUID,
}
_DATA_TYPES = {
    collections_pb2.PayloadSchemaType.Keyword: FieldType.KEYWORD,
    collections_pb2.PayloadSchemaType.Integer: FieldType.INTEGER,
    collections_pb2.PayloadSchemaType.Float: FieldType.FLOAT,
    collections_pb2.PayloadSchemaType.Geo: FieldType.GEO,
    collections_pb2.PayloadSchemaType.Text: FieldType.TEXT,
    collections_pb2.PayloadSchemaType.Bool: FieldType.BOOL,
    collections_pb2.PayloadSchemaType.Datetime: FieldType.DATETIME,
    collections_pb2.PayloadSchemaType.Uuid: FieldType.UUID,
}
_TOKENIZERS = {
    collections_pb2.TokenizerType.Prefix: Tokenizer.PREFIX,
    collections_pb2.TokenizerType.Whitespace: Tokenizer.WHITESPACE,
    collections_pb2.TokenizerType.Word: Tokenizer.WORD,
    collections_pb2.TokenizerType.Multilingual: Tokenizer.MULTILINGUAL,
}
_SCALARS = (
    "is_tenant",
    "lookup",
    "range",
    "is_principal",
    "min_token_len",
    "max_token_len",
    "lowercase",
    "ascii_folding",
    "phrase_matching",
    "on_disk",
    "enable_hnsw",
    "nested",
)


def read_create_index(message: points_pb2.CreateFieldIndexCollection) -> CreateFieldIndex:
    """Decode a request to create an index. Raises DomainErrors.

    Parameters must be those of the index's type.
    """
    field = read_path(message.field_name)
    field_type = read_enum(message, "field_type", _FIELD_TYPES)
    kind = message.field_index_params.WhichOneof("index_params")
    if field_type is None:
        if kind is not None:
            raise MalformedMessage("field_type is not set, though field_index_params are")
        raise BadRequest(
            "Can't auto-detect field type, please specify `field_schema` in the request"
        )
    if kind is None:
        return CreateFieldIndex(field, _read_schema(field_type.value))
    declared = _read_params(kind, getattr(message.field_index_params, kind))
    if declared["type"] != field_type.value:
        text = f"field_type {field_type.value} has no parameters of the type {declared['type']}"
        raise MalformedMessage(text)
    return CreateFieldIndex(field, _read_schema(declared))


def read_delete_index(message: points_pb2.DeleteFieldIndexCollection) -> DeleteFieldIndex:
    """Decode a request to drop an index. Raises MalformedMessage."""
    return DeleteFieldIndex(read_path(message.field_name))


def _read_schema(declared: Declaration | str) -> FieldSchema:
    try:
        return read_field_schema(declared)
    except FormatError as error:
        raise BadInput(error.message.removeprefix(FormatError.prefix)) from None


def _read_params(kind: str, message: Message) -> Declaration:
    declared: Declaration = {"type": kind.removesuffix("_index_params")}
    names = message.DESCRIPTOR.fields_by_name
    declared |= given(message, *(name for name in _SCALARS if name in names))
    memory: Memory | None = read_enum(message, "memory", MEMORIES)
    if memory is not None:
        declared["memory"] = memory.value
    if isinstance(message, collections_pb2.KeywordIndexParams) and message.HasField("prefix"):
        declared["prefix"] = True
    if isinstance(message, collections_pb2.TextIndexParams):
        declared |= _read_text_params(message)
    return declared


def _read_text_params(message: collections_pb2.TextIndexParams) -> Declaration:
    """The parameters of text indexes; an unset tokenizer becomes the default of REST."""
    declared: Declaration = {}
    if message.tokenizer != collections_pb2.TokenizerType.Unknown:
        declared["tokenizer"] = known(message.tokenizer, "tokenizer", _TOKENIZERS).value
    if message.HasField("scoring"):
        declared["scoring"] = True
    if message.HasField("stopwords"):
        words = message.stopwords
        sets = {"languages": list(words.languages), "custom": list(words.custom)}
        declared["stopwords"] = {name: items for name, items in sets.items() if items}
    stemmer = message.stemmer.WhichOneof("stemming_params")
    if stemmer == "snowball":
        declared["stemmer"] = {"type": "snowball", "language": message.stemmer.snowball.language}
    elif stemmer == "disabled":
        declared["stemmer"] = {"type": "none"}
    return declared


def write_field_info(info: FieldInfo, message: collections_pb2.PayloadSchemaInfo) -> None:
    """Write the description of an index into `message`; parameters only if any were declared."""
    schema = info.schema
    message.data_type = number_of(schema.type, _DATA_TYPES)
    message.points = info.points
    if schema.declared is not None:
        params = getattr(message.params, f"{schema.type.value}_index_params")
        params.SetInParent()
        _write_params(schema.declared, params)


def _write_params(declared: Mapping[str, Any], message: Any) -> None:
    for name in _SCALARS:
        if name in declared:
            setattr(message, name, declared[name])
    if "memory" in declared:
        message.memory = number_of(Memory(declared["memory"]), MEMORIES)
    if declared.get("prefix"):
        message.prefix.SetInParent()
    if "tokenizer" in declared:
        message.tokenizer = number_of(Tokenizer(declared["tokenizer"]), _TOKENIZERS)
    if "stopwords" in declared:
        _write_stopwords(declared["stopwords"], message.stopwords)
    if "stemmer" in declared:
        _write_stemmer(declared["stemmer"], message.stemmer)


def _write_stopwords(
    declared: str | Mapping[str, Any], message: collections_pb2.StopwordsSet
) -> None:
    message.SetInParent()
    if isinstance(declared, str):
        message.languages.append(declared)
    else:
        message.languages.extend(declared.get("languages") or ())
        message.custom.extend(declared.get("custom") or ())


def _write_stemmer(declared: Mapping[str, Any], message: collections_pb2.StemmingAlgorithm) -> None:
    if declared["type"] == "snowball":
        message.snowball.language = declared["language"]
    else:
        message.disabled.SetInParent()
