"""Tokens of generated texts, against those of Qdrant's own engine.

Its BM25 model tells the tokens that its tokenizers find, as hashes. What is known to differ stands
in the decision record on reading text.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import hypothesis.strategies as st
from hypothesis import example, given, settings
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from vexfs_twisted.jsonform.payload_index import STEMMER_LANGUAGES
from vexfs_twisted.model.payload_index import Stopwords, TextOptions, Tokenizer
from vexfs_twisted.text.reader import TextReader
from vexfs_twisted.text.tables import folding, stopwords

edge: Any
try:
    edge = import_module("qdrant_edge")
except ImportError:
    edge = None

SAMPLE = (
    "the running Dogs are LAZY, don't they? foo_bar 3.14 été naïve Łódź straße ΟΔΟΣ İstanbul ﬁnd "
    "fährt Häuser быстрые собаки бежали und nicht los perros corriendo les chevaux mangeaient "
    "हिन्दी में लिखना 今天 天气 これは לא ילד كتاب الكتب кітап ve çocuklar गर्ने ½ ² Ⅷ x\x1cy e\u0301 de"
)
WORDS = SAMPLE.split(" ")
NULS = "\0 fox a\0 \0\0"

words = st.sampled_from(WORDS) | st.text(
    st.sampled_from("abcdeEÉéßÆ \t-_.'\u0301\u094d")
    # Two releases of Unicode differ in what they know of characters that were not assigned before.
    | st.characters(max_codepoint=0x17FF, exclude_categories=("Cn", "Cs")),
    max_size=8,
)
texts = st.lists(words, max_size=12).map(" ".join)
lengths = st.none() | st.integers(0, 6)
stopword_sets = st.builds(
    Stopwords,
    st.lists(st.sampled_from(sorted(stopwords())), max_size=2, unique=True).map(tuple),
    st.lists(st.sampled_from(WORDS), max_size=3, unique=True).map(tuple),
)
# The one stem that is known to differ is an Arabic one, in an index of prefixes.
stemmers = st.none() | st.sampled_from(sorted(STEMMER_LANGUAGES - {"arabic"}))
tokenizers = st.sampled_from([Tokenizer.WORD, Tokenizer.WHITESPACE, Tokenizer.PREFIX])
options = st.builds(
    TextOptions,
    tokenizer=tokenizers,
    min_token_len=lengths,
    max_token_len=lengths,
    lowercase=st.booleans(),
    ascii_folding=st.booleans(),
    stopwords=stopword_sets,
    stemmer=stemmers,
)


def model_of(options: TextOptions) -> Any:
    """Their reader with the same options."""
    languages = {getattr(edge.Language, name.title()) for name in options.stopwords.languages}
    stem: Any = edge.DisabledStemmer()
    if options.stemmer is not None:
        stem = edge.SnowballParams(getattr(edge.SnowballLanguage, options.stemmer.title()))
    return edge.Bm25(
        edge.Bm25Config(
            tokenizer=getattr(edge.TokenizerType, options.tokenizer.value.title()),
            lowercase=options.lowercase,
            ascii_folding=options.ascii_folding,
            stopwords=edge.StopwordsSet(languages, set(options.stopwords.custom)),
            stemmer=stem,
            min_token_len=options.min_token_len,
            max_token_len=options.max_token_len,
        )
    )


class AgainstQdrant(SynchronousTestCase):
    def setUp(self) -> None:
        if edge is None:
            raise SkipTest("needs qdrant-edge-py")
        self.plain = model_of(TextOptions(Tokenizer.WHITESPACE, lowercase=False))

    def hashes(self, tokens: list[str]) -> set[int]:
        """What their model calls these tokens."""
        return {self.plain.embed_document(token).indices[0] if token else 0 for token in tokens}

    @settings(max_examples=300)
    @given(options, texts)
    @example(TextOptions(Tokenizer.WHITESPACE), NULS)
    def test_documents_have_the_same_tokens(self, options: TextOptions, text: str) -> None:
        found = set(model_of(options).embed_document(text).indices)
        self.assertEqual(self.hashes(TextReader(options).tokens(text)), found)

    @settings(max_examples=300)
    @given(options, texts)
    @example(TextOptions(Tokenizer.WHITESPACE), NULS)
    def test_queries_have_the_same_tokens(self, options: TextOptions, text: str) -> None:
        found = set(model_of(options).embed_query(text).indices)
        tokens = TextReader(options).query_tokens(text)
        # Theirs leave out of queries what they keep in documents: a token that is U+0000 alone.
        self.assertEqual(self.hashes([token for token in tokens if token != "\0"]), found)

    def test_a_query_has_every_token_that_a_document_has(self) -> None:
        """White space alone parts the tokens, and U+0000 is none."""
        reader = TextReader(TextOptions(Tokenizer.WHITESPACE))
        self.assertEqual(reader.tokens(NULS), ["\0", "fox", "a\0", "\0\0"])
        self.assertEqual(reader.query_tokens(NULS), reader.tokens(NULS))

    def test_every_stopword_is_one_of_theirs(self) -> None:
        for language, refused in stopwords().items():
            chosen = Stopwords((language,))
            model = model_of(TextOptions(Tokenizer.WHITESPACE, stopwords=chosen))
            self.assertEqual(model.embed_document(" ".join(refused)).indices, [], language)

    def test_every_folded_character_is_folded_alike(self) -> None:
        options = TextOptions(Tokenizer.WHITESPACE, ascii_folding=True, lowercase=False)
        model, reader = model_of(options), TextReader(options)
        for character in map(chr, folding()):
            [token] = reader.tokens(f"x{character}")
            self.assertEqual(model.embed_query(f"x{character}").indices, list(self.hashes([token])))
