"""From the words of a text to its tokens: what each word becomes is worked out once.

Texts repeat their words, so all that is done to a word is remembered, and a token costs one look
in a dictionary.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from itertools import chain

from ...model.payload_index import TextOptions, Tokenizer
from .stems import Stem, stemmer
from .tables import folding, stopwords

Tokens = tuple[str, ...]
"""What a word becomes: one token, none, or in an index of prefixes several."""

Form = Callable[[str], Tokens]

REMEMBERED = 1 << 17
"""Words that are remembered at most: some 20 MB of them. Past that all are forgotten."""


class Forms(dict[str, Tokens]):
    """The tokens of words, worked out by `form` at the first look. Any thread may look."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        self._form = form

    def __missing__(self, word: str) -> Tokens:
        tokens = self._form(word)
        if len(self) >= REMEMBERED:
            self.clear()
        self[word] = tokens
        return tokens

    def tokens(self, words: Iterable[str]) -> list[str]:
        """The tokens of `words`, in order and with repeats."""
        return list(chain.from_iterable(map(self.__getitem__, words)))


def document_forms(options: TextOptions) -> Forms:
    """What words of documents become."""
    refused = _refused(options)
    if options.tokenizer is Tokenizer.PREFIX:
        return Forms(_prefixes(_plain(options, refused), options))
    return Forms(_whole(_plain(options, refused), options))


def query_forms(options: TextOptions) -> Forms:
    """What words of queries become in an index of prefixes: the longest one that it has.

    Stopwords are not refused, since they may be the beginning of any word.
    """
    plain, shortest, longest = _plain(options, frozenset()), _shortest(options), _longest(options)

    def prefix(word: str) -> Tokens:
        return tuple(token[:longest] for token in plain(word) if len(token) >= shortest)

    return Forms(prefix)


def _whole(plain: Form, options: TextOptions) -> Form:
    """The word itself, unless its length refuses it."""
    shortest, longest = options.min_token_len or 0, _longest(options)

    def whole(word: str) -> Tokens:
        return tuple(token for token in plain(word) if shortest <= len(token) <= longest)

    return whole


def _prefixes(plain: Form, options: TextOptions) -> Form:
    """All beginnings of the word, shortest first."""
    shortest, longest = _shortest(options), _longest(options)

    def prefixes(word: str) -> Tokens:
        return tuple(
            token[:length]
            for token in plain(word)
            for length in range(shortest, min(len(token), longest) + 1)
        )

    return prefixes


def _plain(options: TextOptions, refused: frozenset[str]) -> Form:
    """The word folded, lowercased, refused if it is one of `refused`, and cut to its stem."""
    fold = folding() if options.ascii_folding else None
    stem: Stem | None = None if options.stemmer is None else stemmer(options.stemmer)

    def plain(word: str) -> Tokens:
        if fold is not None and not word.isascii():
            word = word.translate(fold)
        if options.lowercase:
            word = word.lower()
        if word in refused:
            return ()
        return (word if stem is None else stem(word),)

    return plain


def _refused(options: TextOptions) -> frozenset[str]:
    """The stopwords, which are lowercased as words are, but never folded."""
    chosen = options.stopwords
    everything = frozenset(chosen.custom).union(*(stopwords()[name] for name in chosen.languages))
    return frozenset(map(str.lower, everything)) if options.lowercase else everything


def _shortest(options: TextOptions) -> int:
    """The length of the shortest prefix; the empty one is only indexed where it is asked for."""
    return 1 if options.min_token_len is None else options.min_token_len


def _longest(options: TextOptions) -> int:
    return sys.maxsize if options.max_token_len is None else options.max_token_len
