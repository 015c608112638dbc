"""Query trees that are refused before anything of them is executed."""

from __future__ import annotations

from typing import Any

from tests.suites.operations_contract.case import NAME, ContractCase
from tests.suites.values import Point, nearest
from vexfs_twisted.model.errors import BadInput, BadRequest, NotFound
from vexfs_twisted.model.formula import Formula, Score
from vexfs_twisted.model.groups import GroupQuery
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import MAX_PREFETCH_DEPTH, Prefetch, Query, QueryBatch
from vexfs_twisted.model.query_forms import Dbsf, OrderBy, PointExample, Recommend, Rrf

_N = PayloadPath.parse("n")


class RefusedTreesContract(ContractCase):
    """Queries whose parts do not fit together; nothing of them is executed."""

    async def prepare(self) -> None:
        """Start with a collection of one point."""
        await self.create()
        await self.put(Point(1, [1, 0, 0, 0]))

    async def refuse(self, kind: Any, text: str, query: Query) -> None:
        """Assert that a query is refused: alone, as a prefetch, in a batch, and for groups."""
        await self.refused(kind, self.operations.read(NAME, query), text)
        inner = Prefetch(
            query.form,
            query.using,
            score_threshold=query.score_threshold,
            prefetch=query.prefetch,
        )
        outer = Query(nearest([1, 0, 0, 0]), prefetch=(Prefetch(), inner))
        await self.refused(kind, self.operations.read(NAME, outer), text)
        batch = QueryBatch([Query(), query])
        await self.refused(kind, self.operations.read(NAME, batch), text)
        groups = GroupQuery(query, PayloadPath.parse("city"))
        await self.refused(kind, self.operations.read(NAME, groups), text)

    async def test_prefetches_need_a_query(self) -> None:
        text = (
            "Bad request: A query is needed to merge the prefetches. "
            "Can't have prefetches without defining a query."
        )
        await self.refuse(BadRequest, text, Query(prefetch=(Prefetch(),)))
        await self.refuse(BadRequest, text, Query(prefetch=(Prefetch(),), score_threshold=0.5))

    async def test_a_threshold_needs_a_query(self) -> None:
        text = (
            "Bad request: A query is needed to use the score_threshold. "
            "Can't have score_threshold without defining a query."
        )
        await self.refuse(BadRequest, text, Query(score_threshold=0.5))

    async def test_an_order_has_no_threshold(self) -> None:
        text = "Bad request: Can't use score_threshold with an order_by query."
        await self.refuse(BadRequest, text, Query(OrderBy(_N), score_threshold=0.5))

    async def test_fusions(self) -> None:
        text = "Bad request: Fusion queries cannot be combined with the 'using' field."
        for form in (Rrf(), Dbsf()):
            await self.refuse(BadRequest, text, Query(form, using="other"))
            await self.refuse(BadRequest, text, Query(form, using="other", prefetch=(Prefetch(),)))
            absent = "Bad request: cannot apply Fusion without prefetches"
            await self.refuse(BadRequest, absent, Query(form))

    async def test_weights_are_as_many_as_prefetches(self) -> None:
        text = "Bad request: The number of RRF weights (1) must match the number of prefetches (2)"
        query = Query(Rrf(weights=(1.0,)), prefetch=(Prefetch(), Prefetch()))
        await self.refuse(BadRequest, text, query)

    async def test_a_formula_needs_prefetches(self) -> None:
        text = "Bad request: cannot apply Formula without prefetches"
        await self.refuse(BadRequest, text, Query(Formula(Score())))

    async def test_an_average_needs_positive_examples(self) -> None:
        text = "Wrong input: Positive vectors should not be empty with `average` strategy"
        await self.refuse(BadInput, text, Query(Recommend(negative=(PointExample(1),))))

    async def test_a_missing_collection_comes_first(self) -> None:
        call = self.operations.read("gone", Query(Rrf()))
        await self.refused(NotFound, call, "Not found: Collection `gone` doesn't exist!")

    async def test_prefetches_that_are_nested_too_deeply(self) -> None:
        form = nearest([1, 0, 0, 0])
        inner = Prefetch(form)
        for _ in range(MAX_PREFETCH_DEPTH):
            inner = Prefetch(form, prefetch=(inner,))
        call = self.operations.read(NAME, Query(form, prefetch=(inner,)))
        text = "Bad request: prefetches depth 65 exceeds max depth 64"
        await self.refused(BadRequest, call, text)
