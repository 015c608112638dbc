"""Batch tokenization: the tokens of many texts as numbers, which postings are built from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from .forms import Tokens
from .words import Cutter

Checkpoint = Callable[[], None]
"""Called between the texts of a batch and between slices of its words; may raise to stop it."""

_SLICE = 1024


@frozen
class TokenBatch:
    """The tokens of n texts.

    `vocabulary` has the distinct tokens by id. `ids`, int32, shape [tokens], has all tokens of all
    texts, in order and with repeats. `offsets`, int64, shape [n + 1]: the tokens of text i are
    `ids[offsets[i] : offsets[i + 1]]`.
    """

    vocabulary: list[str]
    ids: NDArray[np.int32] = field(eq=False)
    offsets: NDArray[np.int64] = field(eq=False)


class _Numbers(dict[str, int]):
    """Numbers strings in the order of their first lookup."""

    def __missing__(self, key: str) -> int:
        number = self[key] = len(self)
        return number


def batch(
    texts: Iterable[str], cut: Cutter, forms: Mapping[str, Tokens], checkpoint: Checkpoint
) -> TokenBatch:
    """Tokenize `texts`: `cut` splits a text into words, `forms` maps a word to its tokens."""
    words: list[str] = []
    ends = [0]
    for text in texts:
        checkpoint()
        words += cut(text)
        ends.append(len(words))
    word_numbers = _Numbers()
    word_ids = np.fromiter(map(word_numbers.__getitem__, words), np.int64, len(words))
    vocabulary = _Numbers()
    # The tokens of the distinct words, concatenated.
    tokens_of: list[list[int]] = []
    distinct = list(word_numbers)
    for start in range(0, len(distinct), _SLICE):
        checkpoint()
        some = map(forms.__getitem__, distinct[start : start + _SLICE])
        tokens_of += [[vocabulary[token] for token in tokens] for tokens in some]
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
    """The tokens of all words in order, and the offsets of the words' tokens, with the end."""
    if len(flat) == len(counts) and bool((counts == 1).all()):
        # Every word is one token, as with the options of most indexes.
        return flat[word_ids], np.arange(len(word_ids) + 1)
    each = counts[word_ids]
    before = np.concatenate((np.zeros(1, np.int64), np.cumsum(each)))
    within = np.arange(before[-1]) - np.repeat(before[:-1], each)
    return flat[np.repeat(starts[word_ids], each) + within], before
