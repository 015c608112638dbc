"""The tokens of a column's strings, and the rows that satisfy predicates on text by them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from ...model.filters import MatchPhrase, MatchTextAny
from ...model.payload_index import TextOptions
from ..text.predicates import TextMatch, has_phrase, reader_of
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
        tokens, codes = np.divmod(np.unique(batch.ids.astype(np.int64) * size + code_of), size)
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
            return strings.among(self._with_phrase(phrase))
        query = frozenset(reader.query_tokens(predicate.text))
        rows = (strings.among(self._with_token(token)) for token in query)
        if isinstance(predicate, MatchTextAny):
            return np.concatenate([strings.rows[:0], *rows])
        return _common(rows, strings.rows[:0])

    def _with_token(self, token: str) -> Codes:
        number = self.vocabulary.get(token)
        if number is None:
            return self.codes[:0]
        return self.codes[self.offsets[number] : self.offsets[number + 1]]

    def _with_phrase(self, phrase: list[str]) -> list[int]:
        """The terms with all tokens of the phrase are few enough to be read again for their order."""
        candidates = _common(map(self._with_token, frozenset(phrase)), self.codes[:0])
        reader = reader_of(self.options)
        return [
            code for code in candidates.tolist() if has_phrase(reader, self.terms[code], phrase)
        ]


def _common(sets: Iterable[NDArray[np.generic]], none: NDArray[np.generic]) -> NDArray[np.generic]:
    """What is in all of `sets`; `none` where there are no sets."""
    found = list(sets)
    return reduce(np.intersect1d, sorted(found, key=len)) if found else none
