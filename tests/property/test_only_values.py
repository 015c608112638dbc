"""Formulas and groups answer alike by the columns of their paths and by payloads alone."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests import examples
from tests.engine_support import EngineTestCase, floats, unnamed, upsert, write
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.model.errors import DomainError
from vexfs_twisted.model.formula import (
    Constant,
    Expression,
    Formula,
    GeoDistance,
    Mult,
    PayloadDatetime,
    PayloadNumber,
    Score,
    Sum,
)
from vexfs_twisted.model.geo import GeoPoint
from vexfs_twisted.model.groups import GroupQuery
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Prefetch, Query
from vexfs_twisted.model.query_forms import VectorExample

COUNT = 8
PATHS = [PayloadPath.parse(text) for text in ("a", "a[]", "a[0]", "o.b", "o[].b")]
KINDS = [
    FieldType.INTEGER,
    FieldType.FLOAT,
    FieldType.KEYWORD,
    FieldType.DATETIME,
    FieldType.GEO,
    FieldType.BOOL,
]

_scalars: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([0, 1, 5, 5.0, -0.0, 2.5, 1e300, 2**53 + 1, -(2**63), 2**63, 2**64 - 1]),
    st.sampled_from(["", "x", "2024-05-01T12:00:00Z", "2024-05-01", None, True]),
    st.sampled_from([{"lon": 2, "lat": 41.5}, {"lon": 200, "lat": 0}, {"b": 5}, {}]),
)
_values = _scalars | st.lists(_scalars, max_size=3) | st.just([[5]])
_uniform = st.sampled_from([1, 2.5, [3], 2**53 + 1, None, []])
"""Values that are all numbers or none, so that most formulas have results."""


def _payloads() -> st.SearchStrategy[list[dict[str, Any]]]:
    def of(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
        objects = values.map(lambda own: {"b": own})
        members: dict[str, st.SearchStrategy[Any]] = {
            "a": values,
            "o": objects | st.lists(objects, max_size=2),
        }
        return st.fixed_dictionaries({}, optional=members)

    several = [st.lists(of(own), min_size=COUNT, max_size=COUNT) for own in (_values, _uniform)]
    return st.one_of(several)


def _variables() -> st.SearchStrategy[Expression]:
    path = st.sampled_from(PATHS)
    return st.one_of(
        path.map(PayloadNumber),
        path.map(PayloadDatetime),
        path.map(lambda own: GeoDistance(GeoPoint(2.0, 41.0), own)),
    )


_defaults = st.fixed_dictionaries(
    {}, optional={path.text: st.sampled_from([1.5, "2024-01-01", None]) for path in PATHS}
)
_NEAREST = VectorExample(floats([1, 0, 0, 0])[0])


class OnlyValues(EngineTestCase):
    """One collection, asked without columns, with them, and with rows that they are behind for."""

    def answers(self, collection: Collection, formula: Formula, path: PayloadPath) -> list[Any]:
        prefetch = (Prefetch(_NEAREST, limit=2 * COUNT),)
        query = Query(formula, limit=2 * COUNT, prefetch=prefetch)
        found: list[Any] = []
        for request in (query, GroupQuery(Query(_NEAREST, limit=4), path, 2)):
            try:
                found.append(collection.read(request))
            except DomainError as error:
                found.append(str(error))
        return found

    def test_columns_change_no_answer(self) -> None:
        numbers = iter(range(1 << 30))

        @settings(max_examples=examples(40))
        @given(
            _payloads(),
            _payloads(),
            st.lists(_variables(), min_size=1, max_size=2),
            _defaults,
            st.sampled_from(PATHS),
            st.sampled_from(KINDS),
        )
        def check(
            payloads: list[dict[str, Any]],
            later: list[dict[str, Any]],
            variables: list[Expression],
            defaults: dict[str, Any],
            path: PayloadPath,
            kind: FieldType,
        ) -> None:
            vectors = floats(*([number + 1, 0, 0, 1] for number in range(COUNT)))
            mult = Mult((Constant(0.5), Score()))
            formula = Formula(Sum((mult, *variables)), defaults)
            plain, indexed = (self.catalog.create(f"c{next(numbers)}", unnamed()) for _ in range(2))
            for own in (plain, indexed):
                write(own, upsert(range(COUNT), vectors, payloads))
            for field in PATHS:
                write(indexed, CreateFieldIndex(field, FieldSchema(kind)))
            expected = self.answers(plain, formula, path)
            self.assertEqual(_shown(self.answers(indexed, formula, path)), _shown(expected))
            with indexed.snapshot() as snapshot:
                steps = [own.steps for own in PATHS]
                snapshot.indexes.columns.exact_each(steps, snapshot.rows)
            self.assertEqual(_shown(self.answers(indexed, formula, path)), _shown(expected))
            for own in (plain, indexed):
                write(own, upsert(range(3, COUNT + 3), vectors, later))
            expected = self.answers(plain, formula, path)
            self.assertEqual(_shown(self.answers(indexed, formula, path)), _shown(expected))

        check()


def _shown(answers: list[Any]) -> str:
    """The answers without the versions of points, which count the declarations too."""
    return repr([_without_versions(answer) for answer in answers])


def _without_versions(answer: Any) -> Any:
    if isinstance(answer, str):
        return answer
    groups = [(own.id, own.hits) if hasattr(own, "hits") else (None, [own]) for own in answer]
    return [(key, [(hit.id, hit.score) for hit in hits]) for key, hits in groups]
