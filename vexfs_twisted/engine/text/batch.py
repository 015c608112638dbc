"""The tokens of many texts at once, as numbers that postings are built from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from ..read_bounds import checkpoint, in_slices
from .forms import Tokens
from .words import Cutter

_SLICE = 1024


@frozen
class TokenBatch:
    """The tokens of n texts.

    `vocabulary` are the tokens that occur, each once, by their ids; `ids` int32 shape [tokens], all
    tokens of all texts, in order and with repeats; `offsets` int64 shape [n + 1]: those of text i
    are `ids[offsets[i] : offsets[i + 1]]`.
    """

    vocabulary: list[str]
    ids: NDArray[np.int32] = field(eq=False)
    offsets: NDArray[np.int64] = field(eq=False)


class _Numbers(dict[str, int]):
    """Numbers of strings, given in the order of the first look."""

    def __missing__(self, key: str) -> int:
        number = self[key] = len(self)
        return number


def batch(texts: Iterable[str], cut: Cutter, forms: Mapping[str, Tokens]) -> TokenBatch:
    """The tokens of `texts`, whose words `cut` finds and `forms` tells the tokens of."""
    words: list[str] = []
    ends = [0]
    for text in texts:
        checkpoint()
        words += cut(text)
        ends.append(len(words))
    word_numbers = _Numbers()
    word_ids = np.fromiter(map(word_numbers.__getitem__, words), np.int64, len(words))
    vocabulary = _Numbers()
    # What the tokens of each distinct word are, one word after the other.
    distinct = in_slices(list(word_numbers), _SLICE)
    tokens_of = [[vocabulary[token] for token in forms[word]] for some in distinct for word in some]
    counts = np.fromiter(map(len, tokens_of), np.int64, len(tokens_of))
    flat = np.fromiter((token for tokens in tokens_of for token in tokens), np.int32, counts.sum())
    starts = np.cumsum(counts) - counts
    ids, before = _spread(word_ids, starts, counts, flat)
    return TokenBatch(list(vocabulary), ids, before[ends])


def _spread(
    word_ids: NDArray[np.int64],
    starts: NDArray[np.int64],
    counts: NDArray[np.int64],
    flat: NDArray[np.int32],
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The tokens of all words in order, and how many there are before each word, and in all."""
    if len(flat) == len(counts) and bool((counts == 1).all()):
        # A word is a token, in the plain options of most indexes.
        return flat[word_ids], np.arange(len(word_ids) + 1)
    each = counts[word_ids]
    before = np.concatenate((np.zeros(1, np.int64), np.cumsum(each)))
    within = np.arange(before[-1]) - np.repeat(before[:-1], each)
    return flat[np.repeat(starts[word_ids], each) + within], before
