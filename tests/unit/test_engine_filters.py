"""Which points pass a filter."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from twisted.trial.unittest import SynchronousTestCase

from tests.engine_support import UUID_1, EngineTestCase, field, unnamed, upsert, write
from vexfs_twisted.engine.filtering import row_filter
from vexfs_twisted.engine.filtering.evaluators import EVALUATORS
from vexfs_twisted.model.filters import (
    Condition,
    Filter,
    HasId,
    MatchAny,
    MatchExcept,
    MatchValue,
    Predicate,
    Range,
)
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.queries import Count, Scroll


class FilterTestCase(EngineTestCase):
    """A collection of payloads under the ids 0, 1, 2 and so on."""

    def keep(self, payloads: Sequence[Mapping[str, Any]]) -> None:
        """Have a collection of just these payloads."""
        self.catalog.delete("a")
        self.collection = self.catalog.create("a", unnamed())
        write(self.collection, upsert(range(len(payloads)), None, payloads))

    def passing(self, filter_: Filter) -> list[PointId]:
        """The ids that pass, as scrolling tells and counting confirms."""
        page = self.collection.read(Scroll(limit=2**64 - 1, filter=filter_))
        ids = [record.id for record in page.records]
        self.assertEqual(self.collection.read(Count(filter_)), len(ids))
        return ids

    def must(self, *conditions: Condition) -> list[PointId]:
        return self.passing(Filter(must=conditions))


class EvaluatorTests(SynchronousTestCase):
    """The table of the kinds of predicates."""

    def test_every_kind_of_predicate_has_an_evaluator(self) -> None:
        self.assertEqual(set(EVALUATORS), set(get_args(Predicate)))


class MatchTests(FilterTestCase):
    """Predicates on values of one field."""

    def setUp(self) -> None:
        super().setUp()
        values: list[Any] = [
            "red",
            "Red",
            5,
            5.0,
            True,
            None,
            [],
            ["blue", "red"],
            [5, "x"],
            {"red": 1},
            1,
            [None],
            [["red"]],
        ]
        self.keep([{"v": value} for value in values] + [{}])

    def test_a_string_is_matched_exactly_and_within_arrays(self) -> None:
        self.assertEqual(self.must(field("v", MatchValue("red"))), [0, 7])

    def test_an_integer_matches_no_float_and_no_boolean(self) -> None:
        self.assertEqual(self.must(field("v", MatchValue(5))), [2, 8])
        self.assertEqual(self.must(field("v", MatchValue(1))), [10])

    def test_a_boolean_matches_no_integer(self) -> None:
        self.assertEqual(self.must(field("v", MatchValue(True))), [4])

    def test_any_of_several(self) -> None:
        strings = MatchAny(frozenset({"blue", "Red"}))
        self.assertEqual(self.must(field("v", strings)), [1, 7])
        self.assertEqual(self.must(field("v", MatchAny(frozenset({1, 5})))), [2, 8, 10])
        self.assertEqual(self.must(field("v", MatchAny(frozenset()))), [])

    def test_a_value_beside_the_excepted_ones(self) -> None:
        strings = MatchExcept(frozenset({"red", "blue"}))
        self.assertEqual(self.must(field("v", strings)), [1, 2, 3, 4, 8, 9, 10, 12])
        self.assertEqual(
            self.must(field("v", MatchExcept(frozenset({5})))), [0, 1, 3, 4, 7, 8, 9, 10, 12]
        )
        self.assertEqual(
            self.must(field("v", MatchExcept(frozenset()))), [0, 1, 2, 3, 4, 7, 8, 9, 10, 12]
        )

    def test_a_range_takes_integers_and_floats_only(self) -> None:
        self.assertEqual(self.must(field("v", Range(gte=5))), [2, 3, 8])
        self.assertEqual(self.must(field("v", Range(gt=5))), [])
        self.assertEqual(self.must(field("v", Range(gt=0, lt=5))), [10])
        self.assertEqual(self.must(field("v", Range(gte=1, lte=5))), [2, 3, 8, 10])

    def test_a_range_tells_integers_apart_that_floats_do_not(self) -> None:
        large = 1_768_907_725_507_217_522
        self.keep([{"v": large + step} for step in (-1, 0, 1)] + [{"v": float(large)}])
        # The float next to it is 1768907725507217408, 114 less.
        for few_rows in (1000, -1):
            self.patch(row_filter, "FEW_ROWS", few_rows)
            for bounds, expected in (
                (Range(gt=large), [2]),
                (Range(gte=large), [1, 2]),
                (Range(lt=large), [0, 3]),
                (Range(lte=large), [0, 1, 3]),
                (Range(gt=large - 115, lt=large), [0, 3]),
                (Range(gt=float(large)), [0, 1, 2]),
                (Range(gte=float(large), lte=float(large)), [3]),
                (Range(gt=large - 114, lte=float(large)), []),
                (Range(gt=2**64, lt=None), []),
                (Range(lte=2**64 - 1, gt=float("-inf")), [0, 1, 2, 3]),
                (Range(gt=float("nan")), []),
            ):
                self.assertEqual(self.must(field("v", bounds)), expected, bounds)

    def test_bounds_next_to_each_other(self) -> None:
        edges = [2**53, 2**53 + 1, 2**53 + 2.0, -(2**53) - 1, 2**63 - 1, 2.0**63, 2**64 - 1]
        self.keep([{"v": value} for value in edges])
        for few_rows in (1000, -1):
            self.patch(row_filter, "FEW_ROWS", few_rows)
            for bound in (*edges, 2.0**53, 2**53 + 2, 2**63, -(2.0**53), 2.0**64, 0.5):
                for name in ("gt", "gte", "lt", "lte"):
                    passes = getattr(operator, name.replace("te", "e"))
                    expected = [n for n, value in enumerate(edges) if passes(value, bound)]
                    predicate = Range(**{name: bound})
                    self.assertEqual(self.must(field("v", predicate)), expected, predicate)

    def test_a_range_without_bounds_takes_every_number(self) -> None:
        self.assertEqual(self.must(field("v", Range())), [2, 3, 8, 10])


class PathTests(FilterTestCase):
    """Where a condition looks."""

    def test_keys_reach_into_objects_and_not_through_arrays(self) -> None:
        self.keep([{"a": {"b": 1}}, {"a": [{"b": 1}, {"b": 2}]}, {"a": {"b": [1, 3]}}, {"a.b": 1}])
        one = MatchValue(1)
        self.assertEqual(self.must(field("a.b", one)), [0, 2])
        self.assertEqual(self.must(field("a[].b", one)), [1])
        self.assertEqual(self.must(field("a[0].b", one)), [1])
        self.assertEqual(self.must(field("a[1].b", one)), [])
        self.assertEqual(self.must(field("a.b[1]", MatchValue(3))), [2])
        self.assertEqual(self.must(field('"a.b"', one)), [3])

    def test_brackets_at_the_end_equal_none(self) -> None:
        self.keep([{"a": ["x", "y"]}, {"a": "x"}, {"a": [["x"]]}])
        self.assertEqual(self.must(field("a", MatchValue("x"))), [0, 1])
        self.assertEqual(self.must(field("a[]", MatchValue("x"))), [0, 2])


class ClauseTests(FilterTestCase):
    """How conditions combine."""

    def setUp(self) -> None:
        super().setUp()
        self.keep([{"n": n, "even": n % 2 == 0} for n in range(12)])
        self.even = field("even", MatchValue(True))
        self.small = field("n", Range(lt=4))
        self.named = HasId(frozenset({1, 2, 3, 77, UUID_1}))

    def test_an_empty_filter_and_empty_clauses_pass_everything(self) -> None:
        self.assertEqual(self.passing(Filter()), list(range(12)))
        self.assertEqual(self.passing(Filter(must=(Filter(),))), list(range(12)))
        self.assertEqual(self.passing(Filter(must_not=(Filter(),))), [])

    def test_must_takes_all(self) -> None:
        self.assertEqual(self.must(self.even, self.small), [0, 2])

    def test_should_takes_any(self) -> None:
        large = field("n", Range(gt=9))
        self.assertEqual(self.passing(Filter(should=(self.small, large))), [0, 1, 2, 3, 10, 11])
        self.assertEqual(self.passing(Filter(must=(self.even,), should=(large,))), [10])

    def test_must_not_takes_none(self) -> None:
        self.assertEqual(self.passing(Filter(must_not=(self.even, self.small))), [5, 7, 9, 11])

    def test_ids(self) -> None:
        self.assertEqual(self.must(self.named), [1, 2, 3])
        self.assertEqual(self.must(HasId(frozenset())), [])
        self.assertEqual(self.passing(Filter(must_not=(HasId(frozenset()),))), list(range(12)))
        self.assertEqual(self.passing(Filter(must_not=(self.named,)))[:2], [0, 4])

    def test_ids_beside_fields_in_every_clause(self) -> None:
        self.assertEqual(self.must(self.named, self.even), [2])
        self.assertEqual(self.passing(Filter(should=(self.named, self.even)))[:5], [0, 1, 2, 3, 4])
        self.assertEqual(self.passing(Filter(must=(self.small,), must_not=(self.named,))), [0])
        self.assertEqual(self.passing(Filter(must=(self.named,), should=(self.even,))), [2])
        self.assertEqual(
            self.passing(Filter(should=(self.named, HasId(frozenset({9}))))), [1, 2, 3, 9]
        )

    def test_filters_nest(self) -> None:
        inner = Filter(should=(Filter(must=(self.named, self.even)), field("n", MatchValue(11))))
        self.assertEqual(self.must(inner), [2, 11])
        self.assertEqual(self.passing(Filter(must_not=(inner, self.small))), [4, 5, 6, 7, 8, 9, 10])
        deep = Filter(must=(Filter(must_not=(Filter(must=(self.named,)),)),))
        self.assertEqual(self.passing(deep), [0, *range(4, 12)])
