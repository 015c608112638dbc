"""Strict mode: what a collection with limits refuses, and what it says."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from tests.suites.operations_contract.case import NAME, ContractCase
from tests.suites.operations_contract.streams import StreamsCase
from tests.suites.values import (
    Point,
    any_of,
    delete,
    delete_where,
    equals,
    must,
    nearest,
    plain_upsert,
    sparse,
    vector_of,
)
from vexfs_twisted.model.collection import CreateCollection, UpdateCollection
from vexfs_twisted.model.collection_params import (
    Distance,
    HnswConfigDiff,
    MultiVectorComparator,
    MultiVectorConfig,
    SparseVectorParams,
    StrictModeConfig,
    StrictModeMultivector,
    StrictModeSparse,
    VectorParams,
)
from vexfs_twisted.model.distance_matrix import MatrixRequest
from vexfs_twisted.model.errors import BadRequest, DomainError, RateLimited
from vexfs_twisted.model.filters import (
    FieldCondition,
    Filter,
    HasId,
    IsEmpty,
    MatchPhrase,
    MatchPrefix,
    MatchText,
    MatchValue,
    Nested,
    Predicate,
    Range,
    ValuesCount,
)
from vexfs_twisted.model.formula import Formula, PayloadNumber
from vexfs_twisted.model.groups import GroupQuery
from vexfs_twisted.model.payload_index import (
    CreateFieldIndex,
    DeleteFieldIndex,
    FieldSchema,
    FieldType,
    TextOptions,
)
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import (
    Count,
    Prefetch,
    Query,
    QueryBatch,
    Retrieve,
    Scroll,
    Selection,
)
from vexfs_twisted.model.query_forms import (
    PointExample,
    Recommend,
    RecommendStrategy,
    Rrf,
    VectorExample,
)
from vexfs_twisted.model.search_params import Quantization, SearchParams
from vexfs_twisted.model.updates import SetPayload, UpdateVectors

_TARGET = nearest([1, 2, 3, 4])


def on(path: str, predicate: Predicate) -> FieldCondition:
    """A condition on the field at a path."""
    return FieldCondition(PayloadPath.parse(path), predicate)


class StrictCase(ContractCase):
    """Ten points in a collection of 4 dimensions, to which limits are given later."""

    async def prepare(self) -> None:
        await self.create()
        points = [Point(n, [1, 2, 3, n], {"city": "Berlin", "n": n}) for n in range(10)]
        await self.put(*points)

    async def limit(self, **limits: Any) -> None:
        """Set limits, and enable strict mode unless they say otherwise."""
        config = StrictModeConfig(**{"enabled": True, **limits})
        change = UpdateCollection(strict_mode_config=config)
        await self.operations.update_collection(NAME, change)

    async def index(self, path: str, schema: FieldSchema) -> None:
        await self.update(CreateFieldIndex(PayloadPath.parse(path), schema))

    async def too_much(self, request: Any, what: str = "", timeout: float | None = None) -> None:
        """Assert that a read is refused, with a text that begins like this."""
        reading = self.operations.read(NAME, request, timeout)
        error = await self.refused(BadRequest, reading)
        self.assertTrue(error.message.startswith(f"Bad request: {what}"), error.message)

    async def not_written(self, update: Any, what: str) -> None:
        """Assert that an update is refused, alone and in a batch."""
        for writing in (
            self.operations.update(NAME, update, wait=True),
            self.operations.update_batch(NAME, [delete(99), update], wait=True),
        ):
            error = await self.refused(BadRequest, writing)
            self.assertTrue(error.message.startswith(f"Bad request: {what}"), error.message)


class StrictModeContract(StrictCase):
    """Limits of parameters."""

    async def test_nothing_is_limited_unless_it_is_enabled(self) -> None:
        await self.limit(enabled=False, max_query_limit=1, read_rate_limit=1, max_points_count=1)
        self.assertEqual(len(await self.query(form=_TARGET, limit=9)), 9)
        self.assertEqual(len(await self.query(form=_TARGET, limit=9)), 9)
        await self.put(Point(10, [1, 1, 1, 1]))

    async def test_limits_of_reads(self) -> None:
        await self.limit(max_query_limit=15)
        text = (
            'Limit exceeded 30 > 15 for "limit". Help: Reduce the "limit" parameter to or below 15.'
        )
        query = Query(_TARGET, limit=30)
        await self.too_much(query, text)
        await self.too_much(QueryBatch([Query(_TARGET), query]), text)
        await self.too_much(Scroll(limit=30), text)
        fused = Query(Rrf(), prefetch=(Prefetch(_TARGET, limit=30), Prefetch(_TARGET)))
        await self.too_much(fused, text)
        path = PayloadPath.parse("city")
        await self.too_much(GroupQuery(Query(_TARGET, limit=10), path, group_size=3), text)
        await self.too_much(MatrixRequest(sample=10, limit=3), text)
        self.assertEqual(len(await self.query(form=_TARGET, limit=15)), 10)
        self.assertEqual(len((await self.scroll(limit=15)).records), 10)

    async def test_the_largest_page(self) -> None:
        await self.update(plain_upsert(range(600)))
        await self.limit(max_query_limit=500)
        page = await self.scroll(limit=500)
        self.assertEqual((len(page.records), page.next_offset), (500, 500))

    async def test_time_limits(self) -> None:
        await self.limit(max_timeout=2)
        text = 'Limit exceeded 3 > 2 for "timeout".'
        await self.too_much(Query(_TARGET), text, timeout=3)
        await self.operations.read(NAME, Query(_TARGET), 2)
        writing = self.operations.update(NAME, delete(1), wait=True, timeout=3)
        self.assertIn(text, (await self.refused(BadRequest, writing)).message)

    async def test_search_parameters(self) -> None:
        await self.limit(search_max_hnsw_ef=8, search_max_oversampling=1.5)
        await self.too_much(
            Query(_TARGET, params=SearchParams(hnsw_ef=9)), 'Limit exceeded 9 > 8 for "hnsw_ef".'
        )
        oversampled = SearchParams(quantization=Quantization(oversampling=2.0))
        text = 'Limit exceeded 2 > 1.5 for "oversampling".'
        await self.too_much(Query(_TARGET, params=oversampled), text)
        await self.limit(search_allow_exact=False)
        exact = Query(_TARGET, params=SearchParams(exact=True))
        await self.too_much(exact, "Exact search disabled!")
        within = Query(Rrf(), prefetch=(Prefetch(_TARGET, params=SearchParams(exact=True)),))
        await self.too_much(within, "Exact search disabled!")
        self.assertEqual(len(await self.query(form=_TARGET)), 10)

    async def test_batches_of_searches(self) -> None:
        await self.limit(search_max_batchsize=2)
        text = 'Limit exceeded 3 > 2 for "search batch size".'
        await self.too_much(QueryBatch([Query(_TARGET)] * 3), text)
        answers = await self.operations.read(NAME, QueryBatch([Query(_TARGET)] * 2))
        self.assertEqual(len(answers), 2)

    async def test_batches_of_points(self) -> None:
        await self.limit(upsert_max_batchsize=2)
        await self.not_written(plain_upsert([1, 2, 3]), 'Limit exceeded 3 > 2 for "upsert limit".')
        points = plain_upsert([1, 2, 3])
        vectors = UpdateVectors(points.ids, points.vectors)
        await self.not_written(vectors, 'Limit exceeded 3 > 2 for "update limit".')
        await self.update(plain_upsert([1, 2]))

    async def test_payload_indexes(self) -> None:
        await self.limit(max_payload_index_count=1)
        keyword = FieldSchema(FieldType.KEYWORD)
        await self.index("city", keyword)
        await self.index("city", keyword)
        second = CreateFieldIndex(PayloadPath.parse("n"), FieldSchema(FieldType.INTEGER))
        await self.refused(
            BadRequest,
            self.operations.update(NAME, second, wait=True),
            "Bad request: Collection already has the maximum number of payload indices (1). "
            "Help: Please delete an existing index before creating a new one.",
        )
        await self.update(DeleteFieldIndex(PayloadPath.parse("city")))
        await self.update(second)

    async def test_searches_without_a_graph(self) -> None:
        await self.limit(search_allow_exact=False)
        change = UpdateCollection(hnsw_config=HnswConfigDiff(m=0))
        await self.operations.update_collection(NAME, change)
        text = (
            "Request is forbidden on '' because global vector indexing is disabled "
            "(hnsw_config.m = 0). Help: Use tenant-specific filter, enable global vector indexing "
            "or enable strict mode `search_allow_exact` option"
        )
        await self.too_much(Query(_TARGET), text)
        await self.too_much(Query(PointExample(1)), text)
        tenant = must(equals("city", "Berlin"))
        await self.too_much(Query(_TARGET, filter=tenant), text)
        change = UpdateCollection(hnsw_config=HnswConfigDiff(payload_m=8))
        await self.operations.update_collection(NAME, change)
        await self.too_much(Query(_TARGET, filter=tenant), text)
        declared = {"type": "keyword", "is_tenant": True}
        await self.index("city", FieldSchema(FieldType.KEYWORD, declared, is_tenant=True))
        self.assertEqual(len(await self.query(form=_TARGET, filter=tenant)), 10)
        await self.too_much(Query(_TARGET), text)
        # What merges or scores again may do so; what it merges is searched.
        scored = Query(_TARGET, prefetch=(Prefetch(_TARGET, filter=tenant),))
        self.assertEqual(len(await self.operations.read(NAME, scored)), 10)
        await self.too_much(Query(_TARGET, prefetch=(Prefetch(_TARGET),)), text)
        self.assertEqual(len((await self.scroll()).records), 10)


class StrictFiltersContract(StrictCase):
    """Limits of filters."""

    async def needs(self, kinds: str, *conditions: Any, key: str = "city") -> None:
        """Assert that conditions need an index of one of these types."""
        text = (
            f'Index required but not found for "{key}" of one of the following types: [{kinds}]. '
            "Help: Create an index for this key or use a different filter."
        )
        await self.too_much(Count(must(*conditions)), text)

    async def test_fields_without_an_index(self) -> None:
        await self.limit(unindexed_filtering_retrieve=False)
        await self.needs("keyword", equals("city", "Berlin"))
        await self.needs("keyword", any_of("city", ["a", "b"]))
        uuid = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
        await self.needs("keyword, uuid", equals("city", uuid))
        await self.needs("integer", equals("n", 1), key="n")
        await self.needs("bool", equals("n", True), key="n")
        await self.needs("integer, float", on("n", Range(gt=1)), key="n")
        await self.needs("text", on("city", MatchText("a")))
        await self.needs("text", on("city", MatchPhrase("a")))
        await self.needs("keyword", on("city", MatchPrefix("a")))
        every = "keyword, integer, float, geo, text, bool, datetime, uuid"
        await self.needs(every, on("city", ValuesCount(gt=1)))
        await self.needs(every, on("city", IsEmpty()))
        nested = Nested(PayloadPath.parse("a.b"), must(on("c", MatchValue("x"))))
        await self.needs("keyword", nested, key="a.b[].c")
        self.assertEqual(await self.count(must(HasId(frozenset([1, 2])))), 2)
        await self.update(delete_where(must(equals("city", "Paris"))))
        self.assertEqual(await self.count(), 10)

    async def test_fields_with_an_index(self) -> None:
        await self.limit(unindexed_filtering_retrieve=False)
        await self.index("city", FieldSchema(FieldType.KEYWORD))
        self.assertEqual(await self.count(must(equals("city", "Berlin"))), 10)
        self.assertEqual(await self.count(must(on("city", ValuesCount(gt=0)))), 10)
        self.assertEqual(await self.count(must(any_of("city", []))), 0)
        await self.needs("keyword", on("city", MatchPrefix("B")))
        declared = {"type": "integer", "lookup": False, "range": True}
        await self.index("n", FieldSchema(FieldType.INTEGER, declared, lookup=False))
        self.assertEqual(await self.count(must(on("n", Range(gt=7)))), 2)
        await self.needs("integer", equals("n", 1), key="n")
        await self.index("a.b[].c", FieldSchema(FieldType.KEYWORD))
        nested = Nested(PayloadPath.parse("a.b"), must(on("c", MatchValue("x"))))
        self.assertEqual(await self.count(must(nested)), 0)
        self.assertEqual(await self.count(must(on("a.b[].c", MatchValue("x")))), 0)
        await self.index("t", FieldSchema(FieldType.TEXT, text=TextOptions()))
        self.assertEqual(await self.count(must(on("t", MatchText("x")))), 0)
        await self.needs("text", on("t", MatchPhrase("x")), key="t")

    async def test_filters_of_updates(self) -> None:
        await self.limit(unindexed_filtering_update=False)
        text = 'Index required but not found for "city"'
        where = must(equals("city", "Berlin"))
        await self.not_written(delete_where(where), text)
        await self.not_written(SetPayload(b'{"a":1}', filter=where), text)
        self.assertEqual(await self.count(where), 10)
        await self.index("city", FieldSchema(FieldType.KEYWORD))
        await self.update(delete_where(where))
        self.assertEqual(await self.count(), 0)

    async def test_formulas(self) -> None:
        await self.limit(unindexed_filtering_retrieve=False)
        formula = Formula(PayloadNumber(PayloadPath.parse("n")), {"n": 0})
        query = Query(formula, prefetch=(Prefetch(_TARGET),))
        await self.too_much(
            query,
            'Index required but not found for "n" of one of the following types: '
            "[integer, float]. Help: Create an index for this key or "
            "use a different formula expression.",
        )
        await self.index("n", FieldSchema(FieldType.INTEGER))
        self.assertEqual(len(await self.operations.read(NAME, query)), 10)

    async def test_groups(self) -> None:
        await self.limit(unindexed_filtering_retrieve=False)
        groups = GroupQuery(Query(_TARGET), PayloadPath.parse("city"))
        advice = "Help: Create an index supporting `match` for this key."
        await self.too_much(groups, f'Index required but not found for "city". {advice}')
        await self.index("city", FieldSchema(FieldType.GEO))
        await self.too_much(groups, f'Index of type "Geo" found for "city". {advice}')
        await self.index("city", FieldSchema(FieldType.KEYWORD))
        self.assertEqual(len(await self.operations.read(NAME, groups)), 1)

    async def test_numbers_of_conditions(self) -> None:
        await self.limit(filter_max_conditions=3)
        one = equals("n", 1)
        await self.too_much(
            Count(Filter(must=(one, one), should=(one,), must_not=(one,))),
            "Filter condition limit reached (4 > 3)",
        )
        nested = Nested(PayloadPath.parse("a"), must(one, one))
        self.assertEqual(await self.count(must(nested)), 0)
        await self.too_much(Count(must(nested, one)), "Filter condition limit reached (4 > 3)")
        await self.not_written(
            delete_where(must(one, one, one, one)), "Filter condition limit reached (4 > 3)"
        )

    async def test_sizes_of_conditions(self) -> None:
        await self.limit(condition_max_size=2)
        text = "Condition size limit reached (3 > 2)"
        await self.too_much(Count(must(any_of("n", [1, 2, 3]))), text)
        await self.too_much(Count(must(HasId(frozenset([1, 2, 3])))), text)
        within = Nested(PayloadPath.parse("a"), must(any_of("b", ["x", "y", "z"])))
        await self.too_much(Count(must(within)), text)
        self.assertEqual(await self.count(must(any_of("n", [1, 2]))), 2)


class StrictSizesContract(ContractCase):
    """Limits of what a collection may hold."""

    async def limited(self, **limits: Any) -> None:
        config = StrictModeConfig(enabled=True, **limits)
        multi = MultiVectorConfig(MultiVectorComparator.MAX_SIM)
        vectors = {
            "": VectorParams(Distance.DOT, 4),
            "multi": VectorParams(Distance.DOT, 2, multivector_config=multi),
        }
        spaces = {"sparse": SparseVectorParams()}
        request = CreateCollection(vectors, sparse_vectors=spaces, strict_mode_config=config)
        await self.create(request)

    async def full(self, update: Any, text: str) -> None:
        error = await self.refused(BadRequest, self.update(update))
        self.assertTrue(error.message.startswith(f"Bad request: {text}"), error.message)

    async def test_points(self) -> None:
        await self.limited(max_points_count=10)
        await self.update(plain_upsert(range(9)))
        await self.update(plain_upsert([9]))
        await self.full(plain_upsert([10]), "Max points count limit of 10 reached!. Help: ")
        await self.update(delete(1))
        await self.update(plain_upsert([10]))

    async def test_vectors(self) -> None:
        await self.limited(max_collection_vector_size_bytes=240)
        for _ in range(32):
            await self.update(plain_upsert(range(10)))
        await self.update(plain_upsert(range(15)))
        await self.full(plain_upsert([1]), "Max vector storage size limit of 0.00022888184MB")

    async def test_payloads(self) -> None:
        await self.limited(max_collection_payload_size_bytes=45_000)
        points = [Point(n, [1, 1, 1, 1], {"city": "Berlin"}) for n in range(15)]
        with self.assertRaises(BadRequest) as caught:
            for _ in range(32):
                await self.put(*points)
        text = "Max payload storage size limit of 0.042915344MB reached!"
        self.assertIn(text, caught.exception.message)
        await self.full(SetPayload(b"{}", ids=[1]), text)
        await self.update(delete(1))

    async def test_multivectors_and_sparse_vectors(self) -> None:
        await self.limited(
            multivector_config={"multi": StrictModeMultivector(2)},
            sparse_config={"sparse": StrictModeSparse(3)},
        )
        await self.put(Point(1, {"multi": [[1, 2]] * 2}))
        error = await self.refused(BadRequest, self.put(Point(1, {"multi": [[1, 2]] * 3})))
        text = "Multivector 'multi' has a limit of 2 vectors, but 3 were provided!"
        self.assertIn(text, error.message)
        numbers = sparse(dict.fromkeys(range(4), 1.0))
        error = await self.refused(BadRequest, self.put(Point(1, {"sparse": numbers})))
        text = "Sparse vector 'sparse' has a limit of 3 indices, but 4 were provided!"
        self.assertIn(text, error.message)


class RatesContract(StrictCase):
    """Rates of reads and writes. Tokens come again too slowly for these tests."""

    async def refused_rate(self, call: Any) -> str:
        return (await self.refused(RateLimited, call)).message

    async def test_reads(self) -> None:
        await self.limit(read_rate_limit=8)
        conditions = must(*[HasId(frozenset([n])) for n in range(6)])
        await self.scroll(filter=conditions)
        reading = self.operations.read(NAME, Scroll(filter=conditions))
        message = await self.refused_rate(reading)
        text = "Rate limiting exceeded: Read rate limit exceeded: Operation requires 7 tokens but "
        self.assertTrue(message.startswith(text + "only 1."), message)
        await self.retrieve(1)
        await self.refused_rate(self.operations.read(NAME, Retrieve([1], Selection())))
        await self.limit(read_rate_limit=8)
        await self.retrieve(*range(8))
        await self.refused_rate(self.operations.read(NAME, Query(_TARGET)))
        # Writes and the configuration are free of it.
        await self.put(Point(1, [1, 1, 1, 1]))

    async def test_reads_larger_than_the_bucket(self) -> None:
        await self.limit(read_rate_limit=4)
        examples = tuple(PointExample(n) for n in range(5))
        best = Recommend(examples, strategy=RecommendStrategy.BEST_SCORE)
        message = await self.refused_rate(self.operations.read(NAME, Query(best)))
        self.assertEqual(
            message,
            "Rate limiting exceeded: Read rate limit exceeded, request larger than "
            "rate limiter capacity, please try to split your request",
        )
        self.assertEqual(len(await self.query(form=_TARGET)), 10)

    async def test_multivectors(self) -> None:
        multi = MultiVectorConfig(MultiVectorComparator.MAX_SIM)
        params = VectorParams(Distance.DOT, 2, multivector_config=multi)
        await self.operations.delete_collection(NAME)
        await self.create(CreateCollection({"": params}))
        rows = [[1, 2], [3, 4], [5, 6]]
        await self.put(Point(1, {"": rows}), Point(2, {"": rows}))
        for form in (PointExample(1), VectorExample(vector_of(rows))):
            await self.limit(read_rate_limit=2)
            await self.refused_rate(self.operations.read(NAME, Query(form)))
            await self.limit(read_rate_limit=5)
            self.assertTrue(await self.query(form=form))

    async def test_writes(self) -> None:
        await self.limit(write_rate_limit=5)
        await self.update(plain_upsert([1, 2, 3]))
        message = await self.refused_rate(self.update(plain_upsert([1, 2, 3])))
        text = "Rate limiting exceeded: Write rate limit exceeded: Operation requires 3 tokens but "
        self.assertTrue(message.startswith(text + "only 2."), message)
        await self.update(delete(100, 101))
        await self.refused_rate(self.update(delete(100)))
        await self.index("city", FieldSchema(FieldType.KEYWORD))

    async def test_updates_by_filters(self) -> None:
        # Half of ten points, where no index tells.
        where = must(equals("city", "Paris"))
        await self.limit(write_rate_limit=5)
        await self.update(delete_where(where))
        await self.refused_rate(self.update(delete(100)))
        await self.index("city", FieldSchema(FieldType.KEYWORD))
        await self.limit(write_rate_limit=5)
        for _ in range(5):
            await self.update(delete_where(where))
        await self.refused_rate(self.update(delete_where(where)))

    async def test_batches_of_updates(self) -> None:
        await self.limit(write_rate_limit=3)
        updates = [delete(1), delete(2, 3), delete(4), delete(5)]
        writing = self.operations.update_batch(NAME, updates, wait=True)
        await self.refused_rate(writing)
        # As for other errors of batches: those before it are done.
        self.assertEqual(await self.count(), 7)


class StrictStreamsContract(StreamsCase):
    """Strict mode and streams."""

    async def prepare(self) -> None:
        await self.create()
        await self.update(plain_upsert(range(5)))

    async def limit(self, **limits: Any) -> None:
        config = StrictModeConfig(enabled=True, **limits)
        await self.operations.update_collection(NAME, UpdateCollection(strict_mode_config=config))

    async def refusal(self, kind: type[DomainError], request: Any) -> str:
        async def read() -> None:
            await self.read(await self.streaming.stream(NAME, request))

        return (await self.refused(kind, Deferred.fromCoroutine(read()))).message

    async def test_reads(self) -> None:
        await self.limit(max_query_limit=3, read_rate_limit=2)
        message = await self.refusal(BadRequest, Query(nearest([1, 1, 1, 1]), limit=4))
        self.assertIn('Limit exceeded 4 > 3 for "limit"', message)
        query = Query(nearest([1, 1, 1, 1]), limit=3)
        for _ in range(2):
            self.assertEqual(len(await self.read(await self.streaming.stream(NAME, query))), 3)
        await self.refusal(RateLimited, query)

    async def test_upserts(self) -> None:
        await self.limit(upsert_max_batchsize=2)
        stream = await self.streaming.stream_upsert()
        await stream.put(NAME, plain_upsert([10, 11]))
        await stream.put(NAME, plain_upsert([12, 13, 14]))
        error = await self.refused(BadRequest, stream.finish())
        self.assertIn("Limit exceeded", error.message)

    async def test_small_messages_that_are_written_together(self) -> None:
        await self.limit(upsert_max_batchsize=2, write_rate_limit=100)
        stream = await self.streaming.stream_upsert()
        for n in range(10, 20):
            await stream.put(NAME, plain_upsert([n]))
        self.assertEqual(await stream.finish(), 10)
