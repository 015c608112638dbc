"""Payload indexes: their declarations and descriptions.

Field names are those of the public interface; only settings that were given are echoed.
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
    """The tokenizer of a text index."""

    PREFIX = "prefix"
    WHITESPACE = "whitespace"
    WORD = "word"
    MULTILINGUAL = "multilingual"


@frozen
class Stopwords:
    """Stopwords: those of languages, and custom ones."""

    languages: tuple[str, ...] = ()
    custom: tuple[str, ...] = ()


@frozen
class TextOptions:
    """The options of a text index. `stemmer` is a Snowball language, None for no stemming."""

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
    """The declaration of an index.

    `declared` is the JSON object as given, including `type`, for the echo; None if only the name of
    the type was given. The other fields are its interpretation.
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
        """Raise ValidationError for an integer index without any capability."""
        if self.type is FieldType.INTEGER and not (self.lookup or self.range):
            text = "the 'lookup' and 'range' capabilities can't be both disabled"
            raise ValidationError([Problem("Validation error", text)])


@frozen
class FieldInfo:
    """The description of an index: its declaration, and its number of points with values."""

    schema: FieldSchema
    points: int


@frozen
class CreateFieldIndex:
    """Create an index on a field; replaces an existing declaration."""

    field: PayloadPath
    schema: FieldSchema


@frozen
class DeleteFieldIndex:
    """Drop the index of a field; no-op if there is none."""

    field: PayloadPath
