"""Commands come out of their encoding as they went in, and nothing else is taken for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from tests.command_strategies import BY_KIND, CATALOG_BY_KIND, catalog_changes, command_batches
from tests.engine_support import column, upsert
from tests.suites.values import dense_rows
from vexfs_twisted.commandcodec.batches import (
    decode_batch,
    decode_change,
    encode_batch,
    encode_change,
)
from vexfs_twisted.commandcodec.catalog import decode_catalog, encode_catalog
from vexfs_twisted.commandcodec.codec import decode, encode
from vexfs_twisted.commandcodec.generated import commands_pb2 as pb
from vexfs_twisted.commandcodec.messages import UndecodableCommand
from vexfs_twisted.model.collection import UpdateCollection
from vexfs_twisted.model.commands import (
    CatalogChange,
    CatalogCommand,
    Command,
    CommandBatch,
    DropCollection,
    Origin,
)
from vexfs_twisted.model.filters import FieldCondition, Filter, HasId, MatchAny, Nested, Range
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.updates import ClearPayload, DeletePoints, Upsert

commands = st.one_of(*BY_KIND.values())
NESTED = PayloadPath.parse("a")


class RoundTrips(SynchronousTestCase):
    """decode(encode(command)) == command."""

    def test_every_kind_is_tried(self) -> None:
        self.assertEqual(set(BY_KIND), {f.name for f in pb.Command.DESCRIPTOR.fields[1:]})
        self.assertEqual(len(BY_KIND), len(get_args(Command)))
        fields = pb.CatalogCommand.DESCRIPTOR.fields[1:]
        self.assertEqual(set(CATALOG_BY_KIND), {field.name for field in fields})
        self.assertEqual(len(CATALOG_BY_KIND), len(get_args(CatalogCommand)))

    def test_commands_of_a_collection(self) -> None:
        for kind, strategy in BY_KIND.items():
            self.check_all(kind, strategy)

    def check_all(self, kind: str, strategy: st.SearchStrategy[Command]) -> None:
        """Check commands of one kind."""

        @settings(max_examples=60, deadline=None)
        @given(command=strategy)
        def come_back(command: Command) -> None:
            data = encode(command)
            self.assertEqual(pb.Command.FromString(data).WhichOneof("kind"), kind)
            found = decode(data)
            self.assertEqual(found, command)
            self.assertEqual(encode(found), data)

        come_back()

    def test_commands_of_the_catalog(self) -> None:
        for strategy in CATALOG_BY_KIND.values():

            @settings(max_examples=60, deadline=None)
            @given(command=strategy)
            def come_back(command: CatalogCommand) -> None:
                data = encode_catalog(command)
                self.assertEqual(decode_catalog(data), command)
                self.assertEqual(encode_catalog(decode_catalog(data)), data)

            come_back()

    @settings(max_examples=100, deadline=None)
    @given(batch=command_batches)
    def test_batches_with_their_origin(self, batch: CommandBatch) -> None:
        data = encode_batch(batch)
        self.assertEqual(decode_batch(data), batch)
        self.assertEqual(encode_batch(decode_batch(data)), data)

    @settings(max_examples=100, deadline=None)
    @given(change=catalog_changes)
    def test_changes_of_the_catalog_with_their_origin(self, change: CatalogChange) -> None:
        data = encode_change(change)
        self.assertEqual(decode_change(data), change)
        self.assertEqual(encode_change(decode_change(data)), data)

    def test_vectors_keep_every_bit_and_their_shape(self) -> None:
        data = np.random.default_rng(5).integers(0, 2**32, (50, 7), np.uint32).view(np.float32)
        found = decode(encode(upsert(range(50), data)))
        assert isinstance(found, Upsert)
        self.assertEqual(dense_rows(found.vectors[""]).shape, (50, 7))
        self.assertEqual(dense_rows(found.vectors[""]).tobytes(), data.tobytes())
        self.assertTrue(dense_rows(found.vectors[""]).flags.c_contiguous)

    def test_vectors_are_kept_as_their_bytes(self) -> None:
        sent = column([1, 2], [3, 4], positions=[0, 3])
        message = pb.Command.FromString(encode(upsert([1, 2, 3, 4], {"a": sent})))
        (own,) = message.upsert.vectors
        self.assertEqual(own.dense.data, np.array([1, 2, 3, 4], "<f4").tobytes())
        self.assertEqual(own.positions, np.array([0, 3], "<i8").tobytes())
        self.assertEqual(message.upsert.ids.integers, np.arange(1, 5, dtype="<u8").tobytes())

    def test_filters_as_deep_as_any_that_is_taken(self) -> None:
        filter_ = Filter(must=(HasId(frozenset([1])),))
        for _ in range(64):
            filter_ = Filter(must=(Nested(NESTED, filter_),))
        self.assertEqual(decode(encode(DeletePoints(filter=filter_))), DeletePoints(filter=filter_))

    def test_the_order_in_a_set_does_not_show(self) -> None:
        words = [f"word {number}" for number in range(40)]
        sets = [frozenset(words), frozenset(reversed(words))]
        one, other = (encode(DeletePoints(filter=_matching(found))) for found in sets)
        self.assertEqual(one, other)


class Refusals(SynchronousTestCase):
    """What is not a command that this version knows, and what cannot be encoded."""

    def check(self, data: bytes, words: str) -> None:
        error = self.assertRaises(UndecodableCommand, decode, data)
        self.assertIn(words, str(error))

    def test_other_versions(self) -> None:
        message = pb.Command.FromString(encode(ClearPayload(ids=[1])))
        for version in (0, 2, 77):
            message.version = version
            self.check(message.SerializeToString(), f"version {version}, and only 1 is known")
        self.check(b"", "version 0")

    def test_kinds_and_fields_that_are_not_known(self) -> None:
        sound = encode(ClearPayload(filter=_matching(frozenset(["x"]))))
        unknown = b"\xfa\x01\x01x"  # Field 31, of one byte.
        self.check(b"\x08\x01", "without a kind")
        self.check(b"\x08\x01" + unknown, "fields that are not known")
        self.check(sound + unknown, "fields that are not known")
        message = pb.Command.FromString(sound)
        inner = message.clear_payload.points.filter
        for part in (
            message.clear_payload,
            inner,
            inner.must[0].field,
            inner.must[0].field.match_any,
        ):
            changed = pb.Command.FromString(sound)
            part_data = part.SerializeToString() + unknown
            target = {
                "ClearPayload": changed.clear_payload,
                "Filter": changed.clear_payload.points.filter,
                "FieldCondition": changed.clear_payload.points.filter.must[0].field,
                "Scalars": changed.clear_payload.points.filter.must[0].field.match_any,
            }[part.DESCRIPTOR.name]
            target.Clear()
            target.MergeFromString(part_data)
            self.check(changed.SerializeToString(), "fields that are not known")

    def test_unknown_parts_inside_a_nested_filter(self) -> None:
        deep = Filter(must=(Filter(must=(HasId(frozenset([1])),)),))
        message = pb.Command.FromString(encode(DeletePoints(filter=deep)))
        message.delete_points.points.filter.must[0].filter += b"\xfa\x01\x01x"
        self.check(message.SerializeToString(), "fields that are not known")

    def test_unknown_settings_and_words(self) -> None:
        message = pb.Command.FromString(encode(UpdateCollection(metadata={"a": 1})))
        for data in (b'{"metadata":{"a":1},"of_tomorrow":3}', b'{"hnsw_config":{"mm":3}}'):
            message.update_collection.change = data
            self.check(message.SerializeToString(), "fields that are not known")
        for data in (b"{", b'{"quantization_config":"Sometimes"}', b'{"hnsw_config":{"m":"3"}}'):
            message.update_collection.change = data
            self.check(message.SerializeToString(), "no configuration")
        message = pb.Command.FromString(encode(upsert([1])))
        message.upsert.mode = 9
        self.check(message.SerializeToString(), "a mode of upserts, 9, that is not known")

    def test_parts_that_do_not_fit(self) -> None:
        sound = encode(upsert([1, 2], {"a": column([1, 2], [3, 4])}))
        message = pb.Command.FromString(sound)
        message.upsert.vectors[0].dense.data = b"1234"
        self.check(message.SerializeToString(), "4 bytes for 2 rows of 2")
        message = pb.Command.FromString(sound)
        message.upsert.vectors[0].positions = b"12345678"
        self.check(message.SerializeToString(), "1 positions of 2 vectors")
        message = pb.Command.FromString(sound)
        message.upsert.ids.integers = message.upsert.ids.integers[:-1]
        self.check(message.SerializeToString(), "ids that are cut off")
        message = pb.Command.FromString(sound)
        del message.upsert.payloads[0]
        self.check(message.SerializeToString(), "2 ids and 1 payloads")
        message = pb.Command.FromString(sound)
        message.upsert.vectors.append(message.upsert.vectors[0])
        self.check(message.SerializeToString(), "two columns of one vector name")

    def test_digits_that_are_no_integer(self) -> None:
        condition = FieldCondition(PayloadPath.parse("a"), Range(gt=2**64))
        data = encode(DeletePoints(filter=Filter(must=(condition,))))
        self.check(data.replace(b"18446744073709551616", b",8446744073709551616"), "no integer")

    @settings(max_examples=300, deadline=None)
    @given(command=commands, data=st.data())
    def test_bytes_that_are_cut_off_or_changed(self, command: Command, data: st.DataObject) -> None:
        whole = bytearray(encode(command))
        place = data.draw(st.integers(0, len(whole) - 1))
        whole[place] ^= data.draw(st.integers(1, 255))
        for tried in (bytes(whole), bytes(whole[:place])):
            try:
                found = decode(tried)
            except UndecodableCommand:
                continue
            self.assertEqual(decode(encode(found)), found)

    def test_batches_that_are_not_known(self) -> None:
        origin = Origin("log", 5)
        data = encode_batch(CommandBatch([ClearPayload(ids=[1])], origin, "uid"))
        changed = encode_change(CatalogChange(DropCollection("a"), origin))

        def batch(change: Callable[[pb.CommandBatch], object]) -> None:
            message = pb.CommandBatch.FromString(data)
            change(message)
            decode_batch(message.SerializeToString())

        def catalog(change: Callable[[pb.CatalogChange], object]) -> None:
            message = pb.CatalogChange.FromString(changed)
            change(message)
            decode_change(message.SerializeToString())

        unknown = b"\xfa\x01\x01x"
        version = "version 2, and only 1 is known"
        fields = "fields that are not known"
        for change, words in (
            (lambda m: setattr(m, "version", 2), version),
            (lambda m: m.MergeFromString(unknown), fields),
            (lambda m: m.origin.MergeFromString(unknown), fields),
            (lambda m: m.origin.Clear(), "a source has"),
            (lambda m: setattr(m.origin, "source", "a" * 129), "a source has"),
        ):
            for tried in (batch, catalog):
                error = self.assertRaises(UndecodableCommand, tried, change)
                self.assertIn(words, str(error))
        for tried, change, words in (
            (batch, lambda m: setattr(m.commands[0], "version", 2), version),
            (batch, lambda m: m.commands[0].clear_payload.MergeFromString(unknown), fields),
            (batch, lambda m: m.commands[0].ClearField("clear_payload"), "without a kind"),
            (catalog, lambda m: setattr(m.command, "version", 2), version),
            (catalog, lambda m: m.command.drop_collection.MergeFromString(unknown), fields),
            (catalog, lambda m: m.ClearField("command"), "without a command"),
            (catalog, lambda m: m.command.ClearField("drop_collection"), "without a kind"),
        ):
            error = self.assertRaises(UndecodableCommand, tried, change)
            self.assertIn(words, str(error))

    def test_what_cannot_be_encoded(self) -> None:
        for command in (
            UpdateCollection(metadata={"a": float("nan")}),
            UpdateCollection(metadata={"a": 2**70}),
            ClearPayload(ids=[2**64]),
            ClearPayload(ids=[-1]),
            ClearPayload(ids=["no uuid"]),
        ):
            self.assertRaises(ValueError, encode, command)


def _matching(words: frozenset[str]) -> Filter:
    return Filter(must=(FieldCondition(NESTED, MatchAny(words)),))
