"""Formulas and groups answer alike by the columns of their paths and by payloads alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import examples
from tests.engine_support import EngineTestCase, floats, unnamed, upsert, write
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.model.errors import DomainError
from vexfs_twisted.model.formula import (
    Expression,
    Formula,
    GeoDistance,
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
from vexfs_twisted.model.updates import OverwritePayload

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
_FAMILIES: list[tuple[list[Any], Any, Callable[[PayloadPath], Expression]]] = [
    ([1, 2.5, [3], 2**53 + 1, 2**64 - 1, None, []], 1.5, PayloadNumber),
    (["2024-05-01", ["2024-05-02T01:00:00Z"], None], "2024-01-01", PayloadDatetime),
    (
        [{"lon": 2, "lat": 41.5}, [{"lon": 3, "lat": 4}], None],
        {"lon": 0, "lat": 0},
        partial(GeoDistance, GeoPoint(2.0, 41.0)),
    ),
]
"""Values of one type or missing, a default, and the variable for them."""


def _payload(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    objects = values.map(lambda own: {"b": own})
    return st.fixed_dictionaries({}, optional={"a": values, "o": objects | st.just([])})


@st.composite
def _cases(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]], Formula]:
    """Payloads before and after a write, all of one type but for one at most, and a formula."""
    values, default, variable = draw(st.sampled_from(_FAMILIES))
    usual = st.lists(_payload(st.sampled_from(values)), min_size=COUNT, max_size=COUNT)
    before: list[dict[str, Any]] = draw(usual)
    after: list[dict[str, Any]] = draw(usual)
    for payloads in (before, after):
        if draw(st.booleans()):
            payloads[draw(st.integers(0, COUNT - 1))] = draw(
                _payload(_values | st.just([values[0], True]))
            )
    variables = draw(st.lists(st.sampled_from(PATHS).map(variable), min_size=1, max_size=2))
    has_defaults = draw(st.integers(0, 3)) > 0
    defaults = {path.text: default for path in PATHS} if has_defaults else {}
    return before, after, Formula(Sum((Score(), *variables)), defaults)


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
            _cases(),
            st.sampled_from(PATHS),
            st.sampled_from(KINDS),
        )
        def check(
            case: tuple[list[dict[str, Any]], list[dict[str, Any]], Formula],
            path: PayloadPath,
            kind: FieldType,
        ) -> None:
            payloads, later, formula = case
            vectors = floats(*([number + 1, 0, 0, 1] for number in range(COUNT)))
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
                write(own, OverwritePayload(orjson.dumps(later[0]), [1]))
            expected = self.answers(plain, formula, path)
            self.assertEqual(_shown(self.answers(indexed, formula, path)), _shown(expected))

        check()

    def test_several_values_are_no_value(self) -> None:
        collection = self.catalog.create("several", unnamed())
        payloads = [{"a": [1, True]}, {"a": [5, 5]}]
        write(collection, upsert(range(2), floats([1, 0, 0, 0], [2, 0, 0, 0]), payloads))
        formula = Formula(PayloadNumber(PATHS[0]), {})
        expected = self.answers(collection, formula, PATHS[0])
        with collection.snapshot() as snapshot:
            snapshot.indexes.columns.exact(PATHS[0].steps, snapshot.rows)
        self.assertIn("invalid type: sequence", expected[0])
        found = self.answers(collection, formula, PATHS[0])
        self.assertEqual(_shown(found), _shown(expected))


def _shown(answers: list[Any]) -> str:
    """The answers without the versions of points, which count the declarations too."""
    return repr([_without_versions(answer) for answer in answers])


def _without_versions(answer: Any) -> Any:
    if isinstance(answer, str):
        return answer
    groups = [(own.id, own.hits) if hasattr(own, "hits") else (None, [own]) for own in answer]
    return [(key, [(hit.id, hit.score) for hit in hits]) for key, hits in groups]
