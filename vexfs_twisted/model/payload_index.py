"""Payload indexes: what is declared on a field, and what is told about it.

Field names are those of the public interface; only what was set is echoed.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from attrs import frozen

from .collection_params import Memory
from .errors import Problem, ValidationError
from .payload_path import PayloadPath
from .validation import bounded


class FieldType(Enum):
    """The kind of values that an index covers."""

    KEYWORD = "keyword"
    INTEGER = "integer"
    FLOAT = "float"
    GEO = "geo"
    TEXT = "text"
    BOOL = "bool"
    DATETIME = "datetime"
    UUID = "uuid"


class Tokenizer(Enum):
    """How text is cut into tokens."""

    PREFIX = "prefix"
    WHITESPACE = "whitespace"
    WORD = "word"
    MULTILINGUAL = "multilingual"


@frozen
class Stopwords:
    """Words that are no tokens: those of languages, and custom ones."""

    languages: tuple[str, ...] = ()
    custom: tuple[str, ...] = ()


@frozen
class TextOptions:
    """How a text index reads text. `stemmer` is a Snowball language, None for no stemming."""

    tokenizer: Tokenizer = Tokenizer.WORD
    min_token_len: int | None = bounded(0)
    max_token_len: int | None = bounded(0)
    lowercase: bool = True
    ascii_folding: bool = False
    phrase_matching: bool = False
    stopwords: Stopwords = Stopwords()
    stemmer: str | None = None


@frozen
class FieldSchema:
    """An index as it was declared.

    `declared` is the JSON object that was given, `type` included, for the echo; None when only the
    name of the type was. The other fields say what it means to the engine.
    """

    type: FieldType
    declared: Mapping[str, Any] | None = None
    lookup: bool = True
    range: bool = True
    prefix: bool = False
    is_tenant: bool = False
    is_principal: bool = False
    memory: Memory | None = None
    on_disk: bool = False
    text: TextOptions | None = None

    def check(self) -> None:
        """Raise ValidationError for an integer index that can do nothing."""
        if self.type is FieldType.INTEGER and not (self.lookup or self.range):
            text = "the 'lookup' and 'range' capabilities can't be both disabled"
            raise ValidationError([Problem("Validation error", text)])


@frozen
class FieldInfo:
    """What is told about an index: its declaration, and how many points it holds values of."""

    schema: FieldSchema
    points: int


@frozen
class CreateFieldIndex:
    """Index a field from now on; replaces what was declared for it before."""

    field: PayloadPath
    schema: FieldSchema


@frozen
class DeleteFieldIndex:
    """Drop the index of a field; one that does not exist is no error."""

    field: PayloadPath
