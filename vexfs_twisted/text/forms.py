"""Maps the words of a text to tokens, with a cache.

Texts repeat their words, so the tokens of each word are cached, and a word costs one dictionary
lookup.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence, Set
from functools import cache
from itertools import chain

from ..model.payload_index import TextOptions, Tokenizer
from .stems import Stem, stemmer
from .tables import folding, stopwords

Tokens = tuple[str, ...]
"""The tokens of a word: one, none, or several for the prefix tokenizer."""

Form = Callable[[str], Tokens]

CACHE_BYTES = 32 << 20
"""The most memory of a cache, estimated. Beyond that the cache is cleared."""

_LARGEST_ENTRY_BYTES = 8192
_ENTRY_BYTES = 200
_TOKEN_BYTES = 60


class Forms(dict[str, Tokens]):
    """A cache of the tokens of words, computed by `form` on the first lookup. Thread-safe.

    Very long words, and those with very many tokens, are not cached.
    """

    def __init__(self, form: Form) -> None:
        super().__init__()
        self._form = form
        self._bytes = 0

    def __missing__(self, word: str) -> Tokens:
        tokens = self._form(word)
        size = _ENTRY_BYTES + _TOKEN_BYTES * len(tokens) + len(word) + sum(map(len, tokens))
        if size <= _LARGEST_ENTRY_BYTES:
            if self._bytes + size > CACHE_BYTES:
                self.clear()
                self._bytes = 0
            # Two threads may count one of two entries only, which the estimate allows for.
            self._bytes += size
            self[word] = tokens
        return tokens

    def tokens(self, words: Iterable[str]) -> list[str]:
        """The tokens of `words`, in order and with repeats."""
        return list(chain.from_iterable(map(self.__getitem__, words)))


def document_forms(options: TextOptions) -> Forms:
    """The tokens of words of documents."""
    refused = _refused(options)
    if options.tokenizer is Tokenizer.PREFIX:
        return Forms(_prefixes(_plain(options, refused), options))
    return Forms(_whole(_plain(options, refused), options))


def query_forms(options: TextOptions) -> Forms:
    """The tokens of words of queries for the prefix tokenizer: the longest indexed prefix.

    Stopwords are not removed, since they may be prefixes of other words.
    """
    plain, shortest, longest = _plain(options, ()), _shortest(options), _longest(options)

    def prefix(word: str) -> Tokens:
        return tuple(token[:longest] for token in plain(word) if len(token) >= shortest)

    return Forms(prefix)


def _whole(plain: Form, options: TextOptions) -> Form:
    """The whole word, unless its length is out of range."""
    shortest, longest = options.min_token_len or 0, _longest(options)

    def whole(word: str) -> Tokens:
        return tuple(token for token in plain(word) if shortest <= len(token) <= longest)

    return whole


def _prefixes(plain: Form, options: TextOptions) -> Form:
    """All prefixes of the word, shortest first."""
    shortest, longest = _shortest(options), _longest(options)

    def prefixes(word: str) -> Tokens:
        return tuple(
            token[:length]
            for token in plain(word)
            for length in range(shortest, min(len(token), longest) + 1)
        )

    return prefixes


def _plain(options: TextOptions, refused: Sequence[Set[str]]) -> Form:
    """The word folded, lowercased, removed if it is in one of `refused`, and stemmed."""
    fold = folding() if options.ascii_folding else None
    stem: Stem | None = None if options.stemmer is None else stemmer(options.stemmer)

    def plain(word: str) -> Tokens:
        if fold is not None and not word.isascii():
            word = word.translate(fold)
        if options.lowercase:
            word = word.lower()
        for words in refused:
            if word in words:
                return ()
        return (word if stem is None else stem(word),)

    return plain


def _refused(options: TextOptions) -> list[Set[str]]:
    """The stopwords in sets, lowercased if words are, but never folded."""
    custom, languages = options.stopwords.custom, options.stopwords.languages
    if not options.lowercase:
        return [frozenset(custom), *map(stopwords().__getitem__, languages)]
    return [frozenset(map(str.lower, custom)), *map(_lowercase_stopwords, languages)]


@cache
def _lowercase_stopwords(language: str) -> frozenset[str]:
    return frozenset(map(str.lower, stopwords()[language]))


def _shortest(options: TextOptions) -> int:
    """The length of the shortest prefix; the empty prefix is only indexed on request."""
    return 1 if options.min_token_len is None else options.min_token_len


def _longest(options: TextOptions) -> int:
    return sys.maxsize if options.max_token_len is None else options.max_token_len
