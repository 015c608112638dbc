"""Query trees at random: forms, prefetches, formulas and parameters, all of them valid requests.

What they refer to is chosen by `Ground`, so that executors can be asked about data they have.
Strategies of a ground are made once: hypothesis takes longer to make and check one than to draw.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import hypothesis.strategies as st
import numpy as np
from attrs import Factory, frozen
from hypothesis.extra import numpy as arrays

from vexfs_twisted.model.filters import FieldCondition, Filter, HasId, MatchValue, Range
from vexfs_twisted.model.formula import (
    Apply,
    Constant,
    Decay,
    DecayKind,
    Div,
    Expression,
    FilterTest,
    Formula,
    Function,
    GeoDistance,
    Max,
    Min,
    Mult,
    PayloadDatetime,
    PayloadNumber,
    Pow,
    Score,
    Sum,
    datetime_constant,
)
from vexfs_twisted.model.geo import GeoPoint
from vexfs_twisted.model.groups import GroupLookup, GroupQuery
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import (
    ALL_PAYLOAD,
    NO_PAYLOAD,
    LookupLocation,
    PayloadMode,
    PayloadSelector,
    Prefetch,
    Query,
    Selection,
)
from vexfs_twisted.model.query_forms import (
    MOST_MMR_CANDIDATES,
    Context,
    ContextPair,
    Dbsf,
    Direction,
    Discover,
    Example,
    FeedbackItem,
    Mmr,
    NaiveStrategy,
    OrderBy,
    PointExample,
    QueryForm,
    Recommend,
    RecommendStrategy,
    RelevanceFeedback,
    Rrf,
    Sample,
    VectorExample,
)
from vexfs_twisted.model.search_params import Acorn, Idf, Quantization, SearchParams
from vexfs_twisted.model.vector_kinds import MultiVector, SparseVector, Vector

Strategy = st.SearchStrategy[Any]

float32s = st.floats(-100, 100, width=32, allow_subnormal=False)
"""Numbers that JSON and messages hold alike, small enough for sums of products."""

fractions = st.floats(0, 1, width=32, allow_subnormal=False)
positives = st.floats(0.125, 100, width=32)


def dense_vectors(dimension: int) -> st.SearchStrategy[Vector]:
    """Dense vectors, float32, shape [dimension]."""
    return arrays.arrays(np.float32, dimension, elements=float32s)


def multi_vectors(dimension: int) -> st.SearchStrategy[Vector]:
    """Multivectors of one to three rows."""
    shapes = st.tuples(st.integers(1, 3), st.just(dimension))
    return shapes.flatmap(lambda shape: arrays.arrays(np.float32, shape, elements=float32s)).map(
        MultiVector
    )


@st.composite
def sparse_vectors(draw: st.DrawFn, most: int = 2**32 - 1) -> SparseVector:
    """Sparse vectors with up to four components, whose indices are at most `most`."""
    indices = sorted(draw(st.sets(st.integers(0, most), max_size=4)))
    values = draw(st.lists(float32s, min_size=len(indices), max_size=len(indices)))
    return SparseVector(np.array(indices, np.uint32), np.array(values, np.float32))


def _paths(*texts: str) -> st.SearchStrategy[PayloadPath]:
    return st.sampled_from([PayloadPath.parse(text) for text in texts])


_FILTERS = (
    Filter(must=(FieldCondition(PayloadPath.parse("a.b"), MatchValue("red")),)),
    Filter(should=(FieldCondition(PayloadPath.parse("n"), Range(gte=1.5)),)),
    Filter(must_not=(HasId(frozenset({3})),)),
)


@frozen(eq=False)
class Ground:
    """What query trees refer to: vectors by name, points, payload fields, other collections.

    `corpora`, of inverse document frequencies, and `lookups` are None where there are none.
    Formulas have the expressions that are not in JSON if `is_in_messages`.
    """

    vectors: dict[str, Strategy] = Factory(
        lambda: {
            "": dense_vectors(3),
            "multi": multi_vectors(2),
            "text": sparse_vectors(),
        }
    )
    ids: st.SearchStrategy[PointId] = st.integers(0, 2**64 - 1) | st.uuids().map(str)
    filters: st.SearchStrategy[Filter] = st.sampled_from(_FILTERS)
    numbers: st.SearchStrategy[PayloadPath] = _paths("n", "a.b", "list[0]")
    datetimes: st.SearchStrategy[PayloadPath] = _paths("when", "a.when")
    places: st.SearchStrategy[PayloadPath] = _paths("place", "a.place")
    groups: st.SearchStrategy[PayloadPath] = _paths("city", "list[]")
    corpora: st.SearchStrategy[Idf] | None = st.builds(Idf, st.none() | st.sampled_from(_FILTERS))
    lookups: st.SearchStrategy[LookupLocation] | None = st.builds(
        LookupLocation, st.sampled_from(["other", "x y"]), st.none() | st.just("v")
    )

    is_in_messages: bool = False

    @cache  # noqa: B019 - grounds live as long as their modules
    def examples(self, name: str) -> st.SearchStrategy[Example]:
        """Vectors under the name, and points."""
        return self.vectors[name].map(VectorExample) | self.ids.map(PointExample)


def _lists(elements: Strategy, least: int = 0) -> Strategy:
    return st.lists(elements, min_size=least, max_size=3).map(tuple)


@cache
def vector_forms(examples: st.SearchStrategy[Example]) -> st.SearchStrategy[QueryForm]:
    """The forms that score by similarity to examples."""
    pairs = st.builds(ContextPair, examples, examples)
    feedback = st.builds(FeedbackItem, examples, float32s)
    average = st.just(RecommendStrategy.AVERAGE_VECTOR)
    others = st.sampled_from([RecommendStrategy.BEST_SCORE, RecommendStrategy.SUM_SCORES])
    # Small powers of confidences, whose scores are finite.
    powers = st.floats(0, 4, width=32, allow_subnormal=False)
    strategies = st.builds(NaiveStrategy, float32s, powers, float32s)
    return st.one_of(
        examples,
        st.builds(Mmr, examples, fractions, st.none() | st.integers(0, MOST_MMR_CANDIDATES)),
        st.builds(Recommend, _lists(examples, 1), _lists(examples), average | others),
        st.builds(Recommend, _lists(examples), _lists(examples, 1), others),
        st.builds(Discover, examples, _lists(pairs)),
        st.builds(Context, _lists(pairs)),
        st.builds(RelevanceFeedback, examples, _lists(feedback, 1), strategies),
    )


@cache
def orders(ground: Ground) -> st.SearchStrategy[OrderBy]:
    """Orders of payload fields of numbers."""
    starts = st.none() | st.integers(-(2**63), 2**63 - 1) | float32s
    return st.builds(OrderBy, ground.numbers, st.sampled_from(Direction), starts)


@cache
def expressions(ground: Ground, prefetches: int) -> st.SearchStrategy[Expression]:
    """Expressions over the scores of so many prefetches and the payload."""
    scores = st.integers(0, max(prefetches - 1, 0)).map(Score)
    places = st.builds(GeoPoint, st.floats(-180, 180), st.floats(-90, 90))
    moments = st.sampled_from(["2024-02-29", "2024-02-29T12:30:00Z", "1969-12-31T23:59:59.5Z"])
    leaves: st.SearchStrategy[Expression] = st.one_of(
        float32s.map(Constant),
        scores,
        ground.numbers.map(PayloadNumber),
        ground.filters.map(FilterTest),
        moments.map(datetime_constant),
        ground.datetimes.map(PayloadDatetime),
        st.builds(GeoDistance, places, ground.places),
    )
    operations = _message_operations if ground.is_in_messages else _operations
    return st.recursive(leaves, operations, max_leaves=6)


_JSON_FUNCTIONS = [own for own in Function if own is not Function.ACOSH]


def _message_operations(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    """Operations of messages, half of them not in JSON."""
    others = st.one_of(
        st.builds(Max, _lists(inner, 1)),
        st.builds(Min, _lists(inner, 1)),
        st.builds(Apply, st.just(Function.ACOSH), inner),
    )
    return others | _operations(inner)


def _operations(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    # Strictly between its bounds, which only a linear decay may have.
    midpoints = st.floats(0.125, 0.875, width=32)
    return st.one_of(
        st.builds(Mult, _lists(inner)),
        st.builds(Sum, _lists(inner)),
        st.builds(Apply, st.sampled_from(_JSON_FUNCTIONS), inner),
        st.builds(Div, inner, inner, st.none() | float32s),
        st.builds(Pow, inner, inner),
        st.builds(Decay, st.sampled_from(DecayKind), inner, inner, positives, midpoints),
        st.builds(Decay, st.sampled_from(DecayKind), inner),
    )


@cache
def formulas(ground: Ground, prefetches: int) -> st.SearchStrategy[Formula]:
    """Formulas with defaults for some variables."""
    names = st.sampled_from(["n", "a.b", "$score", "$score[1]", "list[0]"])
    values = st.none() | st.booleans() | st.integers(-5, 5) | float32s | st.just("x")
    defaults = st.dictionaries(names, values, max_size=2)
    return st.builds(Formula, expressions(ground, prefetches), defaults)


@cache
def fusions(prefetches: int) -> st.SearchStrategy[Rrf | Dbsf]:
    """Fusions of so many prefetches."""
    weights = st.lists(float32s, min_size=prefetches, max_size=prefetches).map(tuple)
    ranked = st.builds(Rrf, st.integers(1, 100), st.none() | weights)
    return ranked | st.just(Dbsf())


@cache
def search_params(ground: Ground) -> st.SearchStrategy[SearchParams]:
    """Parameters of searches."""
    absent = st.none()
    rescores = st.builds(
        Quantization, st.booleans(), absent | st.booleans(), absent | st.floats(1, 4)
    )
    acorns = st.builds(Acorn, st.booleans(), absent | st.floats(0, 1))
    idf = absent if ground.corpora is None else absent | ground.corpora
    some = st.builds(
        SearchParams,
        absent | st.integers(1, 512),
        st.booleans(),
        absent | rescores,
        st.booleans(),
        absent | acorns,
        idf,
    )
    return st.just(SearchParams()) | some


@cache
def _optional(values: Strategy) -> Strategy:
    return st.none() | values


@cache
def _names(ground: Ground) -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(ground.vectors))


@cache
def _inner(ground: Ground, depth: int) -> Strategy:
    """The prefetches of a part that has at most `depth` levels of them."""
    return _lists(prefetches(ground, depth - 1))


@cache
def _forms(ground: Ground, using: str, prefetches: int) -> Strategy:
    """The forms of a part with so many prefetches."""
    forms: list[Strategy] = [vector_forms(ground.examples(using)), orders(ground)]
    forms.append(st.just(Sample()))
    if prefetches:
        forms += [fusions(prefetches), formulas(ground, prefetches)]
    else:
        forms.append(st.none())
    return st.one_of(forms)


@cache
@st.composite
def _parts(draw: st.DrawFn, ground: Ground, depth: int) -> dict[str, Any]:
    """The parts of a query or prefetch that has at most `depth` levels of prefetches."""
    inner = draw(_inner(ground, depth)) if depth else ()
    using = draw(_names(ground))
    form = draw(_forms(ground, using, len(inner)))
    parts: dict[str, Any] = {"form": form, "prefetch": inner}
    if isinstance(form, Rrf | Dbsf):
        using = ""
    parts["using"] = using
    parts["filter"] = draw(_optional(ground.filters))
    parts["params"] = draw(search_params(ground))
    if form is not None and not isinstance(form, OrderBy):
        parts["score_threshold"] = draw(_optional(float32s))
    if ground.lookups is not None:
        parts["lookup_from"] = draw(_optional(ground.lookups))
    return parts


@cache
def prefetches(ground: Ground, depth: int = 0) -> st.SearchStrategy[Prefetch]:
    """Prefetches with at most `depth` levels of their own."""
    return st.builds(
        lambda parts, limit: Prefetch(**parts, limit=_valid_limit(parts["form"], limit)),
        _parts(ground, depth),
        _limits,
    )


@cache
def selections(ground: Ground) -> st.SearchStrategy[Selection]:
    """What is returned of each point."""
    paths = _lists(_paths("a", "a.b", "list[]"), 1)
    payloads = st.sampled_from([ALL_PAYLOAD, NO_PAYLOAD]) | st.builds(
        PayloadSelector, st.sampled_from([PayloadMode.INCLUDE, PayloadMode.EXCLUDE]), paths
    )
    vectors = st.booleans() | _lists(st.sampled_from(sorted(ground.vectors)), 1)
    return st.builds(Selection, payloads, vectors)


_limits = st.integers(1, 20) | st.just(2**64 - 1)


def _valid_limit(form: QueryForm | None, limit: int) -> int:
    """The limit, or the largest that a form may have."""
    is_bounded = isinstance(form, Mmr) and form.candidates_limit is None
    return min(limit, MOST_MMR_CANDIDATES) if is_bounded else limit


def queries(ground: Ground, depth: int = 2) -> st.SearchStrategy[Query]:
    """Queries with at most `depth` levels of prefetches; `Query.check` accepts all of them."""
    return st.builds(
        lambda parts, limit, offset, selection: Query(
            **parts,
            limit=_valid_limit(parts["form"], limit),
            offset=offset,
            selection=selection,
        ),
        _parts(ground, depth),
        _limits,
        st.integers(0, 5),
        selections(ground),
    )


def group_queries(ground: Ground, depth: int = 1) -> st.SearchStrategy[GroupQuery]:
    """Queries for groups, with lookups in other collections where the ground has some."""
    lookups: Strategy = st.none()
    if ground.lookups is not None:
        lookups |= st.builds(GroupLookup, st.sampled_from(["other", "x y"]), selections(ground))
    queries_of_groups = st.builds(
        lambda parts, limit, selection: Query(
            **parts, limit=_valid_limit(parts["form"], limit), selection=selection
        ),
        _parts(ground, depth),
        _limits,
        selections(ground),
    )
    return st.builds(
        GroupQuery, queries_of_groups, ground.groups, st.integers(1, 2**64 - 1), lookups
    )
