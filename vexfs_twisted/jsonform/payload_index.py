"""The JSON encoding of payload index schemas."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from ..model.collection_params import Memory
from ..model.errors import FormatError, NotSupported
from ..model.payload_index import FieldSchema, FieldType, Stopwords, TextOptions, Tokenizer
from .converter import describe, located, reader_of

STOPWORD_LANGUAGES = frozenset({
    "arabic", "azerbaijani", "basque", "bengali", "catalan", "chinese", "danish", "dutch",
    "english", "finnish", "french", "german", "greek", "hebrew", "hinglish", "hungarian",
    "indonesian", "italian", "japanese", "kazakh", "nepali", "norwegian", "portuguese", "romanian",
    "russian", "slovene", "spanish", "swedish", "tajik", "turkish",
})  # fmt: skip
"""The languages with lists of stopwords."""

STEMMER_LANGUAGES = frozenset({
    "arabic", "armenian", "danish", "dutch", "english", "finnish", "french", "german", "greek",
    "hungarian", "italian", "norwegian", "portuguese", "romanian", "russian", "spanish", "swedish",
    "tamil", "turkish",
})  # fmt: skip
"""The languages with stemmers."""


def read_field_schema(value: object) -> FieldSchema:
    """Decode a schema: the name of a type, or an object with a `type`.

    `declared`, which clients get back, has the known fields of an object in the order given, and
    always the tokenizer of a text index. Raises FormatError, and NotSupported for parameters that
    would change results.
    """
    if type(value) is not dict:
        return _field_schema(_read_type(value), None, {})
    kind = _read_type(value.get("type"))
    _refuse_later(kind, value)
    readers = {"type": _read_type, **_ANYWHERE, **_PARAMETERS[kind]}
    declared = {
        name: item
        for name, item in value.items()
        if name in readers and (item is not None or name in _NEVER_NULL)
    }
    if kind is FieldType.TEXT:
        declared.setdefault("tokenizer", Tokenizer.WORD.value)
    read = {name: located(name, readers[name], item) for name, item in declared.items()}
    return _field_schema(kind, declared, read)


def field_schema_to_json(schema: FieldSchema) -> str | dict[str, Any]:
    """Encode a schema as it was declared; `read_field_schema` is the inverse."""
    return schema.type.value if schema.declared is None else dict(schema.declared)


def _refuse_later(kind: FieldType, value: Mapping[str, Any]) -> None:
    """Raise NotSupported for parameters of later Qdrant releases that change results."""
    names = ("nested", "scoring") if kind is FieldType.TEXT else ("nested",)
    for name in names:
        if value.get(name) not in (None, False):
            raise NotSupported(f"The parameter `{name}` of payload indexes is not supported yet")


_read_type = reader_of(FieldType)
_boolean = reader_of(bool)
_integer = reader_of(int)


def _field_schema(
    kind: FieldType, declared: dict[str, Any] | None, read: Mapping[str, Any]
) -> FieldSchema:
    plain = {name: item for name, item in read.items() if name in _KEPT}
    if kind is not FieldType.TEXT:
        return FieldSchema(kind, declared, **plain)
    options = {name: item for name, item in read.items() if name in _TEXT_PARAMETERS}
    return FieldSchema(kind, declared, **plain, text=TextOptions(**options))


def read_stopwords(value: object) -> Stopwords:
    """The name of a language, or an object with `languages` and `custom`. Raises FormatError."""
    if type(value) is str:
        return Stopwords(languages=(_read_language(value, STOPWORD_LANGUAGES),))
    if type(value) is not dict:
        raise FormatError("data did not match any variant of untagged enum StopwordsInterface")
    languages = _read_strings(value.get("languages"))
    return Stopwords(
        languages=tuple(_read_language(name, STOPWORD_LANGUAGES) for name in languages),
        custom=_read_strings(value.get("custom")),
    )


def _read_strings(value: object) -> tuple[str, ...]:
    """Distinct strings in order of first occurrence; null means none."""
    if value is None:
        return ()
    if type(value) is not list or any(type(item) is not str for item in value):
        raise FormatError(f"invalid type: {describe(value)}, expected a sequence of strings")
    return tuple(dict.fromkeys(value))


def read_stemmer(value: object) -> str | None:
    """The Snowball language of a stemmer; None for the type `none`. Raises FormatError."""
    kind = value.get("type") if type(value) is dict else None
    if type(value) is dict and kind == "snowball":
        return _read_language(value.get("language"), STEMMER_LANGUAGES)
    if kind == "none":
        return None
    raise FormatError("data did not match any variant of untagged enum StemmingAlgorithm")


def _read_language(value: object, known: Collection[str]) -> str:
    if type(value) is str and value in known:
        return value
    allowed = ", ".join(f"`{name}`" for name in sorted(known))
    raise FormatError(f"unknown variant {describe(value)}, expected one of {allowed}")


_TEXT_PARAMETERS: Mapping[str, Callable[[object], Any]] = {
    "tokenizer": reader_of(Tokenizer),
    "min_token_len": _integer,
    "max_token_len": _integer,
    "lowercase": _boolean,
    "ascii_folding": _boolean,
    "phrase_matching": _boolean,
    "stopwords": read_stopwords,
    "stemmer": read_stemmer,
}
_PARAMETERS: Mapping[FieldType, Mapping[str, Callable[[object], Any]]] = {
    FieldType.KEYWORD: {"is_tenant": _boolean, "prefix": _boolean},
    FieldType.INTEGER: {"lookup": _boolean, "range": _boolean, "is_principal": _boolean},
    FieldType.FLOAT: {"is_principal": _boolean},
    FieldType.GEO: {},
    FieldType.TEXT: _TEXT_PARAMETERS,
    FieldType.BOOL: {},
    FieldType.DATETIME: {"is_principal": _boolean},
    FieldType.UUID: {"is_tenant": _boolean},
}
_ANYWHERE: Mapping[str, Callable[[object], Any]] = {
    "on_disk": _boolean,
    "memory": reader_of(Memory),
    "enable_hnsw": _boolean,
}
_NEVER_NULL = frozenset(("tokenizer",))
_KEPT = frozenset(("lookup", "range", "prefix", "is_tenant", "is_principal", "memory", "on_disk"))
"""Parameters with a field in FieldSchema. Not `enable_hnsw`: such graphs are always built."""
