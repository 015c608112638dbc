"""What text indexes read in texts, by their options, and how queries are matched with it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.payload_index import Stopwords, TextOptions, Tokenizer
from vexfs_twisted.text import forms
from vexfs_twisted.text.matching import matches_all, matches_any, matches_phrase
from vexfs_twisted.text.reader import TextReader
from vexfs_twisted.text.tables import stopwords


def reader(tokenizer: str = "word", **options: object) -> TextReader:
    return TextReader(TextOptions(Tokenizer(tokenizer), **options))  # type: ignore[arg-type]


class Words(SynchronousTestCase):
    def test_words_are_runs_of_letters_and_digits(self) -> None:
        text = "Don't stop-it, C3PO: foo_bar 3.14"
        wanted = ["don", "t", "stop", "it", "c3po", "foo", "bar", "3", "14"]
        self.assertEqual(reader().tokens(text), wanted)

    def test_letters_of_every_script_count(self) -> None:
        text = "Größe мир ½ Ⅷ का"  # the last one ends in a vowel sign
        self.assertEqual(reader().tokens(text), ["größe", "мир", "½", "ⅷ", "का"])

    def test_repeats_and_order_are_kept(self) -> None:
        self.assertEqual(reader().tokens("b a b"), ["b", "a", "b"])

    def test_white_space_leaves_punctuation(self) -> None:
        text = "Don't stop-it,\u3000now.\tA\x1cB"
        wanted = ["don't", "stop-it,", "now.", "a\x1cb"]
        self.assertEqual(reader("whitespace").tokens(text), wanted)

    def test_scripts_without_spaces_are_cut_into_words(self) -> None:
        words = reader("multilingual").tokens
        self.assertEqual(words("今天天气很好"), ["今天", "天气", "很好"])
        self.assertEqual(words("私は学生です。"), ["私", "は", "学生", "です"])
        self.assertEqual(words("สวัสดีครับ ภาษาไทย"), ["สวัสดี", "ครับ", "ภาษา", "ไทย"])
        self.assertEqual(words("안녕하세요 Straße हिन्दी"), ["안녕하세요", "straße", "हिन्दी"])

    def test_many_scripts_at_once_have_one_spelling(self) -> None:
        words = reader("multilingual").tokens
        self.assertEqual(words("\uff21\uff42 cafe\u0301 café"), ["ab", "cafe", "cafe"])


class Prefixes(SynchronousTestCase):
    def test_a_document_has_all_prefixes(self) -> None:
        tokens = reader("prefix", min_token_len=2, max_token_len=4).tokens("Robots a he")
        self.assertEqual(tokens, ["ro", "rob", "robo", "he"])

    def test_a_query_has_the_longest_prefix_of_each_word(self) -> None:
        tokens = reader("prefix", min_token_len=2, max_token_len=4).query_tokens("ROBOTICS a he")
        self.assertEqual(tokens, ["robo", "he"])

    def test_without_lengths_prefixes_start_at_one_letter(self) -> None:
        prefixes = reader("prefix")
        self.assertEqual(prefixes.tokens("Abc"), ["a", "ab", "abc"])
        self.assertEqual(prefixes.query_tokens("Abc"), ["abc"])

    def test_stopwords_can_begin_words_of_queries(self) -> None:
        prefixes = reader("prefix", stopwords=Stopwords(custom=("the",)))
        self.assertEqual(prefixes.tokens("the"), [])
        self.assertIn("the", prefixes.tokens("theory"))
        self.assertEqual(prefixes.query_tokens("the"), ["the"])


class Options(SynchronousTestCase):
    def test_case_is_kept_where_it_is_asked_for(self) -> None:
        self.assertEqual(reader(lowercase=False).tokens("Ab aB"), ["Ab", "aB"])

    def test_lengths_are_of_characters_and_of_stems(self) -> None:
        short = reader(min_token_len=3, max_token_len=4, stemmer="english")
        self.assertEqual(short.tokens("running éééé ééééé cats io"), ["run", "éééé", "cat"])

    def test_folding_takes_diacritics_off(self) -> None:
        folded = reader(ascii_folding=True, lowercase=False)
        wanted = ["Lodz", "strasse", "AEther", "A", "2", "мир"]
        self.assertEqual(folded.tokens("Łódź straße Æther \uff21 ² мир"), wanted)

    def test_stopwords_of_languages_and_custom_ones_add_up(self) -> None:
        chosen = Stopwords(("english", "german"), ("Fox",))
        tokens = reader(stopwords=chosen).tokens("The fox und der Hase")
        self.assertEqual(tokens, ["hase"])

    def test_stopwords_keep_their_case_where_tokens_do(self) -> None:
        chosen = Stopwords(custom=("the", "The", "LAZY"))
        tokens = reader(lowercase=False, stopwords=chosen).tokens("the The THE lazy LAZY")
        self.assertEqual(tokens, ["THE", "lazy"])

    def test_stopwords_are_refused_after_folding_and_before_stemming(self) -> None:
        chosen = Stopwords(custom=("cafe", "olé", "run"))
        tokens = reader(ascii_folding=True, stemmer="english", stopwords=chosen)
        self.assertEqual(tokens.tokens("café olé running"), ["ole", "run"])

    def test_every_language_has_stopwords(self) -> None:
        samples = {"english": "the", "russian": "не", "japanese": "これ", "turkish": "ve"}
        for language, word in samples.items():
            self.assertIn(word, stopwords()[language])

    def test_stems_of_armenian_are_found_too(self) -> None:
        tokens = reader(stemmer="armenian").tokens("քաղաքներ քաղաքները")
        self.assertEqual(tokens, ["քաղ", "քաղ"])


class Caches(SynchronousTestCase):
    def test_words_are_cached_up_to_a_size(self) -> None:
        self.patch(forms, "CACHE_BYTES", 10_000)
        cache = forms.Forms(lambda word: (word, word))
        sizes = []
        for number in range(200):
            self.assertEqual(cache[f"word{number}"], (f"word{number}",) * 2)
            self.assertIn(f"word{number}", cache)
            sizes.append(len(cache))
        self.assertEqual(max(sizes), 10_000 // (320 + 3 * len("word12")))

    def test_long_words_are_not_cached(self) -> None:
        cache = forms.Forms(lambda word: (word,))
        self.assertEqual(cache["x" * 10_000], ("x" * 10_000,))
        self.assertEqual(len(cache), 0)


class Batches(SynchronousTestCase):
    def assert_like_one_by_one(self, of: TextReader, texts: list[str]) -> None:
        batch = of.tokens_of_many(texts)
        bounds = zip(batch.offsets[:-1], batch.offsets[1:], strict=True)
        found = [[batch.vocabulary[id_] for id_ in batch.ids[start:end]] for start, end in bounds]
        self.assertEqual(found, [of.tokens(text) for text in texts])
        self.assertEqual(len(set(batch.vocabulary)), len(batch.vocabulary))

    def test_many_texts_are_read_like_each(self) -> None:
        texts = ["The quick fox", "", "the", "quick quick, THE fox!"]
        self.assert_like_one_by_one(reader(), texts)
        self.assert_like_one_by_one(reader(stopwords=Stopwords(("english",))), texts)
        self.assert_like_one_by_one(reader("prefix", max_token_len=3), texts)

    def test_no_texts_have_no_tokens(self) -> None:
        batch = reader().tokens_of_many([])
        self.assertEqual((batch.vocabulary, len(batch.ids), batch.offsets.tolist()), ([], 0, [0]))


class Matching(SynchronousTestCase):
    document = ("a", "b", "b", "c")

    def test_all_tokens_must_be_there(self) -> None:
        self.assertTrue(matches_all(self.document, ["c", "a", "a"]))
        self.assertFalse(matches_all(self.document, ["a", "d"]))

    def test_any_token_is_enough(self) -> None:
        self.assertTrue(matches_any(self.document, ["d", "c"]))
        self.assertFalse(matches_any(self.document, ["d"]))

    def test_a_phrase_stands_in_order_with_its_repeats(self) -> None:
        self.assertTrue(matches_phrase(self.document, ["a", "b", "b"]))
        self.assertTrue(matches_phrase(self.document, ["b", "c"]))
        self.assertFalse(matches_phrase(self.document, ["a", "b", "c"]))
        self.assertFalse(matches_phrase(self.document, ["b", "b", "b"]))
        self.assertFalse(matches_phrase(["a"], ["a", "b"]))

    def test_a_query_without_tokens_matches_nothing(self) -> None:
        for matches in (matches_all, matches_any, matches_phrase):
            self.assertFalse(matches(self.document, []))
