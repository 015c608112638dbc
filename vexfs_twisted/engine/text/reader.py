"""What a text index reads in a text: its tokens, by the options of the index."""

from __future__ import annotations

from collections.abc import Iterable

from ...model.payload_index import TextOptions, Tokenizer
from .batch import TokenBatch, batch
from .forms import document_forms, query_forms
from .words import CUTTERS


class TextReader:
    """Reads texts by the options of one index. Any thread may use it.

    Every word goes the same way: folded to ASCII, lowercased, refused if it is a stopword, cut to
    its stem, and refused for its length, in characters.
    """

    def __init__(self, options: TextOptions) -> None:
        self._cut = CUTTERS[options.tokenizer]
        self._documents = document_forms(options)
        self.has_prefixes = options.tokenizer is Tokenizer.PREFIX
        self._queries = query_forms(options) if self.has_prefixes else self._documents

    def tokens(self, text: str) -> list[str]:
        """The tokens of a document, in order and with repeats.

        In an index of prefixes, those of a word follow one another, shortest first.
        """
        return self._documents.tokens(self._cut(text))

    def query_tokens(self, text: str) -> list[str]:
        """The tokens that a query asks for, in order and with repeats."""
        return self._queries.tokens(self._cut(text))

    def phrase_tokens(self, text: str) -> list[str]:
        """The tokens that phrases are made of, in documents and queries: the longest of a word."""
        if not self.has_prefixes:
            return self.tokens(text)
        forms = self._documents
        return [tokens[-1] for word in self._cut(text) if (tokens := forms[word])]

    def tokens_of_many(self, texts: Iterable[str]) -> TokenBatch:
        """The tokens of each of `texts`, as numbers."""
        return batch(texts, self._cut, self._documents)
