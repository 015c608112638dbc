"""Codecs of groups of points and of matrices of scores. The read functions raise DomainErrors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...model.distance_matrix import DistanceMatrix, MatrixRequest
from ...model.groups import DEFAULT_GROUP_SIZE, GroupLimits, GroupLookup, GroupQuery, PointGroup
from ...model.queries import Query
from ...model.validation import validate
from ..generated import points_pb2 as pb
from .fields import check_consistency, given, refuse_shard_keys
from .filters import read_optional_filter, read_path
from .ids import write_id
from .points import write_record, write_scored
from .queries import read_common_parts, read_limit, read_lookup_location, read_prefetches
from .query_forms import read_form
from .searches import read_recommend_parts, read_search_vector
from .selections import read_selection


def read_query_groups(message: pb.QueryPointGroups) -> GroupQuery:
    """Decode a request for the best groups of the points of a query."""
    parts = given(message, "using", "score_threshold")
    limit = read_limit(message)
    if message.HasField("query"):
        parts["form"] = read_form(message.query, "query", limit)
    parts["prefetch"] = read_prefetches(message.prefetch, "")
    parts["lookup_from"] = read_lookup_location(message)
    size = message.group_size if message.HasField("group_size") else DEFAULT_GROUP_SIZE
    return _grouped(message, parts, GroupLimits(limit, size))


def read_search_groups(message: pb.SearchPointGroups) -> GroupQuery:
    """Decode a request for the best groups of the points of an older search."""
    parts = given(message, "score_threshold")
    parts["form"] = read_search_vector(message, "")
    parts["using"] = message.vector_name
    return _grouped(message, parts, GroupLimits(message.limit, message.group_size))


def read_recommend_groups(message: pb.RecommendPointGroups) -> GroupQuery:
    """Decode a request for the best groups of the points of an older recommendation."""
    parts = read_recommend_parts(message, "")
    return _grouped(message, parts, GroupLimits(message.limit, message.group_size))


def _grouped(message: Any, parts: dict[str, Any], limits: GroupLimits) -> GroupQuery:
    refuse_shard_keys(message)
    validate(limits)
    query = Query(**parts, **read_common_parts(message, ""), limit=limits.limit)
    validate(query)
    lookup = _read_lookup(message.with_lookup) if message.HasField("with_lookup") else None
    return GroupQuery(query, read_path(message.group_by), limits.group_size, lookup)


def _read_lookup(message: pb.WithLookup) -> GroupLookup:
    return GroupLookup(message.collection, read_selection(message, payload_by_default=True))


def read_matrix(message: pb.SearchMatrixPoints) -> MatrixRequest:
    """Decode a request for the matrix of the scores between points of a sample."""
    refuse_shard_keys(message)
    check_consistency(message)
    matrix = MatrixRequest(
        filter=read_optional_filter(message), **given(message, "sample", "limit", "using")
    )
    validate(matrix)
    return matrix


def write_groups(groups: Sequence[PointGroup]) -> pb.QueryGroupsResponse:
    """The response with groups; those to older requests have the same encoding."""
    response = pb.QueryGroupsResponse()
    response.result.SetInParent()
    for group in groups:
        message = response.result.groups.add()
        if isinstance(group.id, str):
            message.id.string_value = group.id
        elif group.id < 0:
            message.id.integer_value = group.id
        else:
            message.id.unsigned_value = group.id
        write_scored(group.hits, message.hits)
        if group.lookup is not None:
            write_record(group.lookup, message.lookup)
    return response


def write_pairs(matrix: DistanceMatrix) -> pb.SearchMatrixPairsResponse:
    """A matrix as pairs of points with their scores."""
    response = pb.SearchMatrixPairsResponse()
    response.result.SetInParent()
    pairs, ids = response.result.pairs, matrix.ids
    entries = (column.tolist() for column in (matrix.rows, matrix.columns, matrix.scores))
    for row, column, score in zip(*entries, strict=True):
        pair = pairs.add(score=score)
        write_id(ids[row], pair.a)
        write_id(ids[column], pair.b)
    return response


def write_offsets(matrix: DistanceMatrix) -> pb.SearchMatrixOffsetsResponse:
    """A matrix as columns of offsets into its ids."""
    response = pb.SearchMatrixOffsetsResponse()
    result = response.result
    result.offsets_row.extend(matrix.rows.tolist())
    result.offsets_col.extend(matrix.columns.tolist())
    result.scores.extend(matrix.scores.tolist())
    for point_id in matrix.ids:
        write_id(point_id, result.ids.add())
    return response
