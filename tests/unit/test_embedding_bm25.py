"""BM25 vectors of texts: known indices and weights, options, and long texts."""

from __future__ import annotations

from typing import Any

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.embedding.bm25 import LONGEST_RUN, PIECE, Bm25
from vexfs_twisted.embedding.documents import Document, embed_documents, embed_query
from vexfs_twisted.embedding.options import read_options
from vexfs_twisted.model.errors import BadInput, InferenceError
from vexfs_twisted.model.payload_index import Stopwords, Tokenizer
from vexfs_twisted.model.vector_kinds import SparseVector

# What fastembed 0.9.1 computes, beside a list of English stopwords.
KNOWN = {
    "Hello world world": {74040069: 1.904311073541843, 613153351: 1.6786885245901642},
    "The quick brown foxes are running quickly": {
        243905464: 1.6697302104951084,
        741580288: 1.6697302104951084,
        771291085: 1.8985336254845782,
        1621867415: 1.6697302104951084,
    },
    "Robust stemming of ponies, 42 ponies": {
        255125314: 1.8985336254845782,
        1135041482: 1.6697302104951084,
        1464208094: 1.6697302104951084,
        2121048281: 1.6697302104951084,
    },
    "the": {},
    "": {},
}
PLAIN = {"language": "none"}


def bm25(**options: Any) -> Bm25:
    return Bm25(read_options(options))


def indices(vector: SparseVector) -> list[int]:
    return vector.indices.tolist()


class Vectors(SynchronousTestCase):
    def test_documents_have_the_known_indices_and_weights(self) -> None:
        vectors = bm25().documents(list(KNOWN))
        self.assertEqual(len(vectors), len(KNOWN))
        for row, known in enumerate(KNOWN.values()):
            vector = vectors.vector(row)
            self.assertEqual(indices(vector), sorted(known))
            wanted = np.array([known[index] for index in sorted(known)], dtype=np.float32)
            self.assertEqual(vector.values.tolist(), wanted.tolist())

    def test_queries_have_the_same_indices_with_weight_1(self) -> None:
        for text, known in KNOWN.items():
            vector = bm25().query(text)
            self.assertEqual(indices(vector), sorted(known))
            self.assertEqual(vector.values.tolist(), [1.0] * len(known))

    def test_no_documents_have_no_vectors(self) -> None:
        self.assertEqual(len(bm25().documents([])), 0)

    def test_the_largest_index_is_the_least_signed_number(self) -> None:
        vector = bm25(**PLAIN).query("akqlrggi")
        self.assertEqual(indices(vector), [2**31])

    def test_tokens_with_one_index_are_one_term(self) -> None:
        model = bm25(**PLAIN)
        vectors = model.documents(["w29168q w112803q x", "w29168q w29168q x"])
        self.assertEqual(len(vectors.vector(0).indices), 2)
        self.assertEqual(vectors.vector(0), vectors.vector(1))

    def test_parameters_weigh_repetitions_and_length(self) -> None:
        vector = bm25(k=2, b=0.5, avg_len=4, **PLAIN).documents(["a a b"])
        norm = 2 * (0.5 + 0.5 * 3 / 4)
        wanted = {2 * 3 / (2 + norm), 1 * 3 / (1 + norm)}
        self.assertEqual(set(vector.values.tolist()), set(np.array([*wanted], np.float32).tolist()))

    def test_queries_have_the_longest_prefix_only(self) -> None:
        model = bm25(tokenizer="prefix", max_token_len=3, **PLAIN)
        self.assertEqual(len(model.documents(["abcd"]).indices), 3)
        self.assertEqual(indices(model.query("abcd")), indices(bm25(**PLAIN).query("abc")))

    def test_long_texts_are_read_like_short_ones(self) -> None:
        for tokenizer in ("word", "whitespace", "multilingual", "prefix"):
            model = bm25(tokenizer=tokenizer, max_token_len=8, **PLAIN)
            words = [f"wörd{number % 97},the.end\u3002=\u0338今天天气" for number in range(5000)]
            text = " ".join(words)
            self.assertGreater(len(text), 3 * PIECE)
            parts = set(model.documents(words).indices.tolist())
            self.assertEqual(model.documents([text]).indices.tolist(), sorted(parts))

    def test_a_long_run_without_separators_is_refused(self) -> None:
        run = "x" * (PIECE + LONGEST_RUN)
        self.assertEqual(len(bm25().query(run).indices), 1)
        with self.assertRaisesRegex(BadInput, "without white space"):
            bm25().documents([f"a b {run}x c"])
        with self.assertRaisesRegex(BadInput, "without white space"):
            bm25(tokenizer="whitespace").query(f"{run},,")


class Options(SynchronousTestCase):
    def test_english_is_the_default(self) -> None:
        options = read_options(None)
        self.assertEqual((options.k, options.b, options.avg_len), (1.2, 0.75, 256))
        self.assertEqual(options.text.tokenizer, Tokenizer.WORD)
        self.assertEqual(options.text.stopwords, Stopwords(("english",)))
        self.assertEqual(options.text.stemmer, "english")
        self.assertTrue(options.text.lowercase)
        self.assertFalse(options.text.ascii_folding)
        self.assertEqual(read_options({}), options)
        nulls = ("language", "lowercase", "ascii_folding", "stopwords", "stemmer")
        self.assertEqual(read_options(dict.fromkeys([*nulls, "min_token_len"])), options)
        self.assertEqual(read_options({"language": "en", "unknown": 1}), options)

    def test_a_language_has_stopwords_and_a_stemmer_if_there_is_one(self) -> None:
        german = read_options({"language": "german"}).text
        self.assertEqual((german.stopwords.languages, german.stemmer), (("german",), "german"))
        self.assertEqual(read_options({"language": "de"}).text, german)
        nepali = read_options({"language": "nepali"}).text
        self.assertEqual((nepali.stopwords.languages, nepali.stemmer), (("nepali",), None))

    def test_none_disables_both(self) -> None:
        text = read_options(PLAIN).text
        self.assertEqual((text.stopwords, text.stemmer), (Stopwords(), None))

    def test_own_stopwords_and_stemmers_replace_those_of_the_language(self) -> None:
        given = {"languages": ["german"], "custom": ["foo"]}
        text = read_options({"stopwords": given}).text
        self.assertEqual(text.stopwords, Stopwords(("german",), ("foo",)))
        self.assertEqual(text.stemmer, "english")
        text = read_options({"stopwords": "dutch", "stemmer": {"type": "none"}}).text
        self.assertEqual((text.stopwords, text.stemmer), (Stopwords(("dutch",)), None))
        tamil = {"type": "snowball", "language": "tamil"}
        self.assertEqual(read_options({**PLAIN, "stemmer": tamil}).text.stemmer, "tamil")

    def test_invalid_options_are_refused_by_name(self) -> None:
        for options, text in (
            ({"k": "x"}, 'k: invalid type: string "x", expected a number'),
            ({"k": None}, "k: invalid type: null, expected a number"),
            ({"k": -1}, "BM25 k1 must be finite and >= 0, got -1"),
            ({"k": float("inf")}, "BM25 k1 must be finite and >= 0, got inf"),
            ({"b": 1.5}, r"BM25 b must be finite and in \[0.0, 1.0\], got 1.5"),
            ({"b": float("nan")}, "BM25 b must be finite and in"),
            ({"avg_len": 0}, "BM25 avg_doc_len must be finite and > 0, got 0"),
            ({"tokenizer": "code"}, 'tokenizer: unknown variant string "code", expected one of'),
            ({"language": "klingon"}, 'unsupported language: "klingon"'),
            ({"language": 1}, "language: invalid type: integer `1`, expected a string"),
            ({"lowercase": 1}, "lowercase: invalid type: integer `1`, expected a boolean"),
            ({"stopwords": "klingon"}, "stopwords: unknown variant"),
            ({"stopwords": {"custom": [1]}}, "stopwords: invalid type"),
            ({"stemmer": "english"}, "stemmer: data did not match any variant"),
            ({"min_token_len": -1}, "min_token_len: invalid value"),
            ({"tokenizer": "prefix", "max_token_len": 256}, "max_token_len of the prefix"),
        ):
            with self.assertRaisesRegex(BadInput, f"Wrong input: Invalid BM25 config: {text}"):
                read_options(options)

    def test_many_custom_stopwords_are_refused_words_too(self) -> None:
        model = bm25(stopwords={"custom": ["Foo", *(f"x{number}" for number in range(20_000))]})
        self.assertEqual(
            indices(model.query("foo x19999 the x20000")),
            indices(bm25(**PLAIN).query("the x20000")),
        )


class Documents(SynchronousTestCase):
    def test_documents_of_several_options_keep_their_order(self) -> None:
        texts = list(KNOWN)
        options: list[dict[str, Any] | None] = [None, {"k": 2}, {"k": 2}, {}, None]
        documents = [
            Document(text, model, chosen)
            for text, model, chosen in zip(
                texts, ["bm25", "Qdrant/BM25", *["qdrant/bm25"] * 3], options, strict=True
            )
        ]
        vectors = embed_documents(documents)
        for row, document in enumerate(documents):
            own = Bm25(read_options(document.options)).documents([document.text]).vector(0)
            self.assertEqual(vectors.vector(row), own)
            self.assertEqual(embed_query(document), bm25().query(document.text))

    def test_other_models_are_refused(self) -> None:
        for embed in (embed_query, lambda document: embed_documents([document])):
            with self.assertRaisesRegex(
                InferenceError, "^Inference error: InferenceService is not init"
            ):
                embed(Document("a", "jinaai/jina-embeddings-v2-base-en"))

    def test_options_are_read_for_each_document(self) -> None:
        right, wrong = Document("a", "bm25", {"k": 1}), Document("a", "bm25", {"k": True})
        for documents in ([right, wrong], [wrong, right]):
            with self.assertRaisesRegex(BadInput, "k: invalid type: boolean"):
                embed_documents(documents)

    def test_deep_options_are_refused(self) -> None:
        deep: dict[str, Any] = {}
        for _ in range(300):
            deep = {"a": deep}
        with self.assertRaisesRegex(BadInput, "recursion limit exceeded"):
            embed_documents([Document("a", "bm25", deep)])
