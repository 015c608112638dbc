"""Queries whose examples are points of another collection."""

from __future__ import annotations

from typing import Any

from tests.suites.operations_contract.case import NAME, ContractCase, ids_of
from tests.suites.values import Point, nearest, upsert
from vexfs_twisted.model.collection import CreateAlias, CreateCollection
from vexfs_twisted.model.collection_params import Distance, VectorParams
from vexfs_twisted.model.errors import BadInput, NotFound
from vexfs_twisted.model.groups import GroupLookup, GroupQuery
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import LookupLocation, Prefetch, Query, QueryBatch
from vexfs_twisted.model.query_forms import PointExample, Recommend

OTHER = "other"
_HERE = {1: [1.0, 0.0], 2: [0.0, 1.0], 3: [0.9, 0.4]}
_TWO = CreateCollection({"a": VectorParams(Distance.DOT, 2), "b": VectorParams(Distance.DOT, 2)})


class LookupsContract(ContractCase):
    """A collection of named vectors `a` and `b`, and another of `a` and `long` of 3 dimensions."""

    async def prepare(self) -> None:
        """Write points 1, 2 and 3 here; 1 and 7 elsewhere, of which 7 has no `a`."""
        await self.create(_TWO)
        await self.put(*(Point(i, {"a": row, "b": row[::-1]}) for i, row in _HERE.items()))
        vectors = {"a": VectorParams(Distance.DOT, 2), "long": VectorParams(Distance.DOT, 3)}
        await self.create(CreateCollection(vectors), OTHER)
        there = [Point(1, {"a": [0, 2], "long": [1, 2, 3]}), Point(7, {"long": [1, 2, 3]})]
        await self.operations.update(OTHER, upsert(*there), wait=True)

    async def look_up(self, location: LookupLocation, point: int = 1, using: str = "a") -> Any:
        return await self.query(form=PointExample(point), using=using, lookup_from=location)

    async def refuse(self, kind: Any, text: str, query: Query) -> None:
        """Assert that a query is refused, alone, in a batch, and for groups."""
        await self.refused(kind, self.operations.read(NAME, query), text)
        batch = QueryBatch([Query(nearest([1, 2]), using="a"), query])
        await self.refused(kind, self.operations.read(NAME, batch), text)
        groups = GroupQuery(query, PayloadPath.parse("city"))
        await self.refused(kind, self.operations.read(NAME, groups), text)

    async def test_the_vector_is_that_of_the_other_collection(self) -> None:
        hits = await self.look_up(LookupLocation(OTHER))
        self.assertEqual(ids_of(hits), [2, 3, 1])
        self.assert_scores(hits, [2.0, 0.8, 0.0])

    async def test_a_limit_so_large_that_points_are_streamed(self) -> None:
        location = LookupLocation(OTHER)
        for limit in (20_000, 2**64 - 1):
            hits = await self.query(
                form=PointExample(1), using="a", lookup_from=location, limit=limit
            )
            self.assertEqual(ids_of(hits), [2, 3, 1])
            query = Query(PointExample(7), using="a", lookup_from=location, limit=limit)
            text = 'Not found: Vector with name "a" for point not found'
            await self.refused(NotFound, self.operations.read(NAME, query), text)

    async def test_a_batch_looks_up_once_for_all(self) -> None:
        query = Query(PointExample(1), using="a", lookup_from=LookupLocation(OTHER))
        plain = Query(PointExample(1), using="a")
        answers = await self.operations.read(NAME, QueryBatch([query, plain, query]))
        self.assertEqual([ids_of(hits) for hits in answers], [[2, 3, 1], [3, 2], [2, 3, 1]])

    async def test_examples_of_prefetches_of_any_depth(self) -> None:
        location = LookupLocation(OTHER)
        inner = Prefetch(PointExample(1), using="b", lookup_from=LookupLocation(OTHER, "a"))
        outer = Prefetch(PointExample(2), using="a", prefetch=(inner,))
        hits = await self.query(
            form=PointExample(1), using="a", lookup_from=location, prefetch=(outer,)
        )
        # Point 2 is an example of this collection, and excluded everywhere.
        self.assertEqual(ids_of(hits), [3, 1])
        self.assert_scores(hits, [0.8, 0.0])

    async def test_an_alias_is_looked_up_too(self) -> None:
        await self.operations.update_aliases([CreateAlias(OTHER, "also")])
        self.assertEqual(ids_of(await self.look_up(LookupLocation("also"))), [2, 3, 1])

    async def test_in_the_same_collection_the_point_is_excluded(self) -> None:
        same = await self.look_up(LookupLocation(NAME))
        self.assertEqual(same, await self.query(form=PointExample(1), using="a"))
        hits = await self.look_up(LookupLocation(NAME, "b"))
        self.assertEqual(ids_of(hits), [2, 3])
        self.assert_scores(hits, [1.0, 0.4])

    async def test_points_of_the_same_collection_are_excluded_everywhere(self) -> None:
        inner = Prefetch(PointExample(1), using="a", lookup_from=LookupLocation(NAME, "b"))
        hits = await self.query(form=nearest([1, 1]), using="a", prefetch=(inner, Prefetch()))
        self.assertEqual(ids_of(hits), [3, 2])

    async def test_groups_with_records_of_another_collection(self) -> None:
        names = [Point(i, payload={"n": i}) for i in (1, 5)]
        await self.create(CreateCollection({}), "named")
        await self.operations.update("named", upsert(*names), wait=True)
        cities = {1: 5, 2: 6, 3: "550e8400-e29b-41d4-a716-446655440000", 4: -1}
        rows = {**_HERE, 4: [0.1, 0.1]}
        points = (Point(i, {"a": row}, {"city": cities[i]}) for i, row in rows.items())
        await self.put(*points)
        request = GroupQuery(
            Query(nearest([1, 0]), using="a"),
            PayloadPath.parse("city"),
            group_size=2,
            lookup=GroupLookup("named"),
        )
        groups = await self.operations.read(NAME, request)
        self.assertEqual([group.id for group in groups], [5, cities[3], -1, 6])
        record, *others = [group.lookup for group in groups]
        assert record is not None
        self.assertEqual(record.id, 5)
        self.assert_payload(record, {"n": 5})
        self.assertEqual(others, [None, None, None])

    async def test_vectors_need_no_lookup_but_the_collection(self) -> None:
        location = LookupLocation(OTHER, "no such name")
        hits = await self.query(form=nearest([0, 1]), using="a", lookup_from=location)
        self.assertEqual(ids_of(hits), [2, 3, 1])

    async def test_a_missing_collection_comes_first(self) -> None:
        text = "Not found: Collection nowhere not found"
        nowhere = LookupLocation("nowhere", "no such name")
        for form in (nearest([1]), PointExample(99), None):
            await self.refuse(NotFound, text, Query(form, using="a", lookup_from=nowhere))
        inner = Prefetch(nearest([1, 2]), using="a", lookup_from=nowhere)
        await self.refuse(NotFound, text, Query(nearest([1, 2]), using="a", prefetch=(inner,)))

    async def test_missing_points_come_second(self) -> None:
        text = "Not found: No point with id 99 found"
        for name in ("a", "no such name"):
            query = Query(PointExample(99), using="a", lookup_from=LookupLocation(OTHER, name))
            await self.refuse(NotFound, text, query)
        known, missing = PointExample(1), PointExample(99)
        form = Recommend(positive=(known,), negative=(missing,))
        await self.refuse(NotFound, text, Query(form, using="a", lookup_from=LookupLocation(OTHER)))

    async def test_names_of_vectors_come_third(self) -> None:
        text = "Wrong input: Not existing vector name error: b"
        query = Query(PointExample(1), using="b", lookup_from=LookupLocation(OTHER))
        await self.refuse(BadInput, text, query)
        text = "Wrong input: Not existing vector name error: no such name"
        location = LookupLocation(OTHER, "no such name")
        await self.refuse(BadInput, text, Query(PointExample(1), using="a", lookup_from=location))

    async def test_a_point_without_the_vector(self) -> None:
        text = 'Not found: Vector with name "a" for point not found'
        query = Query(PointExample(7), using="a", lookup_from=LookupLocation(OTHER))
        await self.refuse(NotFound, text, query)

    async def test_dimensions_come_last(self) -> None:
        text = "Wrong input: Vector dimension error: expected dim: 2, got 3 for vector 'a'"
        query = Query(PointExample(1), using="a", lookup_from=LookupLocation(OTHER, "long"))
        await self.refuse(BadInput, text, query)

    async def test_a_missing_collection_of_the_query_itself(self) -> None:
        query = Query(PointExample(1), using="a", lookup_from=LookupLocation("nowhere"))
        call = self.operations.read("gone", query)
        await self.refused(NotFound, call, "Not found: Collection `gone` doesn't exist!")

    async def test_a_lookup_of_groups_needs_its_collection(self) -> None:
        query = Query(nearest([1, 2]), using="a")
        groups = GroupQuery(query, PayloadPath.parse("city"), lookup=GroupLookup("nowhere"))
        call = self.operations.read(NAME, groups)
        await self.refused(NotFound, call, "Not found: Collection nowhere not found")
