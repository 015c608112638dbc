"""Endpoints of queries: the universal query, and the older search, recommend and discover."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...model.access import READ_POINTS
from ...model.queries import Query, QueryBatch
from ..bodies.json_decoder import JsonBody
from ..bodies.shapes import PLAIN
from ..codecs.queries import read_query
from ..codecs.results import scored_point_to_json
from ..codecs.searches import (
    read_discover,
    read_discover_batch,
    read_query_batch,
    read_recommend,
    read_recommend_batch,
    read_search,
    read_search_batch,
)
from ..codecs.shapes import DISCOVER_BATCH, QUERY_BATCH, RECOMMEND_BATCH, SEARCH_BATCH
from ..request_context import RequestContext
from ..responses.rows import STREAM_FROM_POINTS, StreamedRows, opened
from ..routing import Routes

routes = Routes()


@routes.read("POST", "/collections/<collection>/points/query", JsonBody(PLAIN), needs=READ_POINTS)
async def query(call: RequestContext) -> object:
    """The result of one query."""
    return {"points": await _answer(call, read_query)}


@routes.read(
    "POST", "/collections/<collection>/points/query/batch", JsonBody(QUERY_BATCH), needs=READ_POINTS
)
async def query_batch(call: RequestContext) -> object:
    """The results of several queries, in order."""
    return [{"points": points} for points in await _answer_batch(call, read_query_batch)]


@routes.read("POST", "/collections/<collection>/points/search", JsonBody(PLAIN), needs=READ_POINTS)
async def search(call: RequestContext) -> object:
    """The result of one search."""
    return await _answer(call, read_search)


@routes.read(
    "POST",
    "/collections/<collection>/points/search/batch",
    JsonBody(SEARCH_BATCH),
    needs=READ_POINTS,
)
async def search_batch(call: RequestContext) -> object:
    """The results of several searches, in order."""
    return await _answer_batch(call, read_search_batch)


@routes.read(
    "POST", "/collections/<collection>/points/recommend", JsonBody(PLAIN), needs=READ_POINTS
)
async def recommend(call: RequestContext) -> object:
    """The result of one recommendation."""
    return await _answer(call, read_recommend)


@routes.read(
    "POST",
    "/collections/<collection>/points/recommend/batch",
    JsonBody(RECOMMEND_BATCH),
    needs=READ_POINTS,
)
async def recommend_batch(call: RequestContext) -> object:
    """The results of several recommendations, in order."""
    return await _answer_batch(call, read_recommend_batch)


@routes.read(
    "POST", "/collections/<collection>/points/discover", JsonBody(PLAIN), needs=READ_POINTS
)
async def discover(call: RequestContext) -> object:
    """The result of one discovery."""
    return await _answer(call, read_discover)


@routes.read(
    "POST",
    "/collections/<collection>/points/discover/batch",
    JsonBody(DISCOVER_BATCH),
    needs=READ_POINTS,
)
async def discover_batch(call: RequestContext) -> object:
    """The results of several discoveries, in order."""
    return await _answer_batch(call, read_discover_batch)


async def _answer(call: RequestContext, read: Callable[[Any], Query]) -> object:
    timeout = call.time_limit
    request = await call.read(read)
    if request.limit > STREAM_FROM_POINTS and request.is_leaf:
        stream = await opened(call.operations.stream(call.collection, request, timeout))
        if stream is not None:
            return await call.stream(StreamedRows(stream, request.limit), scored_point_to_json)
    points = await call.answer(request, timeout)
    return await call.rows(points, scored_point_to_json)


async def _answer_batch(
    call: RequestContext, read: Callable[[Any], list[Query]]
) -> Sequence[object]:
    timeout = call.time_limit
    request = QueryBatch(await call.read(read))
    answers = await call.answer(request, timeout)
    return await call.lists(answers, scored_point_to_json)
