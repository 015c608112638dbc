"""The parts of payloads that selectors pick, against the official client's local mode."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings
from qdrant_client import QdrantClient, models
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.query.payloads import excluded, included
from vexfs_twisted.model.payload_path import PayloadPath

KEYS = ("a", "b", "c")
PATHS = ("a", "b", "a.b", "a[].b", "a[0]", "b[]", "a[0].b", "a.b.c", "b[].c[]", "b[][].a", "c")

leaves = st.none() | st.integers(0, 3) | st.sampled_from(["x", True])
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=8,
)
payloads = st.dictionaries(st.sampled_from(KEYS), values)
selectors = st.lists(st.sampled_from(PATHS), min_size=1, max_size=3)


class PayloadSelectionTests(SynchronousTestCase):
    """Include and exclude."""

    def setUp(self) -> None:
        self.client = QdrantClient(":memory:")
        self.client.create_collection("a", vectors_config={})

    @settings(max_examples=200)
    @given(payloads, selectors)
    def test_the_client_selects_the_same(self, payload: dict[str, Any], texts: list[str]) -> None:
        client = self.client
        client.upsert("a", [models.PointStruct(id=1, vector={}, payload=payload)])
        paths = [PayloadPath.parse(text).steps for text in texts]
        for selector, found in (
            (models.PayloadSelectorInclude(include=texts), included(payload, paths)),
            (models.PayloadSelectorExclude(exclude=texts), excluded(payload, paths)),
        ):
            (record,) = client.retrieve("a", [1], with_payload=selector)
            self.assertEqual(found, record.payload)

    @given(payloads, selectors)
    def test_selecting_again_selects_the_same(
        self, payload: dict[str, Any], texts: list[str]
    ) -> None:
        paths = [PayloadPath.parse(text).steps for text in texts]
        for select in (included, excluded):
            once = select(payload, paths)
            self.assertEqual(select(once, paths), once)

    def test_selecting_leaves_the_payload_as_it_is(self) -> None:
        payload = {"a": [{"b": 1, "c": 2}]}
        for select in (included, excluded):
            select(payload, [PayloadPath.parse("a[].b").steps])
        self.assertEqual(payload, {"a": [{"b": 1, "c": 2}]})
