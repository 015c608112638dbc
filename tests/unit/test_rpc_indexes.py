"""Payload indexes over gRPC, held against their JSON form.

The official client turns a declaration into a message and an echo back: both must be to us what the
JSON says.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from vexfs_twisted.jsonform.payload_index import read_field_schema
from vexfs_twisted.model.collection import CollectionConfig, CollectionInfo
from vexfs_twisted.model.errors import BadInput, BadRequest, MalformedMessage, NotSupported
from vexfs_twisted.model.payload_index import (
    CreateFieldIndex,
    DeleteFieldIndex,
    FieldInfo,
    FieldSchema,
    FieldType,
)
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.rpc.codecs.collections import write_info
from vexfs_twisted.rpc.codecs.indexes import read_create_index, read_delete_index
from vexfs_twisted.rpc.generated import collections_pb2, points_pb2

try:
    from pydantic import TypeAdapter
    from qdrant_client import grpc
    from qdrant_client.conversions.conversion import (
        GrpcToRest,
        RestToGrpc,
        grpc_payload_schema_to_field_type,
    )
    from qdrant_client.http import models
except ImportError:
    HAS_CLIENT = False
else:
    HAS_CLIENT = True

FIELD = PayloadPath.parse("a[].b")
ANYWHERE = {"on_disk": True, "memory": "cold", "enable_hnsw": False}
DECLARED: list[dict[str, Any]] = [
    {"type": "keyword"},
    {"type": "keyword", "is_tenant": False, "prefix": True, **ANYWHERE},
    {"type": "integer"},
    {"type": "integer", "lookup": False, "range": True, "is_principal": False, **ANYWHERE},
    {"type": "float", "is_principal": True, **ANYWHERE},
    {"type": "geo", **ANYWHERE},
    {"type": "bool", "on_disk": False, "memory": "pinned"},
    {"type": "datetime", "is_principal": True, "memory": "cached"},
    {"type": "uuid", "is_tenant": True, **ANYWHERE},
    {"type": "text"},
    {"type": "text", "tokenizer": "prefix", "min_token_len": 0, "max_token_len": 2**40},
    {"type": "text", "tokenizer": "whitespace", "lowercase": False, "ascii_folding": True},
    {"type": "text", "tokenizer": "multilingual", "phrase_matching": True, **ANYWHERE},
    {"type": "text", "tokenizer": "word", "stemmer": {"type": "none"}},
    {"type": "text", "stemmer": {"type": "snowball", "language": "german"}},
    {"type": "text", "stopwords": {"languages": ["english", "french"], "custom": ["x", "y"]}},
]
WORDS = {"type": "text", "tokenizer": "word"}
CUSTOM_WORDS = {"type": "text", "stopwords": {"custom": ["x"]}}


def declare(declared: dict[str, Any]) -> points_pb2.CreateFieldIndexCollection:
    """The request by which the official client declares an index."""
    model = TypeAdapter(models.PayloadSchemaParams).validate_python(declared)
    request = grpc.CreateFieldIndexCollection(
        field_name=FIELD.text,
        field_type=grpc.FieldType.Value(f"FieldType{declared['type'].capitalize()}"),
        field_index_params=RestToGrpc.convert_payload_schema_params(model),
    )
    return points_pb2.CreateFieldIndexCollection.FromString(request.SerializeToString())


def echo(schema: FieldSchema, points: int = 3) -> Any:
    """The `payload_schema` entry that we tell of an index, as the official client reads it."""
    info = CollectionInfo(
        CollectionConfig(), 0, 0, 1, payload_schema={"f": FieldInfo(schema, points)}
    )
    sent = grpc.GetCollectionInfoResponse.FromString(write_info(info).SerializeToString())
    return GrpcToRest.convert_payload_schema_info(sent.result.payload_schema["f"])


class DeclarationTests(SynchronousTestCase):
    def setUp(self) -> None:
        if not HAS_CLIENT:
            raise SkipTest("needs qdrant-client")

    def test_parameters(self) -> None:
        for declared in (*DECLARED, CUSTOM_WORDS):
            expected = CreateFieldIndex(FIELD, read_field_schema(declared))
            self.assertEqual(read_create_index(declare(declared)), expected)

    def test_types_alone(self) -> None:
        for field_type in FieldType:
            schema = models.PayloadSchemaType(field_type.value)
            number: Any = grpc_payload_schema_to_field_type(
                RestToGrpc.convert_payload_schema_type(schema)
            )
            request = points_pb2.CreateFieldIndexCollection(
                field_name=FIELD.text, field_type=number
            )
            expected = CreateFieldIndex(FIELD, read_field_schema(field_type.value))
            self.assertEqual(read_create_index(request), expected)

    def test_echo_is_what_was_declared(self) -> None:
        for declared in DECLARED:
            told = echo(read_field_schema(declared))
            expected = {**WORDS, **declared} if declared["type"] == "text" else declared
            self.assertEqual(told.params.model_dump(exclude_none=True, mode="json"), expected)
            self.assertEqual((told.data_type.value, told.points), (declared["type"], 3))

    def test_echo_of_types_alone(self) -> None:
        for field_type in FieldType:
            told = echo(read_field_schema(field_type.value), points=0)
            self.assertEqual(
                (told.data_type.value, told.points, told.params), (field_type.value, 0, None)
            )

    def test_echo_of_what_messages_say_otherwise(self) -> None:
        told_otherwise: list[tuple[dict[str, Any], dict[str, Any]]] = [
            ({**WORDS, "stopwords": "english"}, {**WORDS, "stopwords": "english"}),
            ({"type": "keyword", "prefix": False}, {"type": "keyword"}),
            (CUSTOM_WORDS, {**WORDS, "stopwords": {"languages": [], "custom": ["x"]}}),
        ]
        for declared, expected in told_otherwise:
            told = echo(read_field_schema(declared))
            self.assertEqual(told.params.model_dump(exclude_none=True, mode="json"), expected)


def request_of(**params: Any) -> points_pb2.CreateFieldIndexCollection:
    """A request for an index with parameters, of the type that their first is for."""
    request = points_pb2.CreateFieldIndexCollection(
        field_name="f", field_index_params=collections_pb2.PayloadIndexParams(**params)
    )
    for name in params:
        request.field_type = type_of(name)
    return request


def type_of(name: str) -> Any:
    """The type that the parameters `name` are for."""
    kind = name.removesuffix("_index_params").capitalize()
    return points_pb2.FieldType.Value(f"FieldType{kind}")


class RequestTests(SynchronousTestCase):
    def test_one_language_of_stopwords_is_a_set_too(self) -> None:
        stopwords = collections_pb2.StopwordsSet(languages=["english"])
        params = collections_pb2.TextIndexParams(stopwords=stopwords)
        schema = read_create_index(request_of(text_index_params=params)).schema
        declared = {"type": "text", "stopwords": {"languages": ["english"]}}
        self.assertEqual(schema, read_field_schema(declared))

    def test_parameters_are_those_of_the_type(self) -> None:
        for kind in collections_pb2.PayloadIndexParams.DESCRIPTOR.fields:
            request = request_of()
            getattr(request.field_index_params, kind.name).SetInParent()
            error = self.assertRaises(MalformedMessage, read_create_index, request)
            self.assertIn("field_type is not set", error.message)
            for number in points_pb2.FieldType.values():
                request.field_type = number
                if number == type_of(kind.name):
                    read_create_index(request)
                else:
                    self.assertRaises(MalformedMessage, read_create_index, request)

    def test_every_kind_of_index_of_the_schema_is_read(self) -> None:
        kinds = collections_pb2.PayloadIndexParams.DESCRIPTOR.fields
        for kind in kinds:
            request = request_of()
            getattr(request.field_index_params, kind.name).SetInParent()
            request.field_type = type_of(kind.name)
            schema = read_create_index(request).schema
            self.assertEqual(f"{schema.type.value}_index_params", kind.name)
        self.assertEqual(len(kinds), len(FieldType))

    def test_refusals(self) -> None:
        text = collections_pb2.TextIndexParams
        code = text(tokenizer=collections_pb2.TokenizerType.Code)
        klingon = collections_pb2.SnowballParams(language="klingon")
        stemmer = collections_pb2.StemmingAlgorithm(snowball=klingon)
        stopwords = collections_pb2.StopwordsSet(languages=["klingon"])
        for params in (code, text(stemmer=stemmer), text(stopwords=stopwords)):
            request = request_of(text_index_params=params)
            error = self.assertRaises((BadInput, MalformedMessage), read_create_index, request)
            self.assertNotIn("JSON", error.message)
        create = points_pb2.CreateFieldIndexCollection
        self.assertRaises(BadRequest, read_create_index, create(field_name="f"))
        self.assertRaises(MalformedMessage, read_create_index, create(field_name="a b"))
        unknown = create(field_name="f")
        unknown.field_type = 99
        self.assertRaises(MalformedMessage, read_create_index, unknown)

    def test_what_would_change_answers_is_refused(self) -> None:
        scoring = collections_pb2.TextIndexParams(scoring=collections_pb2.TextScoringParams())
        request = request_of(text_index_params=scoring)
        error = self.assertRaises(NotSupported, read_create_index, request)
        self.assertIn("`scoring`", error.message)
        for kind in collections_pb2.PayloadIndexParams.DESCRIPTOR.fields:
            request = request_of()
            getattr(request.field_index_params, kind.name).nested = "offers"
            request.field_type = type_of(kind.name)
            error = self.assertRaises(NotSupported, read_create_index, request)
            self.assertIn("`nested`", error.message)

    def test_removal(self) -> None:
        request = points_pb2.DeleteFieldIndexCollection(field_name="a[].b")
        self.assertEqual(read_delete_index(request), DeleteFieldIndex(FIELD))
        self.assertRaises(
            MalformedMessage, read_delete_index, points_pb2.DeleteFieldIndexCollection()
        )
