"""Vectorized protobuf encoding of the results of batches of searches, from columns.

A point is a `ScoredPoint` in the field `result` of a `BatchResult`: an id, a score and a version.
All points are laid out in one byte table, a row per point, from which the unused bytes of varints
are removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ...model.queries import ScoredPoint
from ...model.scored_points import ScoredColumns, ScoredSlice
from ..generated import bulk_pb2 as bulk
from ..generated import points_pb2 as pb
from .points import write_scored

Bytes = NDArray[np.uint8]
EncodedPoints = tuple[bytes, list[int]]
Response = TypeVar("Response", pb.QueryResponse, pb.SearchResponse)

_MANY_POINTS = 64
"""The encoding of fewer points takes longer by columns."""

_RESULT = 0x0A
"""Tag of `BatchResult.result`: field 1, length-delimited."""
_ID = 0x0A
"""Tag of `ScoredPoint.id`: field 1, length-delimited."""
_NUM = 0x08
"""Tag of `PointId.num`: field 1, varint."""
_SCORE = 0x1D
"""Tag of `ScoredPoint.score`: field 3, four bytes."""
_VERSION = 0x28
"""Tag of `ScoredPoint.version`: field 5, varint."""


def write_points(points: Sequence[ScoredPoint], response: Response) -> Response | bulk.Points:
    """Write the results of one search into its response, an empty message, or into another alike.

    Those of searches that were answered together are encoded together, at the first of them.
    """
    if isinstance(points, ScoredSlice) and len(points.columns) >= _MANY_POINTS:
        data, ends = encoded_points(points.columns)
        return bulk.Points.FromString(data[ends[points.start] : ends[points.stop]])
    write_scored(points, response.result)
    return response


def write_answers(
    answers: Sequence[Sequence[ScoredPoint]],
) -> bulk.Answers | pb.QueryBatchResponse:
    """The response to a batch of searches or of queries: both have the same encoding."""
    columns = _shared_columns(answers)
    if columns is None:
        response = pb.QueryBatchResponse()
        for points in answers:
            write_scored(points, response.result.add().result)
        return response
    data, ends = encoded_points(columns)
    slices = (own for own in answers if isinstance(own, ScoredSlice))
    return bulk.Answers(result=[data[ends[own.start] : ends[own.stop]] for own in slices])


def _shared_columns(answers: Sequence[Sequence[ScoredPoint]]) -> ScoredColumns | None:
    """The columns of which all results are slices, or None."""
    first = answers[0] if answers else None
    if not isinstance(first, ScoredSlice):
        return None
    columns = first.columns
    if all(isinstance(own, ScoredSlice) and own.columns is columns for own in answers):
        return columns
    return None


def encoded_points(columns: ScoredColumns) -> EncodedPoints:
    """The encoding of all n points, and their offsets in it: n + 1 integers."""
    found: EncodedPoints | None = columns.encoded
    if found is None:
        found = columns.encoded = _encoded(columns)
    return found


def _encoded(columns: ScoredColumns) -> EncodedPoints:
    ids, id_sizes = _varints(columns.ids)
    versions, version_sizes = _varints(columns.versions)
    count = len(ids)
    scores = columns.scores.astype("<f4", copy=False).view(np.uint8).reshape(count, 4)

    def same(byte: int) -> Bytes:
        return np.full((count, 1), byte, dtype=np.uint8)

    def each(sizes: NDArray[np.int64]) -> Bytes:
        return sizes.astype(np.uint8)[:, np.newaxis]

    id_part = [same(_ID), each(id_sizes + 1), same(_NUM), ids]
    other_parts = [same(_SCORE), scores, same(_VERSION), versions]
    sizes = id_sizes + version_sizes + 9
    table = np.concatenate([same(_RESULT), each(sizes), *id_part, *other_parts], axis=1)
    is_used = np.ones(table.shape, dtype=np.bool_)
    first_id, last = 5, table.shape[1]
    is_used[:, first_id : first_id + ids.shape[1]] = _below(id_sizes, ids.shape[1])
    is_used[:, last - versions.shape[1] :] = _below(version_sizes, versions.shape[1])
    ends = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(sizes + 2, out=ends[1:])
    return table[is_used].tobytes(), ends.tolist()


def _varints(numbers: NDArray[np.uint64]) -> tuple[Bytes, NDArray[np.int64]]:
    """Numbers as varints, shape [n, longest], and their sizes in bytes, shape [n]."""
    longest = -(-max(int(numbers.max(initial=0)).bit_length(), 1) // 7)
    shifts = np.arange(longest, dtype=np.uint64) * np.uint64(7)
    left = numbers[:, np.newaxis] >> shifts
    sizes = np.maximum(np.count_nonzero(left, axis=1), 1)
    groups = (left & np.uint64(0x7F)).astype(np.uint8)
    groups[_below(sizes - 1, longest)] |= 0x80
    return groups, sizes


def _below(sizes: NDArray[np.int64], width: int) -> NDArray[np.bool_]:
    """A mask of the first `sizes[i]` of `width` elements of each row i: shape [n, width]."""
    return np.arange(width) < sizes[:, np.newaxis]
