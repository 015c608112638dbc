"""Postings of the tokens of a column's strings, for text indexes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from ...model.filters import MatchPhrase, MatchTextAny, TextMatch
from ...model.payload_index import TextOptions
from ...text.predicates import has_phrase, text_reader_of
from ..read_bounds import checkpoint
from ..storage.bitmap import Rows
from ..storage.row_sets import Mask
from .postings import NOTHING, ListedRows, Postings, TestedRows, intersection, union
from .sorted_values import SortedValues

_ROW_BITS = np.uint64(32)
_BYTES_A_TOKEN = 128


@frozen(eq=False)
class TextPostings:
    """Which rows have which token, by the options of one text index. Immutable and thread-safe.

    `strings` are pairs of a position in `terms` and a row, `postings` pairs of a token's number in
    `vocabulary` and a row.
    """

    options: TextOptions
    terms: Sequence[str] = field(repr=False)
    strings: SortedValues = field(repr=False)
    vocabulary: Mapping[str, int] = field(repr=False)
    postings: SortedValues = field(repr=False)

    @classmethod
    def of(cls, options: TextOptions, terms: Sequence[str], strings: SortedValues) -> TextPostings:
        """Tokenize `strings`; `terms` are distinct, and each is tokenized once."""
        batch = text_reader_of(options).tokens_of_many(terms, checkpoint)
        numbers = {token: number for number, token in enumerate(batch.vocabulary)}
        counts = np.diff(batch.offsets)[strings.values]
        # The tokens of all strings concatenated, each with the row of its string.
        starts = batch.offsets[:-1][strings.values] - (np.cumsum(counts) - counts)
        tokens = batch.ids[np.repeat(starts, counts) + np.arange(counts.sum())]
        rows = np.repeat(strings.rows, counts)
        return cls(options, terms, strings, numbers, _sorted_pairs(tokens, rows))

    @property
    def nbytes(self) -> int:
        """Estimated bytes of memory of the tokens, without the strings."""
        return self.postings.nbytes + _BYTES_A_TOKEN * len(self.vocabulary)

    def folded(
        self, keep: Mask, fresh: TextPostings, terms: Sequence[str], strings: SortedValues
    ) -> TextPostings:
        """The postings of the rows in the mask `keep`, merged with `fresh`, of other rows.

        `terms` and `strings` are the merged strings of both.
        """
        vocabulary = dict(self.vocabulary)
        for token in fresh.vocabulary:
            vocabulary.setdefault(token, len(vocabulary))
        numbers = np.array([vocabulary[token] for token in fresh.vocabulary], dtype=np.uint32)
        added = _sorted_pairs(numbers[fresh.postings.values], fresh.postings.rows)
        postings = self.postings.folded(keep, added)
        return TextPostings(self.options, terms, strings, vocabulary, postings)

    def counted_from(self, row: int, strings: SortedValues) -> TextPostings:
        """The same postings with rows counted from `row`; `strings` are counted so already."""
        return evolve(self, strings=strings, postings=self.postings.counted_from(row))

    def satisfying(self, predicate: TextMatch) -> Postings:
        """The rows whose strings satisfy `predicate`."""
        reader = text_reader_of(self.options)
        if isinstance(predicate, MatchPhrase):
            phrase = reader.phrase_tokens(predicate.text) if self.options.phrase_matching else []
            return self._with_phrase(phrase)
        found = self._with_tokens(reader.query_tokens(predicate.text))
        if isinstance(predicate, MatchTextAny):
            return union(found)
        return intersection(found) if found else NOTHING

    def _with_tokens(self, tokens: Sequence[str]) -> list[Postings]:
        """The postings of each distinct token, in no order."""
        return [self._with_token(token) for token in set(tokens)]

    def _with_token(self, token: str) -> Postings:
        number = self.vocabulary.get(token)
        if number is None:
            return NOTHING
        start, end = self._starts[number : number + 2].tolist()
        return ListedRows([self.postings.rows[start:end]], is_ordered=True)

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        """The start of each token's rows in the postings, and the end of the last."""
        return np.searchsorted(self.postings.values, np.arange(len(self.vocabulary) + 1))

    def _with_phrase(self, phrase: list[str]) -> Postings:
        """The rows with the phrase; strings with all its tokens are tokenized again for order."""
        if not phrase:
            return NOTHING
        found = self._with_tokens(phrase)
        count = min(tokens.count for tokens in found)
        return intersection(
            [*found, TestedRows(lambda rows: self._phrase_mask(phrase, rows), count)]
        )

    def _phrase_mask(self, phrase: list[str], rows: Rows) -> Mask:
        """Which of `rows`, ascending, have a string with that phrase."""
        reader, strings = text_reader_of(self.options), self.strings
        places = np.flatnonzero(np.isin(strings.rows, rows, kind="table"))
        codes, of_place = np.unique(strings.values[places], return_inverse=True)
        is_found = [has_phrase(reader, self.terms[code], phrase) for code in codes.tolist()]
        passing = strings.rows[places[np.array(is_found, dtype=np.bool_)[of_place]]]
        return np.isin(rows, passing)


def _sorted_pairs(tokens: Any, rows: Any) -> SortedValues:
    """Sort pairs of token numbers and rows, which may have duplicates."""
    # Sorting pairs packed to one integer, in place, takes an eighth of the time.
    pairs = (tokens.astype(np.uint64) << _ROW_BITS) | rows
    pairs.sort()
    is_new = np.ones(len(pairs), dtype=np.bool_)
    is_new[1:] = pairs[1:] != pairs[:-1]
    pairs = pairs[is_new]
    return SortedValues((pairs >> _ROW_BITS).astype(np.uint32), pairs.astype(np.uint32))
