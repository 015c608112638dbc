"""What payload updates make of payloads, case by case."""

from __future__ import annotations

from typing import Any

import orjson
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.writes.payload_edits import check_depth, edit_of
from vexfs_twisted.model.errors import BadInput
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.updates import (
    ClearPayload,
    DeletePayload,
    OverwritePayload,
    PayloadUpdate,
    SetPayload,
)


def edited(payload: Any, update: PayloadUpdate) -> Any:
    """What an update makes of a payload."""
    return orjson.loads(edit_of(update)(orjson.dumps(payload)))


def set_at(payload: Any, key: str | None, members: Any) -> Any:
    """What setting members below a key makes of a payload."""
    path = None if key is None else PayloadPath.parse(key)
    return edited(payload, SetPayload(orjson.dumps(members), key=path))


def deleted(payload: Any, *keys: str) -> Any:
    """What deleting keys makes of a payload."""
    return edited(payload, DeletePayload(tuple(map(PayloadPath.parse, keys))))


class SetTests(SynchronousTestCase):
    """Merging members at the top."""

    def test_members_replace_those_of_the_same_name_whole(self) -> None:
        payload = {"a": {"x": 1}, "b": 2}
        self.assertEqual(set_at(payload, None, {"a": {"y": 1}}), {"a": {"y": 1}, "b": 2})

    def test_null_deletes(self) -> None:
        self.assertEqual(set_at({"a": 1, "b": 2}, None, {"a": None, "c": None}), {"b": 2})

    def test_null_deeper_down_is_a_value(self) -> None:
        self.assertEqual(set_at({}, None, {"a": {"b": None}}), {"a": {"b": None}})


class SetBelowKeyTests(SynchronousTestCase):
    """Merging members where a path leads."""

    def check(self, key: str, payload: Any, members: Any, expected: Any) -> None:
        self.assertEqual(set_at(payload, key, members), expected)

    def test_members_are_merged_into_the_object_there(self) -> None:
        self.check("a.b", {"a": {"b": {"x": 1, "z": 0}}}, {"y": 2, "z": None},
                   {"a": {"b": {"x": 1, "y": 2}}})  # fmt: skip

    def test_missing_objects_are_made(self) -> None:
        self.check("p.q", {"a": 1}, {"x": 1}, {"a": 1, "p": {"q": {"x": 1}}})
        self.check("p.q", {}, {}, {"p": {"q": {}}})
        self.check("p", {}, {"x": None}, {"p": {}})

    def test_scalars_and_arrays_give_way_to_objects(self) -> None:
        self.check("a", {"a": "text"}, {"x": 1}, {"a": {"x": 1}})
        self.check("a.b", {"a": [1]}, {"x": 1}, {"a": {"b": {"x": 1}}})
        self.check("a.b", {"a": None}, {"x": 1}, {"a": {"b": {"x": 1}}})

    def test_an_index_leads_to_an_element_that_exists(self) -> None:
        self.check("a[1]", {"a": [{"x": 1}, {"x": 2}]}, {"y": 3},
                   {"a": [{"x": 1}, {"x": 2, "y": 3}]})  # fmt: skip
        self.check("a[0]", {"a": [7]}, {"y": 3}, {"a": [{"y": 3}]})
        self.check("a[1]", {"a": [7]}, {"y": 3}, {"a": [7]})

    def test_brackets_lead_to_every_element(self) -> None:
        self.check("a[]", {"a": [{"x": 1}, 2]}, {"y": 3}, {"a": [{"x": 1, "y": 3}, {"y": 3}]})
        self.check("nest[].nest", {"nest": [{}, {"nest": {"x": 1}}]}, {"y": 3},
                   {"nest": [{"nest": {"y": 3}}, {"nest": {"x": 1, "y": 3}}]})  # fmt: skip

    def test_brackets_on_no_array_leave_an_empty_one(self) -> None:
        for key in ("a[]", "a[0]", "a[0].b", "a[].b"):
            self.check(key, {"a": {"b": 1}}, {"x": 1}, {"a": []})
            self.check(key, {}, {"x": 1}, {"a": []})

    def test_quoted_keys(self) -> None:
        self.check('"a.b"', {"a.b": {}}, {"x": 1}, {"a.b": {"x": 1}})
        self.check('""', {}, {"x": 1}, {"": {"x": 1}})


class OtherEditTests(SynchronousTestCase):
    """Overwriting, deleting, clearing."""

    def test_overwriting_leaves_nothing_of_the_old(self) -> None:
        self.assertEqual(edited({"a": 1}, OverwritePayload(b'{"b":2}')), {"b": 2})

    def test_clearing_leaves_nothing(self) -> None:
        self.assertEqual(edited({"a": 1}, ClearPayload()), {})

    def test_keys_are_deleted_with_all_below_them(self) -> None:
        self.assertEqual(deleted({"a": {"b": 1}, "c": {"d": 1, "e": 2}}, "a", "c.d"),
                         {"c": {"e": 2}})  # fmt: skip

    def test_missing_keys_are_no_matter(self) -> None:
        payload = {"a": {"b": [1]}, "c": 1}
        self.assertEqual(deleted(payload, "x", "a.x", "c.d", "a.b.c", "a[]", "c[]", "a.b[7].x"),
                         payload)  # fmt: skip

    def test_an_index_deletes_no_element_but_leads_into_it(self) -> None:
        payload = {"a": [{"b": 1, "c": 2}, {"b": 3}]}
        self.assertEqual(deleted(payload, "a[0]"), payload)
        self.assertEqual(deleted(payload, "a[0].b"), {"a": [{"c": 2}, {"b": 3}]})

    def test_brackets_delete_in_every_element_or_all_of_them(self) -> None:
        payload = {"a": [{"b": 1, "c": 2}, {"b": 3}, 4]}
        self.assertEqual(deleted(payload, "a[].b"), {"a": [{"c": 2}, {}, 4]})
        self.assertEqual(deleted(payload, "a[]"), {"a": []})


class DepthTests(SynchronousTestCase):
    """Payloads nested deeper than JSON is written."""

    def test_a_payload_is_refused_for_the_depth_it_would_get(self) -> None:
        sound = SetPayload(b'{"x":1}', key=PayloadPath.parse(".".join("a" * 250)))
        check_depth(sound)
        depth = 0
        found = edited({}, sound)
        while isinstance(found, dict):
            (found,) = found.values()
            depth += 1
        self.assertEqual(depth, 251)
        for steps in (255, 10_000):
            too_deep = SetPayload(b'{"x":1}', key=PayloadPath.parse(".".join("a" * steps)))
            self.assertRaises(BadInput, check_depth, too_deep)
