"""The tokens of a column's strings, and the rows that satisfy predicates on text by them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from ...model.filters import MatchPhrase, MatchTextAny, TextMatch
from ...model.payload_index import TextOptions
from ..text.predicates import has_phrase, reader_of
from .sorting import RowNumbers, SortedValues

Codes = NDArray[np.int64]
"""Positions in the terms of a column, shape [n], ascending, each once."""


@frozen(eq=False)
class TextTerms:
    """Which of `terms` have which token, by the options of one text index. For any thread.

    The terms of token i are `codes[offsets[i] : offsets[i + 1]]`.
    """

    options: TextOptions
    terms: Sequence[str] = field(repr=False)
    vocabulary: dict[str, int] = field(repr=False)
    codes: Codes = field(repr=False)
    offsets: NDArray[np.int64] = field(repr=False)

    @classmethod
    def of(cls, options: TextOptions, terms: Sequence[str]) -> TextTerms:
        """The tokens of `terms`, which are distinct."""
        batch = reader_of(options).tokens_of_many(terms)
        code_of = np.repeat(np.arange(len(terms)), np.diff(batch.offsets))
        size = max(len(terms), 1)
        # Sorted in place and then thinned out: `np.unique` takes eight times as long.
        pairs = batch.ids.astype(np.int64) * size + code_of
        pairs.sort()
        is_new = np.ones(len(pairs), dtype=np.bool_)
        is_new[1:] = pairs[1:] != pairs[:-1]
        tokens, codes = np.divmod(pairs[is_new], size)
        offsets = np.searchsorted(tokens, np.arange(len(batch.vocabulary) + 1))
        numbers = {token: number for number, token in enumerate(batch.vocabulary)}
        return cls(options, terms, numbers, codes, offsets)

    def rows(self, predicate: TextMatch, strings: SortedValues) -> RowNumbers:
        """The rows whose strings satisfy `predicate`; `strings` pairs codes of terms with rows.

        A row may be named more than once.
        """
        reader = reader_of(self.options)
        if isinstance(predicate, MatchPhrase):
            phrase = reader.phrase_tokens(predicate.text) if self.options.phrase_matching else []
            return self._rows_of(self._with_phrase(phrase), strings)
        sets = [self._with_token(token) for token in set(reader.query_tokens(predicate.text))]
        if isinstance(predicate, MatchTextAny):
            return self._rows_of(np.concatenate([self.codes[:0], *sets]), strings)
        found = [self._rows_of(codes, strings) for codes in sorted(sets, key=len)]
        return reduce(np.intersect1d, found) if found else strings.rows[:0]

    def _with_token(self, token: str) -> Codes:
        number = self.vocabulary.get(token)
        if number is None:
            return self.codes[:0]
        return self.codes[self.offsets[number] : self.offsets[number + 1]]

    def _with_phrase(self, phrase: list[str]) -> Codes:
        """The terms with that phrase. Those with all its tokens are read again for the order."""
        sets = sorted(map(self._with_token, set(phrase)), key=len)
        candidates = reduce(np.intersect1d, sets) if sets else self.codes[:0]
        reader, terms = reader_of(self.options), self.terms
        is_found = [has_phrase(reader, terms[code], phrase) for code in candidates.tolist()]
        return candidates[np.array(is_found, dtype=np.bool_)]

    def _rows_of(self, codes: Codes, strings: SortedValues) -> RowNumbers:
        wanted = np.zeros(len(self.terms), dtype=np.bool_)
        wanted[codes] = True
        rows: RowNumbers = strings.rows[wanted[strings.values]]
        return rows
