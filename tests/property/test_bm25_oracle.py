"""BM25 vectors against the formula, and against those of Qdrant's own engine."""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from typing import Any

import hypothesis.strategies as st
import mmh3
import numpy as np
from hypothesis import given, settings
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.property.test_text_oracle import WORDS
from vexfs_twisted.embedding.bm25 import Bm25
from vexfs_twisted.embedding.options import read_options
from vexfs_twisted.text.reader import TextReader
from vexfs_twisted.text.tables import stopwords

edge: Any
try:
    edge = import_module("qdrant_edge")
except ImportError:
    edge = None

words = st.sampled_from(WORDS) | st.text(st.sampled_from("abcdeEÉéßÆ \t-_.'"), max_size=8)
texts = st.lists(words, max_size=12).map(" ".join)
languages = st.sampled_from([*sorted(stopwords()), "en", "de", "hi-en"])
numbers = st.fixed_dictionaries(
    {},
    optional={
        "k": st.floats(0, 100) | st.integers(0, 5),
        "b": st.floats(0, 1),
        "avg_len": st.floats(0.01, 1e6),
    },
)
readings = st.fixed_dictionaries(
    {},
    optional={
        "tokenizer": st.sampled_from(["word", "whitespace", "prefix"]),
        "language": languages,
        "lowercase": st.booleans(),
        "ascii_folding": st.booleans(),
        "min_token_len": st.integers(0, 5),
        "max_token_len": st.integers(0, 8),
    },
)
options = st.builds(lambda first, second: first | second, numbers, readings)


def oracle(options: dict[str, Any]) -> Any:
    """Their model with the same options."""
    given = dict(options)
    if "tokenizer" in given:
        given["tokenizer"] = getattr(edge.TokenizerType, given["tokenizer"].title())
    return edge.Bm25(edge.Bm25Config(**given))


class AgainstTheFormula(SynchronousTestCase):
    @settings(max_examples=100)
    @given(options, st.lists(texts, max_size=5))
    def test_batches_have_the_vectors_of_the_formula(
        self, given_options: dict[str, Any], documents: list[str]
    ) -> None:
        read = read_options(given_options)
        vectors = Bm25(read).documents(documents)
        self.assertEqual(len(vectors), len(documents))
        for row, text in enumerate(documents):
            vector = vectors.vector(row)
            tokens = TextReader(read.text).tokens(text)
            wanted = {}
            for index, tf in Counter(abs(mmh3.hash(token, 0)) for token in tokens).items():
                norm = 1 - read.b + read.b * len(tokens) / read.avg_len
                wanted[index] = np.float32(tf * (read.k + 1) / (tf + read.k * norm))
            self.assertEqual(vector.indices.tolist(), sorted(wanted))
            self.assertEqual(vector.values.tolist(), [wanted[index] for index in sorted(wanted)])


class AgainstQdrant(SynchronousTestCase):
    def setUp(self) -> None:
        if edge is None:
            raise SkipTest("needs qdrant-edge-py")

    @settings(max_examples=200)
    @given(options, texts)
    def test_vectors_are_the_same(self, given_options: dict[str, Any], text: str) -> None:
        ours, theirs = Bm25(read_options(given_options)), oracle(given_options)
        for vector, wanted in (
            (ours.documents([text]).vector(0), theirs.embed_document(text)),
            (ours.query(text), theirs.embed_query(text)),
        ):
            self.assertEqual(vector.indices.tolist(), list(wanted.indices))
            self.assertEqual(vector.values.tolist(), list(wanted.values))
