"""The limits of reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ...model.collection_params import VectorParams
from ...model.distance_matrix import MatrixRequest
from ...model.errors import BadRequest
from ...model.filters import Filter
from ...model.formula import (
    Apply,
    Decay,
    Div,
    Expression,
    FilterTest,
    Formula,
    GeoDistance,
    Max,
    Min,
    Mult,
    PayloadDatetime,
    PayloadNumber,
    Pow,
    Sum,
)
from ...model.groups import GroupQuery
from ...model.payload_index import FieldType
from ...model.payload_path import PayloadPath
from ...model.queries import (
    Count,
    Facet,
    Prefetch,
    Query,
    QueryBatch,
    Scroll,
    kinds_of,
)
from ...model.query_forms import (
    Context,
    Discover,
    Mmr,
    PointExample,
    Recommend,
    RelevanceFeedback,
    VectorExample,
)
from ...model.reads import ReadRequest
from ...model.search_params import SearchParams
from ...model.strict_mode import StrictCollection, above, refused, steps_of
from .filters import check_filter, check_indexed, filters_by_tenant, no_index

_VECTOR_FORMS = (
    VectorExample,
    PointExample,
    Mmr,
    Recommend,
    Discover,
    Context,
    RelevanceFeedback,
)
_FORMULA = "formula expression"
_NUMBERS = (FieldType.INTEGER, FieldType.FLOAT)
_GROUPED = (FieldType.KEYWORD, FieldType.INTEGER, FieldType.BOOL, FieldType.UUID)

Node = Query | Prefetch


def check_read(
    request: ReadRequest[Any], collection: StrictCollection, timeout: float | None
) -> None:
    """Raise BadRequest for a read beyond the limits of a collection.

    `timeout` is the one that the client gave, in seconds.
    """
    check_timeout(timeout, collection)
    check = _CHECKS.get(type(request))
    if check is not None:
        check(request, collection)


def check_timeout(timeout: float | None, collection: StrictCollection) -> None:
    """Raise BadRequest for a timeout above the largest, in seconds."""
    check_most(timeout, collection.limits.max_timeout, "timeout")


def check_most(value: float | None, limit: float | None, name: str) -> None:
    """Raise BadRequest for a parameter above its limit; either may be unset."""
    if value is not None and limit is not None and value > limit:
        raise above(value, limit, name)


def _check_limit(limit: int, collection: StrictCollection) -> None:
    check_most(limit, collection.limits.max_query_limit, "limit")


def _check_filter(filter_: Filter | None, collection: StrictCollection) -> None:
    is_allowed = collection.limits.unindexed_filtering_retrieve
    check_filter(filter_, collection, may_be_unindexed=is_allowed)


def _check_filtered(request: Count, collection: StrictCollection) -> None:
    _check_filter(request.filter, collection)


def _check_scroll(request: Scroll, collection: StrictCollection) -> None:
    _check_limit(request.limit - request.extra, collection)
    _check_filter(request.filter, collection)


def _check_facet(request: Facet, collection: StrictCollection) -> None:
    _check_limit(request.limit, collection)
    _check_filter(request.filter, collection)


def _check_matrix(request: MatrixRequest, collection: StrictCollection) -> None:
    _check_limit(request.sample * request.limit, collection)
    _check_filter(request.filter, collection)
    _check_full_scan(request.using, request.filter, collection)


def _check_groups(request: GroupQuery, collection: StrictCollection) -> None:
    _check_limit(request.query.limit * request.group_size, collection)
    _check_query(request.query, collection)
    if collection.limits.unindexed_filtering_retrieve is False:
        _check_grouping(request.group_by, collection)


def _check_grouping(path: PayloadPath, collection: StrictCollection) -> None:
    schema = collection.fields.get(steps_of(path.steps))
    advice = "Create an index supporting `match` for this key."
    if schema is None:
        raise refused(f'Index required but not found for "{path}"', advice)
    if schema.type not in _GROUPED or not schema.lookup:
        name = schema.type.value.capitalize()
        raise refused(f'Index of type "{name}" found for "{path}"', advice)


def _check_batch(request: QueryBatch, collection: StrictCollection) -> None:
    queries = request.queries
    check_most(len(queries), collection.limits.search_max_batchsize, "search batch size")
    for query in kinds_of(queries):
        _check_query(query, collection)


def _check_query(query: Query, collection: StrictCollection) -> None:
    _check_node(query, collection, ())


def _check_node(node: Node, collection: StrictCollection, outer: Sequence[Filter]) -> None:
    """Check a query or prefetch; `outer` are the filters of those above it, which it has too."""
    limits = collection.limits
    _check_limit(node.limit, collection)
    _check_params(node.params, collection)
    _check_filter(node.filter, collection)
    filters = outer if node.filter is None else (*outer, node.filter)
    form = node.form
    if isinstance(form, Formula) and limits.unindexed_filtering_retrieve is False:
        _check_formula(form.expression, collection)
    if isinstance(form, _VECTOR_FORMS) and not node.prefetch:
        _check_full_scan(node.using, Filter(must=tuple(filters)), collection)
    for prefetch in node.prefetch:
        _check_node(prefetch, collection, filters)


def _check_params(params: SearchParams, collection: StrictCollection) -> None:
    limits = collection.limits
    check_most(params.hnsw_ef, limits.search_max_hnsw_ef, "hnsw_ef")
    if params.exact and limits.search_allow_exact is False:
        raise refused("Exact search disabled!", "Set exact=false.")
    if params.quantization is not None:
        oversampling = params.quantization.oversampling
        check_most(oversampling, limits.search_max_oversampling, "oversampling")
    if params.idf is not None:
        _check_filter(params.idf.corpus, collection)


def _check_full_scan(name: str, filter_: Filter | None, collection: StrictCollection) -> None:
    """Raise BadRequest for a search without a graph, unless it is within a tenant that has one."""
    if collection.limits.search_allow_exact is not False:
        return
    params = collection.config.params.vectors.get(name)
    if params is None or _effective(params, collection, "m") != 0:
        return
    payload_m = _effective(params, collection, "payload_m")
    if payload_m and filters_by_tenant(filter_, collection):
        return
    raise _full_scan(name)


def _effective(params: VectorParams, collection: StrictCollection, name: str) -> int | None:
    """A setting of the graph of vectors: their own, or that of the collection."""
    own = None if params.hnsw_config is None else getattr(params.hnsw_config, name)
    value: int | None = getattr(collection.config.hnsw_config, name) if own is None else own
    return value


def _full_scan(name: str) -> BadRequest:
    return refused(
        f"Request is forbidden on '{name}' because global vector indexing is disabled "
        "(hnsw_config.m = 0)",
        "Use tenant-specific filter, enable global vector indexing or "
        "enable strict mode `search_allow_exact` option",
    )


def _check_formula(expression: Expression, collection: StrictCollection) -> None:
    for part in _parts(expression):
        match part:
            case PayloadNumber(path):
                _check_field(path, _NUMBERS, collection)
            case PayloadDatetime(path):
                _check_field(path, (FieldType.DATETIME,), collection)
            case GeoDistance(_, path):
                _check_field(path, (FieldType.GEO,), collection)
            case FilterTest(filter_):
                check_indexed(filter_, collection, _FORMULA)


def _check_field(
    path: PayloadPath, kinds: Sequence[FieldType], collection: StrictCollection
) -> None:
    schema = collection.fields.get(steps_of(path.steps))
    if schema is None or schema.type not in kinds:
        raise no_index(str(path), kinds, _FORMULA)


def _parts(expression: Expression) -> Iterator[Expression]:
    """An expression and all in it."""
    waiting = [expression]
    while waiting:
        part = waiting.pop()
        yield part
        match part:
            case Mult(operands) | Sum(operands) | Max(operands) | Min(operands):
                waiting.extend(operands)
            case Apply(_, operand):
                waiting.append(operand)
            case Div(left, right):
                waiting += left, right
            case Pow(base, exponent):
                waiting += base, exponent
            case Decay(x=x, target=target):
                waiting += x, target


_CHECKS: Mapping[type[ReadRequest[Any]], Callable[[Any, StrictCollection], None]] = {
    Query: _check_query,
    QueryBatch: _check_batch,
    GroupQuery: _check_groups,
    Scroll: _check_scroll,
    Facet: _check_facet,
    Count: _check_filtered,
    MatrixRequest: _check_matrix,
}
"""The check of each kind of read that has limits of its own."""
