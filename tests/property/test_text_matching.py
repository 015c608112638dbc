"""Predicates on text over indexed strings: a column's tokens, one payload, and Qdrant's own."""

from __future__ import annotations

import shutil
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from vexfs_twisted.engine.payload_index.sorted_values import SortedValues
from vexfs_twisted.engine.payload_index.text_postings import TextPostings
from vexfs_twisted.engine.storage.row_sets import RowSet
from vexfs_twisted.model.filters import MatchPhrase, MatchText, MatchTextAny, TextMatch
from vexfs_twisted.model.payload_index import Stopwords, TextOptions, Tokenizer
from vexfs_twisted.text.predicates import indexed_text_test

texts = st.lists(st.sampled_from(["fox", "Foxes", "the", "dog", "fo,x", "é"]), max_size=5).map(
    " ".join
)
documents = st.lists(st.lists(texts, max_size=3), min_size=1, max_size=8)
options = st.builds(
    TextOptions,
    tokenizer=st.sampled_from([Tokenizer.WORD, Tokenizer.WHITESPACE, Tokenizer.PREFIX]),
    max_token_len=st.sampled_from([None, 3, 4]),
    phrase_matching=st.booleans(),
    stopwords=st.sampled_from([Stopwords(), Stopwords(custom=("the",))]),
)
predicates: st.SearchStrategy[TextMatch] = st.one_of(
    st.builds(MatchText, texts), st.builds(MatchTextAny, texts), st.builds(MatchPhrase, texts)
)


def by_payload(options: TextOptions, predicate: TextMatch, rows: list[list[str]]) -> list[int]:
    """The documents that satisfy the predicate, one by one."""
    test = indexed_text_test(options, predicate)
    return [row for row, strings in enumerate(rows) if test(strings)]


class Matching(SynchronousTestCase):
    @settings(max_examples=300)
    @given(options, predicates, documents)
    def test_columns_answer_like_payloads(
        self, options: TextOptions, predicate: TextMatch, rows: list[list[str]]
    ) -> None:
        terms = sorted({text for strings in rows for text in strings})
        pairs = [(terms.index(text), row) for row, strings in enumerate(rows) for text in strings]
        codes, numbers = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        postings = TextPostings.of(options, terms, SortedValues.of(codes, numbers, "u4"))
        everything = RowSet.of_mask(np.ones(len(rows), dtype=np.bool_))
        found = postings.satisfying(predicate).of(everything)
        self.assertEqual(found.numbers().tolist(), by_payload(options, predicate, rows))


class AgainstQdrant(SynchronousTestCase):
    def setUp(self) -> None:
        try:
            self.edge: Any = import_module("qdrant_edge")
        except ImportError as error:
            raise SkipTest("needs qdrant-edge-py") from error
        self.place = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.place)
        self.shards = 0

    @settings(max_examples=25)
    @given(options, st.lists(predicates, min_size=1, max_size=6), documents)
    def test_it_finds_the_same_points(
        self, options: TextOptions, asked: list[TextMatch], rows: list[list[str]]
    ) -> None:
        shard = self.shard(options, rows)
        for predicate in asked:
            found = by_payload(options, predicate, rows)
            self.assertEqual(found, self.found(shard, predicate), predicate)

    def shard(self, options: TextOptions, rows: list[list[str]]) -> Any:
        edge = self.edge
        self.shards += 1
        size = edge.EdgeVectorParams(size=1, distance=edge.Distance.Dot)
        shard = edge.EdgeShard.create(str(self.place / str(self.shards)), edge.EdgeConfig(size))
        declared = edge.TextIndexParams(
            tokenizer=getattr(edge.TokenizerType, options.tokenizer.value.title()),
            max_token_len=options.max_token_len,
            phrase_matching=options.phrase_matching,
            stopwords=edge.StopwordsSet(set(), set(options.stopwords.custom)),
        )
        shard.update(edge.UpdateOperation.create_field_index("t", declared))
        points = [edge.Point(row, [1.0], {"t": strings}) for row, strings in enumerate(rows)]
        shard.update(edge.UpdateOperation.upsert_points(points))
        return shard

    def found(self, shard: Any, predicate: TextMatch) -> list[int]:
        edge = self.edge
        match = getattr(edge, type(predicate).__name__)
        text = predicate.text
        condition = edge.FieldCondition("t", match=match(text))
        points, _ = shard.scroll(
            edge.ScrollRequest(filter=edge.Filter(must=[condition]), limit=100)
        )
        return sorted(point.id for point in points)
