"""Declarations of payload indexes as a gRPC client sends and reads them.

A declaration is a JSON object in the model. It and its message differ in the case of words, in how
a stemmer and a switch are put, and in that one language of stopwords is a set of one.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict

from vexfs_twisted.jsonform.payload_index import read_field_schema
from vexfs_twisted.model.payload_index import FieldInfo, FieldSchema

_WORDS = ("memory", "tokenizer")


def fill_field_type(message: Any, schema: FieldSchema) -> None:
    """Put what `schema` declares into a request."""
    kinds = message.DESCRIPTOR.fields_by_name["field_type"].enum_type
    message.field_type = next(
        kind.number for kind in kinds.values if kind.name.lower().endswith(schema.type.value)
    )
    if schema.declared is None:
        return
    params = getattr(message.field_index_params, f"{schema.type.value}_index_params")
    params.SetInParent()
    declared = {name: item for name, item in schema.declared.items() if name != "type"}
    for name in _WORDS:
        if name in declared:
            declared[name] = declared[name].capitalize()
    if "prefix" in declared:
        declared["prefix"] = {} if declared["prefix"] else None
    if isinstance(declared.get("stopwords"), str):
        declared["stopwords"] = {"languages": [declared["stopwords"]]}
    if "stemmer" in declared:
        stemmer = declared["stemmer"]
        is_on = stemmer["type"] == "snowball"
        language = {"snowball": {"language": stemmer.get("language")}}
        declared["stemmer"] = language if is_on else {"disabled": {}}
    ParseDict(declared, params)


def read_field_info(message: Any) -> FieldInfo:
    """What is told about an index."""
    kind = message.params.WhichOneof("index_params")
    names = message.DESCRIPTOR.fields_by_name["data_type"].enum_type.values_by_number
    data_type = names[message.data_type].name.lower()
    if kind is None:
        return FieldInfo(read_field_schema(data_type), message.points)
    assert kind == f"{data_type}_index_params"
    declared = MessageToDict(getattr(message.params, kind), preserving_proto_field_name=True)
    for name in _WORDS:
        if name in declared:
            declared[name] = declared[name].lower()
    for name in ("min_token_len", "max_token_len"):
        if name in declared:
            declared[name] = int(declared[name])
    if "prefix" in declared:
        declared["prefix"] = True
    if "stemmer" in declared:
        language = declared["stemmer"].get("snowball")
        declared["stemmer"] = {"type": "snowball", **language} if language else {"type": "none"}
    return FieldInfo(read_field_schema({"type": data_type, **declared}), message.points)
