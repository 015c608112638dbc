"""What payload updates make of random payloads, against the official client's local mode."""

from __future__ import annotations

import importlib.util
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import orjson
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.writes.payload_edits import edit_of
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.updates import (
    ClearPayload,
    DeletePayload,
    OverwritePayload,
    PayloadUpdate,
    SetPayload,
)

HAS_CLIENT = importlib.util.find_spec("qdrant_client") is not None
if TYPE_CHECKING or HAS_CLIENT:
    from qdrant_client import QdrantClient, models

KEYS = ("a", "b", "c", "d.e", "")

leaves = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["x", 0.5])
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=10,
)
payloads = st.dictionaries(st.sampled_from(KEYS), values, max_size=4)
steps = st.sampled_from(["[]", "[0]", "[1]", ".a", ".b", ".c", '."d.e"', '.""'])
paths = st.tuples(st.sampled_from(["a", "b", "c", '"d.e"', '""']), st.lists(steps, max_size=4)).map(
    lambda parts: parts[0] + "".join(parts[1])
)


def edited(payload: Any, update: PayloadUpdate) -> Any:
    """What an update makes of a payload."""
    return orjson.loads(edit_of(update)(orjson.dumps(payload)))


class LocalModeTests(SynchronousTestCase):
    """The client's local mode does the same. There are no exceptions."""

    if not HAS_CLIENT:
        skip = "qdrant_client is not installed"

    def setUp(self) -> None:
        self.client = QdrantClient(":memory:")
        self.client.create_collection("a", vectors_config={})

    def put(self, payload: dict[str, Any]) -> None:
        self.client.upsert("a", [models.PointStruct(id=1, vector={}, payload=deepcopy(payload))])

    def kept(self) -> Any:
        (record,) = self.client.retrieve("a", [1])
        return record.payload

    @settings(max_examples=300)
    @given(payloads, payloads, st.none() | paths)
    def test_set(self, payload: dict[str, Any], members: dict[str, Any], key: str | None) -> None:
        self.put(payload)
        self.client.set_payload("a", members, points=[1], key=key)
        path = None if key is None else PayloadPath.parse(key)
        found = edited(payload, SetPayload(orjson.dumps(members), key=path))
        self.assertEqual(found, self.kept())

    @settings(max_examples=200)
    @given(payloads, st.lists(paths, min_size=1, max_size=3))
    def test_delete(self, payload: dict[str, Any], keys: list[str]) -> None:
        self.put(payload)
        self.client.delete_payload("a", keys, points=[1])
        found = edited(payload, DeletePayload(tuple(map(PayloadPath.parse, keys))))
        self.assertEqual(found, self.kept())

    @settings(max_examples=50)
    @given(payloads, payloads)
    def test_overwrite_and_clear(self, payload: dict[str, Any], members: dict[str, Any]) -> None:
        self.put(payload)
        self.client.overwrite_payload("a", members, points=[1])
        self.assertEqual(edited(payload, OverwritePayload(orjson.dumps(members))), self.kept())
        self.client.clear_payload("a", points_selector=[1])
        self.assertEqual(edited(payload, ClearPayload()), self.kept())


class EditTests(SynchronousTestCase):
    """What holds of every edit, whoever else does it."""

    @given(payloads, payloads, st.none() | paths)
    def test_setting_twice_is_setting_once(
        self, payload: dict[str, Any], members: dict[str, Any], key: str | None
    ) -> None:
        path = None if key is None else PayloadPath.parse(key)
        update = SetPayload(orjson.dumps(members), key=path)
        once = edited(payload, update)
        self.assertEqual(edited(once, update), once)

    @given(payloads, st.lists(paths, max_size=3))
    def test_deleting_twice_is_deleting_once(
        self, payload: dict[str, Any], keys: list[str]
    ) -> None:
        update = DeletePayload(tuple(map(PayloadPath.parse, keys)))
        once = edited(payload, update)
        self.assertEqual(edited(once, update), once)
