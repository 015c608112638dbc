"""Endpoints that read points: by id, in pages, counts and facets."""

from __future__ import annotations

from attrs import evolve
from orjson import Fragment

from ...model.access import READ_POINTS
from ...model.errors import NotFound
from ...model.ids import PointId
from ...model.queries import ALL_PAYLOAD, Record, Retrieve, Selection
from ..bodies.json_decoder import JsonBody
from ..bodies.shapes import PLAIN
from ..codecs.ids import id_in_path
from ..codecs.reads import read_count, read_facet, read_retrieve, read_scroll
from ..codecs.results import facet_to_json, record_to_json
from ..request_context import RequestContext
from ..responses.json_pieces import LatePart
from ..responses.rows import STREAM_FROM_POINTS, StreamedRows, opened
from ..routing import Routes

routes = Routes()

_WHOLE = Selection(payload=ALL_PAYLOAD, vectors=True)


@routes.read("GET", "/collections/<collection>/points/<point_id>", needs=READ_POINTS)
async def get(call: RequestContext) -> object:
    """One point, with payload and vectors."""
    timeout = call.time_limit
    point_id = id_in_path(call.path["point_id"])
    request = Retrieve([point_id], _WHOLE)
    records = await call.answer(request, timeout)
    if not records:
        raise NotFound(f"Point with id {point_id} does not exists!")
    return record_to_json(records[0])


@routes.read("POST", "/collections/<collection>/points", JsonBody(PLAIN), needs=READ_POINTS)
async def retrieve(call: RequestContext) -> object:
    """Several points by their ids."""
    timeout = call.time_limit
    request = await call.read(read_retrieve)
    if len(request.ids) > STREAM_FROM_POINTS:
        stream = await opened(call.operations.stream(call.collection, request, timeout))
        if stream is not None:
            return await call.stream(StreamedRows(stream, len(request.ids)), record_to_json)
    records = await call.answer(request, timeout)
    return await call.rows(records, record_to_json)


@routes.read("POST", "/collections/<collection>/points/scroll", JsonBody(PLAIN), needs=READ_POINTS)
async def scroll(call: RequestContext) -> object:
    """A page of points."""
    timeout = call.time_limit
    request = await call.read(read_scroll)
    if request.limit > STREAM_FROM_POINTS and request.order_by is None:
        # One more, whose id is the offset of the next page.
        wanted = evolve(request, limit=request.limit + 1, extra=1)
        stream = await opened(call.operations.stream(call.collection, wanted, timeout))
        if stream is not None:
            return await _streamed_page(call, StreamedRows(stream, request.limit))
    page = await call.answer(request, timeout)
    rows = await call.rows(page.records, record_to_json)
    return {"points": rows, "next_page_offset": page.next_offset}


async def _streamed_page(call: RequestContext, rows: StreamedRows[Record]) -> object:
    def next_offset() -> PointId | None:
        return None if rows.beyond is None else rows.beyond.id

    points = await call.stream(rows, record_to_json)
    is_whole = isinstance(points, Fragment)
    return {
        "points": points,
        "next_page_offset": next_offset() if is_whole else LatePart(next_offset),
    }


@routes.read("POST", "/collections/<collection>/points/count", JsonBody(PLAIN), needs=READ_POINTS)
async def count(call: RequestContext) -> object:
    """The number of points that match a filter."""
    timeout = call.time_limit
    request = await call.read(read_count)
    return {"count": await call.answer(request, timeout)}


@routes.read("POST", "/collections/<collection>/facet", JsonBody(PLAIN), needs=READ_POINTS)
async def facet(call: RequestContext) -> object:
    """The most frequent values of a payload field."""
    timeout = call.time_limit
    request = await call.read(read_facet)
    return facet_to_json(await call.answer(request, timeout))
