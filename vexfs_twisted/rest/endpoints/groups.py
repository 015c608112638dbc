"""Endpoints of groups of points, and of matrices of the scores between points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from ...model.access import READ_POINTS
from ...model.distance_matrix import DistanceMatrix
from ...model.groups import GroupQuery, PointGroup
from ..bodies.json_decoder import JsonBody
from ..bodies.shapes import PLAIN
from ..codecs.groups import read_query_groups, read_recommend_groups, read_search_groups
from ..codecs.reads import read_matrix
from ..codecs.results import offsets_to_json, pairs_to_json, record_to_json, scored_point_to_json
from ..request_context import RequestContext
from ..responses.rows import estimated_size, rows_to_json
from ..routing import Routes

routes = Routes()

_BYTES_PER_ENTRY = 64


@routes.read(
    "POST", "/collections/<collection>/points/query/groups", JsonBody(PLAIN), needs=READ_POINTS
)
async def query_groups(call: RequestContext) -> object:
    """The best groups of the points of a query."""
    return await _groups(call, read_query_groups)


@routes.read(
    "POST", "/collections/<collection>/points/search/groups", JsonBody(PLAIN), needs=READ_POINTS
)
async def search_groups(call: RequestContext) -> object:
    """The best groups of the points of a search."""
    return await _groups(call, read_search_groups)


@routes.read(
    "POST", "/collections/<collection>/points/recommend/groups", JsonBody(PLAIN), needs=READ_POINTS
)
async def recommend_groups(call: RequestContext) -> object:
    """The best groups of the points of a recommendation."""
    return await _groups(call, read_recommend_groups)


@routes.read(
    "POST",
    "/collections/<collection>/points/search/matrix/pairs",
    JsonBody(PLAIN),
    needs=READ_POINTS,
)
async def matrix_pairs(call: RequestContext) -> object:
    """The scores between points of a sample, as pairs."""
    return await _matrix(call, pairs_to_json)


@routes.read(
    "POST",
    "/collections/<collection>/points/search/matrix/offsets",
    JsonBody(PLAIN),
    needs=READ_POINTS,
)
async def matrix_offsets(call: RequestContext) -> object:
    """The scores between points of a sample, as offsets."""
    return await _matrix(call, offsets_to_json)


async def _groups(call: RequestContext, read: Callable[[Any], GroupQuery]) -> object:
    timeout = call.time_limit
    request = await call.read(read)
    groups = await call.answer(request, timeout)
    size = sum(estimated_size(group.hits) for group in groups)
    size += estimated_size([group.lookup for group in groups if group.lookup is not None])
    return await call.fragment(_groups_to_json, groups, size)


def _groups_to_json(groups: Sequence[PointGroup]) -> bytes:
    return b'{"groups":[' + b",".join(map(_group_to_json, groups)) + b"]}"


def _group_to_json(group: PointGroup) -> bytes:
    hits = rows_to_json(group.hits, scored_point_to_json)
    plain: dict[str, Any] = {"hits": orjson.Fragment(hits), "id": group.id}
    if group.lookup is not None:
        plain["lookup"] = record_to_json(group.lookup)
    return orjson.dumps(plain, option=orjson.OPT_SERIALIZE_NUMPY)


async def _matrix(call: RequestContext, write: Callable[[DistanceMatrix], bytes]) -> object:
    timeout = call.time_limit
    request = await call.read(read_matrix)
    matrix = await call.answer(request, timeout)
    return await call.fragment(write, matrix, _BYTES_PER_ENTRY * len(matrix.scores))
