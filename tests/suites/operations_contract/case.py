"""Base of the topics of the contract: an empty store for each test, calls and assertions."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import orjson
from twisted.trial.unittest import SkipTest

from tests.suites.values import EVERYTHING, Point, unnamed, upsert, vector_of
from vexfs_twisted.interfaces import IOperations
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.errors import DomainError, NotFound, VectorNotFound
from vexfs_twisted.model.filters import Filter
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.queries import (
    Count,
    Page,
    Query,
    Record,
    Retrieve,
    ScoredPoint,
    Scroll,
    Selection,
)
from vexfs_twisted.model.updates import Update, UpdateResult
from vexfs_twisted.model.vector_kinds import vector_content

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase

    class Provider(TestCase):
        """The base class that a topic expects."""

        not_for_this_provider: Mapping[str, str]
        """Tests that this provider cannot run, each with the reason."""

        async def make_operations(self) -> IOperations:
            """Make operations over an empty store; resources are released by `addCleanup`."""

else:
    Provider = object

E = TypeVar("E", bound=DomainError)

NAME = "things"
"""The collection that most tests work on."""


class ContractCase(Provider):
    """The base of every topic, to be mixed into the test case of a provider."""

    operations: IOperations

    async def setUp(self) -> None:  # type: ignore[override]
        """Skip tests this provider cannot run; make the operations. Trial awaits the coroutine."""
        reason = self.not_for_this_provider.get(self._testMethodName)
        if reason is not None:
            raise SkipTest(reason)
        self.operations = await self.make_operations()
        await self.prepare()

    async def prepare(self) -> None:
        """Write the initial data of a topic."""

    async def create(self, request: CreateCollection | None = None, name: str = NAME) -> None:
        """Create a collection, by default of 4 dimensions with the dot product."""
        await self.operations.create_collection(name, request or unnamed())

    async def put(self, *points: Point) -> UpdateResult:
        """Write points and wait for them."""
        return await self.update(upsert(*points))

    async def update(self, update: Update) -> UpdateResult:
        """Apply an update and wait for it."""
        return await self.operations.update(NAME, update, wait=True)

    async def retrieve(
        self, *ids: PointId, selection: Selection = EVERYTHING, name: str = NAME
    ) -> list[Record]:
        """The points of these ids."""
        return await self.operations.read(name, Retrieve(ids, selection))

    async def only(self, point_id: PointId, selection: Selection = EVERYTHING) -> Record:
        """The one point of this id."""
        (record,) = await self.retrieve(point_id, selection=selection)
        return record

    async def scroll(self, **request: Any) -> Page:
        """A page of points; the arguments are those of Scroll."""
        return await self.operations.read(NAME, Scroll(**request))

    async def count(self, filter: Filter | None = None, name: str = NAME) -> int:
        """The number of points that pass the filter."""
        return await self.operations.read(name, Count(filter))

    async def query(self, **request: Any) -> Sequence[ScoredPoint]:
        """The result of one query; the arguments are those of Query."""
        return await self.operations.read(NAME, Query(**request))

    async def ids_where(self, filter: Filter) -> list[PointId]:
        """The ids of all points that pass the filter, by scrolling; the count must agree."""
        page = await self.scroll(filter=filter, limit=1000)
        ids = ids_of(page.records)
        self.assertEqual(await self.count(filter), len(ids))
        return ids

    async def refused(self, kind: type[E], call: Awaitable[object], message: str = "") -> E:
        """Assert that the call fails with exactly this class and message; returns the error.

        Over a wire a missing vector is told from a missing point by the message only.
        """
        try:
            answer = await call
        except DomainError as error:
            found = NotFound if isinstance(error, VectorNotFound) else type(error)
            self.assertIs(found, kind, error.message)
            if message:
                self.assertEqual(error.message, message)
            assert isinstance(error, kind)
            return error
        raise self.failureException(f"{kind.__name__} was expected, but this came: {answer!r}")

    def assert_payload(self, point: Record | ScoredPoint, expected: Mapping[str, Any]) -> None:
        """Assert that the payload equals `expected`, types of numbers included."""
        self.assertIsNotNone(point.payload, "there is no payload")
        payload = orjson.loads(point.payload or b"null")
        self.assertEqual(_typed(payload), _typed(expected))

    def assert_vectors(self, point: Record | ScoredPoint, expected: Mapping[str, Any]) -> None:
        """Assert that the point has exactly these vectors, each equal in float32."""
        vectors = point.vectors
        assert vectors is not None, "there are no vectors"
        self.assertEqual(sorted(vectors), sorted(expected))
        for name, given in expected.items():
            self.assertEqual(vector_content(vectors[name]), vector_content(vector_of(given)))

    def assert_scores(
        self, points: Iterable[ScoredPoint], expected: Sequence[float], exact: bool = True
    ) -> None:
        """Assert the scores: equal as float32, or within 1e-5."""
        scores = np.array([point.score for point in points], dtype=np.float32)
        wanted = np.array(expected, dtype=np.float32)
        if exact:
            self.assertEqual(scores.tolist(), wanted.tolist())
        else:
            np.testing.assert_allclose(scores, wanted, rtol=1e-5, atol=1e-6)


def ids_of(points: Iterable[Record | ScoredPoint]) -> list[PointId]:
    """The ids of the points, in order."""
    return [point.id for point in points]


def _typed(value: Any) -> Any:
    """`value` with each scalar paired with its type: 1, 1.0 and True are equal in Python."""
    if isinstance(value, Mapping):
        return {key: _typed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_typed(item) for item in value]
    return type(value), value
