"""The tokenizer pipeline of a text index, by the options of the index."""

from __future__ import annotations

from collections.abc import Iterable

from ..model.payload_index import TextOptions, Tokenizer
from .batch import Checkpoint, TokenBatch, batch
from .forms import document_forms, query_forms
from .words import CUTTERS


class TextReader:
    """Tokenizes texts by the options of one index. Thread-safe.

    The steps for every word, as the options say: fold to ASCII, lowercase, remove stopwords, stem,
    filter by length in characters.
    """

    def __init__(self, options: TextOptions) -> None:
        self._cut = CUTTERS[options.tokenizer]
        self._documents = document_forms(options)
        self.has_prefixes = options.tokenizer is Tokenizer.PREFIX
        self._queries = query_forms(options) if self.has_prefixes else self._documents

    def tokens(self, text: str) -> list[str]:
        """The tokens of a document, in order and with repeats.

        With the prefix tokenizer, those of a word are consecutive, shortest first.
        """
        return self._documents.tokens(self._cut(text))

    def query_tokens(self, text: str) -> list[str]:
        """The tokens of a query, in order and with repeats."""
        return self._queries.tokens(self._cut(text))

    def phrase_tokens(self, text: str) -> list[str]:
        """The tokens of a document or query for phrase matching: the longest of each word."""
        if not self.has_prefixes:
            return self.tokens(text)
        forms = self._documents
        return [tokens[-1] for word in self._cut(text) if (tokens := forms[word])]

    def tokens_of_many(
        self, texts: Iterable[str], checkpoint: Checkpoint = lambda: None
    ) -> TokenBatch:
        """Tokenize many texts, to token numbers; `checkpoint` may stop it by an exception."""
        return batch(texts, self._cut, self._documents, checkpoint)
