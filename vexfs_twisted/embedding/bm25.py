"""BM25 as sparse vectors: the term weights of documents, and queries that select terms.

The inner product of the vectors of a query and a document is the BM25 score of the document without
the inverse document frequencies, which the `idf` modifier of a sparse vector applies to the query:

    weight of a term in a document = tf (k + 1) / (tf + k (1 - b + b length / avg_len))

with `tf` occurrences of the term among the `length` tokens of the document. The weight of every
term of a query is 1. Source: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25
and Beyond, 2009.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import mmh3
import numpy as np
from numpy.typing import NDArray

from ..model.errors import BadInput
from ..model.payload_index import TextOptions, Tokenizer
from ..model.ragged import offsets_of
from ..model.vector_kinds import SparseVector, SparseVectors
from ..text.reader import TextReader
from .options import Bm25Options

PIECE = 1 << 15
"""Longer texts are tokenized in pieces of about so many characters, cut between words."""

LONGEST_RUN = 1 << 18
"""The most characters of a long text without a separator: they are one piece."""

_CACHED_CHARACTERS = 1 << 16
"""The reader of options whose custom stopwords have more characters is not cached."""

_ROW_BITS = 32
_TERM_MASK = (1 << _ROW_BITS) - 1
_SPACE = re.compile(r"[ \t\r\n]").search
# Characters that no tokenizer but that of white space takes into a word: all of ASCII but letters
# and digits, and CJK full stops and spaces.
_SEPARATOR = re.compile(r"[\x00-/:-@\[-`{-\x7f\u3000-\u3002]").search


class Bm25:
    """Computes the vectors of texts, by one set of options. Thread-safe.

    Every token is a term, whose index is the absolute value of its MurmurHash3 (32 bits, seed 0) as
    a signed number: between 0 and 2^31. Tokens with the same index are one term.
    """

    def __init__(self, options: Bm25Options) -> None:
        self._options = options
        self._reader = _reader_of(options.text)
        by_space = options.text.tokenizer is Tokenizer.WHITESPACE
        self._separator = _SPACE if by_space else _SEPARATOR

    def documents(self, texts: Sequence[str]) -> SparseVectors:
        """The vectors of documents, at most 2^31. Raises BadInput for a run of LONGEST_RUN."""
        terms = [self._terms(text, self._reader.tokens) for text in texts]
        lengths = np.fromiter(map(len, terms), np.int64, len(terms))
        tokens = np.repeat(np.arange(len(terms)) << _ROW_BITS, lengths)
        tokens |= np.concatenate([np.empty(0, np.uint32), *terms])
        keys, counts = np.unique(tokens, return_counts=True)
        rows = keys >> _ROW_BITS
        return SparseVectors(
            offsets_of(np.bincount(rows, minlength=len(terms))),
            (keys & _TERM_MASK).astype(np.uint32),
            self._weights(counts, lengths[rows]),
        )

    def query(self, text: str) -> SparseVector:
        """The vector of a query. Raises BadInput as `documents` does.

        Of the prefixes of a word it has the longest only.
        """
        terms = np.unique(self._terms(text, self._reader.query_tokens))
        return SparseVector(terms, np.ones(len(terms), dtype=np.float32))

    def _weights(
        self, counts: NDArray[np.int64], lengths: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """The weights of terms that occur so often in documents of so many tokens.

        Extreme options make weights that are not finite, which no vector may have.
        """
        k, b = self._options.k, self._options.b
        with np.errstate(over="ignore", invalid="ignore"):
            norms = 1 - b + b * lengths / self._options.avg_len
            return (counts * (k + 1) / (counts + k * norms)).astype(np.float32)

    def _terms(self, text: str, tokenize: Callable[[str], list[str]]) -> NDArray[np.uint32]:
        """The index of each token, in order and with repeats."""
        if len(text) <= PIECE:
            return _indices(tokenize(text))
        return np.concatenate([_indices(tokenize(piece)) for piece in self._pieces(text)])

    def _pieces(self, text: str) -> Iterator[str]:
        """A long text in pieces: the tokenizer holds the GIL while it finds the words of one.

        Pieces begin with a separator, as marks that follow one belong to it.
        """
        start = 0
        while start < len(text):
            found = self._separator(text, start + PIECE)
            end = len(text) if found is None else found.start()
            if end - start - PIECE > LONGEST_RUN:
                raise BadInput(
                    f"A document has more than {LONGEST_RUN} characters without white space or "
                    "punctuation"
                )
            yield text[start:end]
            start = end


def _indices(tokens: list[str]) -> NDArray[np.uint32]:
    hashes = np.fromiter(map(mmh3.hash, tokens), np.int64, len(tokens))
    return np.abs(hashes).astype(np.uint32)


@lru_cache(maxsize=4)
def _cached_reader(options: TextOptions) -> TextReader:
    return TextReader(options)


def _reader_of(options: TextOptions) -> TextReader:
    """The reader for these options, cached together with its words unless they are large."""
    is_small = sum(map(len, options.stopwords.custom)) <= _CACHED_CHARACTERS
    return _cached_reader(options) if is_small else TextReader(options)
