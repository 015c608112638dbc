"""Payload indexes from JSON and back."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.jsonform.payload_index import field_schema_to_json, read_field_schema
from vexfs_twisted.model.collection_params import Memory
from vexfs_twisted.model.errors import FormatError, NotSupported
from vexfs_twisted.model.payload_index import (
    FieldSchema,
    FieldType,
    Stopwords,
    TextOptions,
    Tokenizer,
)

_EVERY_TEXT_PARAMETER = {
    "type": "text",
    "tokenizer": "prefix",
    "min_token_len": 2,
    "max_token_len": 12,
    "lowercase": False,
    "ascii_folding": True,
    "phrase_matching": True,
    "stopwords": {"languages": ["english", "german"], "custom": ["the", "The", "the"]},
    "stemmer": {"type": "snowball", "language": "english"},
    "memory": "cached",
}
_SOUND = (
    *(kind.value for kind in FieldType),
    *({"type": kind.value} for kind in FieldType if kind is not FieldType.TEXT),
    {"type": "keyword", "is_tenant": True, "on_disk": False, "prefix": True},
    {"lookup": False, "type": "integer", "range": True, "is_principal": True},
    {"type": "uuid", "is_tenant": False, "enable_hnsw": False},
    {"type": "datetime", "is_principal": False},
    {"type": "text", "stopwords": "english", "tokenizer": "word"},
    _EVERY_TEXT_PARAMETER,
)
_MALFORMED: tuple[object, ...] = (
    None,
    5,
    [],
    {},
    "words",
    {"type": "words"},
    {"type": ["keyword"]},
    {"type": "keyword", "is_tenant": "yes"},
    {"type": "keyword", "memory": "hot"},
    {"type": "integer", "lookup": 1},
    {"type": "text", "tokenizer": "letters"},
    {"type": "text", "min_token_len": -1},
    {"type": "text", "max_token_len": 1.5},
    {"type": "text", "stopwords": "klingon"},
    {"type": "text", "stopwords": ["english"]},
    {"type": "text", "stopwords": {"languages": ["klingon"]}},
    {"type": "text", "stopwords": {"custom": [1]}},
    {"type": "text", "stopwords": {"custom": "the"}},
    {"type": "text", "stemmer": "english"},
    {"type": "text", "stemmer": {"type": "snowball"}},
    {"type": "text", "stemmer": {"type": "snowball", "language": ["english"]}},
    {"type": "text", "stemmer": {"type": "porter", "language": "english"}},
)


class PayloadIndexJsonTests(SynchronousTestCase):
    """What is declared is understood, and told again as it was said."""

    def test_every_declaration_is_echoed(self) -> None:
        """A name comes back as the name, an object as the object, in its own order."""
        for value in _SOUND:
            schema = read_field_schema(value)
            self.assertEqual(field_schema_to_json(schema), value)
            if isinstance(value, dict):
                self.assertEqual(list(field_schema_to_json(schema)), list(value))
            self.assertEqual(read_field_schema(field_schema_to_json(schema)), schema)

    def test_parameters_are_understood(self) -> None:
        """Each parameter reaches the field that acts on it."""
        schema = read_field_schema(_EVERY_TEXT_PARAMETER)
        expected = TextOptions(
            tokenizer=Tokenizer.PREFIX,
            min_token_len=2,
            max_token_len=12,
            lowercase=False,
            ascii_folding=True,
            phrase_matching=True,
            stopwords=Stopwords(("english", "german"), ("the", "The")),
            stemmer="english",
        )
        self.assertEqual(schema.text, expected)
        self.assertEqual(schema.memory, Memory.CACHED)
        self.assertEqual(read_field_schema("text"), FieldSchema(FieldType.TEXT, text=TextOptions()))
        integer = read_field_schema({"type": "integer", "lookup": False, "on_disk": True})
        self.assertEqual((integer.lookup, integer.range, integer.on_disk), (False, True, True))
        keyword = read_field_schema({"type": "keyword", "prefix": True, "is_tenant": True})
        self.assertTrue(keyword.prefix and keyword.is_tenant)
        disabled = read_field_schema({"type": "text", "stemmer": {"type": "none"}})
        self.assertIsNone(disabled.text and disabled.text.stemmer)

    def test_null_and_unknown_parameters_are_not_echoed(self) -> None:
        """Null equals absent, and parameters of other types mean nothing."""
        schema = read_field_schema({"type": "bool", "on_disk": None, "lookup": 5, "colour": "red"})
        self.assertEqual(field_schema_to_json(schema), {"type": "bool"})

    def test_the_tokenizer_of_text_is_told_in_any_case(self) -> None:
        """An object without one is echoed with the default, a name as the name."""
        for given, echoed in (
            ({"type": "text"}, {"type": "text", "tokenizer": "word"}),
            (
                {"type": "text", "lowercase": False},
                {"type": "text", "lowercase": False, "tokenizer": "word"},
            ),
            ({"type": "text", "tokenizer": "prefix"}, {"type": "text", "tokenizer": "prefix"}),
            ("text", "text"),
        ):
            schema = read_field_schema(given)
            self.assertEqual(field_schema_to_json(schema), echoed)
            self.assertEqual(read_field_schema(field_schema_to_json(schema)), schema)
        null = {"type": "text", "tokenizer": None}
        self.assertRaises(FormatError, read_field_schema, null)

    def test_what_would_change_answers_is_refused(self) -> None:
        """Parameters of later releases, unless they are switched off."""
        for given, name in (
            ({"type": "text", "scoring": True}, "scoring"),
            ({"type": "text", "scoring": {"type": "bm25"}}, "scoring"),
            ({"type": "text", "nested": "offers"}, "nested"),
            ({"type": "keyword", "nested": "offers"}, "nested"),
            ({"type": "integer", "nested": "offers"}, "nested"),
        ):
            error = self.assertRaises(NotSupported, read_field_schema, given)
            self.assertIn(f"`{name}`", error.message)
        for given in (
            {"type": "text", "scoring": False, "nested": None, "tokenizer": "word"},
            {"type": "keyword", "scoring": True},
        ):
            kept = {k: v for k, v in given.items() if k in ("type", "tokenizer")}
            self.assertEqual(field_schema_to_json(read_field_schema(given)), kept)

    def test_malformed_declarations_are_refused(self) -> None:
        """Unknown types, languages and tokenizers, and values of the wrong type."""
        for value in _MALFORMED:
            with self.assertRaises(FormatError, msg=repr(value)):
                read_field_schema(value)

    def test_errors_say_where(self) -> None:
        """The parameter is named."""
        with self.assertRaises(FormatError) as caught:
            read_field_schema({"type": "text", "min_token_len": -1})
        self.assertIn("min_token_len: invalid value: integer `-1`", caught.exception.message)
