"""The tokens of a column's strings: what a text index has beside the strings themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from ...model.filters import MatchPhrase, MatchTextAny, TextMatch
from ...model.payload_index import TextOptions
from ..storage.bitmap import Rows
from ..storage.row_sets import Mask
from ..text.predicates import has_phrase, reader_of
from .postings import NOTHING, ListedRows, Postings, TestedRows, intersection, union
from .sorted_values import SortedValues

_ROW_BITS = np.uint64(32)
_BYTES_A_TOKEN = 128


@frozen(eq=False)
class TextPostings:
    """Which rows have which token, by the options of one text index. For any thread.

    `strings` pairs places among `terms` with rows, `postings` numbers of the `vocabulary`.
    """

    options: TextOptions
    terms: Sequence[str] = field(repr=False)
    strings: SortedValues = field(repr=False)
    vocabulary: Mapping[str, int] = field(repr=False)
    postings: SortedValues = field(repr=False)

    @classmethod
    def of(cls, options: TextOptions, terms: Sequence[str], strings: SortedValues) -> TextPostings:
        """The tokens of `strings`, whose `terms` are distinct."""
        batch = reader_of(options).tokens_of_many(terms)
        numbers = {token: number for number, token in enumerate(batch.vocabulary)}
        counts = np.diff(batch.offsets)[strings.values]
        # The tokens of each string, one string after the other, and its row with each of them.
        starts = batch.offsets[:-1][strings.values] - (np.cumsum(counts) - counts)
        tokens = batch.ids[np.repeat(starts, counts) + np.arange(counts.sum())]
        rows = np.repeat(strings.rows, counts)
        return cls(options, terms, strings, numbers, _sorted_pairs(tokens, rows))

    @property
    def nbytes(self) -> int:
        """About what the tokens take in memory, beside the strings."""
        return self.postings.nbytes + _BYTES_A_TOKEN * len(self.vocabulary)

    def folded(
        self, keep: Mask, fresh: TextPostings, terms: Sequence[str], strings: SortedValues
    ) -> TextPostings:
        """The tokens of the rows in `keep` and of those of `fresh`, which has other rows.

        `terms` and `strings` are what the strings of both have become.
        """
        vocabulary = dict(self.vocabulary)
        for token in fresh.vocabulary:
            vocabulary.setdefault(token, len(vocabulary))
        numbers = np.array([vocabulary[token] for token in fresh.vocabulary], dtype=np.uint32)
        added = _sorted_pairs(numbers[fresh.postings.values], fresh.postings.rows)
        postings = self.postings.folded(keep, added)
        return TextPostings(self.options, terms, strings, vocabulary, postings)

    def satisfying(self, predicate: TextMatch) -> Postings:
        """The rows whose strings satisfy `predicate`."""
        reader = reader_of(self.options)
        if isinstance(predicate, MatchPhrase):
            phrase = reader.phrase_tokens(predicate.text) if self.options.phrase_matching else []
            return self._with_phrase(phrase)
        found = self._with_tokens(reader.query_tokens(predicate.text))
        if isinstance(predicate, MatchTextAny):
            return union(found)
        return intersection(found) if found else NOTHING

    def _with_tokens(self, tokens: Sequence[str]) -> list[Postings]:
        """The rows that have each of the tokens, in no order."""
        return [self._with_token(token) for token in set(tokens)]

    def _with_token(self, token: str) -> Postings:
        number = self.vocabulary.get(token)
        if number is None:
            return NOTHING
        start, end = self._starts[number : number + 2].tolist()
        return ListedRows([self.postings.rows[start:end]], is_ordered=True)

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        """Where the rows of each token start in the postings, and where they end."""
        return np.searchsorted(self.postings.values, np.arange(len(self.vocabulary) + 1))

    def _with_phrase(self, phrase: list[str]) -> Postings:
        """The rows with that phrase. Those with all its tokens are read again for the order."""
        if not phrase:
            return NOTHING
        found = self._with_tokens(phrase)
        count = min(tokens.count for tokens in found)
        return intersection(
            [*found, TestedRows(lambda rows: self._phrase_mask(phrase, rows), count)]
        )

    def _phrase_mask(self, phrase: list[str], rows: Rows) -> Mask:
        """Which of `rows`, ascending, have a string with that phrase."""
        reader, strings = reader_of(self.options), self.strings
        places = np.flatnonzero(np.isin(strings.rows, rows, kind="table"))
        codes, of_place = np.unique(strings.values[places], return_inverse=True)
        is_found = [has_phrase(reader, self.terms[code], phrase) for code in codes.tolist()]
        passing = strings.rows[places[np.array(is_found, dtype=np.bool_)[of_place]]]
        return np.isin(rows, passing)


def _sorted_pairs(tokens: Any, rows: Any) -> SortedValues:
    """Pairs of numbers of tokens and rows, of which some may be given more than once."""
    # As one number each they are sorted in place, and thinned out: an eighth of the time.
    pairs = (tokens.astype(np.uint64) << _ROW_BITS) | rows
    pairs.sort()
    is_new = np.ones(len(pairs), dtype=np.bool_)
    is_new[1:] = pairs[1:] != pairs[:-1]
    pairs = pairs[is_new]
    return SortedValues((pairs >> _ROW_BITS).astype(np.uint32), pairs.astype(np.uint32))
