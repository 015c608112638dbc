"""The literal texts of errors over REST."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.contract.rest_wire import POINTS, WireCase
from tests.contract.texts import (
    EMPTY,
    LONG,
    NO_FACET,
    NO_ORDER,
    PINNED,
    SAYS_NOTHING,
    SLASH,
    TOO_LONG,
)

IN_BODY = "Validation error in JSON body: "
UNEQUAL = "number of ids and vectors must be equal"
IN_PATH = "Validation error in path parameters: "
NAMED_DENSE = {"a": {"size": 2, "distance": "Dot"}}

Case = tuple[str, str, Any, int, str]
"""Method, path, body, status and the whole text."""

COLLECTION_CASES: Sequence[Case] = (
    ("GET", "/collections/a%2Fb", None, 422, f"{IN_PATH}[collection_name: {SLASH}]"),
    ("PUT", "/collections/a%2Fb", {}, 422, f"{IN_PATH}[collection_name: {SLASH}]"),
    ("GET", "/collections/a%2Fb/aliases", None, 422, f"{IN_PATH}[collection_name: {SLASH}]"),
    ("GET", f"/collections/{LONG}", None, 422, f"{IN_PATH}[collection_name: {TOO_LONG}]"),
    ("GET", f"/collections/{LONG}/aliases", None, 422, f"{IN_PATH}[collection_name: {TOO_LONG}]"),
    (
        "PUT",
        "/collections/n",
        {"vectors": {"a/b": {"size": 2, "distance": "Dot"}}},
        400,
        'Wrong input: Invalid dense vector name `a/b`: vector name cannot contain "/" char',
    ),
    (
        "PUT",
        "/collections/n",
        {"sparse_vectors": {"a:b": {}}},
        400,
        'Wrong input: Invalid sparse vector name `a:b`: vector name cannot contain ":" char',
    ),
    (
        "PUT",
        "/collections/n",
        {"vectors": {"size": 2, "distance": "Dot", "memory": "pinned"}},
        422,
        f"{IN_BODY}[vectors.memory: {PINNED.format('dense vector')}]",
    ),
    (
        "PUT",
        "/collections/n",
        {"payload": {"memory": "pinned"}},
        422,
        f"{IN_BODY}[payload.memory: {PINNED.format('payload')}]",
    ),
    (
        "PATCH",
        "/collections/c",
        {"vectors": {"": {"memory": "pinned"}}},
        422,
        f"{IN_BODY}[vectors.memory: {PINNED.format('dense vector')}]",
    ),
    (
        "GET",
        "/collections/c/optimizations?with=queued,x",
        None,
        400,
        "Wrong input: Unknown field in 'with' parameter: x",
    ),
)

POINT_CASES: Sequence[Case] = (
    ("POST", "/collections/c/facet", {"key": "k"}, 400, NO_FACET),
    ("POST", f"{POINTS}/scroll", {"order_by": "k"}, 400, NO_ORDER),
    ("POST", f"{POINTS}/delete", {"points": []}, 400, EMPTY),
    ("PUT", POINTS, {"points": []}, 400, EMPTY),
    ("POST", f"{POINTS}/payload", {"points": [], "payload": {}}, 400, EMPTY),
    ("POST", f"{POINTS}/vectors/delete", {"points": [], "vector": [""]}, 400, EMPTY),
    (
        "PUT",
        POINTS,
        {"points": [{"id": 1, "vector": [1]}]},
        400,
        "Wrong input: Vector dimension error: expected dim: 4, got 1",
    ),
    (
        "PUT",
        "/collections/named/points",
        {"points": [{"id": 1, "vector": {"a": [1]}}]},
        400,
        "Wrong input: Vector dimension error: expected dim: 2, got 1 for vector 'a'",
    ),
    (
        "PUT",
        "/collections/named/points/vectors",
        {"points": [{"id": 1, "vector": {"a": [1, 2, 3]}}]},
        400,
        "Wrong input: Vector dimension error: expected dim: 2, got 3 for vector 'a'",
    ),
    (
        "POST",
        "/collections/named/points/query",
        {"query": [1], "using": "a"},
        400,
        "Wrong input: Vector dimension error: expected dim: 2, got 1 for vector 'a'",
    ),
    (
        "POST",
        "/collections/named/points/search",
        {"vector": {"name": "a", "vector": [1]}, "limit": 1},
        400,
        "Wrong input: Vector dimension error: expected dim: 2, got 1 for vector 'a'",
    ),
    (
        "PUT",
        f"{POINTS}/vectors",
        {"points": []},
        422,
        f"{IN_BODY}[points: must specify points to update]",
    ),
    (
        "POST",
        f"{POINTS}/vectors/delete",
        {"points": [1], "vector": []},
        422,
        f"{IN_BODY}[vector: must specify vector names to delete]",
    ),
    (
        "POST",
        f"{POINTS}/batch",
        {"operations": [{"delete_vectors": {"points": [1], "vector": []}}]},
        422,
        f"{IN_BODY}[operations[0].delete_vectors.vector: must specify vector names to delete]",
    ),
    (
        "PUT",
        POINTS,
        {"batch": {"ids": [1, 2], "vectors": [[1, 2, 3, 4]]}},
        422,
        f"{IN_BODY}[batch.batch: {UNEQUAL} (2 != 1)]",
    ),
    (
        "POST",
        f"{POINTS}/batch",
        {"operations": [{"upsert": {"batch": {"ids": [1], "vectors": []}}}]},
        422,
        f"{IN_BODY}[operations[0].upsert.batch.batch: {UNEQUAL} (1 != 0)]",
    ),
    (
        "POST",
        f"{POINTS}/count",
        {"filter": {"must": [{"has_id": []}, {"key": "k"}]}},
        422,
        f"{IN_BODY}[count_request.filter.must[1].__all__: {SAYS_NOTHING}]",
    ),
    (
        "POST",
        f"{POINTS}/query",
        {"filter": {"must_not": {"key": "k"}}},
        422,
        f"{IN_BODY}[internal.filter.must_not[0].__all__: {SAYS_NOTHING}]",
    ),
    (
        "POST",
        f"{POINTS}/scroll",
        {"filter": {"min_should": {"conditions": [], "min_count": 0}}},
        422,
        f"{IN_BODY}[scroll_request.filter.min_should.min_count: min_count must be greater than 0]",
    ),
)


class RestTexts(WireCase):
    """Texts over REST: the collection `c` has an unnamed vector, `named` the vector `a`."""

    async def check(self, cases: Sequence[Case]) -> None:
        await self.ok("PUT", "/collections/named", {"vectors": NAMED_DENSE})
        for method, path, body, status, text in cases:
            self.assertEqual(await self.refused(status, method, path, body), text, (path, body))

    async def test_of_collections(self) -> None:
        await self.check(COLLECTION_CASES)

    async def test_of_points(self) -> None:
        await self.check(POINT_CASES)
