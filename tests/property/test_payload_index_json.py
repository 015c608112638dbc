"""Every sound declaration of a payload index is told again as it was given."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.jsonform.payload_index import (
    STEMMER_LANGUAGES,
    STOPWORD_LANGUAGES,
    field_schema_to_json,
    read_field_schema,
)
from vexfs_twisted.model.payload_index import FieldType

flags = st.booleans()
lengths = st.integers(0, 2**64 - 1)
languages = st.sampled_from(sorted(STOPWORD_LANGUAGES))
stopwords = languages | st.fixed_dictionaries(
    {}, optional={"languages": st.lists(languages), "custom": st.lists(st.text())}
)
stemmers = st.just({"type": "none"}) | st.fixed_dictionaries(
    {"type": st.just("snowball"), "language": st.sampled_from(sorted(STEMMER_LANGUAGES))}
)
memories = st.sampled_from(["cold", "cached", "pinned"])
anywhere = {"on_disk": flags, "enable_hnsw": flags, "memory": memories}
parameters: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "keyword": {"is_tenant": flags, "prefix": flags},
    "integer": {"lookup": flags, "range": flags, "is_principal": flags},
    "float": {"is_principal": flags},
    "geo": {},
    "text": {
        "tokenizer": st.sampled_from(["word", "whitespace", "prefix", "multilingual"]),
        "min_token_len": lengths,
        "max_token_len": lengths,
        "lowercase": flags,
        "ascii_folding": flags,
        "phrase_matching": flags,
        "stopwords": stopwords,
        "stemmer": stemmers,
    },
    "bool": {},
    "datetime": {"is_principal": flags},
    "uuid": {"is_tenant": flags},
}


def declarations() -> st.SearchStrategy[Any]:
    names = st.sampled_from(sorted(parameters))
    return names | names.flatmap(
        lambda name: st.fixed_dictionaries(
            {"type": st.just(name)}, optional={**anywhere, **parameters[name]}
        )
    )


class Declarations(SynchronousTestCase):
    def test_every_type_is_tried(self) -> None:
        self.assertEqual(set(parameters), {kind.value for kind in FieldType})

    @given(declarations())
    def test_the_echo_is_what_was_given(self, value: Any) -> None:
        schema = read_field_schema(value)
        echo = field_schema_to_json(schema)
        if isinstance(value, dict) and value["type"] == "text":
            value.setdefault("tokenizer", "word")
        self.assertEqual(orjson.dumps(echo), orjson.dumps(value))
        self.assertEqual(read_field_schema(echo), schema)
