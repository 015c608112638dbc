"""Commands of a collection: their one order, and that each takes effect once."""

from __future__ import annotations

from collections.abc import Sequence

import lmdb

from tests.engine_support import (
    EVERYTHING,
    EngineTestCase,
    column,
    field,
    payload_of,
    upsert,
    write,
)
from tests.former_tables import to_format_2
from tests.suites.values import dense
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.storage import outcomes as outcomes_module
from vexfs_twisted.model.collection import CreateCollection, UpdateCollection
from vexfs_twisted.model.collection_params import (
    Distance,
    HnswConfigDiff,
    OptimizersConfigDiff,
    VectorParams,
    VectorParamsDiff,
)
from vexfs_twisted.model.commands import (
    AlreadyApplied,
    Command,
    CommandBatch,
    CreateVectorName,
    DeleteVectorName,
    Origin,
    Outcome,
)
from vexfs_twisted.model.errors import (
    BadInput,
    BadRequest,
    DomainError,
    NotFound,
    ValidationError,
)
from vexfs_twisted.model.filters import Filter, MatchValue
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, Scroll
from vexfs_twisted.model.updates import (
    ClearPayload,
    DeletePoints,
    SetPayload,
    Upsert,
)

TWO = VectorParams(Distance.EUCLID, 2)
THREE = VectorParams(Distance.DOT, 3)


def shown(outcomes: Sequence[Outcome]) -> list[object]:
    """Outcomes as values that compare."""
    return [
        (type(outcome), str(outcome)) if isinstance(outcome, Exception) else outcome
        for outcome in outcomes
    ]


class CommandTestCase(EngineTestCase):
    """A collection with the vector a and some points."""

    def setUp(self) -> None:
        super().setUp()
        self.catalog.create("tested", CreateCollection(vectors={"a": TWO}))
        points = upsert([1, 2, 3], {"a": column([1, 1], [2, 2], [3, 3])}, [{"n": 1}, {}, {}])
        write(self.collection, points)

    @property
    def collection(self) -> Collection:
        return self.catalog.get("tested")

    def payloads(self) -> dict[object, object]:
        page = self.collection.read(Scroll(limit=100, selection=EVERYTHING))
        return {record.id: payload_of(record) for record in page.records}

    def vectors(self, name: str) -> dict[object, list[float]]:
        page = self.collection.read(Scroll(limit=100, selection=EVERYTHING))
        found = [(record.id, record.vectors or {}) for record in page.records]
        return {point_id: dense(own[name]).tolist() for point_id, own in found if name in own}

    def send(self, counter: int, *commands: Command, source: str = "log") -> list[Outcome]:
        (outcomes,) = self.collection.apply_each([batch(counter, *commands, source=source)])
        return outcomes


def batch(counter: int, *commands: Command, source: str = "log") -> CommandBatch:
    return CommandBatch(commands, Origin(source, counter))


class OrderTests(CommandTestCase):
    """Everything that changes a collection is in one order."""

    def test_a_command_sees_what_was_changed_before_it(self) -> None:
        new = upsert([4], {"b": column([1, 2, 3])})
        outcomes = self.collection.apply([
            new,
            CreateVectorName("b", THREE),
            new,
            DeleteVectorName("b"),
            new,
            UpdateCollection(hnsw_config=HnswConfigDiff(m=5)),
            ClearPayload(ids=[1]),
        ])  # fmt: skip
        unknown = (BadInput, "Wrong input: Not existing vector name error: b")
        self.assertEqual(shown(outcomes), [unknown, 1, 2, 3, unknown, 4, 4])
        self.assertEqual(self.collection.config.hnsw_config.m, 5)
        self.assertEqual(self.payloads(), {1: {}, 2: {}, 3: {}, 4: {}})

    def test_changes_of_the_configuration_take_no_operation_id(self) -> None:
        change = UpdateCollection(optimizers_config=OptimizersConfigDiff(indexing_threshold=7))
        self.assertEqual(write(self.collection, change, change), [1, 1])
        self.assertEqual(write(self.collection, ClearPayload(ids=[1])), [1])

    def test_a_refused_change_of_the_configuration_changes_nothing(self) -> None:
        before = self.collection.config
        outcomes = self.collection.apply([
            UpdateCollection(optimizers_config=OptimizersConfigDiff(deleted_threshold=7)),
            UpdateCollection(vectors={"unknown": VectorParamsDiff()}),
        ])  # fmt: skip
        self.assertEqual(list(map(type, outcomes)), [ValidationError, BadInput])
        self.assertEqual(self.collection.config, before)
        self.reopen()
        self.assertEqual(self.collection.config, before)

    def test_applied_commands_are_numbered(self) -> None:
        self.assertEqual(self.collection.last_command, 1)
        missing = ClearPayload(ids=[99])
        self.collection.apply([missing, ClearPayload(ids=[1]), UpdateCollection(), missing])
        self.assertEqual(self.collection.last_command, 3)
        self.send(1, ClearPayload(ids=[1]), missing, ClearPayload(ids=[2]))
        self.assertEqual(self.collection.last_command, 5)
        self.reopen()
        self.assertEqual(self.collection.last_command, 5)

    def test_nothing_is_committed_where_all_is_refused(self) -> None:
        before = self.collection.state
        self.collection.apply([ClearPayload(ids=[99]), upsert([1], {"z": column([1])})])
        self.assertIs(self.collection.state, before)


class OnceTests(CommandTestCase):
    """A batch that comes again is answered by what is recorded, and changes nothing."""

    def test_what_was_carried_out_is_not_again(self) -> None:
        commands: list[Command] = [
            SetPayload(b'{"n":2}', ids=[1]),
            UpdateCollection(),
            DeletePoints(ids=[3]),
        ]
        self.assertEqual(self.send(5, *commands), [1, 2, 2])
        write(self.collection, SetPayload(b'{"n":3}', ids=[1]), upsert([3]))
        for _ in range(2):
            before = self.collection.state
            self.assertEqual(self.send(5, *commands), [1, 2, 2])
            self.assertIs(self.collection.state, before)
            self.reopen()
        self.assertEqual(self.payloads(), {1: {"n": 3}, 2: {}, 3: {}})
        self.assertEqual(self.collection.last_counter("log"), 5)
        self.assertIsNone(self.collection.last_counter("lo"))

    def test_refusals_are_outcomes_too(self) -> None:
        refused: list[tuple[Command, type[DomainError]]] = [
            (ClearPayload(ids=[7]), NotFound),
            (upsert([7], {"a": column([1])}), BadInput),
            (ClearPayload(), BadRequest),
            (UpdateCollection(hnsw_config=HnswConfigDiff(ef_construct=1)), ValidationError),
            (UpdateCollection(vectors={"unknown": VectorParamsDiff()}), BadInput),
        ]
        first = [self.send(n, command) for n, (command, _) in enumerate(refused)]
        self.assertEqual([type(found) for (found,) in first], [kind for _, kind in refused])
        write(self.collection, upsert([7]))
        self.reopen()
        again = [self.send(n, command) for n, (command, _) in enumerate(refused)]
        self.assertEqual(list(map(shown, again)), list(map(shown, first)))
        ((problem,),) = again[3:4]
        assert isinstance(problem, ValidationError)
        self.assertEqual([found.path for found in problem.problems], ["hnsw_config.ef_construct"])

    def test_a_batch_ends_with_its_refusal_each_time(self) -> None:
        commands = ClearPayload(ids=[1]), ClearPayload(ids=[7]), DeletePoints(ids=[2])
        first = self.send(1, *commands)
        self.assertEqual([type(found) for found in first], [int, NotFound])
        write(self.collection, upsert([7]))
        self.assertEqual(shown(self.send(1, *commands)), shown(first))
        self.assertIn(2, self.payloads())

    def test_twice_in_one_commit(self) -> None:
        write_it = SetPayload(b'{"m":1}', ids=[1])
        outcomes = self.collection.apply_each([
            batch(1, write_it),
            CommandBatch([ClearPayload(ids=[1])]),
            batch(1, write_it),
            batch(1, write_it, source="other"),
        ])  # fmt: skip
        self.assertEqual(outcomes, [[1], [2], [1], [3]])
        self.assertEqual(self.collection.last_command, 4)

    def test_counters_below_the_outcomes_that_are_kept(self) -> None:
        self.patch(outcomes_module, "KEPT_OUTCOMES", 3)
        for counter in (10, 11, 12, 14, 15):
            self.assertEqual(
                self.send(counter, ClearPayload(ids=[1])), [counter - 9 - (counter > 12)]
            )
        before = self.collection.state
        for counter, is_kept in ((9, False), (10, False), (12, False), (13, False), (14, True)):
            (outcome,) = self.send(counter, DeletePoints(ids=[1]))
            self.assertEqual(isinstance(outcome, int), is_kept, counter)
            self.assertEqual(isinstance(outcome, AlreadyApplied), not is_kept, counter)
        self.assertIs(self.collection.state, before)
        self.assertEqual(self.entries(), [("log", 14), ("log", 15)])

    def test_sources_that_come_last_are_kept(self) -> None:
        self.patch(outcomes_module, "MOST_SOURCES", 2)
        for counter, source in enumerate(["a", "b", "a", "a\1", "ab"]):
            self.send(counter, ClearPayload(ids=[1]), source=source)
        self.assertEqual(self.entries(), [("a\1", 3), ("ab", 4)])
        self.assertEqual(self.collection.last_counter("ab"), 4)
        self.assertIsNone(self.collection.last_counter("a"))

    def test_sources_do_not_mix(self) -> None:
        for source in ("a", "a\1", "ab", "ä", "a" * 128):
            self.assertIsNone(self.collection.last_counter(source))
            self.assertIsInstance(
                self.send(2**64 - 1, ClearPayload(ids=[1]), source=source)[0], int
            )
            (outcome,) = self.send(0, ClearPayload(ids=[1]), source=source)
            self.assertIsInstance(outcome, AlreadyApplied)

    def test_origins_that_cannot_be(self) -> None:
        for source, counter in (("", 1), ("a\0", 1), ("a" * 129, 1), ("a", -1), ("a", 2**64)):
            self.assertRaises(ValueError, Origin, source, counter)

    def test_a_batch_of_no_commands_notes_how_far_its_source_is(self) -> None:
        outcomes = self.collection.apply_each([
            batch(1, ClearPayload(ids=[1]), source="session"),
            batch(77),
        ])  # fmt: skip
        self.assertEqual(outcomes, [[1], []])
        self.reopen()
        self.assertEqual(self.collection.last_counter("log"), 77)
        self.assertEqual(self.collection.last_command, 2)

    def test_what_breaks_is_not_recorded_nor_overtaken(self) -> None:
        broken = Upsert([5], {"a": column([9, 9])}, [None])  # type: ignore[list-item]
        outcomes = self.collection.apply_each([
            batch(1, ClearPayload(ids=[1])),
            batch(2, SetPayload(b'{"m":1}', ids=[1]), broken),
            batch(3, ClearPayload(ids=[2])),
            batch(1, ClearPayload(ids=[3]), source="other"),
            CommandBatch([ClearPayload(ids=[3])]),
        ])  # fmt: skip
        kinds = [[o if isinstance(o, int) else type(o) for o in found] for found in outcomes]
        self.assertEqual(kinds, [[1], [TypeError], [TypeError], [2], [3]])
        self.assertEqual(self.payloads()[1], {})
        self.assertEqual(self.collection.last_counter("log"), 1)
        self.assertEqual(self.send(2, upsert([5])), [4])
        self.assertEqual(self.send(3, ClearPayload(ids=[2])), [5])

    def entries(self) -> list[tuple[str, int]]:
        """The sources and counters in the table."""
        self.catalog.close()
        with lmdb.open(str(self.directory()), max_dbs=6) as environment:
            table = environment.open_db(b"outcomes", create=False)
            with environment.begin() as transaction, transaction.cursor(table) as cursor:
                keys = [key for key, _ in cursor]
        self.reopen()
        return [(key[:-9].decode(), int.from_bytes(key[-8:], "big")) for key in keys]


class FormerFormatTests(CommandTestCase):
    """Stores of the format before outcomes were recorded."""

    def test_one_opens_with_all_it_holds(self) -> None:
        path = PayloadPath.parse("n")
        write(self.collection, CreateFieldIndex(path, FieldSchema(FieldType.INTEGER)))
        self.catalog.close()
        to_format_2(self.directory())
        self.reopen()
        self.assertEqual(self.collection.last_command, 0)
        self.assertIsNone(self.collection.last_counter("log"))
        self.assertEqual(self.vectors("a"), {1: [1, 1], 2: [2, 2], 3: [3, 3]})
        wanted = Filter(must=(field("n", MatchValue(1)),))
        self.assertEqual(self.collection.read(Count(wanted)), 1)
        self.assertEqual(self.send(1, CreateVectorName("b", THREE), ClearPayload(ids=[1])), [2, 3])
        write(self.collection, upsert([4], {"b": column([1, 2, 3])}))
        self.reopen()
        self.assertEqual(self.send(1, DeletePoints(ids=[1])), [2, 3])
        self.assertEqual(self.collection.last_command, 3)
        self.assertEqual(self.vectors("b"), {4: [1, 2, 3]})
        self.assertEqual(self.vectors("a"), {1: [1, 1], 2: [2, 2], 3: [3, 3]})
